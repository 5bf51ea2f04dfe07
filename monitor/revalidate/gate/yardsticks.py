"""A candidate held against a yardstick: the baseline in force, or what production delivers now. Pure.

Against the baseline in force both promise at the candidate's own class shares, so that rows of another mix are
compared fairly. Against production the candidate promises at the live class shares. Nothing is compared where a class
is absent; that the candidate lost a class, or what an objective promises, is a fault of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.revalidate.gate import sides
from monitor.revalidate.gate.told import by_urgency, listed, named, sentence, told, wanted
from monitor.statistics.comparison import Columns
from monitor.statistics.folds import folds_of
from monitor.statistics.promise import Promise
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.config import ModelSettings
    from monitor.counts import Counts
    from monitor.revalidate.gate.sides import Question, Row, Side
    from monitor.statistics.arrays import Floats
    from monitor.statistics.baseline import Baseline

PROMISED: Final = "where the baseline in force promises"
DELIVERED: Final = "where production delivers"
NO_ROWS: Final = "the candidate's folds have no rows"

_BOTH: Final = 2


@dataclass(frozen=True, slots=True)
class Findings:
    """What a comparison found."""

    faults: tuple[str, ...] = ()
    """What rejects the candidate beside a WORSE."""
    warnings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def against_baseline(model: ModelSettings, candidate: Baseline, yardstick: Baseline) -> Findings:
    """Compare the corridors of two baselines whose classes are the configured ones, in their order."""
    columns = Columns(model.layout)
    rows: list[Row] = []
    warnings: list[str] = []
    if candidate.content_hash == yardstick.content_hash:
        warnings.append("the candidate is the baseline in force itself: the same folds")
    if folds_of(yardstick) is None:
        warnings.append("nothing to compare with: the folds of the baseline in force have no rows")
    ours, theirs = segments_of(candidate), segments_of(yardstick)
    lost = [name for name in theirs if name not in ours]
    if lost:
        warnings.append(f"the candidate has no folds for {listed(lost)}, which the baseline in force has")
    for family in ([None], [name for name in ours if name in theirs]):
        level = sides.family_level(sum(int((members(candidate, name) > 0).sum()) for name in family))
        for segment in family:
            asked = sides.questions(model, columns, segment)
            rows += _promises_compared(columns, asked, candidate, yardstick, level)
    faults = _lost(model, candidate, members(yardstick), "the baseline in force promises for {n} rows of it")
    silent = list(_silent(model, columns, rows, candidate, yardstick))
    faults += [said for fault, said in silent if fault]
    warnings += [said for fault, said in silent if not fault]
    open_ = _undecided(model, rows, PROMISED, "rows in the candidate's folds", "the baseline in force")
    return Findings(tuple(faults), (*warnings, *open_), tuple(rows))


def against_live(model: ModelSettings, candidate: Baseline, live: Mapping[str | None, Counts]) -> Findings:
    """Compare what a candidate promises at the live class shares with mature counts by segment (None: everything)."""
    columns = Columns(model.layout)
    labelled = {name: counts for name, counts in live.items() if counts.labels}
    now = _true_cases(labelled[None]) if None in labelled else np.zeros(len(model.classes))
    bare = [name for name, n in zip(model.classes, now.tolist(), strict=True) if not n > 0]
    if bare:
        remedy = "wait for labels, or judge by `yardstick: baseline`"
        return Findings((f"production has no mature label of {listed(bare)} to compare with: {remedy}",))
    ours = segments_of(candidate)
    unknown = sorted(name for name in labelled if name is not None and name not in ours)
    warnings = [f"the candidate has no folds for {listed(unknown)}: not compared"] if unknown else []
    rows: list[Row] = []
    for family in ([None], [name for name in ours if name in labelled]):
        level = sides.family_level(sum(int((_true_cases(labelled[name]) > 0).sum()) for name in family))
        for segment in family:
            asked = sides.questions(model, columns, segment)
            rows += _delivery_compared(columns, asked, candidate, labelled[segment], level)
    faults = _lost(model, candidate, now, "production has {n} mature labels of it")
    answered = {row.question for row in rows}
    missed = [q for q in _objectives(model, columns) if q not in answered and (q.segment is None or q.segment in ours)]
    warnings += [f"{named(q, model.classes)} is not compared: one side has no value of it" for q in missed]
    open_ = _undecided(model, rows, DELIVERED, "mature labels", "the candidate")
    return Findings(tuple(faults), (*warnings, *open_), tuple(rows))


def segments_of(baseline: Baseline) -> list[str]:
    """Return the segments that a baseline has rows of, by name."""
    return sorted({name for fold in baseline.folds for name, counts in fold.segments.items() if counts.labels})


def members(baseline: Baseline, segment: str | None = None) -> Floats:
    """Return the rows (K,) of each class in the folds of one repeat."""
    folds = folds_of(baseline, segment)
    return np.zeros(len(baseline.classes)) if folds is None else _true_cases(folds.pooled) / folds.repeats


def _true_cases(counts: Counts) -> Floats:
    """Return the labelled predictions (K,) of each true class."""
    return sides.class_shares(counts) * counts.labels


def _promises_compared(
    columns: Columns, asked: Sequence[Question], candidate: Baseline, yardstick: Baseline, level: float
) -> list[Row]:
    """Return the comparisons of one segment with the baseline in force, at the candidate's own class shares."""
    segment = asked[0].segment
    found = [(of, folds) for of in (candidate, yardstick) if (folds := folds_of(of, segment)) is not None]
    if len(found) < _BOTH:
        return []
    promises = [Promise(of, folds, level) for of, folds in found]
    pooled = found[0][1].pooled
    shares, scored = sides.class_shares(pooled), sides.scored_shares(pooled)
    n = sides.denominators(columns, found[0][1])
    there = dict.fromkeys(sides.OF_CLASSES, shares > 0)
    first = [sides.promised(columns, promise, (shares, scored), there, n) for promise in promises]
    both = sides.both_have(columns, shares, first)
    ours, theirs = (sides.promised(columns, promise, (shares, scored), both, n) for promise in promises)
    return sides.compared(columns, asked, ours, theirs, shares, level, grows=True)


def _delivery_compared(
    columns: Columns, asked: Sequence[Question], candidate: Baseline, live: Counts, level: float
) -> list[Row]:
    """Return the comparisons of one segment with production, at the live class shares."""
    folds = folds_of(candidate, asked[0].segment)
    if folds is None:
        return []
    promise = Promise(candidate, folds, level)
    both = shares, _ = sides.class_shares(live), sides.scored_shares(live)
    n = sides.denominators(columns, folds)
    now = sides.measured(columns, live, level)
    first = sides.promised(columns, promise, both, dict.fromkeys(sides.OF_CLASSES, shares > 0), n)
    present = sides.both_have(columns, shares, (first, now))
    ours = sides.promised(columns, promise, both, present, n)
    return sides.compared(columns, asked, ours, sides.over(columns, now, present), shares, level, grows=False)


def _lost(model: ModelSettings, candidate: Baseline, others: Floats, clause: str) -> list[str]:
    """Return a fault for each class that the other side has and the candidate's folds do not."""
    pairs = zip(model.classes, members(candidate).tolist(), others.tolist(), strict=True)
    return [
        f"the candidate's folds have no row of class {name}, and {clause.format(n=f'{n:,.0f}')}"
        for name, own, n in pairs
        if not own > 0 and n > 0
    ]


def _objectives(model: ModelSettings, columns: Columns) -> list[Question]:
    """Return what objectives promise, in every segment that they name."""
    named_ = sorted({objective.segment for objective in model.objectives if objective.segment is not None})
    return [q for segment in (None, *named_) for q in sides.questions(model, columns, segment) if q.asked]


def _silent(
    model: ModelSettings, columns: Columns, rows: Sequence[Row], candidate: Baseline, yardstick: Baseline
) -> Iterator[tuple[bool, str]]:
    """Yield what objectives promise and could not be compared: (whether that is a fault, why)."""
    answered = {row.question for row in rows}
    for question in _objectives(model, columns):
        if question in answered:
            continue
        name = named(question, model.classes)
        ours, theirs = (_speaks(columns, of, question) for of in (candidate, yardstick))
        if theirs and not ours:
            yield True, f"{name}: an objective promises it, and the candidate's folds say nothing of it"
        elif not theirs:
            yield False, f"{name} is not compared: the baseline in force says nothing of it"
        else:
            yield False, f"{name} is not compared: the baseline in force lacks a class of the candidate's folds"


def _speaks(columns: Columns, baseline: Baseline, question: Question) -> bool:
    """Tell whether a baseline promises something at its own class shares."""
    folds = folds_of(baseline, question.segment)
    if folds is None:
        return False
    both = shares, _ = sides.class_shares(folds.pooled), sides.scored_shares(folds.pooled)
    if question.class_ is not None and not shares[question.class_] > 0:
        return False
    present = dict.fromkeys(sides.OF_CLASSES, shares > 0)
    n = np.zeros(len(columns.metric))
    side: Side = sides.promised(columns, Promise(baseline, folds), both, present, n)
    return not np.isnan(side.value[question.column])


def _undecided(model: ModelSettings, rows: Sequence[Row], other: str, growing: str, fixed: str) -> list[str]:
    """Return the warnings of what is UNKNOWN, and how many cases would decide it."""
    open_ = [row for row in by_urgency(rows) if row.verdict is Verdict.UNKNOWN]
    said = [f"{sentence(row, model.classes, other)}: {wanted(row, growing, fixed)}" for row in open_]
    return told(said, "comparisons are not decided")
