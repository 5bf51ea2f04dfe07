"""What a codec made of events, and how a batch is made of that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from monitor.sources.decoding.events import labels_of, predictions_of
from monitor.sources.decoding.features import Unread
from monitor.sources.source import Batch, ModelEvents, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

    from monitor.join.events import Labels, Predictions
    from monitor.sources.decoding.features import Features


@dataclass(frozen=True, slots=True)
class Frames:
    """Valid events of one model, with the columns of `checks.check`; `row` counts the events of what was decoded."""

    predictions: pl.DataFrame | None
    labels: pl.DataFrame | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows of a table come from; asked only for those that are rejected."""

    place: Callable[[int], str]
    original: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of the events of one buffer or table."""

    valid: Mapping[str, Frames] = field(default_factory=dict)
    rejected: Sequence[Rejected] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    read: int = 0
    features: Mapping[str, Callable[[int], Features | None]] = field(default_factory=dict)
    """Model -> reads the features of an event by its number; only of models whose features are sampled."""


class KnowsSegments(Protocol):
    """What a batch is made with: a Codec."""

    def segments(self, model: str) -> Sequence[str]:
        """Return the segment names of a model in the order of its frames' columns."""
        ...


def batch_of(
    codec: KnowsSegments,
    *parts: Decoded,
    offsets: Mapping[str, int] | None = None,
    passed: int | None = None,
    notices: Sequence[str] = (),
) -> Batch:
    """Return the batch of what was read in this order; predictions and labels of a model come from one part each."""
    models: dict[str, ModelEvents] = {}
    skipped: dict[str, int] = {}
    before = 0
    for part in parts:
        for name, frames in part.valid.items():
            known = models.get(name, ModelEvents())
            models[name] = ModelEvents(
                _predictions(codec, name, frames.predictions, before, part.features.get(name)) or known.predictions,
                _labels(frames.labels, before) or known.labels,
            )
        for reason, count in part.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
        before += 2 * part.read
    rejected = [each for part in parts for each in part.rejected]
    return Batch(models, rejected, skipped, sum(part.read for part in parts), offsets or {}, passed, notices=notices)


def _predictions(
    codec: KnowsSegments,
    model: str,
    frame: pl.DataFrame | None,
    before: int,
    read: Callable[[int], Features | None] | None,
) -> Predictions | None:
    if frame is None or not frame.height:
        return None
    rows = frame["row"].to_numpy()
    made = predictions_of(frame, before + 2 * rows, codec.segments(model))
    return made if read is None else replace(made, features=Unread(rows, read))


def _labels(frame: pl.DataFrame | None, before: int) -> Labels | None:
    """Return the labels; one that came with its prediction stands right behind it."""
    if frame is None or not frame.height:
        return None
    return labels_of(frame, before + 2 * frame["row"].to_numpy() + 1)
