"""One objective with a target, with all that its rules are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting.rules.promql import selector
from monitor.clock import DAY, MINUTE, SECOND
from monitor.config.budgets import asks_for_pages
from monitor.prometheus import catalog
from monitor.statistics.feasible import asked
from monitor.statistics.ladder import LEAST_BAD, TICKET, Level, ladder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from monitor.config.settings import Alerting, ModelSettings, Objective, Settings
    from monitor.prometheus.metric import Measured, Metric

STEP: Final = 5 * MINUTE
"""The longest interval of a group: beyond it Prometheus' graphs have gaps."""
SLOW: Final = 4 * MINUTE
"""The interval of what may be looked at rarely: somewhat less, so that the latest point is always found."""
_LOOKS: Final = 12


@dataclass(frozen=True, slots=True)
class Promised:
    """An objective of a model, with its target and where its rules stand."""

    model: ModelSettings
    objective: Objective
    target: Decimal
    period: int
    """Milliseconds that the error budget lasts for."""
    cadence: int
    """Milliseconds between two moves of the counters."""
    alerting: Alerting

    @property
    def slo(self) -> str:
        """The objective's name."""
        return self.objective.name

    @property
    def budget(self) -> Decimal:
        """The share of bad events that is allowed, exactly."""
        return 1 - self.target

    @property
    def ladder(self) -> tuple[Level, ...]:
        """Every level that its windows are recorded for, the fastest first."""
        return ladder(self.period, self.cadence)

    @property
    def windows(self) -> tuple[int, ...]:
        """The windows to record, ms, the shortest first; the period is recorded by itself."""
        return tuple(sorted({window for level in self.ladder for window in (level.short, level.long)} - {self.period}))

    @property
    def pace(self) -> int:
        """How often pages are looked at, ms: at the pace of the counters."""
        return interval(self.cadence)

    @property
    def slow_pace(self) -> int:
        """How often tickets are looked at, ms: a dozen times in their shortest window, at least every SLOW ms.

        They can wait, and looking back on days costs more than all the rest.
        """
        shortest = min((level.short for level in self.levels(TICKET)), default=self.cadence)
        return max(self.pace, min(SLOW, interval(shortest // _LOOKS)))

    @property
    def period_interval(self) -> int:
        """How often the rules of its period are evaluated, ms: rarely, for they look far back."""
        return SLOW if self.period >= DAY else self.pace

    @property
    def least_events(self) -> int:
        """How many events the period must hold for its budget to be called spent: so many that LEAST_BAD may be bad."""
        return math.ceil(LEAST_BAD / self.budget)

    def levels(self, severity: str) -> tuple[Level, ...]:
        """Return the levels of a severity that may ring: timeslices and `routing: ticket` never page."""
        levels = asked(self.ladder, pages=asks_for_pages(self.objective.kind, self.objective.routing))
        return tuple(level for level in levels if level.severity == severity)

    def series(self, metric: Metric) -> str:
        """Return the selector of a live metric's series that the objective is about, of every version and maturity."""
        return selector(metric, **self._live())

    def _live(self) -> Mapping[str, str]:
        of, class_ = self.objective, self.objective.class_
        labels = {"job": self.alerting.job, "model": self.model.name, "segment": of.segment or "", "window": of.window}
        return labels | {"metric": of.metric} | ({} if class_ is None else {"class_": class_})

    def measured(self) -> Measured:
        """Return the families of its metric."""
        return catalog.measured(self.objective.metric, self.objective.class_)


def promised(settings: Settings) -> tuple[Promised, ...]:
    """Return every objective with a target, in the order of the configuration."""
    return tuple(
        Promised(model, objective, objective.target, settings.slo.period.millis, settings.cadence, settings.alerting)
        for model in settings.models.values()
        for objective in model.objectives
        if objective.target is not None
    )


def interval(cadence: int) -> int:
    """Return the interval of a group, ms: the longest within `cadence` that divides STEP."""
    seconds, longest = STEP // SECOND, max(cadence // SECOND, 1)
    return SECOND * max(divisor for divisor in range(1, seconds + 1) if not seconds % divisor and divisor <= longest)
