"""The Prometheus operator's own schemas of its objects, where a field that it does not know is a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

_FOLDER = Path(__file__).parents[1] / "deploy" / "operator"
_METADATA = {"name", "namespace", "labels", "annotations"}


def validators():
    """(apiVersion, kind) -> validator, of every definition in tests/deploy/operator."""
    found = {}
    for file in sorted(_FOLDER.glob("monitoring.coreos.com_*.yaml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            # The API server checks metadata by itself; the definitions leave it open.
            schema["properties"]["metadata"] |= {
                "required": ["name"],
                "properties": {name: {} for name in _METADATA},
                "additionalProperties": False,
            }
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = Draft7Validator(schema)
    return found


def complaints(schema, one):
    """What a validator has against an object, by place."""
    return [f"{error.json_path}: {error.message}" for error in sorted(schema.iter_errors(one), key=str)]


def _closed(schema: Any) -> Any:
    """The schema with every object closed whose fields are named: the API server would silently drop the others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
