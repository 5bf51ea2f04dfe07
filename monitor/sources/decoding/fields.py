"""Where our fields stand in other people's events: `fields:` of the configuration, and the names understood anyway.

A place is the keys from the outside in: `("geo", "country")`. A field may stand in several places: the first that an
event has counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.config import Input, ModelSettings

Keys = tuple[str, ...]
"""A place: keys from the outside in."""

LATENCY = "latency_ms"
"""Our name of the one field that judges nothing: what is wrong with it is as if it were not there."""
_INTEGER = re.compile(r"-?\d+")
_BOOLEANS = {"True": "true", "False": "false"}


class Kind(Enum):
    """What a stream of events holds."""

    PREDICTIONS = "predictions"
    LABELS = "labels"
    LABELLED_PREDICTIONS = "labelled predictions"
    """Predictions that carry `y_true`, and `labelled_at` where the label came later."""


def class_spellings(classes: Iterable[str]) -> dict[str, int]:
    """Return text -> index of the class for the spellings that are common; Python's `True` is the class `true`."""
    classes = [normal_class(each) for each in classes]
    spellings = {text: index for index, text in enumerate(classes)}
    for index, text in enumerate(classes):
        if _INTEGER.fullmatch(text):
            spellings.setdefault(f"{text}.0", index)
    for theirs, ours in _BOOLEANS.items():
        if ours in spellings:
            spellings.setdefault(theirs, spellings[ours])
    return spellings


@dataclass(frozen=True, slots=True)
class FieldPaths:
    """Where the fields of one kind of event are looked for."""

    single: Mapping[str, tuple[Keys, ...]]
    """Our name -> places, for `prediction_id`, `model`, ... and `score`, the number of the positive class."""
    scores: Mapping[str, tuple[Keys, ...]]
    """Class as it is compared -> places of its score."""
    segments: Mapping[str, tuple[Keys, ...]]
    """Configured segment name -> places of its value."""

    def all(self) -> Iterator[Keys]:
        """Yield every place once, in a fixed order."""
        seen: dict[Keys, None] = {}
        for group in (self.single, self.scores, self.segments):
            for paths in group.values():
                seen.update(dict.fromkeys(paths))
        yield from seen

    def theirs(self, name: str) -> str:
        """Return what one of our single fields is called there, for messages."""
        return ".".join(self.single[name][0])


def dotted(text: str) -> tuple[Keys, ...]:
    """Return the places that a name of theirs means: the key as it is written, else the path its dots describe."""
    parts = tuple(text.split("."))
    return ((text,),) if len(parts) == 1 or not all(parts) else ((text,), parts)


def field_paths(kind: Kind, wanted: Input, models: Iterable[ModelSettings]) -> FieldPaths:
    """Return where events of `kind` keep our fields, under the mapping `wanted.fields`."""
    models = list(models)
    names = ["prediction_id", "model"]
    if kind is not Kind.LABELS:
        names += ["version", "predicted_at", "y_pred", LATENCY]
    if kind is not Kind.PREDICTIONS:
        names += ["y_true", "labelled_at"]
    single = {name: _mapped(wanted, name) for name in names}
    if kind is Kind.LABELS:
        return FieldPaths(single, {}, {})
    nested = wanted.fields.get("scores")
    single["score"] = _mapped(wanted, "score") + (dotted(nested) if isinstance(nested, str) else (("scores",),))
    classes = dict.fromkeys(normal_class(each) for model in models for each in model.classes)
    segments = dict.fromkeys(name for model in models for name in model.segments)
    return FieldPaths(
        single,
        {each: _below(wanted, "scores", "score_", each) for each in classes},
        {name: _below(wanted, "segment", "segment_", name) for name in segments},
    )


def _mapped(wanted: Input, name: str) -> tuple[Keys, ...]:
    theirs = wanted.fields.get(name, name)
    return dotted(theirs if isinstance(theirs, str) else name)


def _below(wanted: Input, group: str, prefix: str, name: str) -> tuple[Keys, ...]:
    """Return the places of one class's score or one segment: as mapped, else below `group`, else a flat column."""
    mapping = wanted.fields.get(group, group)
    spellings = [name, f"{name}.0"] if group == "scores" and _INTEGER.fullmatch(name) else [name]
    if isinstance(mapping, str):
        outer = dotted(mapping)
    else:
        for theirs in mapping:
            if (normal_class(theirs) if group == "scores" else theirs) == name:
                return dotted(mapping[theirs])
        outer = ((group,),)
    nested = tuple((*path, spelling) for path in outer for spelling in spellings)
    flat = tuple((f"{prefix}{spelling}",) for spelling in spellings)
    return nested + flat
