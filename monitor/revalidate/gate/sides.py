"""Two sides of a comparison, metric by metric: what folds promise, or what production counted. Pure.

The gate and the canary ask the same question - is this side worse than that one beyond a margin? - and answer it by
the rule of every verdict (`statistics.verdict.decide`): the difference with its band by MOVER from the closed forms of
both sides. Both estimates are taken to be independent; where they rest on the same rows the band is too wide, never
too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.statistics.arrays import ratio
from monitor.statistics.batch import gather
from monitor.statistics.confusion import MACRO_OF, cell_margins, cells
from monitor.statistics.estimate import estimate_batch
from monitor.statistics.names import LOSSES, NEVER_JUDGED
from monitor.statistics.report import Verdict
from monitor.statistics.verdict import NONE, SMALL, STUCK, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.counts import Counts
    from monitor.statistics.arrays import Floats
    from monitor.statistics.comparison import Columns
    from monitor.statistics.folds import Folds
    from monitor.statistics.promise import Promise

    Present = Mapping[str, NDArray[np.bool_]]

OF_CLASSES: Final = ("precision", "recall", "f1")
OF_MODELS: Final = ("accuracy", "macro_f1")
"""What is always compared; the metrics of objectives come to it."""
WRONG: Final = 0.05
"""Two-sided: what all comparisons of one family may be wrong by together; a WORSE that is none takes half of it."""
_WORDS: Final = (None, Verdict.OK, Verdict.WORSE, *[Verdict.UNKNOWN] * 4)


class Question(NamedTuple):
    """One metric of one class (None: of the whole model) in one segment (None: in all)."""

    column: int
    metric: str
    class_: int | None
    segment: str | None
    margin: float
    asked: bool
    """Whether an objective asks for it."""


class Side(NamedTuple):
    """One side's metrics in the columns of a report, (columns,) each; NaN where it says nothing."""

    value: Floats
    lower: Floats
    upper: Floats
    n: Floats
    """The metric's denominator, in labelled predictions or rows of one repeat."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer: the first side against the second one, with difference = first - second."""

    question: Question
    first: tuple[float, float, float]
    """Value, lower and upper end."""
    second: tuple[float, float, float]
    difference: tuple[float, float, float]
    n: int
    """Of the side that can grow."""
    level: float
    """Confidence level of the bands: the family's share of 95 %."""
    verdict: Verdict
    needed: int | None
    """The n at which UNKNOWN can be decided; None where it is, or where no n is enough."""
    width: float
    """Half-width of the side that cannot grow, on the deciding side."""
    stuck: bool
    """UNKNOWN, and no n is enough."""

    @property
    def shortfall(self) -> float:
        """By how many margins the first side falls short; the larger, the worse."""
        down = self.difference[0] if self.question.metric in LOSSES else -self.difference[0]
        return down / max(self.question.margin, 1e-9)


def questions(model: ModelSettings, columns: Columns, segment: str | None) -> list[Question]:
    """Return what is asked of one segment: metrics of classes and of the model, and what its objectives promise.

    A margin is the smallest that an objective of that metric, class and segment gives, else the model's.
    """
    margins: dict[tuple[str, int | None], float] = {}
    for objective in model.objectives:
        if objective.segment == segment and objective.metric not in NEVER_JUDGED:
            key = objective.metric, None if objective.class_ is None else model.classes.index(objective.class_)
            margin = model.margin if objective.margin is None else objective.margin
            margins[key] = min(margin, margins.get(key, margin))
    found = []
    for at, key in enumerate(zip(columns.metric, columns.class_, strict=True)):
        metric, class_ = key
        if key in margins or metric in (OF_MODELS if class_ is None else OF_CLASSES):
            found.append(Question(at, metric, class_, segment, margins.get(key, model.margin), key in margins))
    return found


def family_level(classes: int) -> float:
    """Return the level of each band where so many classes (over all segments) are compared together.

    One verdict at 95 % may be WORSE by chance in 2.5 % of all cases; hundreds of them would nearly always hold one.
    So the classes of a family share it (Bonferroni). Precision, recall and F1 of a class go together and count once.
    """
    return 1.0 - WRONG / max(classes, 1)


def class_shares(counts: Counts) -> Floats:
    """Return the share (K,) of each true class in the labelled predictions; zeros without any."""
    k = counts.layout.classes
    row = cell_margins(cells(*counts.sparse("confusion"), k), k).row
    return ratio(row, row.sum(keepdims=True), 0.0)


def scored_shares(counts: Counts) -> Floats:
    """Return the share (K,) of each true class in the labelled predictions with scores; zeros without any."""
    if not counts.layout.ranked:
        return np.zeros(counts.layout.classes)
    scored = counts.plane("losses")[:, 0].astype(np.float64)
    return ratio(scored, scored.sum(keepdims=True), 0.0)


def promised(columns: Columns, promise: Promise, shares: tuple[Floats, Floats], present: Present, n: Floats) -> Side:
    """Return what a promise says at class shares (K,) of all and of scored cases; `present` as in `Promise.at`."""
    here, scored = shares
    found = promise.at(here[None], scored[None], {name: flags[None] for name, flags in present.items()})
    value, lower, upper, _ = columns.laid_out(found, 1)[:, 0]
    return Side(value, lower, upper, n)


def measured(columns: Columns, counts: Counts, level: float) -> Side:
    """Return what was counted, with the closed forms' bands."""
    found = estimate_batch(gather(counts.layout, [counts]), level)
    value, lower, upper, n = (
        columns.ordered(field)[0].astype(np.float64) for field in (found.value, found.lower, found.upper, found.n)
    )
    return Side(value, lower, upper, n)


def denominators(columns: Columns, folds: Folds) -> Floats:
    """Return the denominator of every metric in the pooled folds, in rows of one repeat."""
    return measured(columns, folds.pooled, 0.95).n / folds.repeats


def over(columns: Columns, side: Side, present: Present) -> Side:
    """Return a measured side without the macro averages that span other classes than a promise over `present` does.

    A class that was predicted and never true has an F1 of 0, which is part of the average that was measured.
    """
    value = side.value.copy()
    for macro, name in MACRO_OF.items():
        if not np.array_equal(_defined(columns, side, name, len(present[name])), present[name]):
            value[columns.metric.index(macro)] = np.nan
    return side._replace(value=value)


def both_have(columns: Columns, shares: Floats, sides: Iterable[Side]) -> Present:
    """Return for precision, recall and F1 which classes (K,) both sides have a value of, and the shares a case."""
    here = dict.fromkeys(OF_CLASSES, shares > 0)
    for side in sides:
        here = {name: flags & _defined(columns, side, name, len(shares)) for name, flags in here.items()}
    return here


def _defined(columns: Columns, side: Side, name: str, classes: int) -> NDArray[np.bool_]:
    """Return which classes (K,) a side has a value of."""
    seen = np.zeros(classes, bool)
    for at, (metric, class_) in enumerate(zip(columns.metric, columns.class_, strict=True)):
        if metric == name and class_ is not None:
            seen[class_] = not np.isnan(side.value[at])
    return seen


def compared(
    columns: Columns, asked: Sequence[Question], first: Side, second: Side, shares: Floats, level: float, *, grows: bool
) -> list[Row]:
    """Return an answer to every question that both sides have a value of; none where the class has no share (K,).

    grows: whether more cases of the first side would decide what is UNKNOWN; else more of the second.
    """
    rows = []
    for question in asked:
        at = question.column
        if question.class_ is not None and not shares[question.class_] > 0:
            continue
        row = _answered(question, _at(first, at), _at(second, at), level, turned=columns.turned[at], grows=grows)
        if row is not None:
            rows.append(row)
    return rows


def _at(side: Side, column: int) -> tuple[float, float, float, float]:
    value, lower, upper, n = (float(field[column]) for field in side)
    return value, lower, upper, n


def _answered(
    question: Question,
    first: tuple[float, float, float, float],
    second: tuple[float, float, float, float],
    level: float,
    *,
    turned: bool,
    grows: bool,
) -> Row | None:
    """Return one answer; None where a side has no value or no band.

    The rule takes the side whose n can grow first: -second against -first is first against second.
    """
    values = np.array((first[:3], second[:3]))
    if np.isnan(values).any():
        return None
    growing, fixed = (first, second) if grows else (second, first)
    a, b = (_upright(side[:3], upside=grows != turned) for side in (growing, fixed))
    found = decide(a[0], (a[1], a[2]), b[0], (b[1], b[2]), np.array(question.margin), np.array(growing[3]))
    code = int(found.code)
    verdict_ = _WORDS[code]
    if code == NONE or verdict_ is None:
        return None
    lower, upper = float(found.lower), float(found.upper)
    return Row(
        question=question,
        first=first[:3],
        second=second[:3],
        difference=(first[0] - second[0], *((-upper, -lower) if turned else (lower, upper))),
        n=round(growing[3]),
        level=level,
        verdict=verdict_,
        needed=None if np.isnan(found.needed) else int(found.needed),
        width=float(found.width),
        stuck=code in {SMALL, STUCK},
    )


def _upright(side: tuple[float, float, float], *, upside: bool) -> tuple[Floats, Floats, Floats]:
    """Return value, lower and upper end as arrays, so that more is better."""
    value, lower, upper = side if upside else (-side[0], -side[2], -side[1])
    return np.array(value), np.array(lower), np.array(upper)
