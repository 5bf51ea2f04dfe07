"""A daemon on growing files whose labels stop one day: the gates say so before any verdict does, and with each one."""

from __future__ import annotations

import json
import threading

import fabricated as made
import numpy as np
import pytest

from monitor.clock import DAY, HOUR, MINUTE, ManualClock, format_time
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
from monitor.daemon import Daemon
from monitor.report.json import encoded, report_document
from monitor.report.page import page
from monitor.sources.files import Files
from monitor.state import MemoryState
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.gates import GateState
from monitor.statistics.report import Maturity, Verdict

BEGIN = 1_767_225_600_000
STEP = 30 * MINUTE
IMMATURE = (Verdict.UNKNOWN, "immature")
CLASSES = ("stay", "leave")
MODEL = ModelSettings(
    "churn",
    CLASSES,
    Layout(2),
    (Duration(HOUR, "1h"), Duration(6 * HOUR, "6h")),
    Duration(2 * HOUR, "2h"),
    Duration(DAY, "1d"),
    Duration(HOUR, "1h"),
    objectives=(Objective("leave-recall", "recall", "leave", "6h", margin=0.05),),
)
BASELINE = Baseline(
    "churn",
    "3",
    CLASSES,
    MODEL.layout,
    "stratified",
    tuple(
        Fold(str(i), 0, 4_000, Counts.from_planes(MODEL.layout, {"confusion": np.array([[450, 50], [50, 450]])}))
        for i in range(5)
    ),
    "5be1" + "a" * 60,
)


class Impatient(threading.Event):
    """An event for which nobody waits: the test's time is not the wall's."""

    def wait(self, timeout=None):
        del timeout
        return self.is_set()


class Life:
    """A daemon that evaluates every half hour of its clock, each time after a poll that found nothing more."""

    def __init__(self, folder, state=None, begin=BEGIN):
        self.folder, self.clock, self.snapshots = folder, ManualClock(begin), []
        source = SourceSettings(
            "files",
            predictions=Input(folder / "predictions.jsonl"),
            labels=Input(folder / "labels.jsonl"),
            dead_letters=DeadLetters(halt_share=1.0),
            default_model="churn",
            default_version="3",
        )
        every = Duration(200_000, "200s")
        self.settings = Settings(
            {"churn": MODEL}, source=source, server=ServerSettings(("127.0.0.1", 0)), evaluate_every=every
        )
        self.state, self.polls, self.told = state or MemoryState(self.settings.models), 0, 0
        self.files = Files(self.settings, self.clock)
        self.stop = Impatient()

    def run(self, plan, feed):
        """Live through the moments of `plan`; `feed(moment)` is called before each."""
        moments = iter(plan)

        def go_on(snapshot=None):
            if snapshot is not None:
                self.snapshots.append(snapshot)
            moment = next(moments, None)
            if moment is None:
                self.stop.set()
                return
            feed(moment)
            self.clock.move_to(moment)

        go_on()
        daemon = Daemon(
            self.settings,
            self,
            self.clock,
            {("churn", "3"): BASELINE},
            state=self.state,
            watch=go_on,
            monotonic=lambda: self.polls * 100.0,
        )
        daemon.run(self.stop)
        return {snapshot.report.as_of: snapshot for snapshot in self.snapshots}

    def poll(self):
        self.polls += 1
        return self.files.poll()

    def seek(self, offsets):
        self.files.seek(offsets)

    def commit(self, offsets):
        self.files.commit(offsets)

    def close(self):
        self.files.close()


class Traffic:
    """Two predictions a minute, each labelled ten minutes later, until labels stop."""

    def __init__(self, folder, *, labels_until=None, padding=""):
        self.at, self.labels_until, self.padding = BEGIN, labels_until, padding
        self.predictions, self.labels = folder / "predictions.jsonl", folder / "labels.jsonl"
        self.rng, self.late = np.random.default_rng(1), []

    def __call__(self, moment):
        """Write what comes until then."""
        predictions, labels = [], []
        while self.at < moment:
            truth, wrong = int(self.rng.random() < 0.5), self.rng.random() < 0.1
            name = f"p{self.at}"
            event = {"prediction_id": name, "predicted_at": self.at, "y_pred": CLASSES[truth ^ wrong]}
            predictions.append(event | {"latency_ms": self.rng.uniform(10, 30), "padding": self.padding})
            self.late.append((self.at + 10 * MINUTE, name, CLASSES[truth]))
            self.at += MINUTE // 2
        while self.late and self.late[0][0] <= moment:
            at, name, truth = self.late.pop(0)
            if self.labels_until is None or at < self.labels_until:
                labels.append({"prediction_id": name, "y_true": truth, "labelled_at": at})
        for path, events in ((self.predictions, predictions), (self.labels, labels)):
            with path.open("a") as file:
                file.writelines(json.dumps(event) + "\n" for event in events)


def plan(start, end):
    return range(BEGIN + start + STEP, BEGIN + end + 1, STEP)


def gates(snapshot):
    return {gate.name: gate for gate in snapshot.report.inspection.models["churn"].gates}


def states(snapshot):
    return {name: gate.state.value for name, gate in gates(snapshot).items()}


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """30 hours, the labels stopping after 26."""
    folder = tmp_path_factory.mktemp("gates")
    return Life(folder).run(plan(0, 30 * HOUR), Traffic(folder, labels_until=BEGIN + 26 * HOUR))


def recalls(snapshot, maturity):
    return [
        (window, result)
        for window in snapshot.report.windows
        if window.maturity is maturity
        for result in window.metrics
        if (result.metric, result.class_) == ("recall", "leave")
    ]


def test_all_is_as_usual_after_a_day(lived):
    ok = dict.fromkeys(("completeness", "timeliness", "consistency", "volume", "latency"), "ok")
    assert states(lived[BEGIN + 26 * HOUR]) == ok
    assert all(not window.gates for window in lived[BEGIN + 26 * HOUR].report.windows)
    vitals = lived[BEGIN + 26 * HOUR].report.inspection.models["churn"]
    assert vitals.completeness == 1.0
    assert vitals.rate == pytest.approx(2 / 60, rel=0.01)
    assert 0.01 < vitals.latencies[0] < 0.03


def test_labels_that_stop_turn_timeliness_red_first_and_completeness_when_they_should_have_come(lived):
    timely = [at for at, snapshot in lived.items() if states(snapshot)["timeliness"] == "bad"]
    complete = [at for at, snapshot in lived.items() if states(snapshot)["completeness"] == "bad"]
    # The last label came just before 26h: an hour of silence is the least. Predictions of 25h to 26h, of which the last
    # sixth has no label, are mature at 28h.
    assert timely == [BEGIN + 27 * HOUR + STEP * i for i in range(len(timely))]
    assert complete == [BEGIN + 28 * HOUR + STEP * i for i in range(len(complete))]
    assert timely[-1] == complete[-1] == BEGIN + 30 * HOUR
    last = gates(lived[BEGIN + 30 * HOUR])
    assert "no label for 4 h" in last["timeliness"].text
    assert last["completeness"].text.startswith("0 % of the predictions of the newest mature window of 1h are labelled")
    assert last["volume"].state is GateState.OK


def test_the_verdict_says_on_what_it_rests(lived):
    snapshot = lived[BEGIN + 28 * HOUR]
    mature = recalls(snapshot, Maturity.MATURE)
    assert {window.window for window, _ in mature} == {"1h", "6h"}
    for window, result in mature:
        assert window.gates == ("completeness", "timeliness")
        assert result.verdict is not None
        assert result.doubt == "data gates are red: completeness, timeliness"
    for window, result in recalls(snapshot, Maturity.PROVISIONAL):
        assert window.gates == ("timeliness",)
        # The last hour has no label at all, so that there is nothing to judge.
        assert (result.verdict, result.reason) == ((None, None) if window.window == "1h" else IMMATURE)
    document = json.loads(encoded(report_document(snapshot.report)))
    reasons = {
        metric["reason"]
        for window in document["windows"]
        if window["maturity"] == "provisional"
        for metric in window["metrics"]
        if metric["verdict"] == "UNKNOWN" and metric["metric"] == "recall"
    }
    assert reasons == {"immature; data gates are red: timeliness"}
    red = [entry["gate"] for entry in document["gates"] if entry["state"] == "bad"]
    assert red == ["completeness", "timeliness"]


def test_the_page_shows_the_gates_and_warns_above_the_verdicts(lived):
    shown = page(lived[BEGIN + 28 * HOUR], served=True)
    assert "Data gates are red: completeness, timeliness." in shown
    assert shown.index("Data gates are red") < shown.index('id="data"')
    assert "(red below" in shown
    calm = page(lived[BEGIN + 26 * HOUR], served=True)
    assert "Data gates are red" not in calm
    assert calm.count("as usual</span>") == 5


def test_gates_go_on_where_an_earlier_process_stopped(tmp_path):
    folder, traffic = tmp_path, Traffic(tmp_path)
    first = Life(folder)
    first.run(plan(0, 26 * HOUR), traffic)
    second = Life(folder, first.state, BEGIN + 26 * HOUR).run(plan(26 * HOUR, 27 * HOUR), traffic)
    assert states(second[BEGIN + 27 * HOUR])["consistency"] == "ok"


def test_a_backlog_is_read_before_anything_is_said(tmp_path):
    """Whoever was away for a day does not call it an outage while it is still being read."""
    Traffic(tmp_path, padding="x" * 2_000)(BEGIN + 25 * HOUR)
    life = Life(tmp_path, begin=BEGIN + 25 * HOUR)
    life.files = Files(life.settings, life.clock, most=200_000)
    life.run([BEGIN + 25 * HOUR] * 40, lambda _: None)
    first, last = life.snapshots[0], life.snapshots[-1]
    assert first.report.totals.predictions < last.report.totals.predictions == 3_000
    assert "are still being read" in gates(first)["volume"].text
    assert set(states(first).values()) == {"unknown"}
    assert states(last)["volume"] == "ok"
    assert all(gate.state is not GateState.BAD for one in life.snapshots for gate in gates(one).values())


def test_the_empty_page_of_a_young_daemon_says_what_is_missing(tmp_path):
    traffic = Traffic(tmp_path)
    found = Life(tmp_path).run(plan(0, HOUR), traffic)
    shown = page(found[BEGIN + HOUR], served=True)
    assert "needs 3 hours of history" in shown
    assert "not known yet</span>" in shown


def test_a_backtest_has_no_gates():
    snapshot = made.churn_snapshot(days=4)
    assert snapshot.report.inspection is None
    assert 'id="data"' not in page(snapshot, served=False)
    assert format_time(snapshot.report.as_of) in encoded(report_document(snapshot.report)).decode()
