"""The courses of events that every burn alert is tried with: for one level of one objective, with its own numbers.

A course is laid out in short windows of the level, and looked at every six and a half of them: promtool evaluates all
rules at each look, so that few of them are quick. At the second look, after 13, the long window of 12 reaches back to
the end of the first short one. Whatever must be the level's own doing is preceded by so many good events in that first
one that no longer level rings with it.
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

LOOK_HALVES: Final = SHORTS_PER_LONG + 1
"""Halves of the short window between two looks."""
_UNTIL_SECOND: Final = SHORTS_PER_LONG
"""Short windows from the end of the first one to the second look."""
_FINEST: Final = 1_000_000
"""At most so many events a step, to come close to a threshold, unless it takes more to ring at all."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One level of one objective."""

    level: Level
    target: Decimal
    step: int
    """Milliseconds between two scrapes; the short window is an even number of them."""
    lowest: Fraction
    """The lowest threshold of all levels of the objective."""

    @property
    def short(self) -> int:
        """How many scrapes the short window has."""
        return self.level.short // self.step

    @property
    def half(self) -> int:
        """Half of them."""
        return self.short // 2

    @property
    def threshold(self) -> Fraction:
        """Share of bad events above which the level rings."""
        return Fraction(self.level.threshold(self.target))

    @property
    def close(self) -> tuple[int, int]:
        """(events, bad) of a step that is as close below the threshold as can be, or on it."""
        events, most = 1_000, max(_FINEST, self.level.least_events(self.target))
        while events < most and (self.threshold * events).denominator > 1:
            events *= 10
        return events, int(self.threshold * events)

    @property
    def many(self) -> int:
        """Events of a step that are enough to ring."""
        return max(100, self.level.least_events(self.target))


@dataclass(frozen=True, slots=True)
class Course:
    """What happens, and when it is looked at."""

    name: str
    lay: Callable[[Tried], Sequence[Stretch]]
    looks: tuple[int, ...]
    """Number of each look at the alerts; the first is 1."""
    recorded: tuple[int, ...] = ()
    """Of each look at the recorded ratios."""
    live: bool = False
    """Is the live metric scraped, too?"""

    def steps(self, tried: Tried) -> int:
        """Return the scrapes up to the last look."""
        return self.looks[-1] * LOOK_HALVES * tried.half

    def counters(self, tried: Tried) -> Counters:
        """Return the counters up to the last look."""
        stretches = list(self.lay(tried))
        missing = self.steps(tried) - sum(stretch.steps for stretch in stretches)
        return counters(tried.step, [*stretches, Stretch(max(0, missing))])


def _good(tried: Tried, bad: int) -> list[Stretch]:
    """Return a first short window of good events that outweigh `bad` bad ones in every window that holds them."""
    return [Stretch(1, events=int(bad / tried.lowest) + 1), Stretch(tried.short - 1)]


def _just_above(tried: Tried) -> Sequence[Stretch]:
    events, bad = tried.close
    burning = _UNTIL_SECOND * tried.short
    return [*_good(tried, (bad + 1) * burning), Stretch(burning, events, bad + 1)]


def _alone(tried: Tried) -> Sequence[Stretch]:
    return [*_just_above(tried), Stretch(LOOK_HALVES * tried.half, tried.close[0])]


def _long_on_it(tried: Tried) -> Sequence[Stretch]:
    """Let the long window burn at the threshold, and the short one above it, by bad events that come later."""
    events, bad = tried.close
    later = min(bad, tried.short)
    return [
        *_good(tried, bad * _UNTIL_SECOND * tried.short),
        Stretch(1, events, bad - later),
        Stretch((_UNTIL_SECOND - 1) * tried.short - 1, events, bad),
        Stretch(later, events, bad + 1),
        Stretch(tried.short - later, events, bad),
    ]


def _short_on_it(tried: Tried) -> Sequence[Stretch]:
    """Let the short window burn at the threshold, and the long one above it."""
    events, bad = tried.close
    return [
        *_good(tried, (bad + 1) * _UNTIL_SECOND * tried.short),
        Stretch((_UNTIL_SECOND - 1) * tried.short, events, bad + 1),
        Stretch(tried.short, events, bad),
    ]


def _ends(tried: Tried) -> Sequence[Stretch]:
    """Let it burn until one short window before the third look; from then on few events come, and good ones."""
    burning = _UNTIL_SECOND * tried.short + LOOK_HALVES * tried.half - tried.short
    many = tried.many
    return [*_good(tried, many * burning), Stretch(burning, many, many), Stretch(tried.short, 1)]


def _few(tried: Tried) -> Sequence[Stretch]:
    least = tried.level.least_events(tried.target)
    bad = int(tried.threshold * (least - 1)) + 1
    rest = LOOK_HALVES * tried.half - 1
    return [Stretch(rest), Stretch(1, least - 1, bad), Stretch(rest), Stretch(1, 1, 1)]


def _unreadable(tried: Tried) -> Sequence[Stretch]:
    after = LOOK_HALVES * tried.half
    burning, many = _UNTIL_SECOND * tried.short, tried.many
    return [
        *_good(tried, many * (burning + after)),
        Stretch(burning - 1, many, many),
        Stretch(1, many, many, unreadable=True),
        Stretch(after, many, many),
    ]


def _begins_again(tried: Tried) -> Sequence[Stretch]:
    events, bad = tried.close
    before = _UNTIL_SECOND // 2 * tried.short
    return [
        *_good(tried, (bad + 1) * _UNTIL_SECOND * tried.short),
        Stretch(before, events, bad + 1),
        Stretch(_UNTIL_SECOND * tried.short - before, events, bad + 1, fresh=True),
        Stretch(LOOK_HALVES * tried.half, events, fresh=True),
    ]


COURSES: Final = (
    Course("burns just above the threshold; before, the short window alone does", _just_above, (1, 2), (2,), live=True),
    Course("the long window burns at the threshold, the short one above it", _long_on_it, (2,)),
    Course("the short window burns at the threshold, the long one above it", _short_on_it, (2,)),
    Course("burning has ended for one short window, and the long one still burns", _ends, (2, 3)),
    Course("one event less than the least number; then it comes", _few, (1, 2)),
    Course("no number is scraped while it burns; then it can be read again", _unreadable, (2, 3)),
    Course("the counters begin again from 0 while it burns, then once more without bad ones", _begins_again, (2, 3)),
    Course("counters stand still at 0: silent, and no ratio is recorded", lambda _: [], (1,), (1,)),
)
ALONE: Final = Course("one objective burns alone, among strangers of its name", _alone, (2, 3))
"""The strangers burn all the time: another job, another model, another objective."""
