"""An API server on loopback, as far as a Job needs one: it validates what it is sent by Kubernetes' own schemas.

The schemas are those of `kubernetes-validate` (1.34, strict: a field that they do not know is refused, as
`fieldValidation=Strict` has it). Rights are by verb and resource; by hand are names, labels and the answers.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml
from loopback import Loopback, Reply

VERSION = "1.34"
TOKEN = "token-of-the-account-0123456789"  # noqa: S105 - of a server on loopback
RULES = frozenset({("create", "jobs"), ("get", "jobs"), ("delete", "jobs"), ("list", "pods")})
_JOBS = re.compile(r"/apis/batch/v1/namespaces/([^/]+)/jobs(?:/([^/]+))?")
_PODS = re.compile(r"/api/v1/namespaces/([^/]+)/pods")
_VERBS = {"POST": "create", "DELETE": "delete", "GET": "get"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
COMPLETE = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}


def failed(reason, message):
    """The status of a Job that failed."""
    return {"failed": 1, "conditions": [{"type": "Failed", "status": "True", "reason": reason, "message": message}]}


class FakeKubernetes(Loopback):
    """`statuses`: what a Job's status is at each look, the last one from then on; an int is an error, None hangs up."""

    def __init__(self, statuses=(COMPLETE,), rules=RULES, pods=(), creating=()) -> None:
        """Start to listen. `creating`: how it answers the first requests to create, an int or None each."""
        self.statuses, self.rules, self.pods = list(statuses), rules, list(pods)
        self.creating = list(creating)
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []
        self.deleted: list[tuple[str, str | None]] = []
        """Name and propagation policy."""
        self.refused: list[str] = []
        super().__init__(self._answer)

    def kubeconfig(self, folder, token=TOKEN, namespace=None):
        """Write a kubeconfig; return its path."""
        context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
        path = folder / "kubeconfig"
        text = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": context}],
        }
        path.write_text(yaml.safe_dump(text))
        return path

    def _answer(self, request):
        where = urlsplit(request.path)
        jobs, pods = _JOBS.fullmatch(where.path), _PODS.fullmatch(where.path)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        assert jobs or pods, request.path
        what = "jobs" if jobs else "pods"
        verb = _VERBS[request.method] if jobs else "list"
        namespace = (jobs or pods)[1]
        if (verb, what) not in self.rules:
            group = '"batch"' if jobs else '""'
            text = f'{what} is forbidden: User "u" cannot {verb} resource "{what}" in API group {group}'
            return _status(403, f'{text} in the namespace "{namespace}"')
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if pods:
            assert query["labelSelector"].startswith("batch.kubernetes.io/job-name=")
            return Reply(200, json.dumps({"kind": "PodList", "items": self.pods}).encode())
        return (
            self._create(namespace, request, query) if verb == "create" else self._of(namespace, jobs[2], verb, query)
        )

    def _of(self, namespace, name, verb, query):
        """Answer for one Job."""
        if (namespace, name) not in self.jobs:
            return _status(404, f'jobs.batch "{name}" not found')
        if verb == "delete":
            self.deleted.append((name, query.get("propagationPolicy")))
            del self.jobs[namespace, name]
            return _status(200, "")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None or isinstance(status, int):
            return None if status is None else _status(status, "not now")
        return Reply(200, json.dumps({**self.jobs[namespace, name], "status": status}).encode())

    def _create(self, namespace, request, query):
        first = self.creating.pop(0) if self.creating else 200
        if isinstance(first, int) and first != 200:
            return _status(first, "not now")
        job = json.loads(request.body)
        wrong = [*(["not strict"] if query.get("fieldValidation") != "Strict" else []), *_wrong(job, namespace)]
        if wrong:
            self.refused += wrong
            return _status(422, f'Job.batch "{job["metadata"].get("name")}" is invalid: {wrong[0]}')
        key = namespace, job["metadata"]["name"]
        if key in self.jobs:
            return _status(409, f'jobs.batch "{key[1]}" already exists')
        self.created.append(deepcopy(job))
        self.jobs[key] = job
        return None if first is None else Reply(201, json.dumps(job).encode())


def _wrong(job, namespace):
    """What the API server has against a Job."""
    try:
        kubernetes_validate.validate(job, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield str(error.message)
        return
    metadata = job["metadata"]
    if metadata.get("namespace", namespace) != namespace:
        yield "the namespace of the object does not match that of the request"
    if not _NAME.fullmatch(metadata.get("name", "")) or len(metadata["name"]) > 63:
        yield f"metadata.name: {metadata.get('name')!r}"
    for one in (metadata, job["spec"]["template"].get("metadata", {})):
        for name, value in one.get("labels", {}).items():
            if not _LABEL.fullmatch(value) or len(value) > 63:
                yield f"label {name}: {value!r}"
    for owner in metadata.get("ownerReferences", []):
        if not owner["uid"]:
            yield "an owner without uid"


def _status(code, message):
    told = {"kind": "Status", "apiVersion": "v1", "status": "Failure" if code >= 400 else "Success"}
    return Reply(code, json.dumps({**told, "message": message, "code": code}).encode())
