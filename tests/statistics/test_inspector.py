"""The Inspector says of slices, totals and moments what the gates would say of the numbers behind them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts import Counts, Layout, Series, tally_labelled, tally_predicted
from monitor.counts.durations import latency_bins
from monitor.statistics.doubts import marked
from monitor.statistics.gates import GateState
from monitor.statistics.inspection import Inspection, Vitals
from monitor.statistics.inspector import Inspector, Moment, Received
from monitor.statistics.pulse import Pulse, Watched
from monitor.statistics.report import Maturity, MetricResult, Totals, Verdict, WindowResult

LAYOUT = Layout(2)
MODEL = Watched("m", LAYOUT, 2 * HOUR, HOUR, "1h")
SERIES = Series("m", "1", None)
SEGMENT = Series("m", "1", "region=eu")
BEGIN = 20_000 * DAY
OK, BAD, UNKNOWN = GateState.OK, GateState.BAD, GateState.UNKNOWN


def counts(predictions, labels=0, delay=10 * MINUTE, latency=None):
    """Counts of so many predictions and labels, all alike."""
    one, zero = np.ones(predictions, np.int64), np.zeros(predictions, np.int64)
    made = tally_predicted(LAYOUT, zero, one, zero, 1)[0]
    unscored = np.full((labels, 1), np.nan)
    columns = (zero[:labels], zero[:labels], unscored, one[:labels], zero[:labels], 1)
    made += tally_labelled(LAYOUT, *columns, delay=np.full(labels, delay))[0]
    if latency is not None:
        bins = np.zeros(LAYOUT.shapes["latency"][0], np.int64)
        bins[latency_bins(np.array([latency]))] = predictions
        made += Counts.from_planes(LAYOUT, {"latency": bins})
    return made


class World:
    """Slices of ten minutes, totals, and an Inspector that looks at them."""

    def __init__(self, models=(MODEL,)):
        self.slices, self.totals = {}, {"predictions": 0, "labels": 0}
        self.rejected, self.skipped = {}, {}
        self.inspector = Inspector(models, self.read)
        self.now = BEGIN

    def read(self, series, start, end):
        # In order: a test adds slices as time goes on.
        return ((at, made) for at, made in self.slices.get(series, {}).items() if start <= at < end)

    def add(self, at, made, series=SERIES):
        own = self.slices.setdefault(series, {})
        own[at] = own.get(at, Counts(LAYOUT)) + made
        self.inspector.apply({series: {at: made}})

    def live(self, until, predictions=20, delay=10 * MINUTE, labelled=1.0, every=10 * MINUTE, latency=None):
        """Let time go on, everything being labelled after `delay`."""
        made = counts(predictions, round(predictions * labelled), delay, latency)
        while self.now < until:
            self.add(self.now, made)
            self.totals["predictions"] += made.predictions
            self.totals["labels"] += made.labels
            self.now += every
            if self.now % HOUR == 0:
                self.look()
        return self.look()

    def look(self, last_label=0, waits=None, read=0):
        """Inspect now; `last_label`: how long ago."""
        self.inspector.note(read, None if waits is None else self.now - waits, {})
        received = Received(Totals(**self.totals), self.now, self.now - last_label)
        since = (self.now - DAY) // HOUR * HOUR
        moment = Moment(self.now, since, list(self.slices), {"m": received}, self.rejected, self.skipped)
        return self.inspector.inspect(moment)


def gate(inspection, name):
    return next(gate for gate in inspection.models["m"].gates if gate.name == name)


def states(inspection):
    return {gate.name: gate.state for gate in inspection.models["m"].gates}


def test_a_steady_day_makes_every_gate_known_and_none_red():
    world = World()
    young = world.live(BEGIN + 30 * MINUTE)
    assert set(states(young).values()) == {UNKNOWN}
    assert gate(young, "volume").text.endswith("needs 3 hours of history")
    old = world.live(BEGIN + DAY)
    assert states(old) == {"completeness": OK, "timeliness": OK, "consistency": OK, "volume": OK}
    vitals = old.models["m"]
    assert (vitals.completeness, vitals.duplicates, vitals.orphans, old.rejected) == (1.0, 0.0, 0.0, 0.0)
    assert vitals.rate == pytest.approx(120 / 3_600)
    assert vitals.delays[1] == pytest.approx(600 * 3**0.9, rel=0.01)  # the bin from 10 to 30 minutes
    assert vitals.latencies == (None, None)


def test_labels_that_get_lost_turn_completeness_red_once_they_should_have_come():
    world = World()
    world.live(BEGIN + DAY)
    assert gate(world.live(BEGIN + DAY + 2 * HOUR, labelled=0.5), "completeness").state is OK
    lost = gate(world.live(BEGIN + DAY + 3 * HOUR, labelled=0.5), "completeness")
    assert (lost.state, lost.value, lost.usual) == (BAD, 0.5, 1.0)


def test_labels_that_take_longer_turn_timeliness_red():
    world = World()
    world.live(BEGIN + DAY)
    late = gate(world.live(BEGIN + DAY + 4 * HOUR, delay=100 * MINUTE), "timeliness")
    assert late.state is BAD
    assert late.value > late.limit == 2 * late.usual


def test_labels_that_stop_turn_timeliness_red_within_hours():
    world = World()
    world.live(BEGIN + 2 * DAY)
    assert gate(world.look(last_label=59 * MINUTE), "timeliness").state is OK
    stopped = gate(world.look(last_label=61 * MINUTE), "timeliness")
    assert stopped.state is BAD
    assert "no label for 61 min: about 122 would usually have come" in stopped.text


def test_predictions_that_stop_or_double_turn_volume_red():
    world = World()
    world.live(BEGIN + 3 * DAY)
    assert gate(world.live(BEGIN + 3 * DAY + HOUR, predictions=60), "volume").state is BAD
    assert gate(world.live(BEGIN + 3 * DAY + 2 * HOUR), "volume").state is OK
    world.now += HOUR
    stopped = gate(world.look(), "volume")
    assert (stopped.state, stopped.value) == (BAD, 0.0)
    assert "predictions have stopped" in stopped.text
    assert stopped.usual == pytest.approx(120 / 3_600)


def test_slower_answers_turn_latency_red_where_events_carry_them():
    world = World()
    assert gate(world.live(BEGIN + DAY, latency=12.0), "latency").state is OK
    slow = world.live(BEGIN + DAY + HOUR, latency=80.0)
    assert gate(slow, "latency").state is BAD
    assert 0.07 < slow.models["m"].latencies[0] < 0.1


def test_rejected_orphaned_and_doubled_events_turn_consistency_red_for_the_hour_they_came_in():
    world = World()
    world.live(BEGIN + DAY)
    world.rejected["bad time"] = 60
    red = gate(world.look(), "consistency")
    assert red.state is BAD
    assert "rejected: bad time" in red.text
    assert gate(world.live(BEGIN + DAY + 4 * HOUR), "consistency").state is OK
    world.totals["duplicate"] = 40
    assert "duplicates" in gate(world.look(), "consistency").text
    assert gate(world.look(), "consistency").state is BAD


def test_while_old_events_are_read_nothing_is_said_and_nothing_is_learnt():
    world = World()
    world.live(BEGIN + DAY)
    before = world.inspector.rows()
    behind = world.look(waits=HOUR, last_label=9 * HOUR)
    assert {name for name, state in states(behind).items() if state is UNKNOWN} == {
        "completeness", "timeliness", "volume",
    }  # fmt: skip
    assert gate(behind, "volume").text == "events that are 60 min old are still being read"
    assert behind.models["m"].rate is None
    assert world.inspector.rows() == before
    assert gate(world.look(waits=9 * MINUTE), "volume").state is OK


def test_a_source_that_cannot_tell_has_been_read_when_a_poll_is_empty():
    world = World()
    world.live(BEGIN + DAY)
    assert gate(world.look(read=5, last_label=HOUR), "volume").state is UNKNOWN
    assert gate(world.look(read=5, last_label=MINUTE), "volume").state is OK
    assert gate(world.look(read=0, last_label=HOUR), "volume").state is OK


def test_a_backlog_is_history_too():
    """Whoever begins with three days of events knows what is usual at once, but for what only time can tell."""
    lived, late = World(), World()
    lived.live(BEGIN + 3 * DAY)
    late.slices, late.totals, late.now = lived.slices, lived.totals, lived.now
    found, known = states(late.look()), states(lived.look())
    assert found == known | {"consistency": UNKNOWN}


def test_what_was_learnt_outlives_the_process_and_the_slices():
    world, again = World(), World()
    world.live(BEGIN + 3 * DAY)
    again.now, again.totals = world.now, world.totals
    again.slices = {SERIES: {at: made for at, made in world.slices[SERIES].items() if at >= world.now - 28 * HOUR}}
    again.inspector.restore(world.inspector.rows())
    assert again.look() == world.look()


def test_segments_are_not_counted_twice():
    world = World()
    world.live(BEGIN + DAY)
    known = world.look()
    world.add(BEGIN + DAY - 10 * MINUTE, counts(500), SEGMENT)
    assert world.look() == known


def test_all_versions_are_taken_together_and_one_may_go():
    world, new = World(), Series("m", "2", None)
    world.live(BEGIN + DAY)
    world.add(world.now - 10 * MINUTE, counts(60), new)
    assert world.look().models["m"].rate == pytest.approx(180 / 3_600)
    del world.slices[new]
    assert world.look().models["m"].rate == pytest.approx(120 / 3_600)


moves = st.lists(
    st.tuples(st.integers(0, 3 * DAY), st.lists(st.tuples(st.integers(0, 3 * 24 * 6), st.integers(1, 5)), max_size=4)),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_the_pulse_is_the_sum_of_its_slices(steps):
    kept = {}

    def read(_, start, end):
        return [(at, made) for at, made in sorted(kept.items()) if start <= at < end]

    pulse = Pulse(read)
    for after, added in steps:
        now = BEGIN + after
        for place, n in added:
            at = BEGIN + place * 10 * MINUTE
            made = counts(n, n)
            kept[at] = kept.get(at, Counts(LAYOUT)) + made
            pulse.apply({SERIES: {at: made}})
        since = (now - DAY) // HOUR * HOUR
        pulse.move(MODEL, [SERIES], now, since)
        beat = pulse.beat(MODEL, [SERIES], now, since)
        newest = -(-now // MINUTE) * MINUTE
        mature = (newest - MODEL.horizon) // HOUR * HOUR
        assert beat.elapsed == now - newest + HOUR
        for found, start, end in (
            (beat.last, newest - HOUR, newest),
            (beat.before, (newest - HOUR - DAY) // HOUR * HOUR, newest - HOUR),
            (beat.mature, mature - HOUR, mature),
        ):
            assert found == Counts.sum(LAYOUT, [made for _, made in read(SERIES, start, end)])


def window(maturity=Maturity.MATURE, end=100, as_of=100):
    metrics = (
        MetricResult("recall", "a", 0.5, 0.4, 0.6, 0.95, "jeffreys", 9, 1.0, None, verdict=Verdict.UNKNOWN, reason="x"),
        MetricResult("support", "a", 9, None, None, 0.95, "none", 9, 1.0, None),
    )
    return WindowResult("m", "1", None, "1h", 0, end, as_of, maturity, ("a", "b"), Counts(LAYOUT), metrics)


def red(*names):
    world = World()
    known = gate(world.live(BEGIN + DAY), "volume")
    gates = tuple(type(known)(name, BAD, 1.0, 1.0, 1.0, "") for name in names)
    return Inspection({"m": Vitals(gates)})


EVERY = red("completeness", "timeliness", "consistency", "volume", "latency")


@pytest.mark.parametrize(
    ("shown", "doubts"),
    [
        (window(), ("completeness", "timeliness", "consistency", "volume")),
        (window(as_of=101), ("completeness", "timeliness", "consistency")),
        (window(Maturity.PROVISIONAL), ("timeliness", "consistency", "volume")),
    ],
)
def test_a_verdict_says_which_red_gates_concern_its_window(shown, doubts):
    (found,) = marked(EVERY, [shown])
    assert found.gates == doubts
    recall, support = found.metrics
    assert recall.doubt == f"data gates are red: {', '.join(doubts)}"
    assert recall.reason == "x"
    assert support.doubt is None


def test_windows_without_red_gates_are_left_as_they_are():
    assert marked(red("latency"), [window()]) == [window()]
    assert marked(Inspection(), [window()]) == [window()]
