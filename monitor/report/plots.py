"""Plots as inline SVG: band against corridor over time, and the band of now against the corridor. No JavaScript.

Colours come from the page's style sheet by class names: `corridor`, `promise`, `band`, `value`, `mark worse` and so on.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.axes import HEIGHT, LEFT, RIBBON, RIGHT, TOP, WIDTH, Axes, axes
from monitor.report.markup import Markup, joined, tag
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from monitor.report.history import Point, Track
    from monitor.statistics.report import MetricResult

    Ends = Callable[[Point], tuple[float | None, float | None]]
    Value = Callable[[Point], float | None]

_HOVERS: Final = 60
"""Most places of a plot that tell their values under the pointer."""
_THICKNESS: Final = {Verdict.OK: 2, Verdict.UNKNOWN: 4, Verdict.WORSE: 6}
LEGEND: Final = joined(
    (
        tag("span", tag("i", class_="key band"), "production with its band"),
        tag("span", tag("i", class_="key provisional"), "provisional"),
        tag("span", tag("i", class_="key corridor"), "what the folds promise, with its corridor"),
        tag("span", tag("i", class_="key verdicts"), "foot: OK thin, UNKNOWN hollow, WORSE thick"),
    )
)
"""What the areas mean."""


def over_time(mature: Track, provisional: Track, label: str) -> Markup:
    """Return a plot of one series: the folds' corridor, the band, the value, verdicts as marks, gaps where undefined.

    Provisional windows are drawn, in a lighter hand, only where they are newer than every mature one.
    """
    newest = mature[-1].end if mature else None
    fresh = tuple(point for point in provisional if newest is None or point.end > newest)
    points = (*mature, *fresh)
    if all(point.value is None for point in points):
        return tag("p", "Nothing to draw yet: no window has a value.", class_="none")
    # The lighter line begins where the full one ends.
    tail = (*mature[-1:], *fresh) if fresh else ()
    on = axes(points)
    return tag(
        "svg",
        *on.drawn(),
        *_areas(points, on, lambda p: (p.baseline_lower, p.baseline_upper), "corridor"),
        *_lines(points, on, lambda p: p.baseline, "promise"),
        *_areas(mature, on, lambda p: (p.lower, p.upper), "band"),
        *_areas(tail, on, lambda p: (p.lower, p.upper), "band provisional"),
        *_lines(mature, on, lambda p: p.value, "value"),
        *_lines(tail, on, lambda p: p.value, "value provisional"),
        *_ribbon(points, on),
        *_marks(points, on),
        *_hovers(points, on, newest),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_spoken(points[-1], label),
    )


def against(result: MetricResult) -> Markup | None:
    """Return one small bar: the band of now over the folds' corridor, on an axis of their own; None without either."""
    ends = [e for e in (result.lower, result.upper, result.baseline_lower, result.baseline_upper) if e is not None]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    pad = max((high - low) * 0.08, 1e-4)

    def at(value: float) -> float:
        return round(100 * (value - low + pad) / (high - low + 2 * pad), 1)

    def bar(begin: float, end: float, y: float, height: float, class_: str) -> Markup:
        width = max(round(at(end) - at(begin), 1), 0.8)
        return tag("rect", x=at(begin), y=y, width=width, height=height, class_=class_)

    parts = []
    if result.baseline_lower is not None and result.baseline_upper is not None:
        parts.append(bar(result.baseline_lower, result.baseline_upper, 1, 12, "corridor"))
    if result.lower is not None and result.upper is not None:
        parts.append(bar(result.lower, result.upper, 5, 4, "band-now"))
    if result.value is not None:
        parts.append(bar(result.value, result.value, 3, 8, "value-now"))
    return tag("svg", *parts, class_="against", viewBox="0 0 100 14", preserveAspectRatio="none", aria_hidden="true")


def _runs(points: Iterable[Point], known: Callable[[Point], bool]) -> list[list[Point]]:
    """Cut a series where a point does not have what is drawn: a gap stays a gap."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if known(point):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _areas(points: Iterable[Point], on: Axes, ends: Ends, class_: str) -> list[Markup]:
    """Return an area between two ends, one path an unbroken run."""
    parts = []
    for run in _runs(points, lambda p: None not in ends(p)):
        upper = _places(run, on, lambda p: ends(p)[1])
        lower = _places(run, on, lambda p: ends(p)[0])
        parts.append(tag("path", d=f"M{_through([*upper, *reversed(lower)])}Z", class_=class_))
    return parts


def _lines(points: Iterable[Point], on: Axes, value: Value, class_: str) -> list[Markup]:
    """Return a line through a value, one path an unbroken run."""
    return [
        tag("path", d=f"M{_through(_places(run, on, value))}", class_=class_)
        for run in _runs(points, lambda p: value(p) is not None)
    ]


def _places(run: Sequence[Point], on: Axes, value: Value) -> list[tuple[float, float]]:
    """Return where a run lies; a lonely point is widened, so that it can be seen."""
    places = [(on.x(p.end), on.y(value(p) or 0.0)) for p in run]
    if len(places) > 1:
        return places
    (x, y), *_ = places
    return [(max(x - 2.5, LEFT), y), (min(x + 2.5, RIGHT), y)]


def _through(places: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x:g} {y:g}" for x, y in places)


def _ribbon(points: Sequence[Point], on: Axes) -> list[Markup]:
    """Return the verdicts along the foot of the plot: thin for OK, hollow for UNKNOWN, thick for WORSE."""
    parts = []
    rims = [round((on.x(a.end) + on.x(b.end)) / 2, 1) for a, b in pairwise(points)]
    edges = [on.x(points[0].end) - 2, *rims, on.x(points[-1].end) + 2]
    begin = 0
    for i in range(1, len(points) + 1):
        verdict = points[begin].verdict
        if i < len(points) and points[i].verdict is verdict:
            continue
        if verdict:
            left, width = round(edges[begin], 1), round(edges[i] - edges[begin], 1)
            height = _THICKNESS[verdict]
            y = RIBBON - height / 2
            parts.append(tag("rect", x=left, y=y, width=width, height=height, class_=f"ribbon {verdict.value.lower()}"))
        begin = i
    return parts


def _marks(points: Sequence[Point], on: Axes) -> list[Markup]:
    """Return a mark wherever WORSE begins and at the last point, of the shape and colour of the verdict."""
    parts = []
    before: Verdict | None = None
    for i, point in enumerate(points):
        begins = point.verdict is Verdict.WORSE and before is not Verdict.WORSE
        if (begins or i == len(points) - 1) and point.verdict and point.value is not None:
            parts.append(_mark(on.x(point.end), on.y(point.value), point.verdict))
        before = point.verdict
    return parts


def _mark(x: float, y: float, verdict: Verdict) -> Markup:
    """Return a disc for OK, a triangle pointing down for WORSE, a hollow square for UNKNOWN."""
    class_ = f"mark {verdict.value.lower()}"
    if verdict is Verdict.WORSE:
        return tag("path", d=f"M{x - 5:g} {y - 4:g}h10l-5 9Z", class_=class_)
    if verdict is Verdict.OK:
        return tag("circle", cx=x, cy=y, r=3.6, class_=class_)
    return tag("rect", x=round(x - 3, 1), y=round(y - 3, 1), width=6, height=6, class_=class_)


def _hovers(points: Sequence[Point], on: Axes, newest_mature: int | None) -> list[Markup]:
    """Return invisible columns that tell values under the pointer; of a long series, of every few points one."""
    every = ceil(len(points) / _HOVERS)
    shown = points[(len(points) - 1) % every :: every]
    rims = [(on.x(a.end) + on.x(b.end)) / 2 for a, b in pairwise(shown)]
    parts = []
    for point, left, right in zip(shown, [LEFT, *rims], [*rims, RIGHT], strict=True):
        mature = newest_mature is not None and point.end <= newest_mature
        column = tag(
            "rect",
            tag("title", _told(point) if mature else f"{_told(point)}\nprovisional"),
            x=round(left, 1),
            y=TOP,
            width=round(max(right - left, 1.0), 1),
            height=HEIGHT - TOP,
            class_="hover",
        )
        parts.append(column)
    return parts


def _told(point: Point) -> str:
    """Return a point in words, one fact a line."""
    value = "undefined" if point.value is None else words.number(point.value)
    band = words.band(point.lower, point.upper)
    corridor = words.band(point.baseline_lower, point.baseline_upper)
    lines = [
        f"window ending {words.moment(point.end)}",
        f"{value} ({band})" if band else value,
        f"promised {words.number(point.baseline)} ({corridor})" if corridor else "",
        f"{words.count(point.n)} labels",
        point.verdict.value if point.verdict else "",
    ]
    return "\n".join(filter(None, lines))


def _spoken(point: Point, label: str) -> str:
    """Return what a screen reader says instead of the picture: the newest point."""
    return f"{label} over time; newest: {_told(point)}".replace("\n", ", ")
