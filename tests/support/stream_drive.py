"""A source of given batches, and the columns of events that are written as tuples."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from monitor.config import Duration, ModelSettings, Objective, Settings
from monitor.counts import Layout
from monitor.join.events import Labels, Predictions, Words
from monitor.sources.source import Batch, ModelEvents

OCCURRENCES = (
    Objective("recall", "recall", "1", "4", target=Decimal("0.9"), kind="occurrences"),
    Objective("specificity", "specificity", "0", "4", "region=eu", target=Decimal("0.9"), kind="occurrences"),
    Objective("accuracy", "accuracy", None, "4", target=Decimal("0.9"), kind="occurrences"),
)
"""Objectives whose events are counted with the batches."""


class GivenSource:
    """Delivers batches one after the other, then empty ones; a failing one is raised and delivered at the next poll."""

    def __init__(self, batches):
        self.batches = list(batches)
        self.sought = []
        self.committed = []
        self.closed = False

    def poll(self):
        if not self.batches:
            return Batch()
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    def seek(self, offsets):
        self.sought.append(dict(offsets))

    def commit(self, offsets):
        self.committed.append(dict(offsets))

    def close(self):
        self.closed = True


def settings_of(
    *, correction=8, first_wait=3, unit=1, segments=("region",), models=("m",), classes=("0", "1", "2"), objectives=()
):
    """Settings of models without anything that only the evaluator needs; durations in units of ms.

    segments: names, or name -> fixed values or None.
    """

    def duration(n):
        return Duration(n * unit, f"{n}")

    return Settings(
        {
            name: ModelSettings(
                name,
                classes,
                Layout(len(classes)),
                (duration(4),),
                duration(4),
                duration(correction),
                duration(first_wait),
                segments=segments if isinstance(segments, dict) else dict.fromkeys(segments),
                objectives=tuple(objectives),
            )
            for name in models
        }
    )


def words(texts):
    """A column of texts; None is none."""
    known = tuple(sorted({text for text in texts if text is not None}))
    return Words(np.array([-1 if text is None else known.index(text) for text in texts], np.int32), known)


def model_events(events, layout):
    """Columns of ('p', id, version, at, y_pred, region, score) and ('l', id, at, y_true) in their order."""
    numbered = list(enumerate(events))
    p = [(order, *e[1:]) for order, e in numbered if e[0] == "p"]
    q = [(order, *e[1:]) for order, e in numbered if e[0] == "l"]
    scores = np.full((len(p), layout.score_columns), np.nan)
    for row, event in enumerate(p):
        if event[6] is not None:
            scores[row] = event[6]
    predictions = Predictions(
        np.array([e[1] for e in p], object),
        np.array([e[0] for e in p], np.int64),
        np.array([e[3] for e in p], np.int64),
        words([e[2] for e in p]),
        np.array([e[4] for e in p], np.int32),
        scores,
        {"region": words([e[5] for e in p])},
    )
    labels = Labels(
        np.array([e[1] for e in q], object),
        np.array([e[0] for e in q], np.int64),
        np.array([e[2] for e in q], np.int64),
        np.array([e[3] for e in q], np.int32),
    )
    return ModelEvents(predictions if p else None, labels if q else None)


def batch_of(events, layout, *, model="m", **more):
    """A batch of one model."""
    return Batch({model: model_events(events, layout)}, read=len(events), **more)
