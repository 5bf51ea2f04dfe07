"""Alerts of verdicts: each change of an objective into WORSE on mature windows is one ticket.

A verdict looks at a rolling window again and again, so it cries wolf more often than its level says: it may give
tickets, never pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.report.course import Judged
    from monitor.statistics.report import MetricResult

ALERT = "FoldwatchObjectiveWorse"


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode: fields as in docs/reference/report.md, `alerts`."""

    alert: str
    severity: str
    slo: str
    source: str
    model: str
    version: str
    segment: str | None
    metric: str
    class_: str | None
    at: int
    resolved_at: int | None
    reason: str


class VerdictAlerts:
    """Follows the objectives' verdicts through time and keeps their episodes."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        self._episodes: list[Alert] = []
        self._open: dict[tuple[str, str, str], int] = {}

    def observe(self, seen: Judged) -> None:
        """Take the verdicts in the order of `as_of`; provisional windows say nothing here."""
        window, result = seen.window, seen.result
        if window.maturity is not Maturity.MATURE:
            return
        key = (window.model, window.version, seen.objective.name)
        if result.verdict is Verdict.WORSE and key not in self._open:
            self._open[key] = len(self._episodes)
            self._episodes.append(
                Alert(
                    alert=ALERT,
                    severity="ticket",
                    slo=seen.objective.name,
                    source="verdict",
                    model=window.model,
                    version=window.version,
                    segment=window.segment,
                    metric=result.metric,
                    class_=result.class_,
                    at=window.as_of,
                    resolved_at=None,
                    reason=worse_in_words(result),
                )
            )
        elif result.verdict is not Verdict.WORSE and key in self._open:
            at = self._open.pop(key)
            self._episodes[at] = replace(self._episodes[at], resolved_at=window.as_of)

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order."""
        return tuple(self._episodes)


def worse_in_words(result: MetricResult) -> str:
    """Say how much worse than the folds' promise, with the difference's band."""
    what = f"{result.metric} of {result.class_}" if result.class_ is not None else result.metric
    return (
        f"{what} is {result.value:.3f} where the folds promise {result.baseline:.3f}: "
        f"difference {result.difference:+.3f} ({result.difference_lower:+.3f} to {result.difference_upper:+.3f}), "
        f"margin {result.margin:g}"
    )
