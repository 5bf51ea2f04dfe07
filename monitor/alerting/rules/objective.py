"""The rules of one model's objectives: budgets and what is left of them, tickets, and pages.

They read what `windows.py` records of all objectives at once. Pages are looked at at the pace of the counters, the
others every few minutes. Budgets come first: the texts of alerts ask for them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.alerting.rules import names
from monitor.alerting.rules.burning import burn_alerts, spent_alert
from monitor.alerting.rules.promql import exact
from monitor.alerting.rules.rule import AlertRule, Group, Recording
from monitor.clock import DAY
from monitor.statistics.ladder import PAGE, TICKET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.alerting.rules.promise import Promised


def groups(own: Sequence[Promised]) -> tuple[Group, ...]:
    """Return the groups of a model's objectives, of which there is at least one."""
    of, name = own[0], own[0].model.name
    found = (
        Group(f"foldwatch budgets of {name}", of.period_interval, tuple(rule for one in own for rule in _budget(one))),
        Group(f"foldwatch tickets of {name}", of.slow_pace, tuple(burn_alerts(own, TICKET))),
        Group(f"foldwatch pages of {name}", of.pace, tuple(burn_alerts(own, PAGE))),
    )
    return tuple(group for group in found if group.rules)


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
