"""The sample of features: of each day the smallest hashes, whatever the order, the batches and the replays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from source_drive import NOW, configured, event, lines
from source_drive import model as churn
from stream_drive import GivenSource, batch_of, settings_of

from monitor.clock import DAY, HOUR, ManualClock
from monitor.config.revalidation import CommandAction, Revalidation, When
from monitor.counts.slices import FixedSlices
from monitor.sources.files import Files
from monitor.sources.source import Batch, ModelEvents
from monitor.state.memory import MemoryState
from monitor.state.opened import open_state
from monitor.stream.loop import Stream
from monitor.stream.sampled import DAYS, LONGEST_ROW, NOTE, VERSIONS, Samples

PLAIN = settings_of(unit=HOUR)
WANTED = replace(
    PLAIN,
    models={
        "m": replace(
            PLAIN.models["m"], revalidation=Revalidation(CommandAction(("true",)), Path(), When(drift_share=0.3))
        )
    },
)
LAYOUT = WANTED.models["m"].layout
SALT = b"s" * 16


class Carried:
    """Features that were read already; counts how often it is asked."""

    def __init__(self, values, asked=None):
        self.values = values
        self.asked = [] if asked is None else asked

    def take(self, which):
        return Carried([value for value, kept in zip(self.values, which, strict=True) if kept], self.asked)

    def __getitem__(self, row):
        self.asked.append(row)
        return self.values[row]


def batch(events):
    """A batch of (id, version, at, features)."""
    made = batch_of([("p", name, version, at, 1, "eu", None) for name, version, at, _ in events], LAYOUT)
    predictions = replace(made.models["m"].predictions, features=Carried([each[3] for each in events]))
    return Batch({"m": ModelEvents(predictions)}, read=len(events), offsets={"log": len(events)})


def found(samples, versions=("1", "2"), since=0):
    return {version: list(samples.rows("m", version, since)) for version in versions}


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 30).map(str),
        st.sampled_from(["1", "2"]),
        st.integers(0, 3 * DAY),
        st.none() | st.fixed_dictionaries({"x": st.integers(0, 5)}),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(EVENTS, st.integers(1, 6), st.randoms(use_true_random=False), st.integers(1, 39))
def test_order_split_replay_and_merge_leave_the_same_rows(events, most, chance, cut):
    whole = Samples(WANTED, SALT, most=most)
    whole.take(batch(events))
    shuffled = list(events)
    chance.shuffle(shuffled)
    parts = [part for part in (shuffled[:cut], shuffled[cut:], events[:cut]) if part]
    split = Samples(WANTED, SALT, most=most)
    merged = Samples(WANTED, SALT, most=most)
    for part in parts:
        split.take(batch(part))
        other = Samples(WANTED, SALT, most=most)
        other.take(batch(part))
        merged.merged(other)
    assert found(split) == found(whole) == found(merged)


@settings(max_examples=60)
@given(EVENTS, st.integers(1, 6))
def test_it_holds_the_smallest_hashes_of_each_day_and_every_identity_once(events, most):
    samples, everything = Samples(WANTED, SALT, most=most), Samples(WANTED, SALT, most=100)
    samples.take(batch(events))
    everything.take(batch(events))
    carried = {(name, version, at // DAY) for name, version, at, features in events if features}
    for version in ("1", "2"):
        for day in range(4):
            all_rows = [row for row in everything.rows("m", version, 0) if row.predicted_at // DAY == day]
            few = [row for row in samples.rows("m", version, 0) if row.predicted_at // DAY == day]
            assert len(all_rows) == sum(each[1:] == (version, day) for each in carried)
            assert few == all_rows[:most]  # rows come in the order of their hashes


@settings(max_examples=25)
@given(EVENTS, st.integers(1, 6), st.integers(0, 40))
def test_what_was_kept_comes_back_and_goes_on(events, most, cut):
    state = MemoryState(WANTED.models)
    first = Samples.restored(WANTED, state, most=most)
    if events[:cut]:
        first.take(batch(events[:cut]))
    first.keep(state)
    second = Samples.restored(WANTED, state, most=most)
    assert found(second) == found(first)
    for samples in (first, second):
        if events[cut:]:
            samples.take(batch(events[cut:]))
    assert found(second) == found(first)


def test_of_one_identity_the_earliest_prediction_counts():
    samples = Samples(WANTED, SALT)
    samples.take(batch([("a", "1", 9, {"x": 1}), ("a", "1", 5, {"x": 2}), ("a", "1", 7, {"x": 3})]))
    (row,) = samples.rows("m", "1", 0)
    assert (row.predicted_at, row.features, row.y_pred, row.segments) == (5, {"x": 2}, "1", {"region": "eu"})


def test_features_are_read_of_few_rows_once_a_day_is_full():
    rng = np.random.default_rng(1)
    samples, asked = Samples(WANTED, SALT, most=20), []
    for start in range(0, 20_000, 1_000):
        events = batch([(f"{start + n}", "1", int(rng.integers(0, DAY)), {"x": 1}) for n in range(1_000)])
        samples.take(events)
        asked.append(len(events.models["m"].predictions.features.asked))
    # Of the k smallest of n the n-th event is one with probability k / n: 20 (1 + ln(20000 / 20)) = 158 in all.
    assert asked[0] <= 150
    assert 20 <= sum(asked) < 320
    assert len(list(samples.rows("m", "1", 0))) == 20


def test_days_versions_and_rows_are_bounded_and_what_is_dropped_leaves_the_state():
    state = MemoryState(WANTED.models)
    samples = Samples.restored(WANTED, state)
    for day in range(DAYS + 5):
        samples.take(batch([(f"{day}", "1", day * DAY, {"x": day})]))
        samples.keep(state)
    assert [row.features["x"] for row in samples.rows("m", "1", 0)] == list(range(5, DAYS + 5))
    assert sum(state.kept(f"{NOTE}/{n}") is not None for n in range(DAYS + 10)) == DAYS
    for version in range(10, 30):
        samples.take(batch([("a", str(version), (DAYS + 4) * DAY, {"x": 1})]))
    kept = [version for version in map(str, [1, *range(10, 30)]) if list(samples.rows("m", version, 0))]
    assert len(kept) == VERSIONS
    wide = {f"name {n:04}": "x" * 500 for n in range(300)}
    samples.take(batch([("wide", "29", (DAYS + 4) * DAY + 1, wide)]))
    row = max(samples.rows("m", "29", 0), key=lambda each: each.predicted_at)
    assert 20 < len(row.features) < LONGEST_ROW / 64
    assert set(map(len, row.features.values())) == {64}


def test_a_note_that_is_damaged_or_another_days_is_left_out():
    state = MemoryState(WANTED.models)
    samples = Samples.restored(WANTED, state)
    samples.take(batch([("a", "1", 1, {"x": 1}), ("b", "1", DAY, {"x": 2}), ("c", "1", 2 * DAY, {"x": 3})]))
    samples.keep(state)
    state.keep(f"{NOTE}/0", b"nonsense")
    state.keep(f"{NOTE}/1", state.kept(f"{NOTE}/2"))
    assert [row.features for row in Samples.restored(WANTED, state).rows("m", "1", 0)] == [{"x": 3}]
    state.keep(NOTE, b"\xff\xff")
    assert found(Samples.restored(WANTED, state)) == {"1": [], "2": []}


def test_no_id_is_in_what_is_kept():
    state = MemoryState(WANTED.models)
    samples = Samples.restored(WANTED, state)
    samples.take(batch([("anna@example.org", "1", 1, {"x": 1})]))
    samples.keep(state)
    stored = zstandard.ZstdDecompressor().decompress(state.kept(f"{NOTE}/0"), max_output_size=10_000)
    assert b"anna" not in stored + state.kept(NOTE)
    assert b"eu" in stored


def test_the_loop_hands_over_what_it_committed_and_models_without_a_wish_are_left_alone():
    state = MemoryState(WANTED.models)
    samples = Samples.restored(WANTED, state)
    source = GivenSource([batch([("a", "1", 1, {"x": 1})]), batch([("b", "1", 2, None)])])
    stream = Stream(WANTED, source, state, FixedSlices(HOUR), samples=samples)
    stream.step()
    stream.step()
    assert [row.features for row in samples.rows("m", "1", 0)] == [{"x": 1}]
    unasked = Samples.restored(PLAIN, MemoryState(PLAIN.models))
    unasked.take(batch([("a", "1", 1, {"x": 1})]))
    unasked.keep(state)
    assert found(unasked) == {"1": [], "2": []}
    assert state.kept(NOTE) is None


def test_features_of_a_growing_file_are_sampled_kept_on_disk_and_there_after_a_restart(tmp_path):
    log = tmp_path / "p.jsonl"
    wish = WANTED.models["m"].revalidation
    wanted = replace(
        configured(replace(churn(), revalidation=wish), paths=(log, None), kind="files"), store=tmp_path / "state"
    )

    def after(*events):
        """Read what is new with a new process' parts, and end after an evaluation."""
        with log.open("ab") as file:
            file.write(lines(*events))
        state = open_state(wanted)
        samples = Samples.restored(wanted, state)
        source = Files(wanted, ManualClock(NOW))
        Stream(wanted, source, state, FixedSlices(HOUR), samples=samples).step()
        source.close()
        samples.keep(state)
        state.close()
        return [row.features for row in samples.rows("churn", "3", 0)]

    assert after(event(features={"age": 31}), event(prediction_id="b", features=[1])) == [{"age": 31.0}]
    both = after(event(prediction_id="c", features={"age": 32, "deep": {"x": 1}}))
    assert sorted(row["age"] for row in both) == [31.0, 32.0]
    state = open_state(wanted, read_only=True)
    assert list(Samples.restored(wanted, state).rows("churn", "3", 0))
    state.close()
