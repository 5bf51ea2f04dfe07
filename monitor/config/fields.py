"""`fields`: our names for the fields of an event, and theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds
from monitor.config import source_keys as keys
from monitor.config.kinds import entries, shown
from monitor.config.near import meant
from monitor.config.nodes import Scalar
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config.kinds import At


def read_fields(at: At, *, labels: bool, classes: Sequence[tuple[str, ...]]) -> dict[str, str | dict[str, str]]:
    """Read the mapping of one input: our name -> theirs, `scores` and `segment` may hold mappings.

    classes: those of every model, to hold `scores` against; none where they are not known. `score_leave: p` becomes
    `scores: {leave: p}`, `segment_region: r` becomes `segment: {region: r}`.
    """
    fields: dict[str, str | dict[str, str]] = {}
    known = keys.LABEL_FIELDS if labels else (*keys.FLAT_FIELDS, *keys.MAPPED_FIELDS)
    for name, value in entries(at):
        prefix = next((prefix for prefix in keys.FIELD_PREFIXES if name.startswith(prefix)), None)
        if name in known and not (name in keys.MAPPED_FIELDS and not isinstance(value.node, Scalar)):
            theirs = kinds.TEXT.read(value)
            if theirs is not None:
                fields[name] = theirs
        elif name in known:
            _add(fields, name, value, dict(entries(value)))
        elif prefix is not None and name != prefix and not labels:
            _add(fields, keys.FIELD_PREFIXES[prefix], value, {name.removeprefix(prefix): value})
        else:
            value.report(f"unknown field {shown(name)}", f"the left side is our name: {meant(name, known)}")
    scores = fields.get("scores")
    if isinstance(scores, dict) and classes:
        _check_classes(at, scores, classes)
    return fields


def _add(fields: dict[str, str | dict[str, str]], name: str, at: At, mapping: dict[str, At]) -> None:
    """Add name -> theirs below `scores` or `segment`."""
    below = fields.setdefault(name, {})
    for ours, value in mapping.items():
        theirs = kinds.TEXT.read(value)
        if isinstance(below, str) or ours in below:
            at.report(f"`{name}` is mapped twice", "keep one of the two")
        elif theirs is not None:
            below[ours] = theirs


def _check_classes(at: At, scores: dict[str, str], classes: Sequence[tuple[str, ...]]) -> None:
    """Report scores of a class that no model has."""
    known = [name for names in classes for name in names]
    normal = {normal_class(name) for name in known}
    for name in scores:
        if normal_class(name) not in normal:
            at.below("scores", at.node).report(f"unknown class {shown(name)}", meant(name, known))
