"""What an error budget can promise: whether its levels can ring at all, and the nearest promise with which they do.

Two bounds. From below: a level rings only where 100 % bad events burn faster than its factor: factor x (1 - target) is
less than 1. From above: it rings only where its long window holds LEAST_BAD / (factor x (1 - target)) events, and
timeslices bring one a step, so that a strict target asks for more of them than there are.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from monitor.statistics.ladder import LEAST_BAD, PAGE, SHORTS_PER_LONG, ladder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.statistics.ladder import Level

STEPS_PER_LONG: Final = 2 * SHORTS_PER_LONG
"""The least steps that any long window holds: the ladder widens it where it would hold fewer."""
_SECOND: Final = 1_000
_PLACES: Final = range(4, 13)
"""Decimals of a target that we name: four, and more only where the levels leave no room for so few."""


def shortest_period(cadence: int) -> int:
    """Return the shortest period (ms) of which the ladder has any level at this cadence (ms)."""
    return STEPS_PER_LONG * cadence


def asked(levels: Sequence[Level], *, pages: bool) -> tuple[Level, ...]:
    """Return the levels that an objective is held against: all, or those of tickets alone."""
    return tuple(level for level in levels if pages or level.severity != PAGE)


def silent(levels: Sequence[Level], target: Decimal) -> tuple[Level, ...]:
    """Return the levels that no share of bad events can make ring."""
    return tuple(level for level in levels if not level.can_fire(target))


def starved(levels: Sequence[Level], target: Decimal, cadence: int) -> tuple[Level, ...]:
    """Return the levels whose long window cannot hold enough events where each step of `cadence` (ms) brings one."""
    return tuple(level for level in levels if level.least_events(target) > level.long // cadence)


def feasible(levels: Sequence[Level], target: Decimal, cadence: int | None = None) -> bool:
    """Tell whether every level can ring; `cadence`: that of timeslices, None for occurrences, which come as they do."""
    return not silent(levels, target) and (cadence is None or not starved(levels, target, cadence))


def nearest_target(levels: Sequence[Level], target: Decimal, cadence: int | None = None) -> Decimal | None:
    """Return the target nearest to `target` with which every level can ring; None where there is none.

    A round one: four decimals, or as many more as it takes.
    """
    if feasible(levels, target, cadence):
        return target
    least = 1 - 1 / max(level.factor for level in levels)
    most = Decimal(1)
    if cadence is not None:
        most = min(1 - LEAST_BAD / (level.factor * (level.long // cadence)) for level in levels)
    for places in _PLACES:
        step = Decimal(1).scaleb(-places)
        if target > most:
            near = most.quantize(step, ROUND_FLOOR)
        else:
            near = max(least.quantize(step, ROUND_CEILING), step)
            near = near if feasible(levels, near, None) else near + step
        if 0 < near < 1 and feasible(levels, near, cadence):
            return near
    return None


def slowest_cadence(period: int, target: Decimal, *, pages: bool) -> int | None:
    """Return the slowest cadence, in whole seconds as ms, at which timeslices fill every level; None: none does.

    Where the ladder widens a window it holds STEPS_PER_LONG steps, however slow they come: a level that asks for no
    more is fine at any cadence, one that asks for more needs a window that is not widened. Call it where one does.
    """
    levels = asked(ladder(period, 0), pages=pages)
    cadences = [level.long // most for level in levels if (most := level.least_events(target)) > STEPS_PER_LONG]
    slowest = min(cadences, default=0) // _SECOND * _SECOND
    return slowest if slowest and feasible(asked(ladder(period, slowest), pages=pages), target, slowest) else None


def least_bad(level: Level, target: Decimal) -> int:
    """Return how many of the least events have to be bad before the level rings."""
    return int(level.threshold(target) * level.least_events(target)) + 1
