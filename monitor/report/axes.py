"""Axes of a plot: from moments and values to places, and where the round ones are marked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE, SECOND
from monitor.report.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.report.history import Point

WIDTH: Final = 360
HEIGHT: Final = 156
LEFT, RIGHT, TOP, BOTTOM = 38, WIDTH - 8, 8, HEIGHT - 32
"""Where the axes lie, in the units of the view box."""
RIBBON: Final = HEIGHT - 24
"""Middle of the ribbon of verdicts between plot and times."""
_MOST_TICKS: Final = 6
_STEPS: Final = (
    *(SECOND * n for n in (1, 5, 15, 30)),
    *(MINUTE * n for n in (1, 5, 15, 30)),
    *(HOUR * n for n in (1, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14, 30, 90, 180, 365)),
)


@dataclass(frozen=True, slots=True)
class Axes:
    """Time from `begin` to `end` (epoch milliseconds) against values from `low` to `high`."""

    begin: int
    end: int
    low: float
    high: float

    def x(self, at: float) -> float:
        """Return the place of a moment."""
        return round(LEFT + (RIGHT - LEFT) * (at - self.begin) / (self.end - self.begin), 1)

    def y(self, value: float) -> float:
        """Return the place of a value; more is higher."""
        return round(TOP + (BOTTOM - TOP) * (self.high - value) / (self.high - self.low), 1)

    def drawn(self) -> list[Markup]:
        """Return grid lines with values at the left, and UTC times below."""
        parts = []
        step = _round_step((self.high - self.low) / 3.01)
        for i in range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1):
            at = self.y(i * step)
            parts.append(tag("line", x1=LEFT, y1=at, x2=RIGHT, y2=at, class_="grid"))
            text = f"{i * step:.2f}" if step >= 0.01 else f"{i * step:.3f}"  # noqa: PLR2004 - two decimals are enough
            parts.append(tag("text", text, x=LEFT - 5, y=round(at + 3.5, 1), class_="tick end"))
        for moment, text in time_ticks(self.begin, self.end):
            at = self.x(moment)
            parts.append(tag("line", x1=at, y1=HEIGHT - 19, x2=at, y2=HEIGHT - 16, class_="grid"))
            # A label at the rim would be cut, so it leans inwards.
            side = " end" if at > RIGHT - 24 else "" if at < LEFT + 12 else " middle"
            parts.append(tag("text", text, x=at, y=HEIGHT - 5, class_=f"tick{side}"))
        return parts


def axes(points: Sequence[Point]) -> Axes:
    """Return axes on which every value, band and corridor of the points (at least one) has its place."""
    begin, end = points[0].end, points[-1].end
    if begin == end:
        begin, end = begin - HOUR, end + HOUR
    return Axes(begin, end, *_value_range(points))


def time_ticks(begin: int, end: int) -> list[tuple[int, str]]:
    """Return the round moments within [begin, end], at most seven, each with the shortest text that tells it in UTC."""
    step = next((s for s in _STEPS if (end - begin) / s <= _MOST_TICKS), _STEPS[-1])
    form = "%Y-%m-%d" if step >= 180 * DAY else "%b %d" if step >= DAY else "%H:%M" if step >= MINUTE else "%H:%M:%S"
    texts = []
    for moment in range(ceil(begin / step) * step, end + 1, step):
        new_day = step < DAY and moment % DAY == 0
        texts.append((moment, datetime.fromtimestamp(moment / SECOND, UTC).strftime("%b %d" if new_day else form)))
    return texts


def _value_range(points: Iterable[Point]) -> tuple[float, float]:
    """Return round ends that hold everything drawn; shares do not leave [0, 1] for the sake of roundness."""
    values = [
        value
        for p in points
        for value in (p.value, p.lower, p.upper, p.baseline, p.baseline_lower, p.baseline_upper)
        if value is not None
    ]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    step = _round_step(max(high - low, 0.02) / 5)
    bottom, top = floor(low / step) * step, ceil(high / step) * step
    if low >= 0.0:
        bottom = max(bottom, 0.0)
    if high <= 1.0:
        top = min(top, 1.0)
    return (bottom, top) if top - bottom > step / 2 else (bottom - step, top)


def _round_step(rough: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power: float = 10.0 ** floor(log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
