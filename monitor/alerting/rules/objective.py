"""The rules of one model's objectives, in two groups: their alerts, and what is left of their budgets.

They read what `windows.py` records of all objectives at once. Alerts are looked at at the pace of the counters, budgets
every few minutes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.alerting.rules import names
from monitor.alerting.rules.burning import burn_alerts, spent_alert
from monitor.alerting.rules.promql import exact
from monitor.alerting.rules.rule import AlertRule, Group, Recording
from monitor.clock import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.alerting.rules.promise import Promised


def groups(own: Sequence[Promised]) -> tuple[Group, Group]:
    """Return the groups of a model's objectives, at least one: budgets, which the alerts' texts ask for, and alerts."""
    name = own[0].model.name
    budgets = tuple(rule for of in own for rule in _budget(of))
    alerts = tuple(rule for of in own for rule in burn_alerts(of))
    return (
        Group(f"foldwatch budgets of {name}", own[0].period_interval, budgets),
        Group(f"foldwatch-{name}", min(of.interval for of in own), alerts),
    )


def _budget(of: Promised) -> Iterator[Recording | AlertRule]:
    """Yield what the configuration says, how fast the budget burns, what is left of it, and that nothing is."""
    yield from _constants(of)
    shortest, name = of.windows[0], of.model.name
    yield _recording(of, names.BURN, f"{names.one(names.ratio(shortest), name, of.slo)} / {exact(of.budget)}")
    yield _recording(of, names.PERIOD_BURN, f"{names.one(names.ratio(of.period), name, of.slo)} / {exact(of.budget)}")
    yield _recording(of, names.BUDGET_LEFT, f"1 - {names.one(names.PERIOD_BURN, name, of.slo)}")
    yield spent_alert(of)


def _constants(of: Promised) -> Iterator[Recording]:
    """Yield what the configuration says."""
    labels = {"model": of.model.name, "slo": of.slo}
    sloth = {"sloth_mode": "foldwatch", "sloth_spec": "foldwatch", "sloth_version": "foldwatch"}
    percent = exact(100 * of.target)
    yield _recording(of, names.INFORMATION, "vector(1)", **labels, **sloth, sloth_objective=percent)
    days = exact(Decimal(of.period) / Decimal(DAY))
    for record, value in (
        (names.TARGET, exact(of.target)),
        (names.BUDGET, exact(of.budget)),
        (names.PERIOD_DAYS, days),
    ):
        yield _recording(of, record, f"vector({value})", **labels)


def _recording(of: Promised, record: str, expr: str, **labels: str) -> Recording:
    return Recording(record, expr, {**names.sloth_labels(of.model.name, of.slo), **labels})
