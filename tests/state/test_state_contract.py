"""What every state must do; each implementation runs this suite."""

from __future__ import annotations

import numpy as np
import pytest
from stream_drive import settings_of

from monitor.clock import MINUTE
from monitor.counts import Counts, Series
from monitor.join.history import History, Mark, Scored
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Rows
from monitor.join.rules import Outcomes
from monitor.join.vocabulary import Vocabulary
from monitor.state import Commit, MemoryState, ModelCommit
from monitor.state.disk.durable import RocksState
from monitor.statistics.budget import Tally

SETTINGS = settings_of(models=("m", "n"), unit=MINUTE)
LAYOUT = SETTINGS.models["m"].layout
NOBODY = np.zeros(0, object)


@pytest.fixture(params=["memory", "rocksdb"])
def state(request, tmp_path):
    """A state with nothing in it."""
    made = MemoryState(SETTINGS.models) if request.param == "memory" else RocksState(tmp_path, SETTINGS.models)
    yield made
    made.close()
    made.close()


def ids(*texts):
    """A column of ids, of texts that nobody else holds."""
    return np.array(["".join(list(text)) for text in texts], object)


def commit_of(fetched, rows, **more):
    """A commit of one model's rows."""
    part = ModelCommit(Vocabulary(), Outcomes(), None, None, more.pop("passed", None), rows, fetched.places)
    return Commit({"m": part}, **more)


def one(n):
    """Counts of n predictions."""
    return Counts.from_planes(LAYOUT, {"predicted": [n, 0, 0]})


def test_a_new_state_knows_nothing(state):
    assert state.offsets() == {}
    assert state.series() == []
    assert list(state.slices(Series("m", "1", None), 0, 100)) == []
    assert state.model("m").outcomes == Outcomes()
    assert state.model("m").vocabulary.segments == (("region", ()),)
    assert (state.dead_letters(), state.skipped(), state.objectives()) == ({}, {}, {})


def test_what_is_on_the_disk_is_told_in_bytes_and_memory_is_on_none(state, tmp_path):
    told = state.stored_bytes()
    own = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert told is None if isinstance(state, MemoryState) else told == own > 0


def test_a_folder_that_cannot_be_seen_any_more_is_no_reason_to_stop(tmp_path):
    state = RocksState(tmp_path / "state", SETTINGS.models)
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    assert state.stored_bytes() == 0
    (tmp_path / "elsewhere").rename(tmp_path / "state")
    assert state.stored_bytes() > 0
    state.close()


def test_each_id_has_one_row_however_often_it_comes(state):
    fetched = state.fetch("m", ids("a", "b", "a"), ids("c", "b"))
    assert len(fetched.rows) == 3
    a, b, again = fetched.of_predictions.tolist()
    assert a == again != b == fetched.of_labels[1]
    assert set(fetched.rows.version.tolist()) == {NO_PREDICTION}
    assert len(state.fetch("m", NOBODY, NOBODY).rows) == 0


def test_rows_come_back_as_they_were_committed(state):
    fetched = state.fetch("m", ids("a", "b"), ids("c"))
    a, b = fetched.of_predictions.tolist()
    rows = fetched.rows.copy()
    rows.version[a], rows.predicted_at[a], rows.y_pred[a], rows.segments[a] = 0, 7, 2, 1
    rows.scores[a], rows.labelled_at[a], rows.y_true[a] = [0.1, 0.2, 0.7], 9, 1
    history = History((Scored(1, 5, 0, (0,), (0.5, 0.5, 0.0)),), (Mark(4, 1),))
    rows.version[b] = IN_HISTORY
    rows.histories[b] = history
    assert state.fetch("m", ids("a"), NOBODY).rows.version.tolist() == [NO_PREDICTION]
    state.commit(commit_of(fetched, rows))
    again = state.fetch("m", ids("b", "a"), ids("d"))
    b, a = again.of_predictions.tolist()
    assert again.rows.histories == {b: history}
    assert [
        getattr(again.rows, name)[a].tolist()
        for name in ("version", "predicted_at", "y_pred", "segments", "scores", "labelled_at", "y_true")
    ] == [0, 7, 2, [1], [0.1, 0.2, 0.7], 9, 1]
    plain = again.rows.copy()
    plain.histories.clear()
    plain.version[b] = NO_PREDICTION
    state.commit(commit_of(again, plain))
    assert state.fetch("m", ids("b"), NOBODY).rows.histories == {}
    assert state.fetch("n", ids("a"), NOBODY).rows.version.tolist() == [NO_PREDICTION]


def test_rows_come_back_by_id_however_many_there_are(state):
    texts = [f"id{i}" for i in range(5000)]
    for lo in range(0, 5000, 1000):
        fetched = state.fetch("m", ids(*texts[lo : lo + 1000]), NOBODY)
        rows = fetched.rows.copy()
        rows.version[:] = 0
        rows.predicted_at[fetched.of_predictions] = np.arange(lo, lo + 1000)
        state.commit(commit_of(fetched, rows))
    found = state.fetch("m", NOBODY, ids(*reversed(texts)))
    assert found.rows.predicted_at[found.of_labels].tolist() == list(range(4999, -1, -1))


def test_slices_add_up_and_are_read_in_order(state):
    everything, eu = Series("m", "1", None), Series("m", "1", "region=eu")
    for start in (30, 10, 20, 10):
        state.commit(Commit(slices={everything: {start: one(1)}, eu: {start: one(2)}}))
    state.commit(Commit(slices={everything: {20: one(-1)}}))
    assert state.series() == [everything, eu]
    assert [(at, counts.predictions) for at, counts in state.slices(everything, 10, 31)] == [(10, 2), (30, 1)]
    assert [(at, counts.predictions) for at, counts in state.slices(eu, 11, 30)] == [(20, 2)]


def test_a_slice_that_is_written_very_often_is_one_slice(state):
    series = Series("m", "1", None)
    for _ in range(100):
        state.commit(Commit(slices={series: {0: one(1)}}))
    assert [(at, counts.predictions) for at, counts in state.slices(series, 0, 1)] == [(0, 100)]


def test_dropped_slices_stay_away_and_only_those(state):
    m, n = Series("m", "1", None), Series("n", "1", None)
    state.commit(Commit(slices={m: {0: one(1), 10: one(1)}, n: {0: one(1)}}))
    state.drop_slices("m", 10)
    state.drop_slices("m", 5)
    state.commit(Commit(slices={m: {0: one(5), 10: one(5)}, n: {0: one(5)}}))
    assert [(at, counts.predictions) for at, counts in state.slices(m, 0, 99)] == [(10, 6)]
    assert [(at, counts.predictions) for at, counts in state.slices(n, 0, 99)] == [(0, 6)]
    state.drop_slices("m", 99)
    assert state.series() == [n]


def test_offsets_replace_and_counts_add(state):
    state.commit(Commit(offsets={"a": 1, "b": 2}, dead_letters={"bad id": 1}, skipped={"unknown model": 1}))
    state.commit(Commit(offsets={"b": 3}, dead_letters={"bad id": 1, "bad time": 1}, skipped={"too old": 2}))
    assert state.offsets() == {"a": 1, "b": 3}
    assert state.dead_letters() == {"bad id": 2, "bad time": 1}
    assert state.skipped() == {"too old": 2, "unknown model": 1}


def test_counters_of_objectives_add_up_beside_each_other_and_are_told_in_the_order_of_their_names(state):
    state.commit(Commit(objectives={("n", "floor"): Tally(3, 1), ("m", "recall"): Tally(skipped=1)}))
    state.commit(Commit(offsets={"a": 1}))
    assert state.offsets() == {"a": 1}
    state.commit(
        Commit(objectives={("n", "floor"): Tally(2**40, 2), ("m", "floor"): Tally(1), ("retired", "x"): Tally(7)})
    )
    found = state.objectives()
    assert list(found.items()) == [
        (("m", "floor"), Tally(1)),
        (("m", "recall"), Tally(0, 0, 1)),
        (("n", "floor"), Tally(3 + 2**40, 3)),
        (("retired", "x"), Tally(7)),
    ]


def test_an_objective_that_nothing_was_counted_for_has_no_counters(state):
    state.commit(Commit(objectives={("m", "floor"): Tally()}))
    assert state.objectives() == {}
    state.commit(Commit(objectives={("m", "floor"): Tally(1, 1), ("m", "other"): Tally()}))
    assert state.objectives() == {("m", "floor"): Tally(1, 1)}


def test_counters_that_were_told_do_not_change_later(state):
    state.commit(Commit(objectives={("m", "floor"): Tally(1, 1)}))
    before = state.objectives()
    state.commit(Commit(objectives={("m", "floor"): Tally(1, 1)}))
    assert (before, state.objectives()) == ({("m", "floor"): Tally(1, 1)}, {("m", "floor"): Tally(2, 2)})


def test_totals_are_as_of_what_has_passed(state):
    # Whole minutes throughout: a state may tell by whole minutes what is expired.
    fetched = state.fetch("m", ids("a"), ids("b"))
    rows = Rows.absent(2, 1, 3)
    rows.version[fetched.of_predictions], rows.predicted_at[fetched.of_predictions] = 0, 10 * MINUTE
    rows.labelled_at[fetched.of_labels], rows.y_true[fetched.of_labels] = 10 * MINUTE, 1
    at = 10 * MINUTE
    part = ModelCommit(Vocabulary(), Outcomes(predictions=1, labels=1), at, at, None, rows, fetched.places)
    state.commit(Commit({"m": part}))
    for passed, wanted in (
        (None, (1, 0, 1, 0)),
        (13, (1, 0, 1, 0)),
        (14, (1, 0, 0, 1)),
        (18, (1, 0, 0, 1)),
        (19, (0, 1, 0, 1)),
    ):
        moment = None if passed is None else passed * MINUTE
        state.commit(Commit({"m": ModelCommit(Vocabulary(), Outcomes(), at, at, moment)}))
        found = state.totals()["m"]
        assert (found.waiting, found.expired, found.labels_waiting, found.orphan) == wanted
    known = state.model("m")
    assert (known.last_prediction, known.last_label, known.passed) == (at, at, 19 * MINUTE)


def test_the_boundary_between_hours_and_minutes_is_kept_until_another_is_committed(state):
    assert state.boundary() is None
    state.commit(Commit(boundary=7_200_000))
    state.commit(Commit(offsets={"a": 1}))
    assert state.boundary() == 7_200_000
    state.commit(Commit(boundary=3_600_000))
    assert state.boundary() == 3_600_000


def test_records_of_evaluations_are_kept_by_their_moment_until_they_are_dropped(state):
    assert list(state.history(0)) == []
    for moment, record in ((300, b"c"), (5, b"a"), (256, b"b"), (2**40, b""), (256, b"B")):
        state.append_history(moment, record)
    assert list(state.history(0)) == [(5, b"a"), (256, b"B"), (300, b"c"), (2**40, b"")]
    assert list(state.history(256)) == [(256, b"B"), (300, b"c"), (2**40, b"")]
    assert list(state.history(257)) == [(300, b"c"), (2**40, b"")]
    state.drop_history([5, 300, 4])
    state.drop_history([])
    assert list(state.history(-1)) == [(256, b"B"), (2**40, b"")]


def test_a_note_is_kept_by_its_name_until_another_takes_its_place(state):
    assert state.kept("ledger") is None
    state.keep("ledger", b"1")
    state.keep("other", b"")
    state.keep("ledger", b"22")
    state.commit(Commit(offsets={"a": 1}))
    assert (state.kept("ledger"), state.kept("other"), state.kept("led")) == (b"22", b"", None)
    state.keep("ledger", None)
    state.keep("never", None)
    assert (state.kept("ledger"), state.kept("other")) == (None, b"")
