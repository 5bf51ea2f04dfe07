"""The file that an action elsewhere leaves behind: when it counts, when it is waited for, and what comes with it."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from action_kinds import baseline_bytes, order_in
from action_scene import watched

from monitor.baselines import fingerprints
from monitor.baselines.feature_summary import encoded, summarised
from monitor.baselines.file import document_bytes, of_bytes, sealed
from monitor.baselines.timings import FoldTiming, Timings, timings_text
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.actions.result import MOST_BYTES, await_result, result_now
from monitor.revalidate.desk import Candidate

EARLIER = 1_600_000_000


@pytest.fixture
def order(tmp_path):
    return order_in(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.json"


class Steps:
    """A clock on which each look is a second later, and things happen."""

    def __init__(self, **happens):
        self.at = 0.0
        self._happens = {int(second.removeprefix("at_")): what for second, what in happens.items()}

    def __call__(self):
        self.at += 1
        self._happens.pop(int(self.at), lambda: None)()
        return self.at


def awaited(path, order, seconds=60.0, **happens):
    """What comes of waiting for so many seconds of that clock."""
    watch, said = watched()
    clock = Steps(**happens)
    found = await_result(path, order, seconds, watch, monotonic=clock, every=0.001)
    assert said.told == [f"waiting for {path}"]
    return found, clock.at


def aged(path, seconds=EARLIER):
    os.utime(path, (seconds, seconds))


def test_a_file_that_comes_later_is_taken_as_it_is(path, order):
    found, at = awaited(path, order, at_5=lambda: path.write_bytes(baseline_bytes()))
    assert isinstance(found, Candidate)
    assert found.document == baseline_bytes()
    assert (found.folds, found.timings, found.features, found.warnings) == (None, None, None, ())
    assert at <= 6


def test_an_older_file_is_not_taken_until_it_is_written_anew(path, order):
    path.write_bytes(baseline_bytes())
    aged(path)
    found, at = awaited(path, order, at_9=lambda: path.write_bytes(baseline_bytes()))
    assert isinstance(found, Candidate)
    assert at >= 9


@pytest.mark.parametrize(
    ("there", "why"), [(None, "there is no such file"), (EARLIER, "the file there is older than the run's start")]
)
def test_what_does_not_come_in_time_says_why(path, order, there, why):
    if there is not None:
        path.write_bytes(baseline_bytes())
        aged(path, there)
    found, at = awaited(path, order)
    assert found.state is State.TIMED_OUT
    assert found.reason.startswith(f"{path}: no result within time_limit: {why}; ")
    assert at >= 60


@pytest.mark.parametrize("cut", [0, 1, 700, -2])
def test_a_half_written_file_is_waited_for(path, order, cut):
    found, _ = awaited(
        path,
        order,
        at_3=lambda: path.write_bytes(baseline_bytes()[:cut]),
        at_20=lambda: path.write_bytes(baseline_bytes()),
    )
    assert isinstance(found, Candidate)


def test_a_file_that_nobody_writes_to_any_more_and_is_no_baseline_fails(path, order):
    found, at = awaited(path, order, at_2=lambda: path.write_text('{"schema": "something/1"}'))
    assert found.state is State.FAILED
    assert "is not a baseline file" in found.reason
    assert "nobody has written to it for 30 s" in found.reason
    assert at < 40


def test_one_that_was_changed_by_hand_fails(path, order):
    changed = baseline_bytes().replace(b'"seed": null', b'"seed": 7')
    assert changed != baseline_bytes()
    found, _ = awaited(path, order, at_2=lambda: path.write_bytes(changed))
    assert found.state is State.FAILED
    assert "was changed or damaged after it was written" in found.reason


@pytest.mark.parametrize(
    ("made", "finding"),
    [
        (("other", "3"), "is a baseline of the model other, not of churn"),
        (("churn", "4"), "is a baseline of version 4, not of 3"),
    ],
)
def test_one_that_was_not_ordered_fails_at_once(path, order, made, finding):
    path.write_bytes(baseline_bytes(*made))
    found, at = awaited(path, order)
    assert found.state is State.FAILED
    assert found.reason.startswith(f"{path}: {finding}; let the action write")
    assert at < 5


def test_a_retrained_model_brings_its_own_version(path, order):
    path.write_bytes(baseline_bytes("churn", "4"))
    assert isinstance(result_now(path, replace(order, candidate_version="4")), Candidate)


def test_what_is_no_file_or_far_too_large_fails_at_once(path, order, tmp_path):
    found = result_now(tmp_path, replace(order, started=0))
    assert found.state is State.FAILED
    assert "cannot be read (Is a directory)" in found.reason
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert "is larger than a baseline can be (41,943,041 bytes)" in result_now(path, order).reason


def test_waiting_ends_when_it_is_cancelled(path, order):
    watch, _ = watched()
    threading.Timer(0.05, watch.cancelled.set).start()
    found = await_result(path, order, 10**9, watch, every=30)
    assert isinstance(found, Outcome)
    assert (found.state, found.reason) == (State.CANCELLED, f"{path}: cancelled while waiting for it")


@pytest.fixture
def accompanied(path):
    """A baseline with everything that belongs to it."""
    assignment = fingerprints.assignment_text([(0, str(fold), np.arange(fold, 500, 5)) for fold in range(5)])
    baseline = of_bytes(baseline_bytes(), Path("made"))
    about = {**baseline.about, "fold_assignment": {"sha256": fingerprints.of_text(assignment), "rows": 500}}
    baseline = sealed(replace(baseline, about=about))
    timings = timings_text(Timings(1.5, tuple(FoldTiming(str(fold), 0, 0.3, 10**6) for fold in range(5))), baseline)
    features = encoded(summarised({"a": np.arange(500.0)}, baseline.content_hash)).decode()
    path.write_bytes(document_bytes(baseline))
    beside = {".folds.csv": assignment, ".timings.json": timings, ".features.json": features}
    for ending, text in beside.items():
        path.with_name(path.name + ending).write_text(text)
    return beside


def test_what_lies_beside_it_and_belongs_to_it_comes_along(path, order, accompanied):
    found = result_now(path, order)
    assert found.folds == accompanied[".folds.csv"]
    assert found.timings == accompanied[".timings.json"].encode()
    assert found.features == accompanied[".features.json"].encode()
    assert found.warnings == ()


def test_what_lies_beside_it_from_an_earlier_run_does_not(path, order, accompanied):
    for ending in accompanied:
        aged(path.with_name(path.name + ending))
    found = result_now(path, order)
    assert (found.folds, found.timings, found.features) == (None, None, None)


def test_what_belongs_to_another_baseline_does_not(path, order, accompanied):
    path.with_name(path.name + ".folds.csv").write_text(accompanied[".folds.csv"].replace("0,0,5\n", ""))
    path.with_name(path.name + ".timings.json").write_text(
        accompanied[".timings.json"].replace('_hash": "', '_hash": "0')
    )
    path.with_name(path.name + ".features.json").write_text(
        accompanied[".features.json"].replace('_hash": "', '_hash": "0')
    )
    found = result_now(path, order)
    assert (found.folds, found.timings, found.features) == (None, None, None)
    assert found.warnings == (f"{path}.folds.csv: is not the fold assignment of this baseline; left out",)
