"""The courses of events that every burn alert is tried with: for one level of one objective, with its own numbers.

A course is laid out in ticks, each as long as the level's short window. Whatever must be the level's own doing is
preceded by so many good events, just outside of its long window, that no longer level rings with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from monitor.alerting.promtool.counters import Counters, Stretch, counters
from monitor.statistics.ladder import SHORTS_PER_LONG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from monitor.statistics.ladder import Level

FULL: Final = SHORTS_PER_LONG + 1
"""Ticks until the long window has left the good events of the first tick behind."""
_FINEST: Final = 1_000_000
"""At most so many events a step, to come close to a threshold."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One level of one objective."""

    level: Level
    target: Decimal
    step: int
    """Milliseconds between two scrapes; the short window is a number of them."""
    lowest: Fraction
    """The lowest threshold of all levels of the objective."""

    @property
    def per_tick(self) -> int:
        """How many scrapes a tick has."""
        return self.level.short // self.step

    @property
    def threshold(self) -> Fraction:
        """Share of bad events above which the level rings."""
        return Fraction(self.level.threshold(self.target))

    @property
    def close(self) -> tuple[int, int]:
        """(events, bad) of a step that is as close below the threshold as can be, or on it."""
        events = 1_000
        while events < _FINEST and (self.threshold * events).denominator > 1:
            events *= 10
        return events, int(self.threshold * events)


@dataclass(frozen=True, slots=True)
class Course:
    """What happens, and when it is looked at."""

    name: str
    lay: Callable[[Tried], Sequence[Stretch]]
    ticks: tuple[int, ...]
    """When the alerts are looked at."""
    recorded: tuple[int, ...] = ()
    """When the recorded ratios are looked at."""
    live: bool = False
    """Is the live metric scraped, too?"""

    def counters(self, tried: Tried) -> Counters:
        """Return the counters up to the last look."""
        stretches = list(self.lay(tried))
        missing = self.ticks[-1] * tried.per_tick - sum(stretch.steps for stretch in stretches)
        return counters(tried.step, [*stretches, Stretch(max(0, missing))])


def _good(tried: Tried, bad: int) -> list[Stretch]:
    """Return a first tick of good events that outweigh `bad` bad ones in every window that holds them."""
    return [Stretch(1, events=int(bad / tried.lowest) + 1), Stretch(tried.per_tick - 1)]


def _just_above(tried: Tried) -> Sequence[Stretch]:
    events, bad = tried.close
    burning = SHORTS_PER_LONG * tried.per_tick
    return [*_good(tried, (bad + 1) * burning), Stretch(burning, events, bad + 1)]


def _alone(tried: Tried) -> Sequence[Stretch]:
    return [*_just_above(tried), Stretch(tried.per_tick, tried.close[0])]


def _just_below(tried: Tried) -> Sequence[Stretch]:
    events, bad = tried.close
    return [Stretch(FULL * tried.per_tick, events, bad)]


def _ends(tried: Tried) -> Sequence[Stretch]:
    burning = SHORTS_PER_LONG * tried.per_tick
    return [
        *_good(tried, 100 * burning),
        Stretch(burning, 100, 100),
        Stretch(tried.per_tick, 1),
        Stretch(tried.per_tick),
    ]


def _few(tried: Tried) -> Sequence[Stretch]:
    least = tried.level.least_events(tried.target)
    bad = int(tried.threshold * (least - 1)) + 1
    rest = tried.per_tick - 1
    return [Stretch(rest), Stretch(1, least - 1, bad), Stretch(rest), Stretch(1, 1, 1)]


def _unreadable(tried: Tried) -> Sequence[Stretch]:
    burning = SHORTS_PER_LONG * tried.per_tick
    return [
        *_good(tried, 100 * (burning + 3 * tried.per_tick)),
        Stretch(burning - 1, 100, 100),
        Stretch(1, 100, 100, unreadable=True),
        Stretch(3 * tried.per_tick, 100, 100),
    ]


def _begins_again(tried: Tried) -> Sequence[Stretch]:
    events, bad = tried.close
    before = 6 * tried.per_tick
    after = SHORTS_PER_LONG * tried.per_tick - before
    return [
        *_good(tried, (bad + 1) * FULL * tried.per_tick),
        Stretch(before, events, bad + 1),
        Stretch(after, events, bad + 1, fresh=True),
        Stretch(tried.per_tick, events, fresh=True),
    ]


COURSES: Final = (
    Course(
        "burns just above the threshold: silent while only the short window does",
        _just_above,
        (12, 13),
        (13,),
        live=True,
    ),
    Course("burns on the threshold or just below: silent", _just_below, (12, 13)),
    Course("burning ends: silent within the short window, while the long one still burns", _ends, (13, 14, 15)),
    Course("one event less than the least number: silent; then it comes", _few, (1, 2)),
    Course("no number is scraped: silent; then it can be read again", _unreadable, (13, 14, 15)),
    Course("the counters begin again from 0 while it burns, then once more without bad ones", _begins_again, (13, 14)),
    Course("counters stand still at 0: silent, and no ratio is recorded", lambda _: [], (2,), (2,)),
)
ALONE: Final = Course("one objective burns alone, among strangers of its name: no other rings", _alone, (13, 14))
"""Strangers: a burning model, and good events of another job and of another objective."""
