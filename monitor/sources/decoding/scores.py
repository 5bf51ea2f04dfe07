"""Scores: from whichever columns carry them to the numbers that a row keeps of them, checked.

Rules: docs/concepts.md section 1, bad score; what a row keeps: `Layout.score_columns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.counts.layout import MOST_SCORED_CLASSES
from monitor.sources.decoding import reasons
from monitor.sources.decoding.columns import numbers
from monitor.sources.decoding.reasons import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.sources.decoding.columns import Column, Table
    from monitor.sources.decoding.fields import FieldPaths

    Scores = Sequence[NDArray[np.float64]]

_SUM_TOLERANCE = 0.02 + 1e-9
"""The bit beyond .02 lets 0.98 in, whose distance from 1 is a little more in binary."""


def read_scores(
    table: Table, paths: FieldPaths, model: ModelSettings, classes: Sequence[str], faults: Faults
) -> Scores:
    """Return the columns of `Layout.score_columns`, NaN in the rows of events that carry none; mark what is wrong.

    `classes` are the model's, as they are compared.
    """
    columns = [table.column(paths.scores[each]) for each in classes]
    binary = len(columns) == 2  # noqa: PLR2004 - two classes are the binary case
    positive = model.layout.positive
    if binary:
        columns[positive] = _either(columns[positive], table.column(paths.single["score"]))
    else:
        _refuse_plain_scores(table, paths, faults)
    if all(column is None for column in columns):
        return [np.full(table.size, np.nan)] * model.layout.score_columns
    given = [np.zeros(table.size, np.bool_) if column is None else column.given() for column in columns]
    values = [
        np.full(table.size, np.nan) if column is None else numbers(column).fill_null(np.nan).to_numpy()
        for column in columns
    ]
    for name, here, value in zip(model.classes, given, values, strict=True):
        wrong = here & ~((value >= 0.0) & (value <= 1.0))
        faults.mark(wrong, Fault(reasons.BAD_SCORE, f"the score of {name} is no number in [0, 1]"))
    some, whole = np.logical_or.reduce(given), np.logical_and.reduce(given)
    faults.mark(some & ~(given[positive] if binary else whole), Fault(reasons.BAD_SCORE, "a class has no score"))
    if whole.any():
        off = whole & ~(np.abs(np.sum(values, axis=0) - 1.0) <= _SUM_TOLERANCE)
        faults.mark(off, Fault(reasons.BAD_SCORE, "the scores do not sum to 1"))
    if binary:
        return [values[positive]]
    return values if len(values) <= MOST_SCORED_CLASSES else _top(values, some)


def _either(own: Column | None, plain: Column | None) -> Column | None:
    """Return the positive class's own score, else the plain `score`."""
    if own is None or plain is None:
        return plain if own is None else own
    return own.otherwise(plain)


def _refuse_plain_scores(table: Table, paths: FieldPaths, faults: Faults) -> None:
    """Reject `scores` that is no mapping; a plain `score` means nothing for more than two classes."""
    for keys in paths.single["score"]:
        column = None if keys == ("score",) else table.column((keys,))
        if column is not None:
            faults.mark(column.given(), Fault(reasons.BAD_SCORE, "scores is no mapping of classes"))


def _top(values: Scores, some: NDArray[np.bool_]) -> Scores:
    """Return the largest score and the index of its class, the first of equals."""
    matrix = np.nan_to_num(np.array(values), nan=-1.0)
    return [
        np.where(some, matrix.max(axis=0), np.nan),
        np.where(some, matrix.argmax(axis=0).astype(np.float64), np.nan),
    ]
