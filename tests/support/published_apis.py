"""Airflow, Argo and GitHub on loopback: each takes what its published description allows, and refuses the rest.

The descriptions are excerpts, see tests/revalidate/actions/published. By hand are the answers, and what the
descriptions leave unsaid:

- Airflow 2 refuses fields that it does not know and read-only ones (marshmallow's `unknown=RAISE` of its POST schema).
- A run's name can be taken once: Airflow says so in its description (409), Argo creates a Kubernetes object by that
  name (AlreadyExists, which its gateway turns into 409), and submits resources of few kinds only.
- GitHub's `inputs` are texts, and it knows no name for a run: the same request starts another one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator
from loopback import Loopback, Reply

FOLDER = Path(__file__).parents[1] / "revalidate" / "actions" / "published"
NAMES = ("airflow-2", "airflow-3", "argo", "github")
TOKEN = "token-of-the-service-0123456789"  # noqa: S105 - of a server on loopback
_ARGO_KINDS = {
    "Workflow",
    "WorkflowTemplate",
    "ClusterWorkflowTemplate",
    "CronWorkflow",
    "workflow",
    "workflowtemplate",
}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class PublishedApi(Loopback):
    """One of NAMES, at `url`. `first`: what it answers before it behaves, a status each, or None to hang up."""

    def __init__(self, name: str, first: tuple[int | None, ...] = ()) -> None:
        """Start to listen."""
        self.name = name
        self.description = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        self.begun: list[dict[str, Any]] = []
        """Bodies by which a run was begun."""
        self.refused: list[str] = []
        self.first = list(first)
        self.too_late = False
        """Whether a try that is hung up on began something all the same."""
        super().__init__(self._answer)

    def _answer(self, request: Any) -> Reply | None:
        if self.first:
            status = self.first.pop(0)
            if status is None:
                if self.too_late:
                    self._take(request)
                return None
            return Reply(status, b"not now")
        return self._take(request)

    def _take(self, request: Any) -> Reply:
        wrong = self._wrong(request)
        if wrong:
            self.refused += wrong
            return Reply(422 if self.name != "github" else 400, json.dumps({"detail": wrong}).encode())
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            self.refused.append("no token")
            return Reply(401, b'{"detail": "Unauthorized"}')
        body = json.loads(request.body)
        key = self._key(body)
        if key is not None and key in map(self._key, self.begun):
            return Reply(409, json.dumps({"detail": f"{key} exists already"}).encode())
        self.begun.append(body)
        return self._begun(body)

    def _wrong(self, request: Any) -> list[str]:
        """What the service has against a request."""
        ((template, item),) = self.description["paths"].items()
        prefix = "" if self.name != "airflow-2" else "/api/v1"
        pattern = prefix + re.sub(r"\{[^}]+\}", "[^/]+", template)
        if request.method != "POST" or not re.fullmatch(pattern, request.path):
            return [f"{request.method} {request.path} is not {template}"]
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return ["no JSON by its type"]
        try:
            body = json.loads(request.body)
        except ValueError:
            return ["no JSON"]
        schema, kind = self._schema(item["post"])
        found = kind({**schema, **self._definitions()}).iter_errors(body)
        return [f"{error.json_path}: {error.message}" for error in found] + self._by_hand(body)

    def _schema(self, operation: Any) -> tuple[dict[str, Any], type]:
        """The schema of the body, and who reads it: OpenAPI 2 and 3.0 stand on draft 4, 3.1 on 2020-12."""
        if self.name == "argo":
            (body,) = (one for one in operation["parameters"] if one["in"] == "body")
            return body["schema"], Draft4Validator
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        return schema, Draft202012Validator if self.name in {"airflow-3", "github"} else Draft4Validator

    def _definitions(self) -> dict[str, Any]:
        named = {name: self.description[name] for name in ("components", "definitions") if name in self.description}
        return _closed(_nullable(named)) if self.name in {"airflow-2", "argo"} else named

    def _by_hand(self, body: Any) -> list[str]:
        if self.name == "airflow-2":
            known = self.description["components"]["schemas"]["DAGRun"]["properties"]
            return [f"{name} is read-only" for name in body if known.get(name, {}).get("readOnly")]
        if self.name == "argo":
            options = body.get("submitOptions", {})
            return [
                *(
                    []
                    if body.get("resourceKind") in _ARGO_KINDS
                    else ["resourceKind is of no kind that can be submitted"]
                ),
                *([] if _NAME.fullmatch(options.get("name", "a")) else ["the name is none for Kubernetes"]),
                *(f"{one} is no NAME=VALUE" for one in options.get("parameters", []) if "=" not in one),
            ]
        if self.name == "github":
            return [f"{name} is no text" for name, one in body.get("inputs", {}).items() if not isinstance(one, str)]
        return []

    def _key(self, body: Any) -> str | None:
        """What can be there once."""
        return body.get("submitOptions", {}).get("name") if self.name == "argo" else body.get("dag_run_id")

    def _begun(self, body: Any) -> Reply:
        if self.name == "github":
            if not body.get("return_run_details"):
                return Reply(204)
            run = f"https://github.com/o/r/actions/runs/{len(self.begun)}"
            return Reply(200, json.dumps({"workflow_run_id": 1, "run_url": run, "html_url": run}).encode())
        if self.name == "argo":
            return Reply(200, json.dumps({"metadata": {"name": self._key(body)}}).encode())
        return Reply(200, json.dumps({"dag_run_id": self._key(body), "state": "queued"}).encode())


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema has it."""
    if isinstance(node, list):
        return [_nullable(one) for one in node]
    if not isinstance(node, dict):
        return node
    told = {name: _nullable(value) for name, value in node.items()}
    if told.get("nullable") is True and isinstance(told.get("type"), str):
        told["type"] = [told["type"], "null"]
    return told


def _closed(node: Any) -> Any:
    """Objects whose fields are named have no others."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    told = {name: _closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        told.setdefault("additionalProperties", False)
    return told
