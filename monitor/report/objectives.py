"""Where every objective with a target stands, for programs: the document of /api/v1/objectives.

The same before the first evaluation, when nothing is known of any: zeros, `insufficient`, no budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from monitor.clock import SECOND, format_duration, format_time
from monitor.config.budgets import asks_for_pages
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.feasible import asked
from monitor.statistics.ladder import ladder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from monitor.config import Objective, Settings
    from monitor.report.snapshot import AlertEntry, Snapshot
    from monitor.statistics.ladder import Level


def standings(snapshot: Snapshot) -> list[Standing]:
    """Return where each objective with a target stands, in the order of the configuration, known yet or not."""
    known = {(one.model, one.slo): one for one in snapshot.objectives}
    settings = snapshot.settings
    return [
        known.get((model.name, objective.name)) or _unknown(settings, model.name, objective, objective.target)
        for model in settings.models.values()
        for objective in model.objectives
        if objective.target is not None
    ]


def levels_asked(settings: Settings, objective: Objective, cadence: int) -> tuple[Level, ...]:
    """Return the levels by which an objective is asked where its counters move every `cadence` (ms)."""
    pages = asks_for_pages(objective.kind, objective.routing)
    return asked(ladder(settings.slo.period.millis, cadence), pages=pages)


def firing(snapshot: Snapshot, standing: Standing) -> list[AlertEntry]:
    """Return the episodes of an objective that last, those in the shadow too, in time order."""
    return [
        alert
        for alert in (*snapshot.alerts, *snapshot.shadow_alerts)
        if (alert.model, alert.slo) == (standing.model, standing.slo) and alert.resolved_at is None
    ]


def objectives_document(snapshot: Snapshot) -> dict[str, Any]:
    """Return the document of `/api/v1/objectives`."""
    return {"objectives": [objective_entry(one, firing(snapshot, one)) for one in standings(snapshot)]}


def encoded_objectives(snapshot: Snapshot) -> bytes:
    """Return the bytes of the document; targets and factors are numbers with the digits that were written."""
    return msgspec.json.Encoder(decimal_format="number").encode(objectives_document(snapshot))


def objective_entry(standing: Standing, alerts: Sequence[AlertEntry]) -> dict[str, Any]:
    """Return one entry of `objectives`; `alerts` are those of it that last."""
    cadence = standing.event_cadence
    return {
        "slo": standing.slo,
        "model": standing.model,
        "kind": standing.kind,
        "target": standing.target,
        "routing": standing.routing,
        "state": standing.state,
        "events": standing.period.events,
        "bad": standing.period.bad,
        "skipped": standing.period.skipped,
        "budget_left": standing.budget_left,
        "burn": dict(standing.burn),
        "levels": [level_entry(level, standing) for level in standing.levels],
        "firing": [firing_entry(alert) for alert in alerts],
        "event_cadence_seconds": None if cadence is None else cadence / SECOND,
        "shadow_pages": standing.shadow_pages,
    }


def level_entry(level: Level, standing: Standing) -> dict[str, Any]:
    """Return one entry of `levels`."""
    return {
        "severity": level.severity,
        "long": format_duration(level.long),
        "short": format_duration(level.short),
        "factor": level.factor,
        "least_events": level.least_events(standing.target),
    }


def firing_entry(alert: AlertEntry) -> dict[str, Any]:
    """Return one entry of `firing`."""
    return {
        "alert": alert.alert,
        "severity": alert.severity,
        "source": alert.source,
        "at": format_time(alert.at),
        "reason": alert.reason,
    }


def _unknown(settings: Settings, model: str, objective: Objective, target: Decimal) -> Standing:
    """Return the standing of an objective of which nothing is known yet."""
    levels = levels_asked(settings, objective, settings.cadence)
    windows = sorted({length for level in levels for length in (level.short, level.long)})
    return Standing(
        model=model,
        slo=objective.name,
        kind=objective.kind,
        target=target,
        routing=objective.routing,
        state=BudgetState.INSUFFICIENT,
        period=Tally(),
        budget_left=None,
        burn=dict.fromkeys(map(format_duration, windows)),
        levels=levels,
    )
