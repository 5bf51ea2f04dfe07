"""What it means for alerts how often the events of an error budget really come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import format_duration
from monitor.config.alert_keys import OCCURRENCES
from monitor.report import words

if TYPE_CHECKING:
    from monitor.statistics.budget import Standing


def rare_events(standing: Standing) -> str | None:
    """Say what it means where events come more rarely than the short windows of an objective end; None: they do not."""
    cadence = standing.event_cadence
    rare = sorted({level.short for level in standing.levels if cadence is not None and level.short < cadence})
    if cadence is None or not rare:
        return None
    what = "labels" if standing.kind == OCCURRENCES else "evaluations"
    windows = " and ".join(map(format_duration, rare))
    return (
        f"{what} that count come about every {words.length(cadence)}, and windows of {windows} are empty in between: "
        "such a level rings only just after they came and resolves before the next do, though nothing is mended"
    )
