"""Annotations: what happened, as marks across every panel. Each can be switched off above the dashboard.

Grafana asks for them at few moments, the further apart the longer the time that is shown: so "new" is what is there and
was not one step before, and is marked once, however long the steps are.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import dashboard as sdk

from monitor.alerting import names as alerts
from monitor.dashboards.looks import AMBER, BLUE, RED
from monitor.dashboards.panels import SOURCE
from monitor.dashboards.queries import LOUD, MODEL, alerts_of, either, series
from monitor.prometheus import catalog

_PURPLE: Final = "purple"
_STEP_BEFORE: Final = "offset $__interval"
_KNOWN_FOR: Final = "1d"
"""What was away for less is not new when it comes back: the daemon stood still."""
_SILENT_FOR: Final = "1h"
"""A version that predicts after so long a silence, while another one did not keep it, took over: a way back."""


def marks() -> list[sdk.AnnotationQuery]:
    """Return the marks of the model that is chosen, and of alerts of none: another one's would mislead."""
    late = f'alertname="{alerts.LABELS_LATE}"'
    other = late.replace("=", "!=", 1)
    known = series(catalog.MODEL, MODEL)
    before = f"last_over_time({known}[{_KNOWN_FOR}] {_STEP_BEFORE})"
    baseline = "model, version, baseline_sha256"
    return [
        _mark("Version changes", BLUE, _took_over(), "Version {{version}} predicts"),
        _mark(
            "Baseline changes",
            _PURPLE,
            f"count by ({baseline}) ({known})\nunless\ncount by ({baseline}) ({before})\n"
            f"and on (model, version)\n{before}",
            "Baseline of version {{version}}",
            "{{baseline_sha256}}",
        ),
        _mark(
            "Alerts",
            RED,
            f"{_rings(other)}\nunless\n{_rings(other, f' {_STEP_BEFORE}')}",
            "{{alertname}} begins",
        ),
        _mark("Labels late", AMBER, f"max by (alertname, model) ({alerts_of(late, MODEL)})", "Labels late"),
    ]


def _rings(matcher: str, before: str = "") -> str:
    """Return the alerts of the chosen model, and those of the daemon, which are about no model; `before`: when."""
    ours = " or ".join(f"{alerts_of(LOUD, matcher, of)}{before}" for of in (MODEL, 'model=""'))
    return f"max by (alertname, severity, model, slo) ({ours})"


def _took_over() -> str:
    """Return the versions that predict for the first time, or again after another one of their model did alone."""
    counted, by = series(catalog.PREDICTIONS, MODEL), "sum by (model, version)"
    known = f"{by} (last_over_time({counted}[{_KNOWN_FOR}] {_STEP_BEFORE}))"
    lately = f"increase({counted}[{_SILENT_FOR}] {_STEP_BEFORE})"
    first = f"{by} ({counted}) > 0\nunless\n{known} > 0"
    again = (
        f"{by} ({counted}) - {by} ({counted} {_STEP_BEFORE}) > 0\n"
        f"and on (model)\nsum by (model) ({lately}) > 0\nunless\n{by} ({lately}) > 0"
    )
    return either(first, again)


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
