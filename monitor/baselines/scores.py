"""Scores of out-of-fold predictions: which class is the positive one, and one probability per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.baselines.classes import SUM_TOLERANCE, score_rows
from monitor.baselines.columns import SHOWN
from monitor.errors import Problem
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.baselines.columns import Columns, Reading
    from monitor.counts import Layout

    Indexes = NDArray[np.int64]
    Floats = NDArray[np.float64]

_BINARY: Final = 2


def positive_class(columns: Columns, classes: Sequence[str], reading: Reading) -> str | None:
    """Return the positive class: as told, or of two classes the one that alone has a `score_<class>`."""
    if reading.positive is not None:
        wanted, shown = normal_class(reading.positive), ", ".join(classes[:SHOWN])
        if wanted in classes and len(classes) == _BINARY:
            return wanted
        finding = (
            f"there are {len(classes)} classes ({shown}), and a positive one is for two"
            if wanted in classes
            else f"{reading.positive} is not among the classes ({shown})"
        )
        columns.problems.append(Problem("--positive", finding, "leave it out, or name one of two classes"))
        return None
    scored = [normal_class(name.removeprefix("score_")) for name in columns.names("score_")]
    alone = len(classes) == _BINARY and len(scored) == 1 and "score" not in columns
    return scored[0] if alone and scored[0] in classes else None


def probabilities(columns: Columns, classes: Sequence[str], layout: Layout) -> Floats | None:
    """Return one probability per class (n, K), rows of NaN where there are none; None where the table has no scores."""
    by_name = {normal_class(name.removeprefix("score_")): name for name in columns.names("score_")}
    for name in sorted(set(by_name) - set(classes)):
        finding = f"has a column {by_name[name]}, and no row has the class {name}"
        columns.problems.append(Problem(columns.place, finding, "leave the column out, or name it after its class"))
    if len(classes) == _BINARY:
        return _binary_scores(columns, classes, layout, by_name)
    if "score" in columns and not by_name:
        finding = (
            f"has a column score, which is for two classes, and {len(classes)} classes ({', '.join(classes[:SHOWN])})"
        )
        columns.problems.append(Problem(columns.place, finding, "write one column score_CLASS for each class"))
    missing = [name for name in classes if name not in by_name]
    if not by_name or missing:
        if by_name:
            shown = ", ".join(f"score_{name}" for name in missing[:SHOWN])
            columns.problems.append(Problem(columns.place, f"has no column {shown}", "write a score for every class"))
        return None
    scores = np.stack([columns.numbers(by_name[name]) for name in classes], axis=1)
    empty = np.isnan(scores)
    for at, name in enumerate(classes):
        columns.report(empty[:, at] & ~empty.all(axis=1), by_name[name], "is empty beside others", "fill all or none")
        _bounded(columns, by_name[name], scores[:, at])
    _summed(columns, by_name[classes[0]], scores)
    return scores


def _binary_scores(
    columns: Columns, classes: Sequence[str], layout: Layout, by_name: Mapping[str, str]
) -> Floats | None:
    """Return (n, 2) from the scores of both classes, or of either."""
    positive, other = classes[layout.positive], classes[1 - layout.positive]
    scores = np.full((columns.rows, 2), np.nan)
    sources = {name: by_name[name] for name in (positive, other) if name in by_name}
    if not sources and "score" in columns:
        sources = {positive: "score"}
    if not sources:
        return None
    for name, column in sources.items():
        at = classes.index(name)
        scores[:, at] = columns.numbers(column)
        _bounded(columns, column, scores[:, at])
    _summed(columns, next(iter(sources.values())), scores)
    return np.where(np.isnan(scores), 1.0 - scores[:, ::-1], scores)


def _bounded(columns: Columns, name: str, scores: Floats) -> None:
    """Report what is outside of [0, 1]."""
    bad = (scores < 0) | (scores > 1)
    columns.report(bad, name, "is outside of [0, 1]", "write probabilities, not margins or logits")


def _summed(columns: Columns, name: str, scores: Floats) -> None:
    """Report rows (n, K) whose scores are all there and do not sum to 1."""
    bad = np.asarray(np.abs(scores.sum(axis=1) - 1.0) > SUM_TOLERANCE)
    columns.report(bad, name, f"and the others do not sum to 1 within {SUM_TOLERANCE}", "write probabilities")


def from_threshold(columns: Columns, by_class: Floats | None, layout: Layout, threshold: float) -> Indexes:
    """Return y_pred: positive from the threshold on."""
    if by_class is None:
        columns.require("score", " (for --threshold)")
        return np.zeros(columns.rows, np.int64)
    p = by_class[:, layout.positive]
    columns.report(
        np.isnan(p), "score", "is empty (and --threshold needs it)", "write the score of every row, or y_pred"
    )
    return np.where(p >= threshold, layout.positive, 1 - layout.positive)


def kept_scores(layout: Layout, by_class: Floats) -> Floats:
    """Return the scores that a row keeps, NaN where it has none."""
    empty = np.isnan(by_class).any(axis=1, keepdims=True)
    return np.where(empty, np.nan, score_rows(layout, np.where(empty, 0.0, by_class)))
