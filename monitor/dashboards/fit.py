"""What dashboards take from a configuration: nothing has to be known, and what is known makes them fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, SECOND
from monitor.statistics.ladder import Level, ladder

if TYPE_CHECKING:
    from monitor.config.settings import Settings

EXAMPLE_RUNBOOKS: Final = "https://docs.example.com/foldwatch/runbooks"
"""Where the links of alerts lead while nobody said where the runbooks are served."""
_PERIOD: Final = 28 * DAY
_CADENCE: Final = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Fit:
    """What a configuration says that dashboards draw."""

    levels: tuple[Level, ...] = ladder(_PERIOD, _CADENCE)
    """The ladder of burn rates: its windows are recorded by the rules, its factors are the limits."""
    cadence: int = _CADENCE
    """Milliseconds between two evaluations."""
    runbooks: str = EXAMPLE_RUNBOOKS
    """An address: that of an alert's runbook is this, a slash, and the alert's name."""


def fitted(settings: Settings) -> Fit:
    """Return what a configuration says."""
    levels = ladder(settings.slo.period.millis, settings.cadence)
    return Fit(levels, settings.cadence, settings.alerting.runbook_url or EXAMPLE_RUNBOOKS)
