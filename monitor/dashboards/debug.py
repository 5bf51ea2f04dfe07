"""The dashboard of whoever wants to know why: folds, labels, reading, and what the daemon takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.dashboards import variables
from monitor.dashboards.annotations import marks
from monitor.dashboards.board import DEBUG, board
from monitor.dashboards.flow import labels, reading
from monitor.dashboards.folds import confusion, fold_values, shares
from monitor.dashboards.layout import Section
from monitor.dashboards.work import identity, work

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk


def debug() -> sdk.Dashboard:
    """Return the dashboard: six hours, asked again every minute."""
    return board(
        DEBUG,
        (
            Section(
                "Folds and production of $model, version $version, over $window ($maturity labels)",
                (fold_values(), shares(), confusion()),
            ),
            Section("Predictions and labels of $model", labels()),
            Section("Reading", reading()),
            Section("The daemon at work", work()),
            Section("What runs, and what it compares with", identity()),
        ),
        [
            variables.source(),
            variables.several("job"),
            *map(variables.one, ("model", "version", "window", "maturity", "metric")),
            variables.several("class"),
        ],
        marks(),
        since="now-6h",
        refresh="1m",
    )
