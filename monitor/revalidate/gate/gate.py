"""The gate: does a candidate deserve to be the baseline in force? Pure.

Class by class, segment by segment, with the bands of both sides and the margins of the objectives: WORSE anywhere is
a rejection, UNKNOWN passes with a warning (a gate that asks for certainty would let no small data through). Beside
that a candidate has to keep the classes, every absolute floor, and `max_fold_sd`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.baselines.floors import floor_problems
from monitor.baselines.measures import measured
from monitor.baselines.prospects import warnings as prospects
from monitor.baselines.reorder import in_order
from monitor.join.words import normal_class
from monitor.revalidate.gate.told import by_urgency, entries, listed, sentence, tally, told
from monitor.revalidate.gate.yardsticks import DELIVERED, NO_ROWS, PROMISED, Findings, against_baseline, against_live
from monitor.statistics.folds import folds_of
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.baselines.timings import Timings
    from monitor.config import ModelSettings, Settings
    from monitor.counts import Counts
    from monitor.revalidate.gate.sides import Row
    from monitor.statistics.baseline import Baseline

BASELINE: Final = "baseline"
LIVE: Final = "live"
NONE: Final = "none"
"""Kinds of yardsticks; the last one where there is nothing to compare with."""
_MEASURES: Final = tuple(f"M{i}" for i in range(1, 10))
_FIRST: Final = "there is no baseline in force to compare with: the candidate would be the first"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says of one candidate."""

    passed: bool
    reasons: tuple[str, ...]
    """Sentences: why it is rejected, or what lets it pass."""
    warnings: tuple[str, ...]
    """What a person should know of a candidate that passes."""
    document: Mapping[str, Any] = field(default_factory=dict)
    """All of it as JSON values."""


def judge(
    settings: Settings,
    model: ModelSettings,
    candidate: Baseline,
    yardstick: Baseline | None,
    live: Mapping[str | None, Counts] | None,
    *,
    timings: tuple[Timings | None, Timings | None] = (None, None),
) -> Judgement:
    """Return whether a candidate passes.

    yardstick: the baseline in force of the candidate's version, else the model's newest one; None: there is none.
    live: mature counts by segment (None: everything) of the version in production in the longest window; asked for by
    `yardstick: live` alone. timings: of candidate and yardstick, shown as M8 and M9.
    """
    gate = model.revalidation.gate if model.revalidation else None
    ours = aligned(candidate, model)
    theirs = None if yardstick is None else aligned(yardstick, model)
    known = None if isinstance(theirs, str) else theirs
    kind = LIVE if gate and gate.yardstick == LIVE else BASELINE if known else NONE
    if isinstance(ours, str):
        return _judgement(model, kind, Findings((f"the candidate {ours}",)), _about(candidate), known)
    if folds_of(ours) is None:
        return _judgement(model, kind, Findings((NO_ROWS,)), _about(candidate), known)
    if kind == LIVE:
        found = against_live(model, ours, live or {})
    elif known is not None:
        found = against_baseline(model, ours, known)
    else:
        note = f"nothing to compare with: the baseline in force {theirs}" if isinstance(theirs, str) else _FIRST
        found = Findings(warnings=(note,))
    measured_ = _measures(ours, timings[0])
    measures = {"candidate": measured_, "yardstick": None if known is None else _measures(known, timings[1])}
    spread = measured_["M1"]["f1"]
    limit = gate.max_fold_sd if gate else None
    alone = _alone(settings, model, ours)
    faults = (*found.faults, *_unstable(spread, limit), *map(str, floor_problems(*alone)))
    hopeless = (str(problem) for problem in prospects(*alone) if ".objectives." in problem.place)
    whole = Findings(faults, (*found.warnings, *hopeless), found.rows)
    more = {"fold_sd": spread, "max_fold_sd": limit, "measures": measures}
    return _judgement(model, kind, whole, _about(ours), known, more)


def aligned(baseline: Baseline, model: ModelSettings) -> Baseline | str:
    """Return the baseline with the classes as the configuration orders and writes them, or why that cannot be."""
    if baseline.model != model.name:
        return f"is of the model {baseline.model}, not of {model.name}"
    ours, theirs = ([normal_class(name) for name in of] for of in (model.classes, baseline.classes))
    if sorted(ours) != sorted(theirs):
        lacking, strange = ([x for x in one if x not in set(of)] for one, of in ((ours, theirs), (theirs, ours)))
        parts = [
            f"{what} {listed(names)}" for what, names in (("it lacks", lacking), ("it alone has", strange)) if names
        ]
        return f"has other classes than configured: {'; '.join(parts) or 'one of them twice'}"
    return in_order(baseline, [theirs.index(name) for name in ours], model.classes, model.layout)


def _judgement(
    model: ModelSettings,
    kind: str,
    found: Findings,
    about: Mapping[str, Any],
    known: Baseline | None,
    more: Mapping[str, Any] | None = None,
) -> Judgement:
    """Return the judgement of all that was found. `more`: what the document holds of a candidate that can be read."""
    worse = [row for row in by_urgency(found.rows) if row.verdict is Verdict.WORSE]
    passed = not found.faults and not worse
    other = DELIVERED if kind == LIVE else PROMISED
    reasons = [*told([sentence(row, model.classes, other) for row in worse], "comparisons are WORSE"), *found.faults]
    if passed:
        reasons = [_praise(found.rows, other)]
    comparisons, left_out = entries(found.rows, model.classes, "candidate", "yardstick")
    document: dict[str, Any] = {
        "passed": passed,
        "reasons": reasons,
        "warnings": list(found.warnings),
        "candidate": dict(about),
        "yardstick": {"kind": kind, **({} if known is None else _about(known))},
        "verdicts": tally(found.rows),
        "comparisons": comparisons,
        "left_out": left_out,
        "fold_sd": {},
        "max_fold_sd": None,
        "measures": {"candidate": None, "yardstick": None},
    }
    return Judgement(passed, tuple(reasons), found.warnings, document | dict(more or {}))


def _praise(rows: Sequence[Row], other: str) -> str:
    """Say what lets a candidate pass."""
    if not rows:
        return "the folds are stable enough and every objective is feasible"
    counted = tally(rows)
    open_ = f", {counted[Verdict.UNKNOWN]} not decided" if counted[Verdict.UNKNOWN] else ""
    subject = other.removeprefix("where ")
    return f"nothing is worse than what {subject}: {counted[Verdict.OK]} of {len(rows)} comparisons are OK{open_}"


def _unstable(spread: Mapping[str, float | None], limit: float | None) -> list[str]:
    """Return a fault for each class whose F1 strays too much between the folds."""
    return [
        f"F1 of {name} strays between the folds with a standard deviation of {sd:.3f}, more than max_fold_sd {limit:g}"
        for name, sd in spread.items()
        if limit is not None and sd is not None and sd > limit
    ]


def _alone(
    settings: Settings, model: ModelSettings, candidate: Baseline
) -> tuple[Settings, dict[tuple[str, str], Baseline]]:
    """Return a configuration in which the candidate is the only baseline, and that baseline by its key."""
    one = replace(model, baseline={candidate.version: Path("candidate")})
    return replace(settings, models={model.name: one}), {(model.name, candidate.version): candidate}


def _about(baseline: Baseline) -> dict[str, Any]:
    """Return what a baseline is."""
    folds = folds_of(baseline)
    return {
        "hash": baseline.content_hash,
        "version": baseline.version,
        "scheme": baseline.scheme,
        "folds": len(baseline.folds) // max(baseline.repeats, 1),
        "repeats": baseline.repeats,
        "seed": baseline.seed,
        "rows": 0 if folds is None else folds.pooled.labels // folds.repeats,
    }


def _measures(baseline: Baseline, timings: Timings | None) -> dict[str, Any]:
    """Return M1 to M9."""
    document = measured(baseline, timings).document
    return {key: document[key] for key in _MEASURES}
