"""Tests of columns side by side: what is judged of them, how, and what follows for them all. Rules: docs/drift.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from monitor.baselines.feature_summary import CATEGORY, NUMBER
from monitor.join.words import normal_class
from monitor.revalidate.drift import counted
from monitor.revalidate.drift.drawn import Sides, categories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.revalidate.desk import Sampled

LEVEL: Final = 0.05
"""Of p values, corrected for their number."""
FARTHEST: Final = 0.1
"""From this distance on it is drift, where it is significant too: what Evidently takes for its distances."""
FEWEST: Final = 100
"""Values on either side, below which nothing is judged."""
PREDICTIONS: Final = "(predictions)"
SCORES: Final = "(scores)"
NUMBERS: Final = "Kolmogorov-Smirnov and Wasserstein distance"
CATEGORIES: Final = "chi-square and Jensen-Shannon distance"
MISSING: Final = f"share without a value: {CATEGORIES}"
_NAMED: Final = 10
_SHOWN: Final = 2_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test of one column, in all rows or in a part of them."""

    column: str
    method: str
    p: float
    distance: float
    n_reference: int
    n_now: int


@dataclass(slots=True)
class Found:
    """What was tested, and what could not be."""

    tests: list[Comparison] = field(default_factory=list)
    few: list[str] = field(default_factory=list)
    """Columns with too few values."""
    shown: dict[str, Sides] = field(default_factory=dict)
    """Columns for the report."""


def count_predictions(sampled: Sampled, found: Found) -> None:
    """Test predictions and scores, of which there are counts: nothing is sampled."""
    if sampled.promised:
        theirs = {normal_class(name): n for name, n in sampled.promised.items()}
        ours = {normal_class(name): n for name, n in sampled.predicted.items()}
        table = counted.paired(theirs, ours)
        then, now = table.sum(axis=1).astype(int).tolist()
        if min(then, now) < FEWEST:
            found.few.append(PREDICTIONS)
        else:
            test = (counted.chi_square(table), counted.category_distance(table))
            found.tests.append(Comparison(PREDICTIONS, CATEGORIES, *test, then, now))
            found.shown[PREDICTIONS] = Sides(CATEGORY, categories(theirs, _SHOWN), categories(ours, _SHOWN), table)
    if not sampled.promised_scores or not sampled.scores:
        return
    then_all, now_all = (
        np.reshape(side, (-1, len(counted.MIDDLES))) for side in (sampled.promised_scores, sampled.scores)
    )
    tables = [np.array(pair, np.float64) for pair in zip(then_all, now_all, strict=True)]
    sizes = np.array([table.sum(axis=1) for table in tables]).min(axis=0)
    if sizes.min() < FEWEST:
        found.few.append(SCORES)
        return
    p = min(1.0, len(tables) * min(counted.kolmogorov_smirnov(table) for table in tables))
    far = [counted.histogram_distance(table, counted.MIDDLES) for table in tables]
    then, now = sizes.astype(int).tolist()
    found.tests.append(Comparison(SCORES, NUMBERS, p, max(far), then, now))
    worst = tables[int(np.argmax(far))]
    found.shown[SCORES] = Sides(NUMBER, _expanded(worst[0]), _expanded(worst[1]), worst)


def _expanded(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers in the shares of a score histogram, for the report."""
    ends = np.round(np.cumsum(histogram) * min(histogram.sum(), _SHOWN) / histogram.sum()).astype(np.int64)
    return np.repeat(counted.MIDDLES, np.diff(ends, prepend=0))


def judged(tests: Sequence[Comparison]) -> dict[str, dict[str, Any]]:
    """Return column -> what decides it: of its tests one that found drift, else the one with the smallest p."""
    p = counted.corrected([test.p for test in tests])
    columns: dict[str, dict[str, Any]] = {}
    for value, test in sorted(zip(p, tests, strict=True), key=lambda each: (not _drifts(*each), each[0])):
        if test.column not in columns:
            columns[test.column] = {
                "method": test.method,
                "p": value,
                "distance": test.distance,
                "drifted": _drifts(value, test),
                "n_reference": test.n_reference,
                "n_now": test.n_now,
            }
    return {name: columns[name] for name in dict.fromkeys(test.column for test in tests)}


def _drifts(p: float, test: Comparison) -> bool:
    """Tell whether a test found drift: no accident, and far enough to matter."""
    return p <= LEVEL and test.distance >= FARTHEST


def drifted_parts(tested: Mapping[str, Sequence[Comparison]]) -> dict[str, dict[str, float]]:
    """Return part -> the columns that drifted in it, each with its distance; all parts are corrected together."""
    flat = [(name, test) for name, tests in tested.items() for test in tests]
    found: dict[str, dict[str, float]] = {}
    for p, (name, test) in zip(counted.corrected([test.p for _, test in flat]), flat, strict=True):
        if _drifts(p, test):
            known = found.setdefault(name, {})
            known[test.column] = max(test.distance, known.get(test.column, 0.0))
    return found


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many there are."""
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:_NAMED]) + (f", … ({len(unique)} in all)" if len(unique) > _NAMED else "")
