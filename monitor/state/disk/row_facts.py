"""What a state asks of rows beside their columns: what changed, how long each is needed, what is still open. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.join.events import NO_LABEL
from monitor.join.rows import IN_HISTORY, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.join.history import History
    from monitor.join.rules import Rules

NOT_NEEDED: Final = np.iinfo(np.int64).min
"""`needed_until` of a row that says nothing."""


def taken(rows: Rows, at: NDArray[np.int64]) -> Rows:
    """Return copies of the rows at these places, (m,)."""
    version = rows.version[at]
    histories: dict[int, History] = {}
    if rows.histories:
        histories = {row: rows.histories[int(at[row])] for row in np.flatnonzero(version == IN_HISTORY).tolist()}
    return Rows(
        version,
        rows.predicted_at[at],
        rows.y_pred[at],
        rows.segments[at],
        rows.scores[at],
        rows.labelled_at[at],
        rows.y_true[at],
        histories,
    )


def differing(a: Rows, b: Rows) -> NDArray[np.bool_]:
    """Return which rows are not the same in both, (n,). What a column holds where it means nothing does not count."""
    predicted, labelled = b.version >= 0, b.y_true != NO_LABEL
    scores = (a.scores != b.scores) & ~(np.isnan(a.scores) & np.isnan(b.scores))
    found: NDArray[np.bool_] = (
        (a.version != b.version) | (a.y_true != b.y_true) | (labelled & (a.labelled_at != b.labelled_at))
    )
    found |= predicted & (
        (a.predicted_at != b.predicted_at)
        | (a.y_pred != b.y_pred)
        | (a.segments != b.segments).any(axis=1)
        | scores.any(axis=1)
    )
    for row, history in b.histories.items():
        found[row] |= a.histories.get(row) != history
    return found


def needed_until(rows: Rows, rules: Rules) -> NDArray[np.int64]:
    """Return the latest moment an event can be timed that needs each row, (n,); NOT_NEEDED where it says nothing.

    A prediction is needed by labels up to `correction_window` after it, and by the predictions of other versions that
    those belong to as well; a label by predictions up to `label_first_wait` after it.
    """
    reach, wait = rules.correction_window + rules.label_first_wait, rules.label_first_wait
    until = np.where(rows.version >= 0, rows.predicted_at + reach, NOT_NEEDED)
    np.maximum(until, np.where(rows.y_true != NO_LABEL, rows.labelled_at + wait, NOT_NEEDED), out=until)
    for row, history in rows.histories.items():
        moments = [p.predicted_at + reach for p in history.predictions]
        moments += [mark.labelled_at + wait for mark in history.labels]
        until[row] = max(moments, default=NOT_NEEDED)
    return until


def open_moments(rows: Rows, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the predictions were made that never had a class, and the labels that wait for a prediction."""
    predicted, labelled = rows.version >= 0, rows.y_true >= 0
    delay = rows.labelled_at - rows.predicted_at
    alone = ~(predicted & labelled & (delay <= rules.correction_window) & (delay >= -rules.label_first_wait))
    predictions, labels = rows.predicted_at[predicted & alone], rows.labelled_at[labelled & alone]
    if rows.histories:
        unmatched = [at for history in rows.histories.values() for at in history.unmatched]
        waiting = [at for history in rows.histories.values() for at in history.waiting]
        predictions = np.concatenate((predictions, np.array(unmatched, np.int64)))
        labels = np.concatenate((labels, np.array(waiting, np.int64)))
    return predictions, labels
