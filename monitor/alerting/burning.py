"""Does an error budget burn too fast? Pure and exact: integers are compared, so that rules and replay agree."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY
from monitor.statistics.budget import BudgetState, Tally
from monitor.statistics.ladder import LEAST_BAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from monitor.statistics.ladder import Level


@dataclass(frozen=True, slots=True)
class Bar:
    """One level of one objective, as whole numbers to compare counts with."""

    level: Level
    bad: int
    of: int
    """The level rings where more than `bad` of each `of` events are bad."""
    least: int
    """And where its long window holds at least so many events."""

    @classmethod
    def of_level(cls, level: Level, target: Decimal) -> Bar:
        """Return the bar that a level is for a target."""
        threshold = Fraction(level.threshold(target))
        return cls(level, threshold.numerator, threshold.denominator, level.least_events(target))

    @property
    def share(self) -> Fraction:
        """The share of bad events above which the level rings."""
        return Fraction(self.bad, self.of)

    def is_over(self, now: Tally, then: Tally) -> bool:
        """Tell whether what came since `then` lies above the bar; nothing does where nothing came."""
        return (now.bad - then.bad) * self.of > self.bad * (now.events - then.events)


@dataclass(frozen=True, slots=True)
class Burn:
    """A level both of whose windows burn faster than its factor, and what they held."""

    bar: Bar
    long: Tally
    short: Tally

    @property
    def enough(self) -> bool:
        """Whether the long window held enough events for it to mean anything: the minimum-label guard."""
        return self.long.events >= self.bar.least


def burns(bars: Iterable[Bar], now: Tally, then: Callable[[int], Tally]) -> list[Burn]:
    """Return the levels that burn too fast, `then` being what the counters were so many ms ago."""
    found = []
    for bar in bars:
        short = then(bar.level.short)
        if bar.is_over(now, short):
            long = then(bar.level.long)
            if bar.is_over(now, long):
                found.append(Burn(bar, now - long, now - short))
    return found


def burn_rate(held: Tally, target: Decimal) -> float | None:
    """Return how many times as fast as it lasts the budget burns; None where nothing was counted."""
    return float(Fraction(held.bad, held.events) / Fraction(1 - target)) if held.events else None


def budget_left(held: Tally, target: Decimal) -> float | None:
    """Return the share of the period's budget that is left; None where nothing was counted."""
    return float(1 - Fraction(held.bad, held.events) / Fraction(1 - target)) if held.events else None


def state_of(
    bars: Sequence[Bar], target: Decimal, period: Tally, increase: Callable[[int], Tally], *, rings: bool
) -> BudgetState:
    """Return how an objective stands; `period` is what the whole period held.

    A spent budget is believed from LEAST_BAD bad events' worth of events on: LEAST_BAD / (1 - target).
    """
    left = budget_left(period, target)
    if left is not None and left <= 0 and period.events * (1 - target) >= LEAST_BAD:
        return BudgetState.EXHAUSTED
    if rings:
        return BudgetState.BURNING
    if any(increase(bar.level.long).events >= bar.least for bar in bars):
        return BudgetState.OK
    return BudgetState.INSUFFICIENT


_FEW: Final = 6


def event_cadence(moments: Sequence[int], counted: Sequence[Tally], now: int) -> int | None:
    """Return the median time in ms between the samples that brought events; None where fewer than two did.

    Of the last day where that held a few of them, since older samples are only hourly; else of all.
    """
    came = [
        at for at, before, after in zip(moments[1:], counted, counted[1:], strict=False) if after.events > before.events
    ]
    late = [at for at in came if at >= now - DAY]
    shown = late if len(late) >= _FEW else came
    gaps = sorted(after - before for before, after in pairwise(shown))
    return gaps[(len(gaps) - 1) // 2] if gaps else None
