"""The action `crossval`: what it brings back, where it stops, and what it says."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from action_kinds import order_in
from action_scene import watched
from http_clients import until
from left_behind import running_in

from monitor.baselines.file import of_bytes
from monitor.baselines.training_rows import Columns, read_training_rows
from monitor.clock import HOUR
from monitor.config.revalidation import CrossvalAction, TrainingRows
from monitor.errors import InputError
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.crossval import Crossval
from monitor.revalidate.actions.validated import SINCE, ages, validated
from monitor.revalidate.actions.validation import Task

ROOT = Path(__file__).parents[3]
ESTIMATORS = """
import os
import signal
import time

from sklearn.linear_model import LogisticRegression

def make():
    return LogisticRegression()

class Greedy:
    def __init__(self, megabytes=330):
        self.megabytes = megabytes
    def fit(self, x, y):
        self.held = b"x" * (self.megabytes * 10**6)
        time.sleep(60)
    def predict(self, x):
        return x

def greedy():
    return Greedy()

def greediest():
    return Greedy(9_000)

class Stubborn(Greedy):
    def fit(self, x, y):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(600)
        open(os.environ["TMPDIR"] + "/../stubborn", "w").close()
        time.sleep(600)
"""
FIRST = 1_767_225_600_000
ROWS = 240
QUERY = "SELECT a, b, seen_at, y FROM churn"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows in SQLite, one every twenty minutes, and estimators beside the configuration."""
    path = tmp_path_factory.mktemp("configured")
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, ROWS))
    y = np.where(a + rng.normal(size=ROWS) > 0, "leave", "stay").tolist()
    connection = sqlite3.connect(path / "churn.db")
    connection.execute("CREATE TABLE churn (a REAL, b REAL, seen_at INTEGER, y TEXT)")
    times = [FIRST + HOUR * row // 3 for row in range(ROWS)]
    rows = zip(a.tolist(), b.tolist(), times, y, strict=True)
    connection.executemany("INSERT INTO churn VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    (path / "action_estimators.py").write_text(ESTIMATORS)
    (path / "endless_at_import.py").write_text("import time\ntime.sleep(600)\n")
    (path / "broken_at_import.py").write_text("import no_such_library\n")
    return path


def settings(estimator="action_estimators:make", **more):
    source = TrainingRows(query=QUERY, url="sqlite:///churn.db")
    return CrossvalAction(
        **{"data": source, "target": "y", "estimator": estimator, "folds": 3, "time": "seen_at", **more}
    )


def started(folder):
    """An order of a run that begins an hour after the newest row."""
    return order_in(folder, started=FIRST + ROWS // 3 * HOUR, positive="leave", candidate_version="4")


def refused(folder, **more):
    """What a task says that fails before any fold; in this process, since nothing of a stranger's runs."""
    task = Task(settings(**more), "churn", "3", "leave", FIRST, folder)
    with pytest.raises(InputError) as found:
        validated(task, lambda _: None)
    return str(found.value)


@pytest.fixture(scope="module")
def done(folder):
    watch, said = watched()
    outcome = Crossval(settings(jobs=2, seed=11)).run(started(folder), watch)
    assert outcome.state is State.SUCCEEDED, outcome.reason
    return outcome.candidate, said


def test_it_names_the_ordered_version_and_never_takes_the_time_for_a_feature(done):
    baseline = of_bytes(done[0].document, Path("candidate"))
    assert (baseline.version, baseline.seed, len(baseline.folds)) == ("4", 11, 3)
    assert baseline.about["data"]["features"] == ["a", "b"]
    assert baseline.content_hash.encode() in done[0].timings


def test_it_tells_how_old_the_rows_are_and_how_many_came_in_each_hour(done):
    assert done[0].newest_row == FIRST + HOUR * (ROWS - 1) // 3
    assert done[0].rows_since == {FIRST + hour * HOUR: 3 for hour in range(ROWS // 3)}
    assert done[0].warnings == ()


def test_its_inputs_are_fingerprints_of_rows_query_and_estimator(done, folder):
    assert sorted(done[0].inputs) == ["data", "estimator", "query"]
    assert done[0].inputs["query"] == hashlib.sha256(QUERY.encode()).hexdigest()
    assert done[0].inputs["estimator"] == hashlib.sha256((folder / "action_estimators.py").read_bytes()).hexdigest()


def test_it_says_each_fold(done):
    assert done[1].told == [
        "finding the estimator",
        "reading the rows",
        "3 folds of 240 rows",
        "fold 1 of 3",
        "fold 2 of 3",
        "fold 3 of 3",
    ]


def test_a_file_without_a_column_of_time_is_as_old_as_itself_and_that_is_a_warning(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("a,y\n1,b\n")
    os.utime(path, (FIRST // 1000, FIRST // 1000))
    found = read_training_rows(TrainingRows(file=path, pattern=str(path)), Columns("y"), tmp_path)
    told = ages(found, FIRST, asked=True)
    assert (told.newest, told.by_hour) == (FIRST, {})
    (warning,) = told.warnings
    assert warning.startswith(f"{path}: no column tells how old its rows are (`time`), so its file's own time counts")
    assert warning.endswith("2026-01-01T00:00:00Z")
    assert ages(found, FIRST, asked=False).warnings == ()


def test_rows_of_a_query_without_a_column_of_time_are_of_unknown_age(folder):
    told = ages(read_training_rows(settings().data, Columns("y"), folder), FIRST, asked=True)
    assert told.newest is None
    assert "how old its rows are is not known: name the column that tells it (`time`)" in told.warnings[0]


def test_hours_long_before_the_run_are_not_counted(folder):
    rows = read_training_rows(settings().data, Columns("y", time="seen_at"), folder)
    told = ages(rows, FIRST + SINCE + HOUR, asked=True)
    assert sorted(told.by_hour) == [FIRST + hour * HOUR for hour in range(1, ROWS // 3)]


def test_all_processes_together_may_not_hold_more_than_the_memory_limit(folder):
    watch, _ = watched()
    wanted = settings("action_estimators:greedy", memory_limit=700_000_000, jobs=2, folds=2)
    outcome = Crossval(wanted).run(started(folder), watch)
    assert outcome.state is State.FAILED
    assert "memory_limit: all that works on it held" in outcome.reason
    assert outcome.reason.endswith("of 700 MB (while 2 folds of 240 rows); raise memory_limit, or lower jobs")


def test_one_process_that_asks_for_more_than_the_limit_at_once_is_refused_in_its_fold(folder):
    watch, _ = watched()
    wanted = settings("action_estimators:greediest", memory_limit=2_000_000_000, jobs=1, folds=2)
    outcome = Crossval(wanted).run(started(folder), watch)
    assert outcome.state is State.FAILED
    assert "models.churn.revalidate.action.estimator action_estimators:greediest: raised MemoryError" in outcome.reason
    assert outcome.reason.endswith("in fold 0; raise memory_limit, or lower jobs")


def cancelled_once(settings, folder, begun):
    """What comes of a run that is cancelled once `begun()`."""
    watch, said = watched()

    def cancel():
        until(lambda: begun(said), 120)
        watch.cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = Crossval(settings).run(started(folder), watch)
    thread.join()
    return outcome


def test_a_module_that_hangs_at_its_import_can_be_ended_and_the_place_is_named(folder):
    outcome = cancelled_once(settings("endless_at_import:make"), folder, lambda said: said.told)
    assert outcome.state is State.CANCELLED
    assert "cancelled while finding the estimator" in outcome.reason


def test_whoever_ignores_the_signal_to_end_is_killed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    wanted = settings("action_estimators:Stubborn", jobs=1, folds=2)
    outcome = cancelled_once(wanted, folder, lambda _: (tmp_path / "stubborn").exists() and running_in(tmp_path))
    assert outcome.state is State.CANCELLED
    assert running_in(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["stubborn"]


PARENT = """
import pickle, sys, threading
from monitor.revalidate.actions.action import Watch
from monitor.revalidate.actions.crossval import Crossval
settings, order = pickle.load(sys.stdin.buffer)
say = lambda text: print(text, flush=True)
Crossval(settings).run(order, Watch(threading.Event(), say, say))
"""


def test_who_is_killed_leaves_no_children_and_no_rows_behind(folder, tmp_path):
    asked = pickle.dumps((settings("action_estimators:Greedy", jobs=1, folds=2), started(folder)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=folder
    ) as parent:
        parent.stdin.write(asked)
        parent.stdin.close()
        while b"folds of" not in parent.stdout.readline():
            assert parent.poll() is None
        assert list(tmp_path.iterdir())
        assert len(running_in(tmp_path)) > 1
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not running_in(tmp_path), 30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        (
            {"estimator": "no_such_module:make"},
            "action.estimator no_such_module:make: there is no module no_such_module on",
        ),
        ({"estimator": "action_estimators:nope"}, "module action_estimators has no nope; it has Greedy"),
        ({"estimator": "broken_at_import:make"}, "its module imports no_such_library, which is not installed"),
        ({"target": "gone"}, "has no column gone (`target`); columns found: a, b, seen_at, y"),
        ({"groups": "gone"}, "has no column gone (`groups`)"),
        ({"time": "gone"}, "has no column gone (`time`)"),
        (
            {"features": ("a", "seen_at")},
            "models.churn.revalidate.action.features: names the target, the groups or the time",
        ),
        ({"folds": 300}, "240 rows leave a fold without rows; use fewer folds"),
        ({"scheme": "group"}, "models.churn.revalidate.action.groups: scheme group needs a group of each row"),
        ({"data": TrainingRows(query="SELECT * FROM gone", url="sqlite:///churn.db")}, "no such table: gone"),
        ({"data": TrainingRows(pattern="gone.csv")}, "gone.csv: there is no such file"),
        ({"data": TrainingRows(command=("false",))}, "command false: ended with exit code 1"),
    ],
)
def test_what_cannot_be_validated_is_told_in_the_words_of_the_configuration(folder, more, finding):
    said = refused(folder, **more)
    assert finding in said
    assert "--" not in said


def test_problems_of_the_estimator_and_of_the_rows_are_told_together(folder):
    said = refused(folder, estimator="no_such_module:make", target="gone")
    assert "no_such_module" in said
    assert "has no column gone" in said


def test_a_program_that_prints_rows_gets_the_environment_of_the_command_and_its_last_words_are_told(
    folder, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", "/as/it/was")
    watch, said = watched()
    wanted = settings(data=TrainingRows(command=("sh", "-c", "echo $PYTHONPATH >&2; exit 4")))
    outcome = Crossval(wanted).run(started(folder), watch)
    assert outcome.state is State.FAILED
    assert "command sh: ended with exit code 4; it said: /as/it/was; run it by hand in" in outcome.reason
    assert said.told == ["finding the estimator", "reading the rows"]


def test_a_temporary_folder_that_cannot_be_written_is_an_outcome(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    watch, _ = watched()
    outcome = Crossval(settings()).run(started(folder), watch)
    assert outcome.state is State.FAILED
    assert "cannot be begun (No such file or directory); see whether TMPDIR can be written" in outcome.reason


def test_a_missing_extra_is_an_outcome_with_its_remedy(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    watch, _ = watched()
    outcome = Crossval(settings()).run(started(folder), watch)
    assert outcome.state is State.FAILED
    assert outcome.reason.endswith("needs joblib, which is not installed; pip install 'foldwatch[crossval]'")
