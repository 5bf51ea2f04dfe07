"""Reads deploy/compose.yaml as `docker compose` does: variables filled in with their defaults, merges resolved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose"
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<bare>\w+))")


@dataclass(frozen=True, slots=True)
class Mounted:
    """What a service sees at a path: a file or folder of the checkout, or a volume by name."""

    source: Path | str
    target: str
    read_only: bool


def variables(text: str) -> dict[str, str | None]:
    """Return name -> default of every variable; None where it has none."""
    found: dict[str, str | None] = {}
    for one in _VARIABLE.finditer(text):
        if one["dollar"] is None:
            found.setdefault(one["name"] or one["bare"], one["default"])
    return found


def stack(text: str | None = None) -> dict[str, Any]:
    """Return the document, as it is when nobody sets a variable."""
    text = (DEPLOY / "compose.yaml").read_text() if text is None else text
    return yaml.safe_load(_VARIABLE.sub(lambda one: "$" if one["dollar"] else one["default"] or "", text))


def mounted(service: dict[str, Any]) -> list[Mounted]:
    """Return what a service sees of the machine and of volumes."""
    found = []
    for each in service.get("volumes", []):
        source, target, *mode = each.split(":")
        there = (DEPLOY / source).resolve() if source.startswith(".") else source
        found.append(Mounted(there, target, mode == ["ro"]))
    return found


def published(service: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Return (address, port there, port inside) of what a service offers to the machine."""
    found = []
    for each in service.get("ports", []):
        address, outside, inside = each.split(":")
        found.append((address, int(outside), int(inside)))
    return found
