"""Annotations: what happened, as marks across every panel. Each can be switched off above the dashboard.

Grafana asks for them at few moments, the further apart the longer the time that is shown: so "new" is what is there and
was not one step before, and is marked once, however long the steps are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import dashboard as sdk

from monitor.alerting import names as alerts
from monitor.dashboards.looks import AMBER, BLUE, RED
from monitor.dashboards.panels import SOURCE
from monitor.dashboards.queries import LOUD, MODEL, alerts_of, series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from monitor.prometheus.metric import Metric

_PURPLE: Final = "purple"
_STEP_BEFORE: Final = "offset $__interval"
_KNOWN_FOR: Final = "1d"
"""What was away for less is not new when it comes back: the daemon stood still."""


def marks() -> list[sdk.AnnotationQuery]:
    """Return the marks of the model that is chosen, and of alerts of any."""
    late = f'alertname="{alerts.LABELS_LATE}"'
    rings = f"max by (alertname, severity, model, slo) ({alerts_of(LOUD, _other(late))}"
    known = series(catalog.MODEL, MODEL)
    baseline = ("model", "version", "baseline_sha256")
    return [
        _mark("Version changes", BLUE, _began(catalog.PREDICTIONS, ("model", "version")), "Version {{version}}"),
        _mark(
            "Baseline changes",
            _PURPLE,
            f"{_began(catalog.MODEL, baseline)}\nand on (model, version)\n"
            f"last_over_time({known}[{_KNOWN_FOR}] {_STEP_BEFORE})",
            "Baseline of version {{version}}",
            "{{baseline_sha256}}",
        ),
        _mark("Alerts", RED, f"{rings})\nunless\n{rings} {_STEP_BEFORE})", "{{alertname}} begins"),
        _mark("Labels late", AMBER, f"max by (alertname, model) ({alerts_of(late)})", "Labels late"),
    ]


def _other(matcher: str) -> str:
    return matcher.replace("=", "!=", 1)


def _began(metric: Metric, identity: tuple[str, ...]) -> str:
    """Return what is there and was not before, by labels."""
    selected, labels = series(metric, MODEL), ", ".join(identity)
    return (
        f"count by ({labels}) ({selected})\nunless\n"
        f"count by ({labels}) (last_over_time({selected}[{_KNOWN_FOR}] {_STEP_BEFORE}))"
    )


def _mark(name: str, colour: str, expr: str, title: str, text: str = "{{model}} {{slo}}") -> sdk.AnnotationQuery:
    return sdk.AnnotationQuery(
        name,
        datasource=SOURCE,
        enable=True,
        hide=False,
        icon_color=colour,
        expr=expr,
        title_format=title,
        text_format=text,
        tag_keys="model,version,slo,severity",
        step="60s",
    )
