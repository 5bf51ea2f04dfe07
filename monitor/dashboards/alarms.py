"""What rings: how many alerts fire, which, since when, what they mean, and whether any could ring at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.rules.promql import indented
from monitor.dashboards.board import ON_CALL, leading_to
from monitor.dashboards.looks import AMBER, GREEN, GREY, NO_LIMIT, RED, named, worded
from monitor.dashboards.meanings import MEANINGS
from monitor.dashboards.panels import COUNT, Scale, Words, override, stats
from monitor.dashboards.queries import LOUD, OURS, alerts_of, at_the_end, either, recorded, zero_where
from monitor.dashboards.tables import Column, rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

RUNBOOKS: Final = "runbooks"
"""The variable that holds the address of the runbooks."""
_SHOWN: Final = {
    "alertname": "Alert",
    "meaning": "What it says, and where to look first",
    "severity": "Severity",
    "model": "Model",
    "slo": "Objective",
    "version": "Version",
    "gate": "Gate",
    "reason": "Reason",
    "topic": "Topic",
    "routing": "Routing",
}
"""Labels of alerts -> headers. Not all alerts have all of them."""
_WATCHDOG: Final = alerts_of(f'alertname="{alerts.WATCHDOG}"', 'component="foldwatch"')


def firing_counts() -> sdk.Panel:
    """Return how many alerts fire, by who hears them."""
    counted = (
        ("page", alerts.CRITICAL, RED),
        ("ticket", alerts.WARNING, AMBER),
        ("to know", alerts.INFORMATION, AMBER),
    )
    asked = [(zero_where(f"count({_at(severity)})", _WATCHDOG), name) for name, severity, _ in counted]
    words = Words(
        "Firing now",
        "Alerts that fire at this moment: pages wake somebody, tickets wait for the morning, the rest is worth "
        "knowing. What is in the shadow is not counted.",
        "not known: no rules",
    )
    own = {name: ((0, GREEN), (1, colour)) for name, _, colour in counted}
    return stats(words, at_the_end(asked), COUNT, width=12, own=own)


def watchdog() -> sdk.Panel:
    """Return whether alerts can ring at all."""
    words = Words(
        "Alerts can ring",
        "A rule that always fires does fire, so that Prometheus evaluates our rules. Where nothing is seen here the "
        "rules are not loaded, and silence means nothing.",
        "no: the rules are not loaded",
    )
    mapping = named({"0": ("no", RED), "1": ("yes", GREEN)})
    return stats(words, at_the_end([(f"max({_WATCHDOG})", "")]), Scale("none"), width=6, mappings=mapping)


def failing_rules() -> sdk.Panel:
    """Return how many evaluations of our rules failed."""
    failures = recorded("prometheus_rule_evaluation_failures_total", 'rule_group=~".*;foldwatch.*"')
    words = Words(
        "Rules that failed, last 15 minutes",
        "Evaluations of our rules that failed in Prometheus: alerts on quality may be silent while it is not 0. Needs "
        "a Prometheus that scrapes itself.",
        "not known: Prometheus does not scrape itself",
    )
    scale = Scale("short", 0, 0, limits=((0, GREEN), (1, RED)))
    return stats(words, at_the_end([(f"sum(increase({failures}[15m]))", "")]), scale, width=6)


def firing() -> sdk.Panel:
    """Return which alerts fire, with what they mean and a link to what to do."""
    # What is joined by `or` keeps its order: the loudest first, which no column says in its alphabet.
    loudest_first = (alerts.CRITICAL, alerts.WARNING, alerts.INFORMATION)
    expr = f'label_join(\n{indented(either(*map(_since, loudest_first)))}\n, "meaning", "", "alertname")'
    words = Words(
        "What fires, and what to do",
        "Each alert that fires, for how long its reason has lasted, and where to look first. Its name leads to its "
        "runbook, below the address that stands in `Runbooks` above. `shadow` in the last column: nobody was told.",
        "nothing fires",
    )
    link = {"title": "Runbook of ${__value.raw}", "url": f"${{{RUNBOOKS}:raw}}/${{__value.raw}}", "targetBlank": True}
    chosen = {"model": "${__data.fields.Model}", "slo": "${__data.fields.Objective}"}
    here = leading_to(ON_CALL, "Show this model and objective", **chosen)
    severities = {
        alerts.CRITICAL: ("page", RED),
        alerts.WARNING: ("ticket", AMBER),
        alerts.INFORMATION: ("to know", GREY),
    }
    more = [
        override(_SHOWN["alertname"], links=[link], custom__width=220),
        override(_SHOWN["meaning"], mappings=worded(MEANINGS), custom__width=620),
        override(_SHOWN["severity"], mappings=named(severities), custom__cellOptions={"type": "color-text"}),
        override(_SHOWN["slo"], links=[here]),
    ]
    columns = [Column("For", expr, Scale("dtdurations", limits=((NO_LIMIT, GREY),)))]
    return rows(words, _SHOWN, columns, width=24, height=7, more=more)


def _since(severity: str) -> str:
    """Return for how long each alert of a severity that fires has had its reason."""
    labels = ", ".join(label for label in _SHOWN if label != "meaning")
    ours = (f'alertname=~"{OURS}"', f'severity="{severity}"')
    rings = f"max by ({labels}) ({alerts_of(*ours)})"
    return f"max by ({labels}) (time() - {recorded('ALERTS_FOR_STATE', *ours)})\nand\n{rings}"


def _at(severity: str) -> str:
    """Return the alerts of a severity that reach somebody."""
    return alerts_of(LOUD, f'severity="{severity}"')
