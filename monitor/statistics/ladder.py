"""The ladder of burn rates: how fast an error budget may burn, over which two windows, before somebody is told.

A burn rate of 1 spends exactly the budget of the period; a level rings while both of its windows burn faster than its
factor. Levels and shares are those of the SRE workbook (chapter 5, "Alerting on SLOs"): a share of the budget spent
within the long window. Factor = share x period / long window.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

PAGE: Final = "page"
TICKET: Final = "ticket"
LEAST_BAD: Final = 5
"""A level rings only where its long window held so many events that the threshold means this many bad ones."""
SHORTS_PER_LONG: Final = 12
_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_FOUR_WEEKS: Final = 28 * _DAY
_PLACES: Final = Decimal("0.001")
_STEPS_PER_SHORT: Final = 2
_WORKBOOK: Final = (
    (PAGE, _HOUR, Decimal("0.02")),
    (PAGE, 6 * _HOUR, Decimal("0.05")),
    (TICKET, _DAY, Decimal("0.1")),
    (TICKET, 3 * _DAY, Decimal("0.1")),
)
"""(severity, long window in ms, share of the budget that it spends)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One pair of windows."""

    severity: str
    """PAGE or TICKET."""
    long: int
    """Milliseconds."""
    short: int
    """Milliseconds. It ends the alert soon after the burning ends."""
    factor: Decimal
    """Burn rate from which the level rings; to three decimals."""

    def threshold(self, target: Decimal) -> Decimal:
        """Return the share of bad events above which the level rings, exactly."""
        return self.factor * (1 - target)

    def can_fire(self, target: Decimal) -> bool:
        """Tell whether any share of bad events lies above the threshold: factor x (1 - target) < 1."""
        return self.threshold(target) < 1

    def least_target(self) -> Decimal:
        """Return the smallest target, to four decimals, at which the level can fire."""
        least = (1 - 1 / self.factor).quantize(Decimal("0.0001"), ROUND_CEILING)
        return max(least if self.can_fire(least) else least + Decimal("0.0001"), Decimal(0))

    def least_events(self, target: Decimal) -> int:
        """Return how many events the long window must hold: LEAST_BAD of them bad at the threshold."""
        return int((LEAST_BAD / self.threshold(target)).to_integral_value(ROUND_CEILING))


def ladder(period: int, cadence: int) -> tuple[Level, ...]:
    """Return the levels for a budget of `period` whose counters move every `cadence` (both ms), the fastest first.

    The workbook's windows are for four weeks; a shorter period shrinks them in proportion, so that the factors stay.
    A short window holds at least two steps. Where the cadence is coarser, a level keeps its factor and gets wider
    windows: twice the cadence, and twelve times that. Of levels of one severity that then share their windows the one
    with the lower factor stays, since it rings whenever the other does. A level wider than the period is left out.
    """
    levels: list[Level] = []
    for severity, long, share in _WORKBOOK:
        factor = (share * max(period, _FOUR_WEEKS) / long).quantize(_PLACES)
        shrunk = -(-long * min(period, _FOUR_WEEKS) // (_FOUR_WEEKS * SHORTS_PER_LONG * _SECOND)) * _SECOND
        short = max(shrunk, _STEPS_PER_SHORT * cadence)
        level = Level(severity, short * SHORTS_PER_LONG, short, factor)
        if levels and (levels[-1].severity, levels[-1].long) == (severity, level.long):
            levels.pop()
        if level.long <= period:
            levels.append(level)
    return tuple(levels)
