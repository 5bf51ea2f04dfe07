"""The counters of one objective as a course of steps, and what Prometheus makes of them.

Everything is exact: samples are integers, scrapes fall on the moments that are looked at, and every window is a number
of steps, so that `increase` extrapolates nothing. Written from the definition of the alerts, not from the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from monitor.alerting.promtool.notation import NAN
from monitor.statistics.budget import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from monitor.alerting.promtool.notation import Sample
    from monitor.statistics.ladder import Level


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some steps that are all alike."""

    steps: int
    events: int = 0
    """More of them at each step."""
    bad: int = 0
    fresh: bool = False
    """The counters begin again from 0 just before the first step: the daemon lost its state."""
    unreadable: bool = False
    """What is scraped is NaN, while the counting goes on."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Both counters of one objective; they begin at 0."""

    step: int
    """Milliseconds between two scrapes."""
    events: tuple[Sample, ...]
    bad: tuple[Sample, ...]

    def held(self, at: int, window: int) -> Tally | None:
        """Return the increases over the last `window` ms before `at`; None where Prometheus cannot tell."""
        events, bad = (_increase(values, self.step, at, window) for values in (self.events, self.bad))
        return None if events is None or bad is None else Tally(events, bad)

    def rings(self, level: Level, target: Decimal, at: int) -> bool:
        """Tell whether a level rings: both windows above its threshold, and enough events in the long one."""
        held = self.held(at, level.long)
        return (
            held is not None
            and held.events >= level.least_events(target)
            and all(self._above(window, level.threshold(target), at) for window in (level.long, level.short))
        )

    def _above(self, window: int, threshold: Decimal, at: int) -> bool:
        held = self.held(at, window)
        return held is not None and held.events > 0 and held.bad > threshold * held.events


def counters(step: int, stretches: Iterable[Stretch]) -> Counters:
    """Return the counters after a first scrape of 0, one sample a step."""
    events: list[Sample] = [0]
    bad: list[Sample] = [0]
    events_now = bad_now = 0
    for stretch in stretches:
        if stretch.fresh:
            events_now = bad_now = 0
        for _ in range(stretch.steps):
            events_now += stretch.events
            bad_now += stretch.bad
            events.append(NAN if stretch.unreadable else events_now)
            bad.append(NAN if stretch.unreadable else bad_now)
    return Counters(step, tuple(events), tuple(bad))


def _increase(values: tuple[Sample, ...], step: int, at: int, window: int) -> int | None:
    """Return `increase(values[window])` at `at`: a fall means that the counter began again from 0."""
    last = min(at // step, len(values) - 1)
    first = max(0, -(-(at - window) // step))
    held = [value for value in values[first : last + 1] if not isinstance(value, str)]
    if last - first < 1 or isinstance(values[first], str) or isinstance(values[last], str):
        return None
    return sum(new - old if new >= old else new for old, new in pairwise(held))
