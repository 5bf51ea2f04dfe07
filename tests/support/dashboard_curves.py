"""Panels through time: curves with bands, states, and heatmaps. Times are UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from dashboard_fields import TEXT, field_of, reduced
from matplotlib.transforms import Bbox, BboxTransformTo, TransformedBbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard_fields import Field
    from dashboard_frames import Series
    from dashboard_queries import Panel
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

_GRID = "#2c3235"
_FAINT = "#9fa7b3"
_LINE = 16
"""Pixels of a line of the legend."""
_LEGEND_MOST = 0.4
"""Of the height."""
_TICKS = 5


def curves(
    axes: Axes,
    width: int,
    height: int,
    panel: Panel,
    found: Sequence[Series],
    marks: Sequence[tuple[float, float, str]],
) -> None:
    """Draw lines, with what is filled between them, thresholds and annotations."""
    now = panel.span.end
    fields = [field_of(panel.json, one.name, one.ref) for one in found]
    shades = [
        field.line_colour(number, reduced(one.values, "last") or math.nan)
        for number, (field, one) in enumerate(zip(fields, found, strict=True))
    ]
    entries = [
        (one, field, shade)
        for one, field, shade in zip(found, fields, shades, strict=True)
        if not (field.custom("hideFrom") or {}).get("legend")
    ]
    _place(axes, width, height, legend(axes, width, height, panel, entries))
    _lines(axes, width, panel, found, fields, shades)
    field = field_of(panel.json, "")
    _scale(axes, panel, [field, *fields], now, height)
    for start, end, shade in marks:
        axes.axvline(start, color=shade, lw=0.8, ls="--", alpha=0.8)
        if end > start:
            axes.axvspan(start, end, color=shade, alpha=0.04, lw=0)


def _lines(
    axes: Axes, width: int, panel: Panel, found: Sequence[Series], fields: Sequence[Field], shades: Sequence[str]
) -> None:
    """Draw each series."""
    names = {one.name: _gapped(one, panel.step) for one in found}
    stack: NDArray[np.float64] | None = None
    for one, field, shade in zip(found, fields, shades, strict=True):
        if (field.custom("hideFrom") or {}).get("viz"):
            continue
        at, values = names[one.name]
        stacked = (field.custom("stacking") or {}).get("mode") == "normal"
        if stacked:
            grid = np.arange(panel.span.start // panel.step * panel.step, panel.span.end + 1, panel.step)
            own = np.interp(grid, one.at, one.values, left=0, right=0) if one.at else np.zeros_like(grid)
            below = np.zeros_like(grid) if stack is None else stack
            stack = below + own
            axes.fill_between(grid, below, stack, color=shade, alpha=(field.custom("fillOpacity", 0) or 10) / 100, lw=0)
            at, values = grid, stack
        _line(axes, width, panel, one, field, shade, (at, values), names, stacked=stacked)


def _line(
    axes: Axes,
    width: int,
    panel: Panel,
    one: Series,
    field: Field,
    shade: str,
    curve: Curve,
    names: Mapping[str, Curve],
    *,
    stacked: bool,
) -> None:
    """Draw one series, and what is filled below it."""
    at, values = curve
    style = {"dash": "--", "dot": ":"}.get((field.custom("lineStyle") or {}).get("fill", ""), "-")
    lines = float(field.custom("lineWidth", 1))
    kind = field.custom("drawStyle", "line")
    opacity = field.custom("fillOpacity", 0) / 100
    below_to = field.custom("fillBelowTo")
    if below_to:
        if below_to in names:
            ends_at, ends = names[below_to]
            both = np.union1d(at, ends_at)
            axes.fill_between(both, _on(both, at, values), _on(both, ends_at, ends), color=shade, alpha=opacity, lw=0)
        else:
            axes.text(0.5, 0.9, f"fillBelowTo {below_to!r} IS MISSING", color="red", transform=axes.transAxes)
    elif opacity and kind == "line" and not stacked:
        axes.fill_between(at, 0, values, color=shade, alpha=opacity, lw=0)
    if kind == "bars":
        axes.bar(at, values, panel.step * 0.9, color=shade, alpha=max(opacity, 0.4))
    elif kind == "points":
        axes.plot(at, values, ".", color=shade, ms=3)
    elif lines:
        steps = {"stepAfter": "steps-post", "stepBefore": "steps-pre"}.get(
            field.custom("lineInterpolation", ""), "default"
        )
        axes.plot(at, values, style, color=shade, lw=lines * 0.75, drawstyle=steps)
        if len(one.at) < width / 20:
            axes.plot(at, values, ".", color=shade, ms=4)


def legend(
    axes: Axes, width: int, height: int, panel: Panel, entries: Sequence[tuple[Series, Any, str]]
) -> tuple[float, float]:
    """Draw the legend; return what it takes: (of the height below, of the width at the right), in pixels."""
    options = panel.json.get("options", {}).get("legend", {})
    if not options.get("showLegend", True) or not entries:
        return 0.0, 0.0
    calcs = options.get("calcs") or []
    texts = []
    for one, field, _ in entries:
        shown = [f"{calc}: {field.text(reduced(one.values, calc), panel.span.end)}" for calc in calcs]
        texts.append("  ".join([one.name.replace("$", r"\$"), *shown]))
    right = options.get("placement") == "right"
    table = options.get("displayMode") == "table"
    places: list[tuple[float, float]] = []
    x, y = 0.0, 0.0
    for text in texts:
        long = len(text) * 6.0 + 28
        if not (right or table) and x and x + long > width:
            x, y = 0.0, y + _LINE
        places.append((x, y))
        x, y = (0.0, y + _LINE) if right or table else (x + long, y)
    deep = (places[-1][1] + _LINE) if places else 0.0
    taken = min(deep, height * (1.0 if right else _LEGEND_MOST))
    side = min(max(len(text) for text in texts) * 6.0 + 30, width * 0.45) if right else 0.0
    for (_, _, shade), text, (x, y) in zip(entries, texts, places, strict=True):
        if y + _LINE > taken + 1:
            break
        left = (width - side + 10 if right else x) / width
        top = 1 - (y + 8) / height if right else (taken - y - 8) / height
        axes.annotate("▬", (left, top), xycoords=_outer(axes), color=shade, size=8, va="center")
        axes.annotate(text, (left + 15 / width, top), xycoords=_outer(axes), color=TEXT, size=7.5, va="center")
    hidden = sum(y + _LINE > taken + 1 for _, y in places)
    if hidden:
        axes.annotate(f"+{hidden} to scroll", (0.9, 0.01), xycoords=_outer(axes), color=_FAINT, size=7)
    return (0.0 if right else taken + 4), side


def timeline(axes: Axes, width: int, height: int, panel: Panel, found: Sequence[Series]) -> None:
    """Draw one row a series, in the colours of its states."""
    longest = max(len(one.name) for one in found)
    left = min(longest * 6.2 + 14, width * 0.4)
    axes.set_position(_inside(axes, left / width, 22 / height, 1 - left / width, 1 - 22 / height))
    for number, one in enumerate(found):
        field = field_of(panel.json, one.name, one.ref)
        begun = 0
        for index in range(1, len(one.at) + 1):
            over = index == len(one.at)
            gap = not over and one.at[index] - one.at[index - 1] > 1.5 * panel.step
            if over or gap or one.values[index] != one.values[begun]:
                value = one.values[begun]
                end = one.at[index - 1] + panel.step if over or gap else one.at[index]
                shade = field.coloured(value)
                axes.barh(number, end - one.at[begun], 0.8, left=one.at[begun], color=shade, alpha=0.75, lw=0)
                text = field.text(value, panel.span.end)
                if (end - one.at[begun]) / (panel.span.end - panel.span.start) * (width - left) > len(text) * 7:
                    axes.text((one.at[begun] + end) / 2, number, text, color="white", size=7, ha="center", va="center")
                begun = index
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks(range(len(found)), [one.name for one in found], color=TEXT, size=7.5)
    _times(axes, panel)


def heatmap(axes: Axes, width: int, height: int, panel: Panel, found: Sequence[Series]) -> None:
    """Draw buckets through time; those of a histogram are told from each other first."""

    def bound(one: Series) -> float:
        text = one.labels.get("le", one.name)
        return math.inf if text in {"+Inf", "inf"} else float(text) if text.replace(".", "", 1).isdigit() else 0.0

    rows = sorted(found, key=bound)
    at = np.unique(np.concatenate([np.array(one.at) for one in rows]))
    values = np.array([_on(at, np.array(one.at), np.array(one.values)) for one in rows])
    if any(one.get("format") == "heatmap" for one in panel.json.get("targets", [])):
        values = np.diff(values, axis=0, prepend=0)
    values = np.where(values > 0, values, np.nan)
    _place(axes, width, height, (0, 0))
    axes.pcolormesh(np.append(at, at[-1] + panel.step), np.arange(len(rows) + 1), values, cmap="inferno")
    field = field_of(panel.json, "")
    unit = (panel.json.get("options", {}).get("yAxis") or {}).get("unit") or field.unit
    labels = [one.labels.get("le", one.name) + f" [{unit}]" for one in rows]
    axes.set_yticks(np.arange(len(rows)) + 0.5, labels, color=_FAINT, size=7)
    _times(axes, panel)


def _outer(axes: Axes) -> Any:
    """Return the transform of the whole place of a panel's body, kept before the curve's own place is made smaller."""
    if not hasattr(axes, "whole"):
        box = axes.get_position()
        figure = axes.figure
        axes.whole = BboxTransformTo(TransformedBbox(Bbox(box.get_points()), figure.transSubfigure))  # type: ignore[attr-defined]
    return axes.whole  # type: ignore[attr-defined]


def _inside(axes: Axes, x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    box = axes.get_position()
    return (box.x0 + x * box.width, box.y0 + y * box.height, width * box.width, height * box.height)


def _place(axes: Axes, width: int, height: int, taken: tuple[float, float]) -> None:
    """Make room for the legend and the axes' own numbers."""
    below, side = taken
    left, bottom = 58.0, below + 20
    axes.set_position(
        _inside(axes, left / width, bottom / height, 1 - (left + side + 8) / width, 1 - (bottom + 4) / height)
    )


def _gapped(one: Series, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and values with a gap where steps are missing."""
    at, values = np.array(one.at), np.array(one.values)
    holes = np.flatnonzero(np.diff(at) > 1.5 * step)
    return np.insert(at, holes + 1, at[holes] + step), np.insert(values, holes + 1, np.nan)


def _on(grid: NDArray[np.float64], at: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values on other times; NaN where there is none."""
    found = np.full(len(grid), np.nan)
    found[np.isin(grid, at)] = values[np.isin(at, grid)]
    return found


def _scale(axes: Axes, panel: Panel, fields: Sequence[Any], now: float, height: int) -> None:
    """Set limits, ticks, grid and thresholds."""
    field = fields[0]
    log = (field.custom("scaleDistribution") or {}).get("type") == "log"
    if log:
        axes.set_yscale("log", base=(field.custom("scaleDistribution") or {}).get("log", 10))
    low, high = field.limit("min"), field.limit("max")
    seen_low, seen_high = axes.get_ylim()
    soft_low, soft_high = field.custom("axisSoftMin"), field.custom("axisSoftMax")
    low = min(seen_low, soft_low) if low is None and soft_low is not None else seen_low if low is None else low
    high = max(seen_high, soft_high) if high is None and soft_high is not None else seen_high if high is None else high
    if not (log and low <= 0):
        axes.set_ylim(low, high)
    mode = (field.custom("thresholdsStyle") or {}).get("mode", "off")
    for each in fields[:1] if mode != "off" else ():
        for limit, shade in each.steps:
            if math.isfinite(limit) and abs(limit) < 1e11:
                axes.axhline(limit, color=shade, lw=1.2, ls="--" if "dash" in mode else "-")
    if not log:
        axes.yaxis.get_major_locator().set_params(nbins=max(2, min(8, height // 45)))  # type: ignore[call-arg]
    unit = next((each for each in fields if each.unit != "none"), field)
    axes.yaxis.set_major_formatter(lambda value, _: unit.text(float(value), now))
    axes.tick_params(colors=_FAINT, labelsize=7.5, length=0)
    axes.grid(visible=True, color=_GRID, lw=0.6)
    if label := field.custom("axisLabel"):
        axes.set_ylabel(label, color=_FAINT, size=7.5)
    _times(axes, panel)


def _times(axes: Axes, panel: Panel) -> None:
    """Set the ticks of time."""
    start, end = panel.span
    axes.set_xlim(start, end)
    ticks = np.linspace(start, end, _TICKS + 2)[1:-1]
    form = "%m/%d %H:%M" if end - start > 86_400 else "%H:%M"
    axes.set_xticks(ticks, [datetime.fromtimestamp(at, UTC).strftime(form) for at in ticks])
    axes.tick_params(colors=_FAINT, labelsize=7.5, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
