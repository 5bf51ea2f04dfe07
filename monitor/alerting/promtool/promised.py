"""What an objective asks for, as its tests need it: from the configuration, never from the rules."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.alerting.names import BURNS, BURNS_FAST, QUALITY
from monitor.statistics.feasible import asked
from monitor.statistics.ladder import PAGE, TICKET, ladder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from monitor.config import Objective, Settings
    from monitor.config.settings import ModelSettings
    from monitor.statistics.ladder import Level

_ALERT_OF = {PAGE: BURNS_FAST, TICKET: BURNS}
_SEVERITY_OF = {alert: severity for severity, alert in _ALERT_OF.items()}


@dataclass(frozen=True, slots=True)
class Promised:
    """One objective that has a target."""

    job: str
    model: ModelSettings
    objective: Objective
    target: Decimal
    levels: tuple[Level, ...]
    """Those that it is held against."""
    windows: tuple[int, ...]
    """Of the whole ladder, ms."""
    period: int
    """Milliseconds that the error budget lasts for."""
    cadence: int
    """Milliseconds between two moves of its counters."""

    @property
    def sloth(self) -> dict[str, str]:
        """The labels by which Sloth tells objectives apart."""
        model, slo = self.model.name, self.objective.name
        return {"sloth_id": f"{model}-{slo}", "sloth_service": model, "sloth_slo": slo}

    @property
    def series(self) -> dict[str, str]:
        """Labels of its counters as Prometheus scrapes them."""
        return {"job": self.job, "model": self.model.name, "slo": self.objective.name}

    @property
    def lowest(self) -> Fraction:
        """The lowest threshold of all its levels."""
        return min(Fraction(level.threshold(self.target)) for level in self.levels)

    def labels(self, alert: str) -> Mapping[str, str]:
        """Return all labels that one of its alerts carries, but the alert's name."""
        return self.sloth | {
            "model": self.model.name,
            "slo": self.objective.name,
            "severity": QUALITY[alert],
            **({"team": self.model.owner} if self.model.owner else {}),
            **({"routing": "shadow"} if self.objective.routing == "shadow" else {}),
            **({"sloth_severity": _SEVERITY_OF[alert]} if alert in _SEVERITY_OF else {}),
        }

    def alerts(self) -> dict[str, tuple[Level, ...]]:
        """Return the burn alerts that it has, and the levels of each."""
        return {
            alert: levels
            for severity, alert in _ALERT_OF.items()
            if (levels := tuple(level for level in self.levels if level.severity == severity))
        }


def promised(settings: Settings, model: ModelSettings) -> tuple[Promised, ...]:
    """Return the objectives of a model that have a target, in their order."""
    rungs = ladder(settings.slo.period.millis, settings.cadence)
    return tuple(
        Promised(
            settings.alerting.job,
            model,
            objective,
            objective.target,
            asked(rungs, pages=objective.kind == "occurrences" and objective.routing != "ticket"),
            tuple(sorted({window for level in rungs for window in (level.short, level.long)})),
            settings.slo.period.millis,
            settings.cadence,
        )
        for objective in model.objectives
        if objective.target is not None
    )
