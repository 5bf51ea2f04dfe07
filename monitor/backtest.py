"""The backtest: the one loop with a replay source, memory state and a clock that is moved. It only wires the parts."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.alerting.verdicts import VerdictAlerts
from monitor.clock import ManualClock
from monitor.counts.slices import FixedSlices, slice_length
from monitor.report.course import Courses, judged
from monitor.report.history import History
from monitor.report.newest import Newest
from monitor.report.snapshot import Snapshot
from monitor.reporting import Reporter, promises_by_model
from monitor.state.memory import MemoryState
from monitor.statistics.report import Report
from monitor.statistics.schedule import Span, replay_schedule
from monitor.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from monitor.config import Settings
    from monitor.sources.logs.replay import Replay
    from monitor.sources.source import Batch
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.report import WindowResult
    from monitor.statistics.schedule import Due


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


def run(
    settings: Settings,
    replay: Replay,
    baselines: Mapping[tuple[str, str], Baseline],
    every: int,
    *,
    listen: Iterable[Callable[[WindowResult], None]] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay history and report its windows, whose ends fall on multiples of `every` (ms) since the epoch.

    `listen` hear every window result, in the report's order; `progress` is told the moment up to which everything has
    been replayed.
    """
    clock = ManualClock(replay.first_arrival)
    state = MemoryState(settings.models)
    lengths = [window.millis for model in settings.models.values() for window in model.windows]
    stream = Stream(settings, _Arrived(replay, clock), state, FixedSlices(slice_length([every, *lengths])))
    reporter = Reporter(settings, state, promises_by_model(baselines))
    history, courses, alerts = History(settings), Courses(settings.models), VerdictAlerts()
    newest = Newest()
    hearers = [newest.add, history.add, courses.observe, *listen]

    def move_to(moment: int) -> None:
        clock.move_to(moment)
        read = 1
        while read:
            step = stream.step()
            reporter.apply(step.slices)
            read = step.read

    for as_of, due in _moments(settings, replay, every):
        if not state.series() and (replay.next_arrival or as_of) > as_of:
            continue  # a gap in the log: every window is empty
        move_to(as_of)
        for result in reporter.report(due):
            for hear in hearers:
                hear(result)
            for seen in judged(settings.models[result.model], result):
                alerts.observe(seen)
        progress(as_of)
    move_to(replay.last_arrival)
    progress(replay.last_arrival)
    snapshot = Snapshot(
        settings,
        __version__,
        replay.first_arrival,
        report=Report(replay.last_arrival, tuple(newest.view().values()), stream.totals()),
        history=history.view(),
        baselines=baselines,
        alerts=alerts.alerts,
        courses=courses.courses,
    )
    return Replayed(snapshot, replay.first_arrival, replay.last_arrival)


def _moments(settings: Settings, replay: Replay, every: int) -> Iterator[tuple[int, dict[str, list[Due]]]]:
    """Yield each moment at which windows are due, in order, with these windows by model."""
    last = replay.last_predicted_at
    if last is None:
        return
    span = Span(replay.first_arrival, last, replay.last_arrival)
    plans = [_plan(name, settings, every, span) for name in settings.models]
    for as_of, group in groupby(heapq.merge(*plans, key=itemgetter(0)), key=itemgetter(0)):
        due: dict[str, list[Due]] = {}
        for _, name, window in group:
            due.setdefault(name, []).append(window)
        yield as_of, due


def _plan(name: str, settings: Settings, every: int, span: Span) -> Iterator[tuple[int, str, Due]]:
    """Yield (as of, model, window) of one model in order."""
    model = settings.models[name]
    windows = [(window.text, window.millis) for window in model.windows]
    for due in replay_schedule(windows, model.label_horizon.millis, every, span):
        yield due.as_of, name, due
