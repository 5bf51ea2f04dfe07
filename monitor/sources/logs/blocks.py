"""From pieces to blocks: the next events of every model, in the order of arrival, ready for the join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.join.events import Labels, Predictions, Words
from monitor.sources.decoding.events import labels_of, predictions_of
from monitor.sources.logs.arrival import in_order
from monitor.sources.logs.pieces import Merge
from monitor.sources.source import ModelEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from monitor.sources.decoding.codec import Codec
    from monitor.sources.logs.pieces import Shelf, Stream

BLOCK_EVENTS = 65_536


@dataclass(frozen=True, slots=True)
class Block:
    """Events in order; their place in it is their `order`."""

    at: NDArray[np.int64]
    """(n,) arrivals."""
    predictions: Mapping[str, Predictions]
    """By model."""
    labels: Mapping[str, Labels]

    def part(self, begin: int, end: int) -> dict[str, ModelEvents]:
        """Return the events of these places, by model, `order` beginning with 0."""
        predictions = {name: _predictions(events, begin, end) for name, events in self.predictions.items()}
        labels = {name: _labels(events, begin, end) for name, events in self.labels.items()}
        names = sorted({*predictions, *labels})
        made = {name: ModelEvents(predictions.get(name), labels.get(name)) for name in names}
        return {name: each for name, each in made.items() if each.predictions is not None or each.labels is not None}


def blocks(shelf: Shelf, codec: Codec) -> Iterator[Block]:
    """Yield all events of a shelf, `BLOCK_EVENTS` at a time, however the rows were read."""
    merge = Merge.of(shelf)
    ready: dict[Stream, list[pl.DataFrame]] = {}
    while True:
        waiting = sum(frame.height for frames in ready.values() for frame in frames)
        while waiting < BLOCK_EVENTS and (taken := merge.take(BLOCK_EVENTS)):
            for stream, frame in taken.items():
                ready.setdefault(stream, []).append(in_order(frame, codec.classes(stream.model)))
                waiting += frame.height
        if not waiting:
            return
        block, ready = _first_block({stream: pl.concat(frames) for stream, frames in sorted(ready.items())}, codec)
        yield block


def _first_block(ready: Mapping[Stream, pl.DataFrame], codec: Codec) -> tuple[Block, dict[Stream, list[pl.DataFrame]]]:
    """Return the first events of what is ready, and the rest."""
    arrivals = [frame["at"].to_numpy() for frame in ready.values()]
    at = np.concatenate(arrivals)
    late = np.repeat([stream.labels for stream in ready], [len(each) for each in arrivals])
    first = np.argsort(2 * at + late, kind="stable")[:BLOCK_EVENTS]  # a prediction before a label of its moment
    place = np.full(len(at), -1, np.int64)
    place[first] = np.arange(len(first))
    predictions, labels, rest = {}, {}, {}
    begin = 0
    for stream, frame in ready.items():
        order = place[begin : begin + frame.height]
        begin += frame.height
        count = int((order >= 0).sum())
        if count < frame.height:
            rest[stream] = [frame.slice(count)]
        if count and stream.labels:
            labels[stream.model] = labels_of(frame[:count], order[:count])
        elif count:
            predictions[stream.model] = predictions_of(frame[:count], order[:count], codec.segments(stream.model))
    return Block(at[first], predictions, labels), rest


def _predictions(events: Predictions, begin: int, end: int) -> Predictions | None:
    rows = _rows(events.order, begin, end)
    if rows.start == rows.stop:
        return None
    return Predictions(
        events.ids[rows],
        events.order[rows] - begin,
        events.predicted_at[rows],
        Words(events.version.codes[rows], events.version.words),
        events.y_pred[rows],
        events.scores[rows],
        {name: Words(words.codes[rows], words.words) for name, words in events.segments.items()},
    )


def _labels(events: Labels, begin: int, end: int) -> Labels | None:
    rows = _rows(events.order, begin, end)
    if rows.start == rows.stop:
        return None
    return Labels(events.ids[rows], events.order[rows] - begin, events.labelled_at[rows], events.y_true[rows])


def _rows(order: NDArray[np.int64], begin: int, end: int) -> slice:
    first, last = np.searchsorted(order, (begin, end))
    return slice(int(first), int(last))
