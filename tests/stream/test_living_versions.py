"""Versions come and go: the state keeps the counts of all of them, the rest of the house sees those in use."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from stream_drive import settings_of

from monitor.clock import MINUTE
from monitor.counts import Counts, Series
from monitor.join.rules import Outcomes
from monitor.join.vocabulary import Vocabulary
from monitor.sources.source import Rejected
from monitor.state import Commit, MemoryState, ModelCommit
from monitor.stream import Halt, Step, living, say

SETTINGS = settings_of(models=("m", "n"), unit=MINUTE)
MODELS = SETTINGS.models
ONE = Counts.from_planes(MODELS["m"].layout, {"predicted": np.array([1, 0, 0])})


def state_of(*versions):
    """A state that has counted one prediction of each version of `m`, in a slice named by its place."""
    state = MemoryState(MODELS)
    part = ModelCommit(Vocabulary(), Outcomes(), None, None, None, predictions=dict.fromkeys(versions, 1))
    slices = {Series("m", version, None): {at: ONE} for at, version in enumerate(versions)}
    state.commit(Commit({"m": part}, slices))
    return state


def test_a_version_lives_as_long_as_it_has_slices():
    state = state_of("1", "2", "3")
    assert living(state, MODELS) == {"m": {"1": 1, "2": 1, "3": 1}, "n": {}}
    state.drop_slices("m", 2)
    assert living(state, MODELS) == {"m": {"3": 1}, "n": {}}
    assert state.model("m").predictions == {"1": 1, "2": 1, "3": 1}


def test_a_version_with_a_baseline_lives_for_ever():
    state = state_of("1", "2")
    state.drop_slices("m", 9)
    compared = {**MODELS, "m": replace(MODELS["m"], baseline={"2": Path("b.json"), "never": Path("c.json")})}
    assert living(state, compared)["m"] == {"2": 1}


def test_the_version_of_another_model_keeps_none_alive():
    state = state_of("1")
    part = ModelCommit(Vocabulary(), Outcomes(), None, None, None, predictions={"1": 5})
    state.commit(Commit({"n": part}, {}))
    assert living(state, MODELS) == {"m": {"1": 1}, "n": {}}


def test_what_a_person_should_hear_is_a_line_each_and_dead_letters_are_one_a_reason(caplog):
    found = (("not JSON", "t/0/1"), ("bad id", "t/0/2"), ("not JSON", "t/0/3"))
    rejected = [Rejected(reason, "", place, b"") for reason, place in found]
    with caplog.at_level(logging.WARNING, "foldwatch"):
        say(Step(3, rejected, notices=("a topic is gone",)))
    told = [
        (record.message, getattr(record, "reason", None), getattr(record, "first", None)) for record in caplog.records
    ]
    assert told == [
        ("source", None, None), ("dead letters", "not JSON", "t/0/1"), ("dead letters", "bad id", "t/0/2"),
    ]  # fmt: skip


def test_why_reading_stopped_names_the_share_and_what_to_do():
    why = Halt(0.25).why
    assert why.startswith("more than 25% of the last events were rejected")
    assert "foldwatch dead-letters list" in why
    assert "restart" in why
