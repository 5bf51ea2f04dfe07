"""Tests of the burn alerts of one model: every course, for every level of each of its objectives.

All objectives of a model go through a course at once, each with its own numbers: what one does must not ring another.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, nan
from typing import TYPE_CHECKING, Final

from monitor.alerting.promtool.case import Case, Moment, Query, Series, Value, selector
from monitor.alerting.promtool.counters import Stretch, counters
from monitor.alerting.promtool.courses import ALONE, COURSES, LOOK_HALVES, Tried
from monitor.alerting.promtool.live import live
from monitor.alerting.promtool.rates import LOOKBACK
from monitor.alerting.promtool.scenes import ObjectiveScene
from monitor.alerting.rules import names
from monitor.alerting.rules.promql import span
from monitor.prometheus.catalog import SLO_BAD, SLO_EVENTS
from monitor.statistics.ladder import TICKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.alerting.promtool.case import Ringing
    from monitor.alerting.promtool.counters import Counters
    from monitor.alerting.promtool.courses import Course
    from monitor.alerting.promtool.promised import Promised
    from monitor.alerting.promtool.wording import Wording
    from monitor.statistics.ladder import Level

_PARTS: Final = 10_000
_RATIOS: Final = "slo:sli_error:ratio_rate"


def shorts(objectives: Sequence[Promised]) -> list[int]:
    """Return the short windows (ms) of a model's levels, the shortest first: each is a file of its own.

    promtool evaluates all rules at every tick, and one tick fits all tests of a file; at the tick of the fastest level
    three days would take a hundred of them.
    """
    return sorted({level.short for one in objectives for level in one.levels})


def tick_of(short: int) -> int:
    """Return the time (ms) between two evaluations in the tests of levels with this short window."""
    return LOOK_HALVES * short // 2


def cases(objectives: Sequence[Promised], short: int, wording: Wording) -> Iterator[Case]:
    """Yield the tests of all levels whose short window is `short` ms."""
    levels = dict.fromkeys(level for one in objectives for level in one.levels if level.short == short)
    for level in levels:
        having = [one for one in objectives if level in one.levels]
        step = _step(level, having)
        tried = [Tried(level, one.target, step, one.lowest) for one in having]
        for course in COURSES:
            courses = [(one, course.counters(tries)) for one, tries in zip(having, tried, strict=True)]
            yield _case(level, course, courses, wording)
        yield alone(level, having, wording)
    alerts = dict.fromkeys(alert for one in objectives for alert in one.alerts())
    yield nothing(alerts, tick_of(short), 1, span(short))


def alone(level: Level, having: Sequence[Promised], wording: Wording) -> Case:
    """Return the test that the first of some objectives burns, among healthy ones and strangers, and rings alone."""
    step = _step(level, having)
    tried = [Tried(level, one.target, step, one.lowest) for one in having]
    courses = [(having[0], ALONE.counters(tried[0]))]
    courses += [(one, _healthy(ALONE, tries)) for one, tries in zip(having[1:], tried[1:], strict=True)]
    return _case(level, ALONE, courses, wording, _strangers(having, ALONE, tried[0]))


def between(first: Sequence[Promised], second: Sequence[Promised], wording: Wording) -> tuple[int, tuple[Case, ...]]:
    """Return the tests of two models at once, of which one burns, and their tick: that of the fastest tickets."""
    level = next(level for level in first[0].levels if level.severity == TICKET)
    return tick_of(level.short), (alone(level, [*first, *second], wording), alone(level, [*second, *first], wording))


def nothing(alerts: Iterable[str], tick: int, ticks: int, name: str) -> Case:
    """Return the test of no series at all."""
    return Case(f"{name}: no series at all: silent", tick, (), tuple(Moment(ticks * tick, alert) for alert in alerts))


def _case(
    level: Level,
    course: Course,
    courses: Sequence[tuple[Promised, Counters]],
    wording: Wording,
    strangers: Sequence[Series] = (),
) -> Case:
    tick = tick_of(level.short)
    rows = [
        Taken(one, counted, tick, live(one, len(counted.events)) if course.live else ()) for one, counted in courses
    ]
    alerts = dict.fromkeys(alert for one, _ in courses for alert in one.alerts())
    moments = [
        Moment(look * tick, alert, tuple(found for row in rows if (found := row.burns(alert, look, wording))))
        for look in course.looks
        for alert in alerts
    ]
    series = [line for row in rows for line in (*scraped(row.one.series, row.counted), *row.gauges)]
    name = f"{span(level.long)}/{span(level.short)} ({level.severity}): {course.name}"
    queries = tuple(_ratios(rows, level, look) for look in course.recorded)
    return Case(name, courses[0][1].step, (*series, *strangers), tuple(moments), queries)


@dataclass(frozen=True, slots=True)
class Taken:
    """An objective on its course."""

    one: Promised
    counted: Counters
    tick: int
    """Milliseconds between two evaluations."""
    gauges: Sequence[Series] = ()

    def burns(self, alert: str, tick: int, wording: Wording) -> Ringing | None:
        """Return a burn alert as it rings at a tick, or None."""
        if not self._rings(alert, tick):
            return None
        since = None
        if self.tick <= LOOKBACK and self._rings(alert, tick - 1):
            since = next(first for first in range(tick - 1, -1, -1) if not self._rings(alert, first - 1))
        scene = self.scene(alert, tick, since)
        return wording.ringing(alert, self.one.labels(alert), self.one.series, nan, scene)

    def scene(self, alert: str, tick: int, since: int | None) -> ObjectiveScene:
        """Return what Prometheus knows at a tick; `since`: the tick when the alert became active, as recorded."""
        begun = None if since is None else since * self.tick
        return ObjectiveScene(self.one, self.counted, self.tick, tick * self.tick, alert, begun, self.gauges)

    def _rings(self, alert: str, tick: int) -> bool:
        return tick >= 0 and any(self._level_rings(level, tick) for level in self.one.alerts().get(alert, ()))

    def _level_rings(self, level: Level, tick: int) -> bool:
        """Tell whether a level rings: where its long window is the period, by what each tick recorded of it."""
        target = self.one.target
        if level.long != self.one.period:
            return self.counted.rings(level, target, tick * self.tick)
        scene = self.scene("", tick, None)
        shares, events = [scene.share(window) for window in (level.long, level.short)], scene.events(level.long)
        enough = events is not None and isfinite(events) and floor(events + 0.5) >= level.least_events(target)
        return enough and all(share is not None and share > float(level.threshold(target)) for share in shares)


def _ratios(rows: Sequence[Taken], level: Level, look: int) -> Query:
    """Return the check of the share of bad events that is recorded for a level's long window, to four places."""
    at, values = look * tick_of(level.short), []
    for row in rows:
        share = row.scene("", look, None).share(level.long)
        if share is not None:
            labels = {"model": row.one.model.name, "slo": row.one.objective.name, **row.one.sloth}
            rounded = floor(share * _PARTS + 0.5) / _PARTS
            values.append(Value(selector("", labels | {"sloth_window": span(level.long)}), rounded))
    if not values:
        return Query(at, f'{{__name__=~"{_RATIOS}.+"}}')
    return Query(at, f"round({names.ratio(level.long)}, {1 / _PARTS})", tuple(values))


def scraped(labels: dict[str, str], counted: Counters) -> tuple[Series, Series]:
    """Return both counters of an objective as they are scraped."""
    return Series(SLO_EVENTS.name, labels, counted.events), Series(SLO_BAD.name, labels, counted.bad)


def _step(level: Level, having: Sequence[Promised]) -> int:
    """Return how far apart scrapes are: as far as every window is a number of them, or too short to hold two."""
    windows = {window for one in having for rung in one.levels for window in (rung.long, rung.short)}
    parts = (parts for parts in range(2, level.short + 1, 2) if level.short % parts == 0)
    steps = (level.short // part for part in parts)
    return next(step for step in steps if all(window < step or window % step == 0 for window in windows))


def _healthy(course: Course, tried: Tried) -> Counters:
    return counters(tried.step, [Stretch(course.steps(tried), events=1_000)])


def _strangers(having: Sequence[Promised], course: Course, tried: Tried) -> list[Series]:
    """Return what is none of ours and burns all the time: another job, model and objective than those of the first."""
    most = 100 * (tried.close[0] + 1)
    burning = counters(tried.step, [Stretch(course.steps(tried), most, most)])
    stranger = "a stranger"
    while any(stranger in one.series.values() for one in having):
        stranger = f"not {stranger}"
    ours = having[0].series
    return [line for label in ours for line in scraped({**ours, label: stranger}, burning)]
