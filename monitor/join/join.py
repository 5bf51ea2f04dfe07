"""Who belongs to whom: rows and events in, rows and changes of the counts out. Pure.

An id with at most one prediction and one label, known and new together, is joined in columns. Every other goes through
its History, one id at a time (`tangle.py`). Both give the same: tests/join/test_join_laws.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Changes
from monitor.join.rules import Outcomes
from monitor.join.tangle import join_tangled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.join.rows import CodedLabels, CodedPredictions, Rows
    from monitor.join.rules import Rules


@dataclass(frozen=True, slots=True)
class Joined:
    """What a batch makes of the rows that it touches."""

    rows: Rows
    predicted: Changes
    """Identities to be counted."""
    labelled: Changes
    """Labelled predictions to be counted."""
    first: Changes
    """Each identity that had its first class with this batch, once and for ever: +1, with the class and the prediction
    that counted at that moment of reading. Nothing that comes later takes it back.
    """
    outcomes: Outcomes
    """What became of the batch's events."""


def join(rows: Rows, predictions: CodedPredictions, labels: CodedLabels, rules: Rules) -> Joined:
    """Join a batch: `rows` holds the row of every id that it touches, as it was before."""
    tangled = rows.version == IN_HISTORY
    tangled |= (rows.version != NO_PREDICTION) + np.bincount(predictions.row, minlength=len(rows)) > 1
    tangled |= (rows.y_true != NO_LABEL) + np.bincount(labels.row, minlength=len(rows)) > 1
    return join_split(rows, predictions, labels, rules, tangled)


def join_split(
    rows: Rows, predictions: CodedPredictions, labels: CodedLabels, rules: Rules, tangled: NDArray[np.bool_]
) -> Joined:
    """Join a batch: the rows that are `tangled` (n,) through their histories, the others in columns."""
    after = rows.copy()
    if not tangled.any():
        return _join_plain(after, predictions, labels, rules)
    p, q = tangled[predictions.row], tangled[labels.row]
    plain = _join_plain(after, predictions.take(~p), labels.take(~q), rules)
    predicted, labelled, first, outcomes = join_tangled(after, predictions.take(p), labels.take(q), rules)
    return Joined(
        after,
        plain.predicted + predicted,
        plain.labelled + labelled,
        plain.first + first,
        plain.outcomes + outcomes,
    )


def _join_plain(after: Rows, predictions: CodedPredictions, labels: CodedLabels, rules: Rules) -> Joined:
    """Join ids with at most one prediction and one label, writing into `after`."""
    p, q = predictions.row, labels.row
    after.version[p] = predictions.version
    after.predicted_at[p] = predictions.predicted_at
    after.y_pred[p] = predictions.y_pred
    after.segments[p] = predictions.segments
    after.scores[p] = predictions.scores
    after.labelled_at[q] = labels.labelled_at
    after.y_true[q] = labels.y_true
    touched = np.zeros(len(after), np.bool_)
    touched[p] = True
    touched[q] = True
    # Each of these lacked one of the two before, so that it is only now that a label may find its prediction.
    row = np.flatnonzero(touched & (after.version >= 0) & (after.y_true >= 0))
    delay = after.labelled_at[row] - after.predicted_at[row]
    belongs = (delay <= rules.correction_window) & (delay >= -rules.label_first_wait)
    row = row[belongs]
    labelled = Changes(
        np.ones(len(row), np.int8),
        after.version[row],
        after.segments[row],
        after.predicted_at[row],
        after.y_pred[row],
        after.y_true[row],
        after.labelled_at[row],
        after.scores[row],
    )
    return Joined(
        after,
        Changes(
            np.ones(len(p), np.int8),
            predictions.version,
            predictions.segments,
            predictions.predicted_at,
            predictions.y_pred,
            np.full(len(p), NO_LABEL, np.int32),
            predictions.predicted_at,
            predictions.scores,
        ),
        labelled,
        labelled,  # for each of them it is the first
        Outcomes(
            predictions=len(p),
            matched=len(row),
            label_first=int(np.count_nonzero(delay[belongs] < 0)),
            labels=len(q),
            applied=len(row),
            repeated=int(np.count_nonzero(labels.y_true == RETRACTED)),
        ),
    )
