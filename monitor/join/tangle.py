"""The slow path of the join: ids with several versions or labels, one after the other through their histories."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.join.events import NO_LABEL
from monitor.join.history import History, Mark, Scored, Threads, belongs, history_of
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.join.rows import CodedLabels, CodedPredictions, Rows
    from monitor.join.rules import Outcomes, Rules

    Change = tuple[int, Scored, int, int]
    """(sign, prediction, class or NO_LABEL, moment of the label)."""
    Counted = Mapping[int, tuple[Scored, int, int]]

_NOTHING: Final = History()


def join_tangled(
    after: Rows, predictions: CodedPredictions, labels: CodedLabels, rules: Rules
) -> tuple[Changes, Changes, Changes, Outcomes]:
    """Join ids one at a time, writing into `after`.

    Return the changes of identities, those of labelled predictions, and the first class of each identity that got it.
    """
    threads = Threads(rules)
    predicted: list[Change] = []
    labelled: list[Change] = []
    first: list[Change] = []
    for row, events in _events(predictions, labels):
        before, now, history, firsts = threads.advance(row_history(after, row, rules), events)
        predicted += _differences(
            {p.version: (p, NO_LABEL, 0) for p, _ in before}, {p.version: (p, NO_LABEL, 0) for p, _ in now}
        )
        labelled += _differences(
            {p.version: (p, stand.y_true, stand.labelled_at) for p, stand in before if stand.y_true >= 0},
            {p.version: (p, stand.y_true, stand.labelled_at) for p, stand in now if stand.y_true >= 0},
        )
        first += [(1, *one) for one in firsts]
        _write(after, row, history, rules)
    return _changes(predicted, after), _changes(labelled, after), _changes(first, after), threads.outcomes


def row_history(rows: Rows, row: int, rules: Rules) -> History:
    """Return what a row says, as a History."""
    if rows.version[row] == IN_HISTORY:
        return rows.histories[row]
    if rows.version[row] == NO_PREDICTION and rows.y_true[row] == NO_LABEL:
        return _NOTHING
    predictions: tuple[Scored, ...] = ()
    labels: tuple[Mark, ...] = ()
    if rows.version[row] != NO_PREDICTION:
        scored = Scored(
            int(rows.version[row]),
            int(rows.predicted_at[row]),
            int(rows.y_pred[row]),
            tuple(rows.segments[row].tolist()),
            tuple(rows.scores[row].tolist()),
        )
        predictions = (scored,)
    if rows.y_true[row] != NO_LABEL:
        labels = (_plain_mark(int(rows.labelled_at[row]), int(rows.y_true[row]), predictions, rules),)
    return history_of(predictions, labels, rules)


def _plain_mark(labelled_at: int, y_true: int, predictions: Iterable[Scored], rules: Rules) -> Mark:
    """Return the mark of an id's only label event: a class waits as long as it belongs to no prediction."""
    waits = y_true >= 0 and not any(belongs(labelled_at, p.predicted_at, rules) for p in predictions)
    return Mark(labelled_at, y_true, y_true if waits else NO_LABEL)


def _write(after: Rows, row: int, now: History, rules: Rules) -> None:
    """Keep a history in the columns where they can say all of it."""
    after.histories.pop(row, None)
    after.version[row], after.y_true[row] = NO_PREDICTION, NO_LABEL
    plain = len(now.predictions) <= 1 and len(now.labels) <= 1 and not now.told
    if not plain or any(_plain_mark(m.labelled_at, m.y_true, now.predictions, rules) != m for m in now.labels):
        after.version[row] = IN_HISTORY
        after.histories[row] = now
        return
    for p in now.predictions:
        after.version[row], after.predicted_at[row], after.y_pred[row] = p.version, p.predicted_at, p.y_pred
        after.segments[row], after.scores[row] = p.segments, p.scores
    for mark in now.labels:
        after.labelled_at[row], after.y_true[row] = mark.labelled_at, mark.y_true


def _events(predictions: CodedPredictions, labels: CodedLabels) -> Iterator[tuple[int, list[Scored | Mark]]]:
    """Yield each row with its events in the order of reading."""
    events: list[Scored | Mark] = [
        Scored(version, at, y_pred, tuple(segments), tuple(scores))
        for version, at, y_pred, segments, scores in zip(
            predictions.version.tolist(),
            predictions.predicted_at.tolist(),
            predictions.y_pred.tolist(),
            predictions.segments.tolist(),
            predictions.scores.tolist(),
            strict=True,
        )
    ]
    events += map(Mark, labels.labelled_at.tolist(), labels.y_true.tolist())
    row = np.concatenate((predictions.row, labels.row))
    by_row = np.lexsort((np.concatenate((predictions.order, labels.order)), row))
    for own, group in groupby(zip(row[by_row].tolist(), by_row.tolist(), strict=True), key=itemgetter(0)):
        yield own, [events[i] for _, i in group]


def _differences(before: Counted, now: Counted) -> Iterator[Change]:
    """Yield (-1, ...) for what is no longer counted and (+1, ...) for what is counted now."""
    for version, old in before.items():
        if now.get(version) != old:
            yield (-1, *old)
    for version, new in now.items():
        if before.get(version) != new:
            yield (1, *new)


def _changes(found: list[Change], like: Rows) -> Changes:
    """Return the columns of what was found."""
    n, scored = len(found), [p for _, p, _, _ in found]
    return Changes(
        np.array([sign for sign, _, _, _ in found], np.int8),
        np.array([p.version for p in scored], np.int32),
        np.array([p.segments for p in scored], np.int16).reshape(n, like.segments.shape[1]),
        np.array([p.predicted_at for p in scored], np.int64),
        np.array([p.y_pred for p in scored], np.int32),
        np.array([y_true for _, _, y_true, _ in found], np.int32),
        np.array([labelled_at for _, _, _, labelled_at in found], np.int64),
        np.array([p.scores for p in scored], np.float64).reshape(n, like.scores.shape[1]),
    )
