"""A dashboard as Grafana would ask it: every query with its macros and variables replaced, repeated panels repeated.

    dashboard = read(Path("grafana/on-call.json"))
    chosen = choose(dashboard, api, now)                    # every variable as the dashboard stands when it is opened
    for panel in panels(dashboard, chosen, now):
        for target in panel.targets:
            api.through(target.expr, panel.span, panel.step)

Variables are those of dashboard_variables.py.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboard_api import Span
from dashboard_variables import ALL, Variable, options_of, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dashboard_api import Api

Json = dict[str, Any]
SCRAPE = 15.0
"""Seconds between scrapes, as a data source of Grafana assumes where nobody says so."""
POINTS = 600
"""How many points a panel is wide."""
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3_600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "M": 2_592_000.0,
    "y": 31_536_000.0,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])")
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
_LEGEND = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    ref: str
    expr: str
    """As Prometheus gets it."""
    legend: str
    """With `{{label}}`, or empty."""
    instant: bool
    table: bool

    def name(self, labels: Mapping[str, str]) -> str:
        """Return what a series is called."""
        if self.legend and self.legend != "__auto":
            return _LEGEND.sub(lambda found: labels.get(found[1], ""), self.legend)
        rest = {name: value for name, value in labels.items() if name != "__name__"}
        inside = ", ".join(f'{name}="{rest[name]}"' for name in sorted(rest))
        return f"{labels.get('__name__', '')}{{{inside}}}" if rest else labels.get("__name__", self.expr)


@dataclass(frozen=True)
class Panel:
    """One panel at its place, its queries ready to be asked."""

    dashboard: str
    """Its uid."""
    title: str
    kind: str
    place: tuple[int, int, int, int]
    """x, y, width, height on the grid."""
    span: Span
    step: float
    """Seconds."""
    targets: tuple[Target, ...]
    json: Json = field(repr=False)


def read(path: Path) -> Json:
    """Return a dashboard."""
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def span_of(dashboard: Json, now: float) -> Span:
    """Return the range of time with which a dashboard opens."""
    times = dashboard["time"]
    return Span(_moment(times["from"], now), _moment(times["to"], now))


def choose(
    dashboard: Json, api: Api, now: float, wanted: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Variable]:
    """Return every variable, with its options as Prometheus knows them.

    Chosen is what is `wanted`, else what the dashboard says, else the first option. A data source is called
    `prometheus`. A variable may refer to those before it.
    """
    span = span_of(dashboard, now)
    found: dict[str, Variable] = {}
    for each in dashboard.get("templating", {}).get("list", []):
        name, kind = each["name"], each["type"]
        query = each.get("query", "")
        asked = query.get("query", "") if isinstance(query, dict) else query
        asked = replaced(asked, found, macros(span, 60.0), promql=True)
        options = options_of(kind, asked, each.get("regex", ""), int(each.get("sort") or 0), api, span)
        include_all = bool(each.get("includeAll"))
        stored = each.get("current", {}).get("value", [])
        stored = [stored] if isinstance(stored, str) else list(stored or [])
        if wanted and name in wanted:
            chosen = tuple(wanted[name])
        elif stored == [ALL] and include_all:
            chosen = (ALL,)
        elif stored and all(value in options for value in stored):
            chosen = tuple(stored)
        else:
            chosen = (ALL,) if include_all and not stored else options[:1]
        found[name] = Variable(
            name, kind, bool(each.get("multi")), include_all, each.get("allValue") or "", options, chosen, asked
        )
    return found


def panels(dashboard: Json, chosen: Mapping[str, Variable], now: float) -> Iterator[Panel]:
    """Yield every panel but rows, those in folded rows too, once a value where it is repeated."""
    whole = span_of(dashboard, now)
    for each, scoped in _every(dashboard.get("panels", []), chosen):
        span = whole
        if each.get("timeFrom"):
            span = Span(whole.end - seconds(each["timeFrom"]), whole.end)
        least = seconds(replaced(each["interval"], scoped, {})) if each.get("interval") else 0.0
        points = int(each.get("maxDataPoints") or POINTS)
        step = max(_rounded((span.end - span.start) / points), least, 1.0)
        place = each.get("gridPos", {})
        targets = [one for one in each.get("targets", []) if not one.get("hide") and one.get("expr")]
        yield Panel(
            dashboard["uid"],
            replaced(each.get("title", ""), scoped, {}),
            each["type"],
            tuple(place.get(name, 0) for name in "xywh"),
            span,
            step,
            tuple(_target(one, scoped, macros(span, step)) for one in targets),
            each,
        )


def annotated(dashboard: Json, chosen: Mapping[str, Variable], now: float) -> Iterator[tuple[str, str, float]]:
    """Yield name, query and step of each annotation that asks Prometheus."""
    span = span_of(dashboard, now)
    for each in dashboard.get("annotations", {}).get("list", []):
        if each.get("expr") or each.get("target", {}).get("expr"):
            step = seconds(each["step"]) if each.get("step") else 60.0
            expr = each.get("expr") or each["target"]["expr"]
            step = max(step, _rounded((span.end - span.start) / 10_000))
            yield each["name"], replaced(expr, chosen, macros(span, step), promql=True), step


def macros(span: Span, step: float, scrape: float = SCRAPE) -> dict[str, str]:
    """Return Grafana's own variables."""
    range_ = span.end - span.start
    rate = max(step + scrape, 4 * scrape)
    return {
        "__interval": f"{step:g}s",
        "__interval_ms": f"{step * 1000:.0f}",
        "__rate_interval": f"{rate:g}s",
        "__rate_interval_ms": f"{rate * 1000:.0f}",
        "__range": f"{range_:.0f}s",
        "__range_s": f"{range_:.0f}",
        "__range_ms": f"{range_ * 1000:.0f}",
        "__from": f"{span.start * 1000:.0f}",
        "__to": f"{span.end * 1000:.0f}",
    }


def seconds(text: str) -> float:
    """Return a duration such as `1h30m` or `>=30s`."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _every(
    given: Sequence[Json], chosen: Mapping[str, Variable], inherited: Mapping[str, Variable] | None = None
) -> Iterator[tuple[Json, dict[str, Variable]]]:
    """Yield panels with the variables that hold there; what follows a repeated row, up to the next, is repeated too."""
    scoped = dict(inherited or chosen)
    for each in given:
        if each["type"] == "row":
            scoped = dict(inherited or chosen)
            for own in _repeats(each, scoped):
                yield from _every(each.get("panels", []), chosen, own)
            if each.get("repeat") and not each.get("panels"):
                scoped = next(_repeats(each, scoped))
            continue
        for own in _repeats(each, scoped):
            yield each, own


def _repeats(each: Json, scoped: Mapping[str, Variable]) -> Iterator[dict[str, Variable]]:
    name = each.get("repeat")
    if not name:
        yield dict(scoped)
        return
    for value in scoped[name].values:
        yield {**scoped, name: scoped[name].only(value)}


def _target(one: Json, scoped: Mapping[str, Variable], known: Mapping[str, str]) -> Target:
    return Target(
        one["refId"],
        replaced(one["expr"], scoped, known, promql=True),
        replaced(one.get("legendFormat") or "", scoped, known),
        bool(one.get("instant")),
        one.get("format") == "table",
    )


def _moment(text: str, now: float) -> float:
    if text == "now":
        return now
    assert text.startswith("now-"), text
    return now - seconds(text.removeprefix("now-"))


def _rounded(step: float) -> float:
    """Return a step as Grafana rounds it."""
    return float(next((each for each in _STEPS if each >= step), 86_400))
