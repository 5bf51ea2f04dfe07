"""Tests of the alert that an objective's budget is spent: it must be so for five minutes, and for events enough."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, nan
from typing import TYPE_CHECKING, Final

from monitor.alerting.names import SPENT
from monitor.alerting.promtool.burns import nothing, scraped
from monitor.alerting.promtool.case import Case, Moment, Query
from monitor.alerting.promtool.counters import Stretch, counters
from monitor.alerting.promtool.live import live
from monitor.alerting.promtool.scenes import ObjectiveScene
from monitor.alerting.rules import names
from monitor.clock import SECOND
from monitor.statistics.ladder import LEAST_BAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.alerting.promtool.case import Ringing, Series
    from monitor.alerting.promtool.counters import Counters
    from monitor.alerting.promtool.promised import Promised
    from monitor.alerting.promtool.wording import Wording

TICK: Final = 150 * SECOND
_FOR: Final = 2
"""Looks: five minutes."""


@dataclass(frozen=True, slots=True)
class _Course:
    """What happens from look to look, and at which looks something is expected."""

    name: str
    lay: Callable[[int, int], Sequence[Stretch]]
    """(events, bad ones that are just allowed) -> the course."""
    looks: tuple[int, ...]
    live: bool = False


def _one_more(events: int, allowed: int) -> Sequence[Stretch]:
    """Let all but one of the bad ones come, and the last one at the third look; later as many good ones."""
    return [Stretch(1, events, allowed - 1), Stretch(1), Stretch(1, 0, 1), Stretch(2), Stretch(1, events)]


def _few(events: int, allowed: int) -> Sequence[Stretch]:
    least = ceil(Fraction(LEAST_BAD * events, allowed))
    return [Stretch(1, least - 1, least - 1), Stretch(3), Stretch(1, 1, 1)]


def _begins_again(events: int, allowed: int) -> Sequence[Stretch]:
    return [Stretch(1, events, allowed), Stretch(3), Stretch(1, events, allowed, fresh=True)]


def _unreadable(events: int, allowed: int) -> Sequence[Stretch]:
    return [Stretch(1, events, allowed), Stretch(3), Stretch(1, unreadable=True)]


_COURSES: Final = (
    _Course(
        "one bad event less than the budget: silent; with it, after five minutes and not a look earlier, it rings; "
        "good ones end it",
        _one_more,
        (2, 4, 5, 6),
        live=True,
    ),
    _Course("one event less than the least number: silent; then it comes", _few, (3, 4, 6, 7)),
    _Course("the counters begin again from 0: what is spent stays spent", _begins_again, (2, 3, 5, 6)),
    _Course(
        "no number is scraped: silent; five minutes after it can be read again it rings", _unreadable, (4, 5, 7, 8)
    ),
    _Course("counters stand still at 0: silent, and no budget is recorded", lambda _events, _allowed: [], (2,)),
)


def cases(objectives: Sequence[Promised], wording: Wording) -> Iterator[Case]:
    """Yield the tests of a model; all its objectives go through each course at once."""
    for course in _COURSES:
        taken = [_taken(one, course) for one in objectives]
        queries = (Query(course.looks[-1] * TICK, names.BUDGET_LEFT),) if not course.lay(1, 1) else ()
        yield _case(course.name, taken, course.looks, wording, queries)
    first = _taken(objectives[0], _COURSES[0])
    alone = [first, *(_Taken(one, counters(TICK, [Stretch(5, 1_000)])) for one in objectives[1:])]
    yield _case("one objective alone has spent its budget: no other rings", alone, (5,), wording)
    yield nothing([SPENT], TICK, _FOR, "spent")


def _taken(one: Promised, course: _Course) -> _Taken:
    budget = Fraction(1 - one.target)
    times = ceil(Fraction(LEAST_BAD, budget.numerator))
    events, allowed = times * budget.denominator, times * budget.numerator
    stretches = list(course.lay(events, allowed))
    missing = course.looks[-1] - sum(stretch.steps for stretch in stretches)
    counted = counters(TICK, [*stretches, Stretch(max(0, missing))])
    return _Taken(one, counted, live(one, len(counted.events)) if course.live else ())


def _case(
    name: str, taken: Sequence[_Taken], looks: Sequence[int], wording: Wording, queries: tuple[Query, ...] = ()
) -> Case:
    moments = tuple(
        Moment(look * TICK, SPENT, tuple(found for row in taken if (found := row.ringing(look, wording))))
        for look in looks
    )
    series = tuple(line for row in taken for line in (*scraped(row.one.series, row.counted), *row.gauges))
    return Case(f"spent: {name}", TICK, series, moments, queries)


@dataclass(frozen=True, slots=True)
class _Taken:
    """An objective on its course."""

    one: Promised
    counted: Counters
    gauges: Sequence[Series] = ()

    def ringing(self, look: int, wording: Wording) -> Ringing | None:
        """Return the alert as it rings at a look, or None."""
        active = [self._is_spent(at) for at in range(look + 1)]
        if not all(active[max(0, look - _FOR) :]):
            return None
        since = next(at for at in range(look, -1, -1) if not (at and active[at - 1]))
        scene = self._scene(look, since if since < look else None)
        return wording.ringing(SPENT, self.one.labels(SPENT), self.one.series, nan, scene)

    def _is_spent(self, look: int) -> bool:
        scene = self._scene(look)
        left, events = scene.left(), scene.events(self.one.period)
        least = ceil(Fraction(LEAST_BAD) / Fraction(1 - self.one.target))
        return left is not None and events is not None and left <= 0 and floor(events + 0.5) >= least

    def _scene(self, look: int, since: int | None = None) -> ObjectiveScene:
        begun = None if since is None else since * TICK
        return ObjectiveScene(self.one, self.counted, TICK, look * TICK, SPENT, begun, self.gauges)
