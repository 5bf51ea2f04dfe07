"""Timeslices: each evaluation of a mature window is a good, a bad or a skipped event of an error budget.

A rolling window is looked at again and again, so its evaluations hang together: they give tickets, never pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.config.alert_keys import TIMESLICES
from monitor.report.course import judged
from monitor.statistics.budget import Tally
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.config import ModelSettings, Objective
    from monitor.statistics.report import WindowResult

_COUNTED: Final = {
    Verdict.OK: Tally(events=1),
    Verdict.WORSE: Tally(events=1, bad=1),
    Verdict.UNKNOWN: Tally(skipped=1),
}


def timeslices(models: Mapping[str, ModelSettings], results: Iterable[WindowResult]) -> dict[tuple[str, str], Tally]:
    """Return (model, objective) -> what one evaluation adds to the counters of objectives of this kind.

    Every mature window of an objective's series counts once, that of each version for itself: OK is good, WORSE bad,
    UNKNOWN skipped. A window that is not judged (no baseline, no folds, an undefined value) counts nothing.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    for result in results:
        if result.maturity is not Maturity.MATURE:
            continue
        for seen in judged(models[result.model], result, of=_is_sliced):
            if seen.result.verdict is not None:
                key = (result.model, seen.objective.name)
                tallies[key] = tallies.get(key, Tally()) + _COUNTED[seen.result.verdict]
    return tallies


def _is_sliced(objective: Objective) -> bool:
    """Tell whether an objective has an error budget of timeslices."""
    return objective.target is not None and objective.kind == TIMESLICES
