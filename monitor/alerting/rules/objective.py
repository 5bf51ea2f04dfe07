"""The rules of one objective, in two groups, each in the order in which its rules need one another.

Sums come before divisions, and nothing is divided by zero: where nothing happened there is no ratio, not NaN, which
would spoil every longer average that it gets into.

The period has a group of its own, because it looks back four weeks: there the counters are recorded once as one series,
whichever process counts them, every four minutes, so that the period is read from ten thousand points instead of
every scrape. Its ratio is weighted by traffic: the increase of the bad events over that of all events, not a mean of
short ratios. An increase of a counter over the whole period, and not a sum of short increases: between the last scrape
of one short range and the first of the next lies a gap, and what always happens there would never count.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.alerting.rules import names
from monitor.alerting.rules.burning import burn_alerts, spent_alert
from monitor.alerting.rules.promql import exact, selector, span
from monitor.alerting.rules.rule import AlertRule, Group, Recording
from monitor.clock import DAY
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.alerting.rules.promise import Promised


def groups(of: Promised) -> tuple[Group, Group]:
    """Return recordings and alerts of one objective: of the period, which the other's texts ask for, and of burning."""
    burning: tuple[Recording | AlertRule, ...] = (*_windows(of), *burn_alerts(of))
    period: tuple[Recording | AlertRule, ...] = (*_constants(of), *_period(of), spent_alert(of))
    name = f"{of.model.name}-{of.slo}"
    return (
        Group(f"foldwatch period of {name}", of.period_interval, period),
        Group(f"foldwatch-{name}", of.interval, burning),
    )


def _recording(of: Promised, record: str, expr: str, **labels: str) -> Recording:
    return Recording(record, expr, {**names.sloth_labels(of.model.name, of.slo), **labels})


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


def _windows(of: Promised) -> Iterator[Recording]:
    """Yield events and share of bad ones within each window, and the burn rate within the shortest."""
    for window in of.windows:
        labels = {"sloth_window": span(window)}
        increases = f"sum by (model, slo) (increase({of.counter(catalog.SLO_EVENTS)}[{span(window)}]))"
        yield _recording(of, names.events(window), increases, **labels)
        events = f"(sum by (model, slo) ({_own(of, names.events(window))}) > 0)"
        bad = f"sum by (model, slo) (increase({of.counter(catalog.SLO_BAD)}[{span(window)}]))"
        yield _recording(of, names.ratio(window), f"{bad}\n/\n{events}", **labels)
    for window in of.windows[:1]:
        ratio = names.one(names.ratio(window), of.model.name, of.slo)
        yield _recording(of, names.BURN, f"{ratio} / {exact(of.budget)}")


def _period(of: Promised) -> Iterator[Recording]:
    """Yield what the period holds, how fast it burns, and what is left of its budget."""
    over = span(of.period)
    labels = {"sloth_window": span(of.period)}
    for record, counter in ((names.EVENTS, catalog.SLO_EVENTS), (names.BAD, catalog.SLO_BAD)):
        yield _recording(of, record, f"max by (model, slo) ({of.counter(counter)})")
    increases = f"sum by (model, slo) (increase({_own(of, names.EVENTS)}[{over}]))"
    yield _recording(of, names.events(of.period), increases, **labels)
    events = f"(sum by (model, slo) ({_own(of, names.events(of.period))}) > 0)"
    bad = f"sum by (model, slo) (increase({_own(of, names.BAD)}[{over}]))"
    yield _recording(of, names.ratio(of.period), f"{bad}\n/\n{events}", **labels)
    ratio = names.one(names.ratio(of.period), of.model.name, of.slo)
    yield _recording(of, names.PERIOD_BURN, f"{ratio} / {exact(of.budget)}")
    burnt = names.one(names.PERIOD_BURN, of.model.name, of.slo)
    yield _recording(of, names.BUDGET_LEFT, f"1 - {burnt}")


def _own(of: Promised, series: str) -> str:
    return selector(series, model=of.model.name, slo=of.slo)
