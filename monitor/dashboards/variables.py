"""Variables: what is chosen above a dashboard. A name means the same on all three, so that links carry it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import dashboard as sdk
from grafana_foundation_sdk.models.dashboard import VariableSort

from monitor.dashboards.panels import SOURCE
from monitor.dashboards.queries import MODEL, VERSION, WHOLE, WINDOW, recorded, series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL: Final = sdk.VariableOption(selected=True, text=["All"], value=["$__all"])
_ANYTHING: Final = ".+"
_COUNTED: Final = series(catalog.OF_CLASS.labels, MODEL, VERSION, WHOLE)
_ONE: Final[Mapping[str, tuple[str, str, VariableSort]]] = {
    "model": ("Model", series(catalog.PREDICTIONS), VariableSort.ALPHABETICAL_ASC),
    "version": ("Version", series(catalog.PREDICTIONS, MODEL), VariableSort.NATURAL_DESC),
    "window": ("Window", _COUNTED, VariableSort.NATURAL_DESC),
    "maturity": (
        "Labels",
        series(catalog.OF_CLASS.labels, MODEL, VERSION, WHOLE, WINDOW),
        VariableSort.ALPHABETICAL_ASC,
    ),
    "headline": (
        "Metric of the model",
        series(catalog.OF_MODEL.labels, MODEL, VERSION, WHOLE),
        VariableSort.ALPHABETICAL_ASC,
    ),
    "metric": (
        "Metric of classes",
        series(catalog.OF_CLASS.value, MODEL, VERSION, WHOLE),
        VariableSort.ALPHABETICAL_ASC,
    ),
}
"""Name -> label, series whose label of that name is chosen from, order. The first is chosen where nothing else is."""
_SEVERAL: Final[Mapping[str, tuple[str, str]]] = {
    "job": ("Job", recorded(catalog.PREDICTIONS.name)),
    "class": ("Class", _COUNTED),
    "slo": ("Objective", series(catalog.SLO_EVENTS, MODEL)),
}
"""The same of those of which several may be chosen, all to begin with."""
_LABEL_OF: Final = {"headline": "metric"}
_BEGINS: Final = {"metric": "recall"}
"""What is chosen at first where it is among the values: most objectives are about it."""


def source() -> sdk.VariableModel:
    """Return the choice of the Prometheus that is asked."""
    return sdk.VariableModel(
        sdk.VariableType.DATASOURCE, "datasource", "Data source", query="prometheus", options=[], regex=""
    )


def one(name: str) -> sdk.VariableModel:
    """Return a variable that has one value: a band has two ends, and can be drawn of one series only."""
    label, among, sort = _ONE[name]
    return _asked(name, label, among, sort)


def several(name: str) -> sdk.VariableModel:
    """Return a variable of which all values are chosen until somebody chooses some."""
    label, among = _SEVERAL[name]
    variable = _asked(name, label, among, VariableSort.NATURAL_ASC)
    variable.multi, variable.include_all, variable.all_value, variable.current = True, True, _ANYTHING, _ALL
    return variable


def typed(name: str, label: str, text: str) -> sdk.VariableModel:
    """Return a variable that is a text to type, with what it begins with."""
    chosen = sdk.VariableOption(selected=True, text=text, value=text)
    return sdk.VariableModel(sdk.VariableType.TEXTBOX, name, label, query=text, current=chosen, options=[chosen])


def _asked(name: str, label: str, among: str, sort: VariableSort) -> sdk.VariableModel:
    """Return a variable whose values Prometheus tells whenever the time that is shown changes."""
    query = f"label_values({among}, {_LABEL_OF.get(name, name)})"
    begins = _BEGINS.get(name)
    return sdk.VariableModel(
        sdk.VariableType.QUERY,
        name,
        label,
        query=query,
        definition=query,
        datasource=SOURCE,
        refresh=sdk.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=sort,
        options=[],
        regex="",
        current=sdk.VariableOption(selected=True, text=begins, value=begins) if begins else None,
    )
