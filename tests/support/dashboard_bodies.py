"""The bodies of panels, by their kind: what stands below the title. Times are UTC."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from dashboard_curves import curves, heatmap, timeline
from dashboard_fields import GREY, TEXT, field_of, reduced
from dashboard_frames import series_of, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard_api import Api
    from dashboard_frames import Series
    from dashboard_queries import Panel
    from matplotlib.axes import Axes

FAINT = "#8e8e96"


class Box(NamedTuple):
    """A place in pixels, from the top left."""

    x: int
    y: int
    width: int
    height: int


def body(axes: Axes, box: Box, panel: Panel, api: Api, marks: Sequence[tuple[float, float, str]]) -> None:
    """Draw what a panel shows."""
    if panel.kind in {"timeseries", "state-timeline", "heatmap", "status-history"}:
        found = series_of(panel, api)
        if not found:
            nothing(axes, panel)
        elif panel.kind == "timeseries":
            curves(axes, box.width, box.height, panel, found, marks)
        elif panel.kind == "heatmap":
            heatmap(axes, box.width, box.height, panel, found)
        else:
            timeline(axes, box.width, box.height, panel, found)
        return
    axes.set_xlim(0, box.width)
    axes.set_ylim(box.height, 0)
    axes.axis("off")
    if panel.kind in {"stat", "gauge"}:
        _stats(axes, box, panel, series_of(panel, api))
    elif panel.kind in {"bargauge", "barchart"}:
        _bars(axes, box, panel, series_of(panel, api))
    elif panel.kind == "table":
        _table(axes, box, panel, api)
    elif panel.kind == "text":
        content = panel.json.get("options", {}).get("content", "")
        lines = [line for part in content.splitlines() for line in textwrap.wrap(part, box.width // 6) or [""]]
        axes.text(4, 4, "\n".join(lines).replace("$", r"\$"), color=TEXT, size=8.5, va="top")
    elif panel.kind == "alertlist":
        _alerts(axes, box, panel, api)
    else:
        axes.text(box.width / 2, box.height / 2, f"kind {panel.kind!r} is not drawn", color="red", ha="center")


def nothing(axes: Axes, panel: Panel) -> None:
    """Say that there is nothing, in the panel's own words."""
    axes.axis("off")
    text = panel.json.get("fieldConfig", {}).get("defaults", {}).get("noValue") or "No data"
    axes.text(0.5, 0.5, text, color=GREY, size=11, ha="center", va="center", transform=axes.transAxes, wrap=True)


def _now(panel: Panel) -> float:
    return panel.span.end


def _stats(axes: Axes, box: Box, panel: Panel, found: Sequence[Series]) -> None:
    if not found:
        nothing(axes, panel)
        return
    options = panel.json.get("options", {})
    calc = (options.get("reduceOptions", {}).get("calcs") or ["lastNotNull"])[0]
    mode = options.get("textMode", "auto")
    named = mode in {"value_and_name", "name"} or (mode == "auto" and len(found) > 1)
    wide = options.get("orientation") in {None, "", "auto"} and box.width >= box.height
    wide = wide or options.get("orientation") == "vertical"
    size = (box.width / len(found), box.height) if wide else (box.width, box.height / len(found))
    for number, one in enumerate(found):
        field = field_of(panel.json, one.name, one.ref)
        value = reduced(one.values, calc)
        text, shade = field.text(value, _now(panel)), field.coloured(value)
        x, y = (number * size[0], 0.0) if wide else (0.0, number * size[1])
        points = min(30.0, size[1] * 0.36, size[0] / max(len(text), 1) * 1.1)
        ground = options.get("colorMode") == "background"
        if ground:
            axes.fill_between([x + 2, x + size[0] - 2], y + 2, y + size[1] - 2, color=shade)
        middle = y + size[1] * (0.58 if named else 0.5)
        if named and not wide:
            axes.text(14, y + size[1] / 2, _short(one.name, size[0] * 0.7), color=TEXT, size=10, va="center")
            axes.text(size[0] - 14, y + size[1] / 2, text, color=shade, size=20, ha="right", va="center", weight="bold")
            continue
        axes.text(
            x + size[0] / 2, middle, text, color="white" if ground else shade, size=points, ha="center", va="center",
            weight="bold",
        )  # fmt: skip
        if named:
            axes.text(x + size[0] / 2, y + 4, _short(one.name, size[0]), color=TEXT, size=9, ha="center", va="top")


def _bars(axes: Axes, box: Box, panel: Panel, found: Sequence[Series]) -> None:
    if not found:
        nothing(axes, panel)
        return
    axes.set_xlim(0, box.width)
    axes.set_ylim(box.height, 0)
    axes.axis("off")
    calc = (panel.json.get("options", {}).get("reduceOptions", {}).get("calcs") or ["lastNotNull"])[0]
    height = min(box.height / len(found), 60)
    left = min(max(len(one.name) for one in found) * 7 + 12, box.width * 0.4)
    width = box.width - left - 90
    for number, one in enumerate(found):
        field = field_of(panel.json, one.name, one.ref)
        value = reduced(one.values, calc)
        low, high = field.limit("min") or 0.0, field.limit("max")
        high = max((reduced(each.values, calc) or 0.0) for each in found) if high is None else high
        share = 0.0 if value is None else min(max((value - low) / ((high - low) or 1), 0), 1)
        shade, y = field.coloured(value), number * height
        axes.barh(y + height / 2, width, height * 0.6, left=left, color="#2a2d33")
        axes.barh(y + height / 2, width * share, height * 0.6, left=left, color=shade)
        size = max(6.0, min(10.0, height * 0.45))
        axes.text(left - 8, y + height / 2, _short(one.name, left), color=TEXT, size=size, ha="right", va="center")
        axes.text(left + width + 8, y + height / 2, field.text(value, _now(panel)), color=shade, size=size, va="center")


def _table(axes: Axes, box: Box, panel: Panel, api: Api) -> None:
    table = table_of(panel, api)
    if not table.rows:
        nothing(axes, panel)
        return
    if table.unknown:
        axes.text(box.width, 0, f"not made: {', '.join(table.unknown)}", color="red", size=7, ha="right")
    fields = {name: field_of(panel.json, name) for name in table.columns}
    shown = [name for name in table.columns if not fields[name].custom("hidden")]
    longest = [
        max([len(name)] + [len(fields[name].text(row.get(name), _now(panel))) for row in table.rows]) + 2
        for name in shown
    ]
    wide = [min(float(n), 60.0) for n in longest]
    edges = [0.0]
    for part in wide:
        edges.append(edges[-1] + part / sum(wide) * box.width)
    size = max(6.0, min(9.0, box.width / sum(wide) * 1.3))
    line = 24
    numbers = {name for name in shown if any(isinstance(row.get(name), float) for row in table.rows)}
    for name, x, end in zip(shown, edges, edges[1:], strict=False):
        right = name in numbers
        axes.text(
            end - 8 if right else x + 4, line / 2, name, color="#6e9fff", size=size, va="center", weight="bold",
            ha="right" if right else "left",
        )  # fmt: skip
    for number, row in enumerate(table.rows, 1):
        y = number * line
        if y + line > box.height + line / 2:
            axes.text(
                box.width - 4, box.height, f"{len(table.rows) - number + 1} more", color=FAINT, size=7, ha="right"
            )
            break
        axes.plot([0, box.width], [y, y], color="#2c3235", lw=0.6)
        for name, x, end in zip(shown, edges, edges[1:], strict=False):
            field, value = fields[name], row.get(name)
            kind = (field.custom("cellOptions") or {}).get("type", "auto")
            shade = TEXT
            if kind in {"color-text", "color-background"}:
                shade = field.coloured(value)
            if kind == "color-background":
                axes.fill_between([x, end - 1], y + 1, y + line - 1, color=shade, alpha=0.7)
                shade = "white"
            text = _short(field.text(value, _now(panel)) if value is not None or field.mapped(None) else "", end - x)
            right = name in numbers
            axes.text(
                end - 8 if right else x + 4, y + line / 2, text, color=shade, size=size, va="center",
                ha="right" if right else "left",
            )  # fmt: skip


def _alerts(axes: Axes, box: Box, panel: Panel, api: Api) -> None:
    firing = [each for each in api.alerts() if each["state"] == "firing"]
    if not firing:
        nothing(axes, panel)
    for number, each in enumerate(firing[: box.height // 20]):
        labels = each["labels"]
        since = datetime.fromisoformat(each["activeAt"][:19]).replace(tzinfo=UTC)
        text = f"{labels['alertname']}  {labels.get('model', '')} {labels.get('slo', '')}  since {since:%d %H:%M}"
        axes.text(4, number * 20 + 10, text, color=TEXT, size=8.5, va="center")


def _short(text: str, width: float) -> str:
    room = max(int(width / 6.2), 3)
    text = text.replace("$", r"\$")
    return text if len(text) <= room else text[: room - 1] + "…"
