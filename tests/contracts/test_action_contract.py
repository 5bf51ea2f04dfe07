"""What every kind of action promises to who has it done."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from action_kinds import NO_LUCK, RESULT, baseline_bytes, order_in
from action_kinds import WORLDS as HERE
from action_scene import watched
from action_worlds_elsewhere import ELSEWHERE
from http_clients import until
from left_behind import running_in

from monitor.baselines.file import of_bytes
from monitor.revalidate.actions.action import State

if TYPE_CHECKING:
    from action_kinds import World
    from action_scene import Said

    from monitor.revalidate.actions.action import Order, Outcome

WORLDS = {**HERE, **ELSEWHERE}
READERS = ["command", *ELSEWHERE]
"""Kinds that read a result which somebody else wrote; the others make it themselves."""
EARLIER = 1_600_000_000


@pytest.fixture(params=WORLDS)
def world(request, tmp_path):
    with WORLDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=READERS)
def reader(request, tmp_path):
    with WORLDS[request.param](tmp_path) as made:
        yield made


def children():
    """Processes of ours that run or wait to be reaped."""
    mine = f"/proc/self/task/{threading.get_native_id()}/children"
    return Path(mine).read_text().split()


@dataclass(frozen=True)
class Done:
    """A run that went well, once for all tests of its kind."""

    world: World
    order: Order
    outcome: Outcome
    said: Said
    printed: str
    """On our standard output."""

    def again(self) -> Outcome:
        """What comes of the same order a second time."""
        return self.world.good().run(self.order, watched()[0])


@pytest.fixture(scope="module", params=WORLDS)
def done(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("action")
    (watch, said), order = watched(), order_in(folder)
    with WORLDS[request.param](folder) as world:
        ours = os.dup(1)
        with (folder / "stdout").open("wb") as output:
            os.dup2(output.fileno(), 1)
            try:
                outcome = world.good().run(order, watch)
            finally:
                os.dup2(ours, 1)
                os.close(ours)
        yield Done(world, order, outcome, said, (folder / "stdout").read_text())


def test_it_succeeds_with_a_candidate_of_the_model_and_version_that_were_ordered(done):
    assert (done.outcome.state, done.outcome.reason) == (State.SUCCEEDED, "")
    baseline = of_bytes(done.outcome.candidate.document, Path("candidate"))
    assert (baseline.model, baseline.version, sorted(baseline.classes)) == ("churn", "3", ["leave", "stay"])


def test_it_says_how_far_it_is(done):
    assert done.said.told
    assert all(line and "\n" not in line and len(line) <= 300 for line in done.said.told)


def test_nothing_that_it_prints_reaches_our_output(done):
    assert done.printed == ""


def test_what_it_comes_back_with_can_be_handed_in(done):
    assert msgspec.json.encode(done.outcome.candidate)
    assert all(len(value) == 64 for value in done.outcome.candidate.inputs.values())


def test_what_goes_wrong_is_an_outcome_with_place_and_reason(world, tmp_path):
    watch, _ = watched()
    outcome = world.bad().run(order_in(tmp_path), watch)
    assert outcome.state is State.FAILED
    assert NO_LUCK in outcome.reason
    assert outcome.candidate is None


def test_its_time_is_limited(world, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    watch, _ = watched()
    started = time.monotonic()
    outcome = world.endless(time_limit=1_500).run(order_in(tmp_path), watch)
    assert outcome.state is State.TIMED_OUT
    assert "time_limit" in outcome.reason
    assert 1.5 <= time.monotonic() - started < 30
    assert running_in(tmp_path) == []


def test_it_can_be_cancelled_and_leaves_nothing_behind(world, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, (watch, said) = children(), watched()

    def cancel():
        until(lambda: said.told or said.begun, 60)
        watch.cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = world.endless().run(order_in(tmp_path), watch)
    thread.join()
    assert outcome.state is State.CANCELLED
    assert outcome.reason
    assert running_in(tmp_path) == []
    assert children() == before
    assert list(tmp_path.glob("foldwatch-*")) == []


def test_the_same_order_again_begins_nothing_twice_and_gives_the_same_candidate(done):
    again = done.again()
    assert again.state is State.SUCCEEDED
    assert again.candidate.document == done.outcome.candidate.document
    assert done.world.begun() == 1


def test_a_result_that_is_older_than_the_start_is_not_taken(reader, tmp_path):
    (tmp_path / RESULT).write_bytes(baseline_bytes())
    os.utime(tmp_path / RESULT, (EARLIER, EARLIER))
    watch, _ = watched()
    outcome = reader.idle(time_limit=1_500).run(order_in(tmp_path), watch)
    assert outcome.state in {State.FAILED, State.TIMED_OUT}
    assert "older than the run's start" in outcome.reason


@pytest.mark.parametrize(("model", "version"), [("other", "3"), ("churn", "4")])
def test_a_result_of_something_else_is_refused(reader, tmp_path, model, version):
    order, (watch, _) = order_in(tmp_path, started=0), watched()
    (tmp_path / RESULT).write_bytes(baseline_bytes(model, version))
    outcome = reader.idle(time_limit=1_500).run(order, watch)
    assert outcome.state is State.FAILED
    assert f"is a baseline of {'the model other' if model == 'other' else 'version 4'}" in outcome.reason
