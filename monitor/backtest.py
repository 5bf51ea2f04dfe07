"""The backtest: the one loop with a replay source, memory state and a clock that is moved. It only wires the parts."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.alerting.alarm import Alarm
from monitor.alerting.rehearsal import Rehearsal
from monitor.clock import ManualClock
from monitor.counts.slices import FixedSlices, slice_length
from monitor.report.course import Courses
from monitor.report.history import History
from monitor.report.newest import Newest
from monitor.report.snapshot import Activity, Snapshot
from monitor.reporting import Reporter, promises_by_model
from monitor.state.memory import MemoryState
from monitor.statistics.ladder import PAGE
from monitor.statistics.report import Report, Totals
from monitor.statistics.schedule import Span, replay_schedule
from monitor.stream import Stream, living

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitor.config import Settings
    from monitor.sources.logs.replay import Replay
    from monitor.sources.source import Batch
    from monitor.state.state import ModelState, State
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import WindowResult
    from monitor.statistics.schedule import Due

    Counters = Mapping[tuple[str, str], Tally]
    """(model, the objective's name) -> its counters."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a finished backtest leaves."""

    snapshot: Snapshot
    start: int
    """First and, as `end`, last arrival, epoch milliseconds."""
    end: int

    @property
    def worse(self) -> bool:
        """Tell whether any mature window of an objective was WORSE."""
        return any(course.worse for course in self.snapshot.courses)

    @property
    def paged(self) -> bool:
        """Tell whether any page rang that somebody would have heard."""
        return any(alert.severity == PAGE for alert in self.snapshot.alerts)


class _Arrived:
    """The replay as a source that delivers what has arrived by the clock."""

    def __init__(self, replay: Replay, clock: ManualClock) -> None:
        self._replay, self._clock = replay, clock

    def poll(self) -> Batch:
        """Return the next events that have arrived, at most one batch."""
        return self._replay.poll_until(self._clock.now())

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on behind these."""
        self._replay.seek(offsets)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Pass it on."""
        self._replay.commit(offsets)

    def close(self) -> None:
        """Pass it on."""
        self._replay.close()


@dataclass(frozen=True, slots=True)
class _Reading:
    """Moves the clock and reads what has arrived by then."""

    clock: ManualClock
    stream: Stream
    reporter: Reporter

    def until(self, moment: int) -> None:
        """Read everything that arrived at or before `moment`."""
        self.clock.move_to(moment)
        read = 1
        while read:
            step = self.stream.step()
            self.reporter.apply(step.slices)
            read = step.read


def run(
    settings: Settings,
    replay: Replay,
    baselines: Mapping[tuple[str, str], Baseline],
    every: int,
    *,
    listen: Iterable[Callable[[WindowResult], None]] = (),
    count: Iterable[Callable[[int, Counters], None]] = (),
    receive: Iterable[Callable[[int, Mapping[str, Activity]], None]] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay history and report its windows, whose ends fall on multiples of `every` (ms) since the epoch.

    `listen` hear every window result, in the report's order. `count` hear the counters of objectives with a target:
    zeros at the last multiple of `every` before the log begins, then what they are at each multiple of it; `receive`
    hear at the same moments what of each model was read, but for what became of its labels. `progress` is told the
    moment up to which everything has been replayed.
    """
    clock = ManualClock(replay.first_arrival)
    state = MemoryState(settings.models)
    lengths = [window.millis for model in settings.models.values() for window in model.windows]
    stream = Stream(settings, _Arrived(replay, clock), state, FixedSlices(slice_length([every, *lengths])))
    reporter = Reporter(settings, state, promises_by_model(baselines))
    reading = _Reading(clock, stream, reporter)
    history, courses, newest = History(settings), Courses(settings.models), Newest()
    begun = replay.first_arrival // every * every
    rehearsal = Rehearsal(settings, every, begun)
    alarm = Alarm(settings, state, begun, every=every, hearer=rehearsal)
    hearers = [newest.add, history.add, courses.observe, *listen]
    tell = _teller(settings, state, tuple(count), tuple(receive))

    def evaluate(moment: int, due: Mapping[str, Sequence[Due]]) -> None:
        results = reporter.report(due)
        for hear in hearers:
            for result in results:
                hear(result)
        alarm.observe(moment, results)
        if moment % every == 0:
            tell(moment, alarm.tallies)

    tell(begun, alarm.tallies)
    last_read = begun
    for as_of, due in _moments(settings, replay, every):
        if state.series() or (replay.next_arrival or as_of) <= as_of:
            reading.until(as_of)
            last_read = as_of
        elif _is_quiet(as_of, last_read, replay.next_arrival or as_of, settings.slo.period.millis):
            continue  # a gap in the log: every window is empty, those of error budgets too
        evaluate(as_of, due)
        progress(as_of)
    reading.until(replay.last_arrival)
    progress(replay.last_arrival)
    snapshot = Snapshot(
        settings,
        __version__,
        replay.first_arrival,
        report=Report(replay.last_arrival, tuple(newest.view().values()), stream.totals()),
        history=history.view(),
        baselines=baselines,
        courses=courses.courses,
        rehearsed=rehearsal.rehearsed(courses.courses),
    )
    return Replayed(alarm.shown(snapshot), replay.first_arrival, replay.last_arrival)


def _teller(
    settings: Settings,
    state: State,
    count: Sequence[Callable[[int, Counters], None]],
    receive: Sequence[Callable[[int, Mapping[str, Activity]], None]],
) -> Callable[[int, Counters], None]:
    """Return what tells the listeners of `run` how the counters and what was read stand at a moment."""

    def tell(moment: int, tallies: Counters) -> None:
        for hear in count:
            hear(moment, tallies)
        alive = living(state, settings.models) if receive else {}
        for hear_read in receive:
            hear_read(moment, {name: _activity(state.model(name), versions) for name, versions in alive.items()})

    return tell


def _activity(known: ModelState, versions: Mapping[str, int]) -> Activity:
    """Return what a model has received, but for the totals, which take a visit to every row."""
    return Activity(Totals(), versions, known.last_prediction, known.last_label)


def _is_quiet(moment: int, since: int, until: int, reach: int) -> bool:
    """Tell whether no window of `reach` ms that ends at `moment` touches anything before `since` or from `until` on.

    Of a longer gap its first and its last `reach` are gone through, so that increases are what Prometheus would see.
    """
    return since + reach < moment < until - reach


def _moments(settings: Settings, replay: Replay, every: int) -> Iterator[tuple[int, dict[str, list[Due]]]]:
    """Yield each moment at which windows are due, in order, with these windows by model.

    Where there are error budgets every multiple of `every` within the log is among them, whatever is due there.
    """
    last = replay.last_predicted_at
    if last is None:
        return
    span = Span(replay.first_arrival, last, replay.last_arrival)
    plans = [_plan(name, settings, every, span) for name in settings.models]
    if any(objective.target is not None for model in settings.models.values() for objective in model.objectives):
        steps = range((span.first_prediction // every + 1) * every, span.last_arrival + 1, every)
        plans.append((moment, "", None) for moment in steps)
    for as_of, group in groupby(heapq.merge(*plans, key=itemgetter(0)), key=itemgetter(0)):
        due: dict[str, list[Due]] = {}
        for _, name, window in group:
            if window is not None:
                due.setdefault(name, []).append(window)
        yield as_of, due


def _plan(name: str, settings: Settings, every: int, span: Span) -> Iterator[tuple[int, str, Due | None]]:
    """Yield (as of, model, window) of one model in order."""
    model = settings.models[name]
    windows = [(window.text, window.millis) for window in model.windows]
    for due in replay_schedule(windows, model.label_horizon.millis, every, span):
        yield due.as_of, name, due
