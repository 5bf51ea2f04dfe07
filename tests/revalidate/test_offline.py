"""What is seen without a daemon is what the daemon that stopped had seen, and nothing is written for it."""

import hashlib
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest
from evidence_scene import BEGIN, Scene

from monitor.clock import DAY, HOUR, MINUTE
from monitor.revalidate.evidence.evidence import gather, red_gates
from monitor.revalidate.evidence.offline import seen_offline
from monitor.revalidate.evidence.streaks import Streaks
from monitor.state.opened import open_state

PLAN = [BEGIN + at * 20 * MINUTE for at in range(1, 44)]


def files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def undoubted(windows):
    """Windows without the words of data gates."""
    return [
        replace(window, gates=(), metrics=tuple(replace(metric, doubt=None) for metric in window.metrics))
        for window in windows
    ]


def streaks_of(settings, snapshots):
    streaks = Streaks(settings.models)
    for snapshot in snapshots:
        streaks.observe(snapshot.report.windows)
    return streaks.worse


@pytest.mark.parametrize("read_only", [False, True])
def test_it_sees_in_the_state_that_a_daemon_left_what_that_one_saw_and_writes_nothing(tmp_path, read_only):
    scene = Scene(tmp_path, labels_until=BEGIN + 11 * HOUR)
    now = PLAN[-1] + 1  # at which there is nothing more to read
    snapshots = scene.live([*PLAN, now])
    last = snapshots[-1]
    before = files(tmp_path / "state") if read_only else None
    with closing(open_state(scene.settings, read_only=read_only)) as state:
        seen = seen_offline(scene.settings, state, scene.baselines, now)
        again = seen_offline(scene.settings, state, scene.baselines, now)
        evidence = gather(scene.settings, state, scene.baselines, seen, now)
    assert list(seen.results) == undoubted(last.report.windows)
    assert seen.standings == last.objectives
    assert seen.worse == streaks_of(scene.settings, snapshots)
    assert seen.red == red_gates(last.report.inspection)
    assert seen.as_of == last.report.as_of == now
    assert again == seen
    assert before is None or files(tmp_path / "state") == before
    # What it is about came to pass: streaks, a spent budget, a red gate, two versions of which one has no baseline.
    assert seen.worse["churn", "3"]["leave-recall"] > 5
    assert "timeliness" in seen.red["churn"]
    assert list(evidence) == ["churn"]
    newest, older = evidence["churn"]
    assert (newest.version, newest.newest, newest.baseline, newest.worse) == ("4", True, None, {})
    assert (older.version, older.newest, older.spent) == ("3", False, {})
    assert older.baseline == scene.baselines["churn", "3"].content_hash
    assert older.baseline_written_at == BEGIN - HOUR
    assert newest.spent["slices"] > 1
    assert newest.spent["floor"] > 1
    assert newest.red_gates == older.red_gates == seen.red["churn"]
    assert newest.labels == older.labels == last.report.totals.matched
    longest = [w for w in last.report.windows if (w.window, w.segment, w.version) == ("6h", None, "3")][-1]
    assert sum(older.mature.values()) == longest.labels > 0
    assert list(older.mature) == ["stay", "leave"]


def test_it_goes_on_seeing_after_the_daemon_has_gone_and_gates_stay_as_they_were(tmp_path):
    scene = Scene(tmp_path)
    last = scene.live(PLAN)[-1]
    with closing(open_state(scene.settings)) as state:
        later = seen_offline(scene.settings, state, scene.baselines, PLAN[-1] + 5 * HOUR)
        days_later = seen_offline(scene.settings, state, scene.baselines, PLAN[-1] + 5 * DAY)
    assert later.red == days_later.red == red_gates(last.report.inspection) == {}
    assert max(w.end for w in later.results) == max(w.end for w in last.report.windows) + 5 * HOUR
    assert days_later.results == ()
    assert days_later.worse == {}
    spent = {standing.slo: standing.period for standing in days_later.standings}
    assert spent == {standing.slo: standing.period for standing in last.objectives}


def test_of_a_state_that_nobody_ever_wrote_nothing_is_seen(tmp_path):
    scene = Scene(tmp_path)
    with closing(open_state(scene.settings, read_only=True)) as state:
        seen = seen_offline(scene.settings, state, scene.baselines, BEGIN)
        (evidence,) = gather(scene.settings, state, scene.baselines, seen, BEGIN)["churn"]
    assert (seen.results, seen.worse, seen.red) == ((), {}, {})
    assert (evidence.version, evidence.spent, evidence.worse, evidence.labels) == ("3", {}, {}, 0)
    assert evidence.mature == {"stay": 0, "leave": 0}


def test_streaks_of_a_daemon_go_on_after_its_restart(tmp_path):
    scene = Scene(tmp_path)
    snapshots = [snapshot for lo, hi in pairwise((0, 30, 43)) for snapshot in scene.live(PLAN[lo:hi])]
    with closing(open_state(scene.settings)) as state:
        seen = seen_offline(scene.settings, state, scene.baselines, PLAN[-1])
    assert seen.worse == streaks_of(scene.settings, snapshots)
    assert seen.worse["churn", "3"]["leave-recall"] > 13
