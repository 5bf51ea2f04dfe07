"""A measured value with its band, beside what the folds promise with their corridor.

Grafana fills between two series that it finds by their names, and silently fills nothing where a name is missing or two
series have it: so each query answers with one series, and its name is written here once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as sdk

from monitor.dashboards.looks import BLUE, GREY
from monitor.dashboards.panels import SHARE, Words, course, look, override
from monitor.dashboards.queries import Query, series

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import DashboardFieldConfigSourceOverrides as Override

    from monitor.prometheus.metric import Measured, Metric

UPPER: Final = "upper"
LOWER: Final = "lower"
ESTIMATE: Final = "estimate"
PROMISE_UPPER: Final = "baseline upper"
PROMISE_LOWER: Final = "baseline lower"
PROMISE: Final = "baseline"
HOW_TO_READ: Final = (
    "Blue: production, the line is the estimate and the shade its band, which is where the true value may lie. Grey: "
    "what cross-validation promised, the line is the promise and the shade the folds' corridor. Blue above or within "
    "grey is fine; the further the blue shade lies below the grey one, the surer it is that something got worse. A gap "
    "means that nothing was known."
)
_FAINT: Final = 15
_STRONG: Final = 2


def band(
    words: Words, of: Measured, *matchers: str, width: int, height: int = 9, every_version: bool = False
) -> sdk.Panel:
    """Return the panel of one metric; `matchers` choose one series of each family of `of`, or one a version.

    Of `every_version`, each counts by its labels. Of a share that is what both together reach; the ends of the band are
    then further apart than those of both together would be, while a version takes over from another.
    """
    said = Words(words.title, f"{words.description} {HOW_TO_READ}", words.absent)
    asked: tuple[tuple[str, Metric], ...] = (
        (PROMISE_UPPER, of.baseline_upper),
        (PROMISE_LOWER, of.baseline_lower),
        (PROMISE, of.baseline),
        (UPPER, of.upper),
        (LOWER, of.lower),
        (ESTIMATE, of.value),
    )
    ask = partial(_together, of.labels) if every_version else _single
    queries = [Query(ask(metric, *matchers), name) for name, metric in asked]
    panel = course(said, queries, SHARE, width=width, height=height)
    look(panel).overrides = [
        _edge(PROMISE_UPPER, GREY, PROMISE_LOWER),
        _edge(PROMISE_LOWER, GREY),
        _line(PROMISE, GREY, dashed=True),
        _edge(UPPER, BLUE, LOWER),
        _edge(LOWER, BLUE),
        _line(ESTIMATE, BLUE, dashed=False),
    ]
    return panel


def _single(metric: Metric, *matchers: str) -> str:
    return f"max({series(metric, *matchers)})"


def _together(labels: Metric, metric: Metric, *matchers: str) -> str:
    """Return the mean of the versions, each by its labels."""
    value, weight = (f"max by (version) ({series(one, *matchers)})" for one in (metric, labels))
    return f"sum({value} * on (version) {weight})\n/\nsum({weight} and on (version) {value})"


def _edge(name: str, colour: str, down_to: str | None = None) -> Override:
    """Return an end of a band: no line, not in the legend; the upper one is filled down to the lower one."""
    fill: dict[str, object] = {} if down_to is None else {"custom__fillBelowTo": down_to}
    return override(
        name,
        color=_fixed(colour),
        custom__lineWidth=0,
        custom__fillOpacity=0 if down_to is None else _FAINT,
        custom__hideFrom=common.HideSeriesConfig(tooltip=False, legend=True, viz=False),
        **fill,
    )


def _line(name: str, colour: str, *, dashed: bool) -> Override:
    style = common.LineStyle("dash", [8, 6]) if dashed else common.LineStyle("solid")
    return override(name, color=_fixed(colour), custom__lineWidth=_STRONG, custom__lineStyle=style)


def _fixed(colour: str) -> sdk.FieldColor:
    return sdk.FieldColor(sdk.FieldColorModeId.FIXED, colour)
