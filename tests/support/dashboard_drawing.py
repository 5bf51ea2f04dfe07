"""Draws a dashboard to a PNG, as much like Grafana as it takes to judge it: the grid, and each panel with real answers.

    draw(read(Path("grafana/on-call.json")), Api("http://127.0.0.1:9090"), time.time(), Path("on-call.png"))

Not drawn: tooltips, links, anything that moves. What cannot be drawn says so in its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dashboard_api import RefusedError
from dashboard_bodies import FAINT, Box, body
from dashboard_fields import TEXT, colour
from dashboard_queries import annotated, choose, panels, span_of
from dashboard_variables import replaced
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dashboard_api import Api
    from dashboard_queries import Panel
    from dashboard_variables import Variable

Json = dict[str, Any]
COLUMN, ROW, GAP, HEAD = 76, 38, 8, 70
"""Pixels: a cell of the grid, what lies between panels, and what stands above the grid."""
_DPI = 100
_PANEL, _BACKGROUND = "#181b1f", "#111217"
_TITLE = 26


@dataclass(frozen=True)
class Mark:
    """When something happened, by its annotation: it was so from `start` to `end`, epoch s."""

    start: float
    end: float
    shade: str


def draw(
    dashboard: Json,
    api: Api,
    now: float,
    to: Path,
    *,
    wanted: Mapping[str, Sequence[str]] | None = None,
    each: Path | None = None,
) -> None:
    """Draw a dashboard to the file `to`, and into the folder `each`, where given, every panel by itself."""
    chosen = choose(dashboard, api, now, wanted)
    found, headings = _laid_out(dashboard, chosen, now)
    marks = _marks(dashboard, api, chosen, now)
    rows = max([panel.place[1] + panel.place[3] for panel in found] + [y + 1 for y, _ in headings])
    figure = _Sheet(24 * COLUMN + GAP, HEAD + rows * ROW + GAP)
    figure.text(GAP, 6, dashboard["title"], size=14, weight="bold")
    span = dashboard["time"]
    figure.text(24 * COLUMN, 10, f"{span['from']} to {span['to']}, refresh {dashboard.get('refresh')}", right=True)
    said = "   ".join(f"{one.name} = {one.text(None, promql=False) or '(nothing)'}" for one in chosen.values())
    figure.text(GAP, 38, said[:250], size=8.5, shade=FAINT)
    for y, title in headings:
        figure.text(GAP, HEAD + y * ROW + 8, f"v  {title}", size=11, weight="bold")
    for number, panel in enumerate(found):
        x, y, width, height = panel.place
        figure.panel(panel, Box(x * COLUMN + GAP, HEAD + y * ROW, width * COLUMN - GAP, height * ROW - GAP), api, marks)
        if each is not None:
            each.mkdir(parents=True, exist_ok=True)
            alone = _Sheet(width * COLUMN + GAP, height * ROW + GAP)
            alone.panel(panel, Box(GAP, GAP, width * COLUMN - GAP, height * ROW - GAP), api, marks)
            alone.save(each / f"{dashboard['uid']}-{number:02d}.png")
    figure.save(to)


class _Sheet:
    """A figure in which places are pixels from the top left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor=_BACKGROUND)
        FigureCanvasAgg(self._figure)

    def text(
        self,
        x: int,
        y: int,
        text: str,
        *,
        size: float = 9,
        weight: str = "normal",
        shade: str = TEXT,
        right: bool = False,
    ) -> None:
        """Write a line whose top is at `y`."""
        self._figure.text(
            x / self._width, 1 - y / self._height, _plain(text), size=size, weight=weight, color=shade, va="top",
            ha="right" if right else "left",
        )  # fmt: skip

    def panel(self, panel: Panel, box: Box, api: Api, marks: Sequence[Mark]) -> None:
        """Draw a panel into its place."""
        self._figure.patches.append(
            FancyBboxPatch(
                (box.x / self._width, 1 - (box.y + box.height) / self._height),
                box.width / self._width, box.height / self._height,
                boxstyle="square,pad=0", facecolor=_PANEL, edgecolor="#2c3235", linewidth=0.8,
                transform=self._figure.transFigure, figure=self._figure, zorder=-1,
            )
        )  # fmt: skip
        room = box.width // 8
        title = panel.title if len(panel.title) <= room else panel.title[: room - 1] + "…"
        if title:
            self.text(box.x + 8, box.y + 6, title, size=9.5, weight="bold")
        inner = Box(
            box.x + 8, box.y + (_TITLE if title else 6), box.width - 16, box.height - (_TITLE if title else 6) - 6
        )
        axes = self._figure.add_axes(
            (
                inner.x / self._width,
                1 - (inner.y + inner.height) / self._height,
                inner.width / self._width,
                inner.height / self._height,
            ),
            facecolor="none",
        )
        try:
            body(axes, inner, panel, api, [(mark.start, mark.end, mark.shade) for mark in marks])
        except RefusedError as error:
            axes.text(0.5, 0.5, f"REFUSED {error}"[:400], color="red", size=8, ha="center", wrap=True)

    def save(self, path: Path) -> None:
        """Write the PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._figure.savefig(path, facecolor=self._figure.get_facecolor())


def _laid_out(dashboard: Json, chosen: Mapping[str, Variable], now: float) -> tuple[list[Panel], list[tuple[int, str]]]:
    """Return panels at their places, folded rows unfolded, and the headings of rows (y, title).

    What is repeated stands beside the first, and pushes down what is below, as in Grafana.
    """
    given = {id(panel.json): [] for panel in panels(dashboard, chosen, now)}  # type: dict[int, list[Panel]]
    for panel in panels(dashboard, chosen, now):
        given[id(panel.json)].append(panel)
    found: list[Panel] = []
    headings: list[tuple[int, str]] = []
    more = 0

    def place(each: Json) -> None:
        nonlocal more
        own = given.get(id(each), [])
        if len(own) <= 1:
            found.extend(_at(panel, panel.place[0], panel.place[1] + more) for panel in own)
            return
        a_row = int(each.get("maxPerRow") or 4)
        a_row = min(a_row, len(own))
        vertical = each.get("repeatDirection") == "v"
        width = each["gridPos"]["w"] if vertical else 24 // a_row
        height = each["gridPos"]["h"]
        for number, panel in enumerate(own):
            across, down = (0, number) if vertical else (number % a_row, number // a_row)
            found.append(_at(panel, across * width, panel.place[1] + more + down * height, width))
        more += ((len(own) if vertical else -(-len(own) // a_row)) - 1) * height

    for each in dashboard.get("panels", []):
        if each["type"] != "row":
            place(each)
            continue
        inside = each.get("panels", [])
        title = replaced(each.get("title", ""), chosen, {}) + (
            "   (folded; drawn unfolded)" if each.get("collapsed") else ""
        )
        headings.append((each["gridPos"]["y"] + more, title))
        for one in inside:
            place(one)
        if inside:
            more += max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in inside) - each["gridPos"]["y"] - 1
    return found, headings


def _at(panel: Panel, x: int, y: int, width: int | None = None) -> Panel:
    """Return a panel at another place."""
    return replace(panel, place=(x, y, width or panel.place[2], panel.place[3]))


def _marks(dashboard: Json, api: Api, chosen: Mapping[str, Variable], now: float) -> list[Mark]:
    """Return what the annotations that are switched on found."""
    shades = {each["name"]: colour(each.get("iconColor", "red")) for each in dashboard["annotations"]["list"]}
    on = {each["name"] for each in dashboard["annotations"]["list"] if each.get("enable")}
    found = []
    for name, expr, step in annotated(dashboard, chosen, now):
        if name not in on:
            continue
        for line in api.through(expr, span_of(dashboard, now), step):
            start = before = line.at[0]
            for at in (*line.at[1:], None):
                if at is None or at - before > 1.5 * step:
                    found.append(Mark(start, before, shades[name]))
                    start = at if at is not None else before
                before = at if at is not None else before
    return found


def _plain(text: str) -> str:
    """Return a text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")
