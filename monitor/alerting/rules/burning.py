"""The alerts of one objective: its budget burns too fast, or it is spent.

One alert a severity: the pairs of windows are joined by `or` and the window is no part of what an alert is, so that an
incident that gets worse stays the same alert. A level rings while both of its windows burn faster than its factor, and
its long window holds enough events to say so. The thresholds are exact products in decimals, factor x (1 - target).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.rules import names
from monitor.alerting.rules.promql import any_of, exact
from monitor.alerting.rules.rule import AlertRule
from monitor.alerting.rules.template import literal
from monitor.alerting.rules.words import burn_annotations, spent_annotations
from monitor.clock import MINUTE
from monitor.statistics.ladder import PAGE, TICKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.alerting.rules.promise import Promised
    from monitor.statistics.ladder import Level

SPENT_FOR: Final = 5 * MINUTE
_ALERT_OF: Final = {PAGE: alerts.BURNS_FAST, TICKET: alerts.BURNS}


def burn_alerts(own: Iterable[Promised], severity: str) -> Iterator[AlertRule]:
    """Yield at most one alert of a severity, PAGE or TICKET, for each objective."""
    alert = _ALERT_OF[severity]
    for of in own:
        levels = of.levels(severity)
        if levels:
            expr = any_of(_rings(of, level) for level in levels)
            labels = {**_labels(of, alerts.SEVERITY_OF[severity]), "sloth_severity": severity}
            yield AlertRule(alert, expr, labels, burn_annotations(of, alert, levels))


def spent_alert(of: Promised) -> AlertRule:
    """Return the alert that nothing is left, where the period holds events enough to say so."""
    left = names.one(names.BUDGET_LEFT, of.model.name, of.slo)
    events = names.one(names.events(of.period), of.model.name, of.slo)
    expr = f"{left} <= 0\nand\nround({events}) >= {of.least_events}"
    labels = _labels(of, alerts.QUALITY[alerts.SPENT])
    return AlertRule(alerts.SPENT, expr, labels, spent_annotations(of), SPENT_FOR)


def _rings(of: Promised, level: Level) -> str:
    """Return what is true while a level rings."""
    threshold = exact(level.threshold(of.target))
    long, short = (
        f"{names.one(names.ratio(window), of.model.name, of.slo)} > {threshold}" for window in (level.long, level.short)
    )
    events = f"round({names.one(names.events(level.long), of.model.name, of.slo)}) >= {level.least_events(of.target)}"
    return f"{long}\nand\n{short}\nand\n{events}"


def _labels(of: Promised, severity: str) -> Mapping[str, str]:
    """Return the labels of an alert of quality. Prometheus expands them: braces in names are literal."""
    plain = {"severity": severity, "model": of.model.name, "slo": of.slo}
    plain |= {"team": of.model.owner} if of.model.owner else {}
    plain |= {"routing": "shadow"} if of.objective.routing == "shadow" else {}
    return {label: literal(text) for label, text in {**plain, **names.sloth_labels(of.model.name, of.slo)}.items()}
