"""Annotations: what happened, as marks across every panel. Each can be switched off above the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import dashboard as sdk

from monitor.alerting import names as alerts
from monitor.dashboards.looks import AMBER, BLUE, RED
from monitor.dashboards.panels import SOURCE
from monitor.dashboards.queries import LOUD, MODEL, alerts_of, series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from monitor.prometheus.metric import Metric

_PURPLE = "purple"
_NEW_FOR = "10m"
_BEFORE = "6h"


def marks(*, of_one_model: bool) -> list[sdk.AnnotationQuery]:
    """Return the marks: of the model that is chosen, or of every model."""
    of = (MODEL,) if of_one_model else ()
    late = f'alertname="{alerts.LABELS_LATE}"'
    other = f'alertname!="{alerts.LABELS_LATE}"'
    known = series(catalog.MODEL, *of)
    identity = ("model", "version", "baseline_sha256")
    return [
        _mark("Version changes", BLUE, _began(catalog.PREDICTIONS, ("model", "version"), *of), "Version {{version}}"),
        _mark(
            "Baseline changes",
            _PURPLE,
            f"{_began(catalog.MODEL, identity, *of)}\nand on (model, version)\n"
            f"last_over_time({known}[{_BEFORE}] offset {_NEW_FOR})",
            "Baseline of version {{version}}",
            "{{baseline_sha256}}",
        ),
        _mark("Alerts", RED, f"max by (alertname, severity, model, slo) ({alerts_of(LOUD, other)})", "{{alertname}}"),
        _mark("Labels late", AMBER, f"max by (alertname, model) ({alerts_of(late)})", "Labels late"),
    ]


def _began(metric: Metric, identity: tuple[str, ...], *of: str) -> str:
    """Return what counts and did not shortly before, by labels: for a while, so that a coarse look finds it too.

    A version that is configured and has not predicted yet is there too, with zero: it has not begun.
    """
    selected, labels = series(metric, *of), ", ".join(identity)
    return (
        f"count by ({labels}) ({selected} > 0)\nunless\n"
        f"count by ({labels}) (max_over_time({selected}[{_BEFORE}] offset {_NEW_FOR}) > 0)"
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
