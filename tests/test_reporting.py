"""The daemon's tick without its threads: irregular moments, ageing slices, late labels, held against raw events."""

import json
import random

import pytest

from monitor.clock import DAY, HOUR, MINUTE, ManualClock
from monitor.config import Duration, ModelSettings, Settings
from monitor.counts import Layout
from monitor.counts.slices import AgingSlices, FixedSlices
from monitor.reporting import Reporter
from monitor.sources.memory import Memory
from monitor.state.memory import MemoryState
from monitor.statistics.schedule import live_schedule
from monitor.stream import Stream

BEGIN = 1_767_225_600_000


def settings_of(horizon):
    windows = tuple(
        Duration(length, text) for text, length in (("30m", 30 * MINUTE), ("6h", 6 * HOUR), ("2d", 2 * DAY))
    )
    model = ModelSettings(
        "m", ("0", "1"), Layout(2), windows, Duration(horizon, "h"), Duration(5 * DAY, "5d"), Duration(DAY, "1d")
    )
    return Settings({"m": model})


class Desk:
    """The parts of a daemon that make reports, fed by hand."""

    def __init__(self, horizon, slices=None):
        self.settings = settings_of(horizon)
        self.model = self.settings.models["m"]
        self.clock = ManualClock(BEGIN)
        self.source = Memory(self.settings, self.clock)
        self.state = MemoryState(self.settings.models)
        self.slices = slices or AgingSlices.at(BEGIN)
        self.stream = Stream(self.settings, self.source, self.state, self.slices, skip_old=True)
        self.reporter = Reporter(self.settings, self.state, {})
        self.boundary = AgingSlices.at(BEGIN).boundary

    def feed(self, predictions, labels):
        rows = [
            {"prediction_id": i, "model": "m", "version": "1", "predicted_at": at, "y_pred": y}
            for i, at, y in predictions
        ]
        truths = [{"prediction_id": i, "model": "m", "labelled_at": at, "y_true": y} for i, at, y in labels]
        text = ["\n".join(map(json.dumps, entries)).encode() for entries in (rows, truths)]
        self.source.feed(predictions=text[0], labels=text[1])
        self.reporter.apply(self.stream.step().slices)

    def report(self):
        now = self.clock.now()
        self.boundary = max(self.boundary, AgingSlices.at(now).boundary)
        windows = [(window.text, window.millis) for window in self.model.windows]
        due = live_schedule(windows, self.model.label_horizon.millis, now, self.boundary)
        results = self.reporter.report({"m": due})
        self.stream.age(now)
        return results


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("horizon", [0, 3 * HOUR, 3 * DAY])
def test_every_window_of_every_tick_is_the_sum_of_its_events(seed, horizon):
    rng = random.Random(seed)
    desk = Desk(horizon)
    made, known, told, waiting = {}, {}, 0, []
    seen = 0
    for _ in range(60):
        before = desk.clock.now()
        desk.clock.move_to(before + rng.choice([MINUTE // 2, 7 * MINUTE, HOUR, 5 * HOUR, 20 * HOUR]))
        now = desk.clock.now()
        predictions = []
        for _ in range(rng.randrange(12)):
            told += 1
            at = rng.randrange(before, now + 1) - rng.choice([0, 0, 0, 2 * HOUR])
            made[f"p{told}"] = (at, rng.choice("01"))
            predictions.append((f"p{told}", *made[f"p{told}"]))
            waiting.append((at + rng.randrange(2 * DAY), f"p{told}"))
        due = sorted(entry for entry in waiting if entry[0] <= now)
        waiting = [entry for entry in waiting if entry[0] > now]
        labels = [(i, at, rng.choice("01")) for at, i in due]
        known.update({i: y for i, _, y in labels})
        desk.feed(predictions, labels)
        results = {(r.window, r.maturity): r for r in desk.report()}
        for plan in live_schedule([(w.text, w.millis) for w in desk.model.windows], horizon, now, desk.boundary):
            inside = [i for i, (at, _) in made.items() if plan.start <= at < plan.end]
            result = results.pop((plan.window, plan.maturity), None)
            assert (result.predictions if result else 0) == len(inside)
            if result:
                seen += 1
                assert (result.start, result.end, result.as_of) == (plan.start, plan.end, now)
                assert result.labels == sum(i in known for i in inside)
                counts = [[sum(known.get(i) == a and made[i][1] == b for i in inside) for b in "01"] for a in "01"]
                assert result.counts.plane("confusion").tolist() == counts
        assert not results
    assert seen > 50


def test_a_window_whose_counts_did_not_change_is_not_evaluated_again():
    desk = Desk(0)
    desk.feed([("a", BEGIN, "0")], [("a", BEGIN, "0")])
    desk.clock.move_to(BEGIN + 2 * MINUTE)
    first = desk.report()
    desk.clock.move_to(BEGIN + 5 * MINUTE)
    again = desk.report()
    assert [r.as_of for r in again] == [BEGIN + 5 * MINUTE] * 3
    assert [r.metrics for r in again] == [r.metrics for r in first]
    assert all(a.metrics is b.metrics for a, b in zip(again, first, strict=True))
    desk.feed([], [("a", BEGIN + 1, "1")])
    assert all(a.metrics is not b.metrics for a, b in zip(desk.report(), first, strict=True))


def test_a_version_that_is_retired_leaves_the_report_and_slices_out_of_reach_are_forgotten():
    desk = Desk(0, FixedSlices(MINUTE))
    desk.feed([("a", BEGIN, "0")], [])
    desk.clock.move_to(BEGIN + MINUTE)
    assert [result.version for result in desk.report()] == ["1"] * 3
    later = BEGIN + 10 * DAY
    desk.clock.move_to(later)
    text = {"prediction_id": "b", "model": "m", "version": "2", "predicted_at": later - MINUTE, "y_pred": "0"}
    desk.source.feed(predictions=json.dumps(text).encode())
    desk.reporter.apply(desk.stream.step().slices)
    assert [result.version for result in desk.report()] == ["2"] * 3
    assert [one.version for one in desk.state.series()] == ["2"]
    assert [result.version for result in desk.report()] == ["2"] * 3
