"""What the durable state does besides what every state does: it forgets by generations, and folds its log."""

from __future__ import annotations

import numpy as np
import pytest
from durable_drive import LAYOUT, SETTINGS, opened, remembered, run, told
from stream_drive import GivenSource, batch_of

from monitor.clock import HOUR
from monitor.counts import Counts, Series
from monitor.counts.slices import FixedSlices
from monitor.join.rows import NO_PREDICTION
from monitor.join.rules import Outcomes
from monitor.state import Commit, ModelCommit
from monitor.state.disk import journal
from monitor.state.disk.generations import MOST
from monitor.state.disk.kept import KeptModel
from monitor.state.disk.setup import Setup
from monitor.stream import TOO_OLD, Stream

MODEL = SETTINGS.models["m"]
REACH = 11
"""Hours that a prediction is needed."""


def stepped(state, *batches, **more):
    """Take batches of events, each with what has passed (hours)."""
    given = [batch_of(events, LAYOUT, passed=passed * HOUR) for events, passed in batches]
    stream = Stream(SETTINGS, GivenSource(given), state, FixedSlices(HOUR), skip_old=True, **more)
    return [stream.step() for _ in given]


def p(text, hour, version="1"):
    """A prediction."""
    return ("p", text, version, hour * HOUR, 0, None, (0.5, 0.25, 0.25))


def q(text, hour, y_true=1):
    """A label."""
    return ("l", text, hour * HOUR, y_true)


def families(state):
    """The families of rows that there are."""
    return [name for name in state._database.names() if name.startswith("rows-")]  # noqa: SLF001 - they are nobody else's affair


def part_of(state, fetched):
    """What a commit says of the model that leaves everything as it is."""
    known = state.model("m")
    moments = (known.last_prediction, known.last_label, known.passed)
    return ModelCommit(known.vocabulary, Outcomes(), *moments, fetched.rows, fetched.places)


def version_of(state, text):
    """The version of the prediction that an id has."""
    return int(state.fetch("m", np.array([text], object), np.zeros(0, object)).rows.version[0])


def test_a_generation_goes_once_everything_before_its_end_has_passed(tmp_path):
    state = opened(tmp_path, always_kept=1)
    stepped(state, ([p("a", 0)], 0), ([p("b", 10)], 0), ([p("c", 20)], 20))
    assert state.rows("m") == 2
    assert version_of(state, "a") == NO_PREDICTION
    forgotten = state.model("m").forgotten
    assert REACH * HOUR < forgotten <= 20 * HOUR
    kept = families(state)
    state.close()
    state = opened(tmp_path, always_kept=1)
    assert families(state) == kept
    assert (state.rows("m"), state.model("m").forgotten) == (2, forgotten)
    assert [version_of(state, text) for text in "abc"] == [NO_PREDICTION, 0, 0]
    [step] = stepped(state, ([p("a", 0), q("b", 11)], 20))
    assert step.skipped == {TOO_OLD: 1}
    totals = state.totals()["m"]
    assert (totals.predictions, totals.matched, totals.expired) == (3, 1, 1)
    state.close()


def test_a_store_that_holds_little_forgets_nothing(tmp_path):
    state = opened(tmp_path)
    steps = stepped(state, *[([p(f"id{day}", 24 * day)], 24 * day) for day in range(100)], ([p("id0", 1)], 0))
    assert steps[-1].skipped == {}
    assert state.totals()["m"].duplicate == 1
    assert (state.rows("m"), state.model("m").forgotten, len(families(state))) == (100, None, 1)
    state.close()


def test_events_of_all_times_make_few_generations(tmp_path):
    state = opened(tmp_path, always_kept=0)
    rng = np.random.default_rng(1)
    for _ in range(10):
        stepped(state, ([p(f"id{hour}", int(hour)) for hour in rng.integers(0, 10**6, 20)], 0))
    assert 1 < len(families(state)) <= MOST
    state.close()


def test_a_label_that_came_first_moves_to_where_its_prediction_is_needed(tmp_path):
    state = opened(tmp_path, always_kept=0)
    stepped(state, ([q("a", 2)], 0), ([p("b", 20)], 0))
    stepped(state, ([p("a", 4)], 0))
    assert state.totals()["m"].label_first == 1
    counts = [generation.rows for generation in state._kept["m"].generations.kept]  # noqa: SLF001 - where a row lies nobody else can see
    assert sum(counts) == state.rows("m") == 2
    stepped(state, ([q("a", 5, 2)], 0))
    state.close()
    state = opened(tmp_path, always_kept=0)
    assert state.rows("m") == 2
    found = state.fetch("m", np.array(["a"], object), np.zeros(0, object)).rows
    assert len(found.histories[0].labels) == 2
    state.close()


def test_a_late_label_waits_in_what_is_kept_for_a_prediction_as_late(tmp_path):
    state = opened(tmp_path, always_kept=1)
    stepped(state, ([p("a", 0)], 0), ([p("b", 30)], 0), ([p("c", 60)], 30))
    edge = -(-state.model("m").forgotten // HOUR) - REACH
    # Nothing timed after what has passed can need this label, but a late prediction that is not too old does.
    steps = stepped(state, ([q("x", edge)], 30), ([p("x", edge)], 30))
    assert [step.skipped for step in steps] == [{}, {}]
    assert state.totals()["m"].matched == 1
    state.close()


def test_rows_must_have_been_fetched_since_the_last_commit(tmp_path):
    state = opened(tmp_path)
    stream = Stream(SETTINGS, GivenSource([batch_of([p("a", 1)], LAYOUT)]), state, FixedSlices(HOUR))
    fetched = state.fetch("m", np.array(["a"], object), np.zeros(0, object))
    stream.step()
    with pytest.raises(ValueError, match="were not fetched since the last commit"):
        state.commit(Commit({"m": part_of(state, fetched)}))
    assert state.rows("m") == 1
    state.close()


def test_a_long_log_is_folded_and_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MOST_ENTRIES", 6)
    state = run(opened(tmp_path), 20)
    assert len(state._log) < 6  # noqa: SLF001 - nobody else can see it
    assert told(state) == remembered(20)
    state.close()
    state = opened(tmp_path)
    assert len(state._log) == 0  # noqa: SLF001 - see above
    assert told(run(state, 27)) == remembered(27)
    state.close()


def test_dropped_slices_stay_away_when_it_is_opened_again(tmp_path):
    series, one = Series("m", "1", None), Counts.from_planes(LAYOUT, {"predicted": [1, 0, 0]})
    state = opened(tmp_path)
    state.commit(Commit(slices={series: {0: one, 10: one}}))
    state.close()
    state = opened(tmp_path)
    state.drop_slices("m", 10)
    state.close()
    state = opened(tmp_path)
    state.commit(Commit(slices={series: {0: one, 10: one}}))
    assert [(at, counts.predictions) for at, counts in state.slices(series, 0, 99)] == [(10, 2)]
    state.close()
    state = opened(tmp_path)
    assert [(at, counts.predictions) for at, counts in state.slices(series, 0, 99)] == [(10, 2)]
    state.close()


def test_nothing_is_written_where_nothing_changes(tmp_path):
    state = run(opened(tmp_path), 3)
    rows = state._database._database  # noqa: SLF001 - nobody else can see what is written
    before = rows.latest_sequence_number()
    nobody = np.zeros(0, object)
    state.commit(Commit(offsets=state.offsets()))
    state.commit(Commit({"m": part_of(state, state.fetch("m", nobody, nobody))}, offsets=state.offsets()))
    known = np.array(["id-1", "id-2", "id-3"], object)
    state.commit(Commit({"m": part_of(state, state.fetch("m", known, known))}))
    assert rows.latest_sequence_number() == before
    state.drop_slices("m", 0)
    state.drop_slices("m", 0)
    for _ in range(2):
        state.commit(Commit(offsets=state.offsets()))
    assert rows.latest_sequence_number() == before + 1
    state.close()


def test_keys_hide_the_ids_and_are_others_in_every_store(tmp_path):
    for name in ("one", "two"):
        state = opened(tmp_path / name)
        stepped(state, ([p("very-secret-id", 1)], 0))
        state.close()
        for file in (tmp_path / name).iterdir():
            assert b"very-secret-id" not in file.read_bytes()
    one, two = (opened(tmp_path / name) for name in ("one", "two"))
    assert one._kept["m"].keys(["a"]) != two._kept["m"].keys(["a"])  # noqa: SLF001 - nobody else can see them
    one.close()
    two.close()


def test_ids_of_different_models_have_different_keys():
    setup = Setup.of(MODEL)
    keys = [KeptModel(name, 0, setup, b"salt").keys([text]) for name, text in (("a", "bc"), ("ab", "c"), ("a", "bc"))]
    assert keys[0] == keys[2] != keys[1]
