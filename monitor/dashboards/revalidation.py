"""Re-validation: of each model that has one, what the gate said, what is open, and for how long nobody asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.dashboards.looks import AMBER, GREEN, RED, absent, named
from monitor.dashboards.panels import COUNT, Scale, Words, override
from monitor.dashboards.queries import either, series
from monitor.dashboards.tables import Column, rows
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.prometheus.metric import Metric

_GATE: Final = {"0": ("rejected", RED), "1": ("passed", GREEN)}
_NEVER: Final = "none yet"
_STATE: Final = {"0": ("nothing", GREEN), "1": ("a run", AMBER), "2": ("approval", AMBER)}
_LONG: Final = Scale("s", 0)
_ASKED: Final = Scale("s", 0, limits=((0, GREEN), (93_600, RED)))
_FAILED: Final = Scale("short", 0, 0, limits=((0, GREEN), (1, AMBER), (2, RED)))


def revalidations() -> sdk.Panel:
    """Return a row for each model that is re-validated."""

    def of(metric: Metric) -> str:
        return f"max by (model) ({series(metric)})"

    def ago(metric: Metric) -> str:
        return f"time() - {of(metric)}"

    waits, opened = of(catalog.REVALIDATION_WAITS), of(catalog.REVALIDATION_OPEN)
    open_ = either(f"2 * {waits} == 2", f"0 * {opened} + 1", f"0 * {waits}")
    words = Words(
        "Re-validation",
        "Each model that is re-validated: what the gate said of the last candidate, runs in a row that came to none, "
        "what is waited for, how long ago somebody asked, and when the baseline last changed. Two failures, "
        "or a day without a question, are tickets.",
        "no model is re-validated",
    )
    columns = [
        Column("Last candidate", of(catalog.GATE_PASSED), COUNT),
        Column("Failed in a row", of(catalog.REVALIDATION_FAILURES), _FAILED, coloured=True),
        Column("Open", open_, COUNT),
        Column("Since it was asked", ago(catalog.REVALIDATION_ASKED), _ASKED, coloured=True),
        Column("Since the baseline changed", ago(catalog.PROMOTED), _LONG),
    ]
    more = [
        override("Last candidate", mappings=named(_GATE, _NEVER), custom__cellOptions={"type": "color-text"}),
        override("Open", mappings=named(_STATE), custom__cellOptions={"type": "color-text"}),
        override("Since the baseline changed", mappings=[absent("never")]),
    ]
    return rows(words, {"model": "Model"}, columns, width=24, height=6, sort=("Model", False), more=more)
