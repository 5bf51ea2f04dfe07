"""What a batch of one model adds to the slices of its series: the step from joined events to Counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.counts.groups import numbered
from monitor.counts.slices import Series
from monitor.counts.tally import columns_labelled, columns_latency, columns_predicted, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.counts import Counts
    from monitor.counts.slices import Deltas, Slices
    from monitor.join.join import Joined
    from monitor.join.rows import Changes, CodedPredictions
    from monitor.join.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Answers:
    """Prediction events that carry a latency, (n,) each, duplicates among them."""

    version: NDArray[np.int32]
    segments: NDArray[np.int16]
    """(n, S)"""
    predicted_at: NDArray[np.int64]
    latency: NDArray[np.float64]
    """Milliseconds."""

    @classmethod
    def of(cls, events: CodedPredictions, latency: NDArray[np.float64] | None) -> Answers:
        """Take the events with a latency, NaN where an event has none; None: no event has one."""
        rows = np.zeros(0, np.int64) if latency is None else np.flatnonzero(~np.isnan(latency))
        measured = np.zeros(0) if latency is None else latency[rows]
        return cls(events.version[rows], events.segments[rows], events.predicted_at[rows], measured)

    def __len__(self) -> int:
        """Return n."""
        return len(self.latency)


def added(settings: ModelSettings, vocabulary: Vocabulary, joined: Joined, answers: Answers, slices: Slices) -> Deltas:
    """Return what a batch adds to each slice of each series: everything, and each value of each segment."""
    p, q, layout = joined.predicted, joined.labelled, settings.layout
    parts: list[Changes | Answers] = [p, q, answers] if len(answers) else [p, q]
    if not any(len(part) for part in parts):
        return {}
    columns = [
        columns_predicted(layout, p.y_pred, p.sign),
        columns_labelled(layout, q.y_true, q.y_pred, q.scores, q.sign, delay=q.labelled_at - q.predicted_at),
        columns_latency(layout, answers.latency),
    ]
    ends = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    versions = len(vocabulary.versions)
    piece, starts = numbered(slices.starts(np.concatenate([part.predicted_at for part in parts])))
    group, cells = numbered(piece * versions + np.concatenate([part.version for part in parts]))
    owners = [(vocabulary.versions[cell % versions], int(starts[cell // versions])) for cell in cells.tolist()]
    deltas: dict[Series, dict[int, Counts]] = {}

    def add(group: NDArray[np.int64], keys: Sequence[tuple[str, int, str | None]]) -> None:
        blocks = [(column, group[lo:hi]) for column, lo, hi in zip(columns, ends[:-1], ends[1:], strict=False)]
        for (version, start, segment), counts in zip(keys, grouped(layout, blocks, len(keys)), strict=True):
            if counts:
                deltas.setdefault(Series(settings.name, version, segment), {})[start] = counts

    add(group, [(*owner, None) for owner in owners])
    for at, (name, values) in enumerate(vocabulary.segments):
        value = np.concatenate([part.segments[:, at] for part in parts])
        finer, cells = numbered(group * len(values) + value)
        add(
            finer,
            [(*owners[cell // len(values)], f"{name}={values[cell % len(values)]}") for cell in cells.tolist()],
        )
    return deltas
