"""A daemon that dies and starts again says what an undisturbed one says, and it stops loudly where it must."""

from __future__ import annotations

import json
import logging
import random
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from stream_drive import GivenSource

from monitor.clock import DAY, HOUR, MINUTE, ManualClock
from monitor.config import (
    DeadLetters,
    Duration,
    Input,
    ModelSettings,
    Objective,
    ServerSettings,
    Settings,
    SourceSettings,
)
from monitor.counts import Counts, Layout
from monitor.counts.slices import AgingSlices
from monitor.daemon import Daemon
from monitor.errors import SourceUnavailable, StateBroken
from monitor.prometheus.collector import Exposition
from monitor.report.operation import Operation
from monitor.sources.memory import Memory
from monitor.sources.source import Batch
from monitor.state import MemoryState
from monitor.state.disk.durable import RocksState
from monitor.state.history import FORMAT
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.budget import Tally
from monitor.statistics.inspection import Inspection
from monitor.statistics.report import Maturity

BEGIN = 1_767_225_600_000
CLASSES = ("stay", "leave")


def duration(millis, text):
    return Duration(millis, text)


OBJECTIVES = (
    Objective("leave-recall", "recall", "leave", "6h", margin=0.05),
    Objective("eu-recall", "recall", "leave", "6h", segment="region=eu", margin=0.05),
    Objective("slices", "recall", "leave", "6h", margin=0.05, target=Decimal("0.9")),
    Objective("floor", "recall", "leave", "6h", target=Decimal("0.9"), kind="occurrences"),
    Objective(
        "eu-floor", "recall", "leave", "6h", "region=eu", target=Decimal("0.9"), kind="occurrences", routing="shadow"
    ),
)
MODEL = ModelSettings(
    "churn",
    CLASSES,
    Layout(2),
    (duration(30 * MINUTE, "30m"), duration(6 * HOUR, "6h")),
    duration(2 * HOUR, "2h"),
    duration(3 * DAY, "3d"),
    duration(HOUR, "1h"),
    segments={"region": None},
    objectives=OBJECTIVES,
)
SOURCE = SourceSettings(
    predictions=Input(topic="predictions"), labels=Input(topic="labels"), dead_letters=DeadLetters(halt_share=1.0)
)


FREE = ServerSettings(("127.0.0.1", 0))


def settings_of(model=MODEL):
    return Settings({"churn": model}, source=SOURCE, server=FREE, evaluate_every=duration(60_000, "60s"))


SETTINGS = settings_of()


def baselines():
    counts = Counts.from_planes(MODEL.layout, {"confusion": np.array([[450, 50], [50, 450]])})
    folds = tuple(Fold(str(i), 0, 4_000, counts) for i in range(5))
    return {("churn", "3"): Baseline("churn", "3", CLASSES, MODEL.layout, "stratified", folds, "5be1" + "a" * 60)}


class Life:
    """One process: it evaluates once for each moment of its plan, having read what `prepare` fed for it."""

    def __init__(self, source, state, clock, plan, prepare=lambda _: None, settings=SETTINGS):
        self.snapshots, self.stop, self.clock = [], threading.Event(), clock
        self._plan, self._prepare, self._seconds = iter(plan), prepare, 0.0
        self._next()
        self.daemon = Daemon(
            settings, source, clock, baselines(), state=state, watch=self._seen, monotonic=self._monotonic
        )
        self.daemon.run(self.stop)

    def _monotonic(self):
        self._seconds += 1_000.0
        return self._seconds

    def _seen(self, snapshot):
        self.snapshots.append(snapshot)
        self._next()

    def _next(self):
        moment = next(self._plan, None)
        if moment is None:
            self.stop.set()
        else:
            self.clock.move_to(moment)
            self._prepare(moment)


class World:
    """Events that come as time goes on: bad for a while, labelled late, some twice, some invalid."""

    def __init__(self, clock, seed=1, bad=(BEGIN + 5 * HOUR, BEGIN + 14 * HOUR)):
        self.source, self._clock, self._random, self._bad = Memory(SETTINGS, clock), clock, random.Random(seed), bad
        self._told, self._until, self._late = 0, BEGIN, []

    def advance(self, moment):
        """Feed what comes until then."""
        predictions, rng = [], self._random
        while self._until < moment:
            self._until += rng.randrange(2 * MINUTE, 9 * MINUTE)
            at, truth = self._until, rng.choice(CLASSES)
            wrong = rng.random() < (0.6 if self._bad[0] <= at < self._bad[1] else 0.08)
            self._told += 1
            event = {
                "prediction_id": f"p{self._told}", "model": "churn", "version": "3", "predicted_at": at,
                "y_pred": truth if not wrong else CLASSES[1 - CLASSES.index(truth)], "region": rng.choice(["eu", "us"]),
            }  # fmt: skip
            event["segment"] = {"region": event.pop("region")}
            predictions += [event] * rng.choice([1, 1, 1, 2])
            self._late.append((at + rng.randrange(2 * HOUR), event["prediction_id"], truth))
        due = [one for one in self._late if one[0] <= moment]
        self._late = [one for one in self._late if one[0] > moment]
        labels = [
            {"prediction_id": i, "model": "churn", "labelled_at": at, "y_true": y} for at, i, y in sorted(due)
        ] + ([{"prediction_id": "bad"}] if rng.random() < 0.2 else [])
        self.source.feed(
            predictions="\n".join(map(json.dumps, predictions)).encode(),
            labels="\n".join(map(json.dumps, labels)).encode(),
        )


def moments(seed, n=32):
    """Irregular moments of evaluation over some days, now and then with a clock that is set back by an hour."""
    rng, now, plan = random.Random(seed), BEGIN, []
    for _ in range(n):
        now += rng.choice([MINUTE, 7 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR])
        plan.append(now - (HOUR if rng.random() < 0.1 else 0))
    return plan


def ungated(snapshot):
    """A snapshot without the data gates: what they compare with is what their own process saw."""
    return replace(snapshot, report=replace(snapshot.report, inspection=Inspection()))


def without_operation(snapshot):
    return replace(snapshot, operation=Operation())


def in_memory():
    """What opens one and the same memory again and again."""
    state = MemoryState(SETTINGS.models)
    return lambda: state


def lived(plan, cuts, seed=1, opened=None):
    """The snapshots of one daemon after the other, over one world and what is opened for each of them."""
    clock, opened = ManualClock(BEGIN), opened or in_memory()
    world, snapshots = World(clock, seed), []
    edges = [0, *cuts, len(plan)]
    for lo, hi in pairwise(edges):
        snapshots += Life(world.source, opened(), clock, plan[lo:hi], world.advance).snapshots
    return snapshots


@pytest.mark.parametrize(("seed", "cuts", "durable"), [(1, (15,), False), (2, (1, 2, 20, 31), True)])
def test_a_daemon_that_was_restarted_says_what_an_undisturbed_one_says(tmp_path, seed, cuts, durable):
    def store(name):
        return (lambda: RocksState(tmp_path / name, SETTINGS.models)) if durable else in_memory()

    plan = moments(seed)
    whole = lived(plan, (), seed, store("whole"))
    cut = lived(plan, cuts, seed, store("cut"))
    assert len(whole) == len(cut) == len(plan)
    for one, other in zip(whole, cut, strict=True):
        assert one.report == other.report
        assert one.activity == other.activity
        assert one.alerts == other.alerts
        assert one.shadow_alerts == other.shadow_alerts
        assert (one.objectives, one.tallies) == (other.objectives, other.tallies)
        # What a process knows of itself is its own: how long it took, what it takes.
        assert Exposition(without_operation(one)).body("") == Exposition(without_operation(other)).body("")
    assert cut[-1].history.keys() == whole[-1].history.keys()
    assert whole[-1].activity["churn"].predictions["3"] > 100
    assert {alert.source for alert in whole[-1].alerts} == {"verdict", "burn"}
    assert {alert.slo for alert in whole[-1].shadow_alerts} == {"eu-floor"}
    assert all(whole[-1].tallies["churn", slo].bad for slo in ("slices", "floor", "eu-floor"))
    assert any(w.maturity is Maturity.MATURE and w.labels for w in whole[-1].report.windows)


def alike(one, other):
    """Whether two points say the same; records keep seven digits."""
    numbers = zip(one[3:9], other[3:9], strict=True)
    same = all(a == b if None in (a, b) else a == pytest.approx(b, abs=1e-6) for a, b in numbers)
    return same and (*one[:3], one.verdict) == (*other[:3], other.verdict)


def test_after_a_restart_the_plots_show_the_last_day_as_before_and_earlier_ones_by_the_hour():
    step = 30 * MINUTE
    plan = [BEGIN + i * step for i in range(1, 62)]
    opened, clock = in_memory(), ManualClock(BEGIN)
    drawn = lived(plan, (), opened=opened)[-1].history
    again = Life(GivenSource([]), opened(), clock, plan[-1:]).snapshots[-1].history
    assert drawn.keys() == again.keys()
    aged = AgingSlices.at(plan[-1]).boundary
    hourly = 0
    for key, points in drawn.items():
        # The record of an hour is its last one; mature windows move by the hour, so none of theirs is lost.
        last = [p for p in points if p.as_of >= aged or p.as_of % HOUR >= HOUR - step]
        kept = points if key.maturity is Maturity.MATURE else last
        assert len(kept) == len(again[key])
        assert all(alike(one, other) for one, other in zip(kept, again[key], strict=True))
        hourly += len(points) - len(kept)
    assert hourly > 50


def slices_of(state):
    return {(series, at): counts for series in state.series() for at, counts in state.slices(series, 0, 2**53)}


def summed(slices):
    sums = {}
    for (series, _), counts in slices.items():
        sums[series] = sums.get(series, Counts(MODEL.layout)) + counts
    return sums


def test_minutes_that_a_dead_process_left_become_hours_after_the_restart():
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock)
    Life(world.source, state, clock, [BEGIN + i * HOUR for i in range(1, 20)], world.advance)
    before = slices_of(state)
    assert len({at for _, at in before if at % HOUR}) > 100
    late = BEGIN + 46 * HOUR
    Life(world.source, state, clock, [late])
    boundary = AgingSlices.at(late).boundary
    assert state.boundary() == boundary
    after = slices_of(state)
    assert not {at for _, at in after if at < boundary and at % HOUR}
    kept = {at // HOUR for _, at in after}
    assert summed(after) == summed({key: counts for key, counts in before.items() if key[1] // HOUR in kept})
    assert len(kept) > 5


def test_a_restart_in_the_past_keeps_hours_hours_and_counts_the_same():
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock)
    plan = [BEGIN + i * HOUR for i in range(1, 30)]
    (*_, last) = Life(world.source, state, clock, plan, world.advance).snapshots
    boundary = state.boundary()
    assert boundary == AgingSlices.at(plan[-1]).boundary
    back = plan[-1] - HOUR
    (seen,) = Life(world.source, state, clock, [back]).snapshots
    assert state.boundary() == boundary
    (again,) = Life(world.source, state, clock, [plan[-1]]).snapshots
    assert ungated(again).report == ungated(last).report
    for window in seen.report.windows:
        inside = sum(
            counts.predictions
            for (series, at), counts in slices_of(state).items()
            if (series.version, series.segment) == (window.version, window.segment) and window.start <= at < window.end
        )
        assert window.predictions == inside


def test_after_a_clock_that_was_a_year_ahead_minutes_are_minutes_again():
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock)
    Life(world.source, state, clock, [BEGIN + 365 * DAY])
    assert state.boundary() == BEGIN + 364 * DAY
    moment = BEGIN + 90 * MINUTE
    Life(world.source, state, clock, [moment, moment + 30 * MINUTE], world.advance)
    assert state.boundary() == BEGIN + 2 * HOUR
    assert not [at for at, _ in state.history(moment + DAY)]


def test_an_alert_that_is_open_goes_on_as_the_same_episode():
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock)
    plan = [BEGIN + i * HOUR for i in range(1, 28)]
    opened = next(i for i, seen in enumerate(lived(plan, ())) if any(a.resolved_at is None for a in seen.alerts))
    Life(world.source, state, clock, plan[: opened + 1], world.advance)
    life = Life(world.source, state, clock, plan[opened + 1 :], world.advance)
    first = life.snapshots[0].alerts[0]
    assert (first.at, first.resolved_at) == (plan[opened], None)
    ended = life.snapshots[-1].alerts[0]
    assert ended.at == plan[opened]
    assert ended.resolved_at in plan


def test_before_the_first_evaluation_every_budget_has_counters_at_zero_and_none_has_a_standing():
    class Watched(MemoryState):
        def totals(self):
            seen.append(daemon._snapshot)  # noqa: SLF001 - what was shown until the first evaluation
            stop.set()
            return super().totals()

    seen, stop, clock = [], threading.Event(), ManualClock(BEGIN)
    daemon = Daemon(SETTINGS, World(clock).source, clock, baselines(), state=Watched(SETTINGS.models))
    daemon.run(stop)
    assert seen[0].tallies == {("churn", slo): Tally() for slo in ("slices", "floor", "eu-floor")}
    assert (seen[0].objectives, seen[0].report) == ((), None)


def test_the_budget_of_an_objective_that_was_retired_resolves_its_alerts_and_comes_back_with_its_counters():
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock, bad=(BEGIN, BEGIN + 90 * DAY))
    plan = [BEGIN + i * HOUR for i in range(1, 30)]
    before = Life(world.source, state, clock, plan, world.advance).snapshots[-1]
    assert [a.slo for a in before.alerts if a.source == "burn" and a.resolved_at is None].count("floor") == 2
    others = tuple(one for one in OBJECTIVES if one.name not in ("floor", "leave-recall"))
    now = plan[-1] + HOUR
    retired = Life(world.source, state, clock, [now], world.advance, settings_of(replace(MODEL, objectives=others)))
    open_ = {(a.slo, a.at) for a in before.alerts if a.resolved_at is None and a.slo in ("floor", "leave-recall")}
    ended = {(a.slo, a.at) for a in retired.snapshots[-1].alerts if a.resolved_at == now}
    assert open_ <= ended
    assert {slo for slo, _ in open_} == {"floor", "leave-recall"}
    assert ("churn", "floor") not in retired.snapshots[-1].tallies
    (back,) = Life(world.source, state, clock, [now + HOUR], world.advance).snapshots
    assert back.tallies["churn", "floor"] == state.objectives()["churn", "floor"]
    assert back.tallies["churn", "floor"].events >= before.tallies["churn", "floor"].events


def test_events_that_come_more_rarely_than_a_short_window_are_a_warning_told_once(caplog):
    clock = ManualClock(BEGIN)
    world = World(clock)
    plan = [BEGIN + i * 2 * HOUR for i in range(1, 20)]
    with caplog.at_level(logging.WARNING, "foldwatch"):
        Life(world.source, MemoryState(SETTINGS.models), clock, plan, world.advance)
    told = [record for record in caplog.records if record.message == "events too rare"]
    assert sorted(record.slo for record in told) == ["eu-floor", "floor"]
    assert "come about every 2h, and windows of 5m and 30m are empty in between" in told[0].consequence


def test_damaged_history_is_no_reason_not_to_start(caplog):
    clock, state = ManualClock(BEGIN), MemoryState(SETTINGS.models)
    world = World(clock)
    plan = [BEGIN + i * HOUR for i in range(1, 9)]
    before = Life(world.source, state, clock, plan[:4], world.advance).snapshots[-1]
    (first, *_, last) = (moment for moment, _ in state.history(0))
    state.append_history(first, b"garbage")
    state.append_history(last, bytes([FORMAT + 1]))
    with caplog.at_level(logging.WARNING, "foldwatch"):
        after = Life(world.source, state, clock, plan[4:], world.advance).snapshots
    assert [r.records for r in caplog.records if r.message == "history left out"] == [2]
    assert len(after) == 4
    assert after[-1].report.totals.predictions > before.report.totals.predictions


class Unwritable(MemoryState):
    """A disk that is full after so many commits."""

    def __init__(self, models, commits):
        super().__init__(models)
        self.left, self.closed = commits, False

    def commit(self, commit):
        self.left -= 1
        if self.left < 0:
            message = "/var/lib/foldwatch: the disk is full; make room and start again: nothing is lost"
            raise StateBroken(message)
        super().commit(commit)

    def close(self):
        self.closed = True


def test_a_state_that_cannot_be_written_stops_the_daemon_before_the_offsets_move(caplog):
    clock, fed = ManualClock(BEGIN), []
    world, state = World(clock), Unwritable(SETTINGS.models, 4)
    plan = [BEGIN + i * 20 * MINUTE for i in range(1, 30)]

    def feed(moment):
        fed.append(moment)
        world.advance(moment)

    with caplog.at_level(logging.ERROR, "foldwatch"), pytest.raises(StateBroken, match="disk is full"):
        Life(world.source, state, clock, plan, feed)
    assert state.closed
    assert [r.message for r in caplog.records] == ["state broken"]
    assert "make room" in caplog.records[0].why
    assert 2 < len(fed) < len(plan)
    # With room again it goes on where the last commit was, and says what an undisturbed daemon says.
    state.left = 1_000
    after = ungated(Life(world.source, state, clock, plan).snapshots[-1]).report
    other = World(clock)
    for moment in fed:
        clock.move_to(moment)
        other.advance(moment)
    whole = Life(other.source, MemoryState(SETTINGS.models), clock, plan).snapshots[-1]
    assert after == ungated(whole).report
    assert after.totals.predictions > 5


class Served:
    """A daemon that runs in a thread, with the real clock of its loop."""

    def __init__(self, source, state=None, every=1_000):
        self.clock, self.stop, self.errors = ManualClock(BEGIN), threading.Event(), []
        model = settings_of()
        self.daemon = Daemon(
            Settings(model.models, source=SOURCE, server=FREE, evaluate_every=duration(every, "1s")),
            source, self.clock, {}, state=state,
        )  # fmt: skip
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.daemon.run(self.stop)
        except Exception as error:  # noqa: BLE001 - the test asks for it
            self.errors.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def get(self, path):
        try:
            with urllib.request.urlopen(self.daemon.server.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def until(self, holds):
        done = threading.Event()
        for _ in range(200):
            if holds():
                return
            done.wait(0.05)
        pytest.fail("it did not come")


class Endless(GivenSource):
    """A backlog that never ends."""

    def __init__(self):
        super().__init__([])
        self.polls = 0

    def poll(self):
        self.polls += 1
        return Batch(read=1, lag={"predictions/0": 5, "labels/0": 1_000_000 - self.polls})


def test_while_a_backlog_is_read_it_is_ready_and_evaluates_and_stops_when_told():
    with Served(Endless()) as served:
        served.until(lambda: served.get("-/ready")[0] == 200)
        first = served.daemon._snapshot.report  # noqa: SLF001 - what is served has no moment to compare
        served.clock.move_to(BEGIN + MINUTE)
        served.until(lambda: "2026-01-01T00:01:00Z" in served.get("api/v1/report")[1])
        assert first is None or first.as_of == BEGIN
        metrics = served.get("metrics")[1]
        assert 'foldwatch_consumer_lag{partition="0",topic="predictions"} 5.0' in metrics
        assert "messages wait to be read (labels 9" in served.get("")[1]
    assert served.errors == []


def test_a_source_that_is_away_shows_on_the_page_at_once_and_its_return_too():
    source = Endless()
    away = SourceUnavailable("no broker at localhost:9092")
    source.poll = lambda: (_ for _ in ()).throw(away)
    with Served(source, every=3_600_000) as served:
        served.until(lambda: "no broker at localhost:9092" in served.get("")[1])
        assert served.get("-/ready") == (503, "not ready: no broker at localhost:9092\n")
        assert served.get("-/healthy")[0] == 200
        del source.poll
        served.until(lambda: "no broker at localhost:9092" not in served.get("")[1])
        assert served.get("-/ready")[0] == 200
    assert source.closed


def test_resets_and_notices_are_counted_and_shown_and_every_topic_begins_at_zero():
    notice = "topic labels was made again"
    source = GivenSource([Batch(), Batch(resets={"labels": 2}, notices=[notice]), Batch(resets={"labels": 1})])
    with Served(source, every=1_000) as served:
        served.until(lambda: 'foldwatch_offset_resets_total{topic="labels"} 3.0' in served.get("metrics")[1])
        assert 'foldwatch_offset_resets_total{topic="predictions"} 0.0' in served.get("metrics")[1]
        page = served.get("")[1]
        assert "3 partitions of labels began anew" in page
        assert notice in page


def test_a_fault_of_ours_ends_the_process_and_closes_everything():
    source, state = GivenSource([Batch(), ZeroDivisionError("ours")]), Unwritable(SETTINGS.models, 99)
    with Served(source, state) as served:
        served.thread.join(10)
        assert not served.thread.is_alive()
    assert [type(error) for error in served.errors] == [ZeroDivisionError]
    assert (source.closed, state.closed) == (True, True)
