"""Queries of panels: what is asked, and what the answer is called. Selectors are written here and nowhere else.

A variable of which one value is chosen is matched with `=`, one of which several are with `=~`: so does Grafana escape
what stands in it. Each series of the daemon is chosen by `job`; recorded series carry none, and name the objective.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.rules.promql import any_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.prometheus.metric import Metric

JOB: Final = 'job=~"$job"'
MODEL: Final = 'model="$model"'
VERSION: Final = 'version="$version"'
WINDOW: Final = 'window="$window"'
MATURITY: Final = 'maturity="$maturity"'
MATURE: Final = 'maturity="mature"'
METRIC: Final = 'metric="$metric"'
HEADLINE: Final = 'metric="$headline"'
CLASS: Final = 'class=~"$class"'
SLO: Final = 'slo=~"$slo"'
WHOLE: Final = 'segment=""'
"""Everything, not a segment of it."""

OURS: Final = "|".join([*alerts.QUALITY, *(name for name in alerts.OPERATION if name != alerts.WATCHDOG)])
"""A pattern of the names of all alerts but the dead man's switch, which always rings."""
LOUD: Final = f'alertname=~"{OURS}", routing!="shadow"'
"""Matchers of the alerts that reach somebody."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus."""

    expr: str
    legend: str = ""
    """Name of its series; `{{label}}` stands for the label's value."""
    instant: bool = False
    """Ask for one moment, the end of what is shown, instead of for a course."""


def series(metric: Metric | str, *matchers: str) -> str:
    """Return the selector of a series that the daemon's job has."""
    return recorded(metric if isinstance(metric, str) else metric.name, JOB, *matchers)


def recorded(name: str, *matchers: str) -> str:
    """Return the selector of a series that rules record, or Prometheus itself."""
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def rate(counter: Metric | str, by: str, *matchers: str) -> str:
    """Return how often a second a counter moves, by labels."""
    return f"sum by ({by}) (rate({series(counter, *matchers)}[$__rate_interval]))"


def quantile(q: float, histogram: Metric | str) -> str:
    """Return a quantile of what a histogram of the daemon counted of late."""
    name = histogram if isinstance(histogram, str) else histogram.name
    return f"histogram_quantile({q:g}, sum by (le) (rate({series(f'{name}_bucket')}[$__rate_interval])))"


def alerts_of(*matchers: str) -> str:
    """Return the selector of Prometheus' own series of alerts that are firing."""
    return recorded("ALERTS", 'alertstate="firing"', *matchers)


def either(*expressions: str) -> str:
    """Return the first of the expressions that has an answer, series by series."""
    return any_of(expressions)


def zero_where(expression: str, known: str) -> str:
    """Return `expression`, or 0 where it has no answer although `known` has one: nothing found is not nothing known."""
    return either(expression, f"0 * count({known})")


def at_the_end(queries: Iterable[tuple[str, str]]) -> tuple[Query, ...]:
    """Return (expression, legend) pairs as queries of one moment."""
    return tuple(Query(expr, legend, instant=True) for expr, legend in queries)
