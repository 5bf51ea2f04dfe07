"""The one loop: whatever the batches, the state ends the same, and no event is lost or counted twice."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from join_oracle import NULL, L, Law, P, final, totals
from stream_drive import GivenSource, batch_of, settings_of

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts import Counts, Series, tally_labelled, tally_predicted
from monitor.counts.durations import latency_bins
from monitor.counts.slices import AgingSlices, FixedSlices
from monitor.errors import SourceUnavailable
from monitor.sources.source import Rejected
from monitor.state import MemoryState
from monitor.stream import TOO_OLD, Halt, Step, Stream

UNIT = 10 * MINUTE
LAW = Law(correction=8, first_wait=3)
SETTINGS = settings_of(unit=UNIT, correction=LAW.correction, first_wait=LAW.first_wait)
LAYOUT = SETTINGS.models["m"].layout
REGIONS = ("eu", None)

predictions = st.builds(
    P,
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(0, 40),
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from([0.25, 0.5]),
)
labels = st.builds(L, st.integers(0, 2), st.integers(0, 40), st.sampled_from([NULL, 0, 1, 2]))
events = st.lists(st.one_of(predictions, labels, labels), max_size=16)


def written(event):
    """The oracle's event as the stream's."""
    if isinstance(event, P):
        return (
            "p",
            f"id{event.id}",
            f"v{event.version}",
            event.at * UNIT,
            event.y_pred,
            REGIONS[event.segment],
            event.score,
        )
    return ("l", f"id{event.id}", event.at * UNIT, event.y_true)


def batches_of(found, cuts, passed=None):
    """The events in batches, with what has passed after each."""
    edges = [0, *sorted(min(cut, len(found)) for cut in cuts), len(found)]
    return [
        batch_of([written(e) for e in found[lo:hi]], LAYOUT, passed=None if passed is None else passed(found[:hi]))
        for lo, hi in pairwise(edges)
    ]


def streamed(batches, **more):
    """A stream that has taken all batches; with the sum of what the steps said was added."""
    state = more.pop("state", None) or MemoryState(SETTINGS.models)
    stream = Stream(SETTINGS, GivenSource(batches), state, FixedSlices(2 * UNIT), **more)
    added = {}
    for _ in batches:
        for series, slices in stream.step().slices.items():
            for start, counts in slices.items():
                added[series, start] = added.get((series, start), Counts(LAYOUT)) + counts
    return stream, {key: counts for key, counts in added.items() if counts}


def slices_of(state):
    """Every slice of a state."""
    return {(s, at): counts for s in state.series() for at, counts in state.slices(s, -DAY, 400 * DAY)}


def wanted_slices(found):
    """The slices that the oracle wants, each event counted alone."""
    predicted, labelled, _ = final(found, LAW)
    slices = {}
    one, zero = np.ones(1, np.int64), np.zeros(1, np.int64)

    def add(version, segment, at, counts):
        for text in (None, f"region={REGIONS[segment] or '(none)'}"):
            key = (Series("m", f"v{version}", text), at * UNIT // (2 * UNIT) * (2 * UNIT))
            slices[key] = slices.get(key, Counts(LAYOUT)) + counts

    for version, segment, at, y_pred, _ in predicted.elements():
        add(version, segment, at, tally_predicted(LAYOUT, y_pred * one, one, zero, 1)[0])
    for version, segment, at, y_pred, score, y_true, labelled_at in labelled.elements():
        columns = (y_true * one, y_pred * one, np.full((1, 3), score), one, zero, 1)
        delay = (labelled_at - at) * UNIT * one
        add(version, segment, at, tally_labelled(LAYOUT, *columns, delay=delay)[0])
    return slices


def with_latencies(batch, latencies):
    """The batch with a latency for each of its predictions."""
    if batch.models["m"].predictions is None:
        return batch
    made = replace(batch.models["m"].predictions, latency=np.array(latencies, np.float64))
    return replace(batch, models={"m": replace(batch.models["m"], predictions=made)})


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(predictions, st.sampled_from([math.nan, 3.0, 40.0])), max_size=12),
    st.lists(labels, max_size=4),
    st.integers(0, 12),
    st.randoms(use_true_random=False),
)
def test_the_latency_of_every_prediction_event_is_counted_whatever_counts_as_its_identity(found, more, cut, random):
    found = without_draws(found)
    wanted = {}
    for event, latency in found:
        for text in (None, f"region={REGIONS[event.segment] or '(none)'}"):
            if not math.isnan(latency):
                key = (Series("m", f"v{event.version}", text), event.at * UNIT // (2 * UNIT) * (2 * UNIT))
                wanted.setdefault(key, Counter())[int(latency_bins(np.array([latency]))[0])] += 1
    told = batch_of([written(e) for e in more], LAYOUT)
    plain, _ = streamed([batch_of([written(e) for e, _ in found], LAYOUT), told])
    shuffled = list(found)
    random.shuffle(shuffled)
    for events in (found, shuffled):
        parts = [events[:cut], events[cut:]]
        batches = [
            with_latencies(batch_of([written(e) for e, _ in part], LAYOUT), [ms for _, ms in part]) for part in parts
        ]
        stream, added = streamed([*batches, told])
        slices = slices_of(stream.state)
        assert slices == added
        counted = {key: counts.sparse("latency") for key, counts in slices.items()}
        assert {
            key: Counter(dict(zip(at.tolist(), n.tolist(), strict=True))) for key, (at, n) in counted.items() if at.size
        } == wanted
        without = {
            key: Counts.from_planes(LAYOUT, {name: counts.plane(name) for name in LAYOUT.shapes if name != "latency"})
            for key, counts in slices.items()
        }
        assert {key: counts for key, counts in without.items() if counts} == slices_of(plain.state)


def without_draws(found):
    """Drop predictions of one identity and moment that differ: of those the first read counts."""
    seen = {}
    return [(e, ms) for e, ms in found if seen.setdefault((e.id, e.version, e.at), e) == e]


def nonzero(found):
    """Totals as a dict without zeros."""
    return {name: n for name, n in asdict(found).items() if n}


@settings(max_examples=80, deadline=None)
@given(events, st.lists(st.integers(0, 16), max_size=4))
def test_the_slices_hold_what_the_oracle_counts_and_the_steps_say_so(found, cuts):
    stream, added = streamed(batches_of(found, cuts))
    assert slices_of(stream.state) == wanted_slices(found) == added


@settings(max_examples=80, deadline=None)
@given(events, st.lists(st.integers(0, 16), max_size=4), st.integers(0, 80))
def test_the_totals_are_the_oracles_as_of_what_has_passed(found, cuts, passed):
    stream, _ = streamed(batches_of(found, cuts, lambda _: passed * UNIT))
    assert nonzero(stream.totals()) == totals(found, LAW, passed)


def in_order_of_arrival(found):
    """Events in the order of their own times, predictions first, without ids that come again when they are
    forgotten.
    """
    ordered = sorted(found, key=lambda e: (e.at, isinstance(e, L)))
    reach, last = LAW.correction + LAW.first_wait, {}
    kept = []
    for event in ordered:
        if isinstance(event, P):
            first = last.setdefault((event.id, event.version), event.at)
            if event.at > first + reach:
                continue
        kept.append(event)
    return kept


@settings(max_examples=150, deadline=None)
@given(events.map(in_order_of_arrival), st.lists(st.integers(0, 16), max_size=8))
def test_forgetting_loses_nothing_when_events_come_in_order(found, cuts):
    def passed(read):
        return max((e.at for e in read), default=0) * UNIT

    batches = batches_of(found, cuts, passed)
    forgetful, _ = streamed(list(batches), state=MemoryState(SETTINGS.models, always_kept=0))
    assert slices_of(forgetful.state) == wanted_slices(found)
    assert nonzero(forgetful.totals()) == totals(found, LAW, max((e.at for e in found), default=0))


def test_rows_are_forgotten_and_their_places_used_again():
    state = MemoryState(SETTINGS.models, always_kept=0)
    batches = [
        batch_of(
            [("p", f"id{at}-{i}", "1", at * UNIT, 0, None, None) for i in range(50)]
            + [("l", f"id{at}-{i}", at * UNIT, 0) for i in range(0, 50, 2)]
            + [("l", f"nobody{at}", at * UNIT, 1)],
            LAYOUT,
            passed=at * UNIT,
        )
        for at in range(60)
    ]
    stream, _ = streamed(batches, state=state)
    assert nonzero(stream.totals()) == {
        "predictions": 3000,
        "matched": 1500,
        "expired": 25 * (59 - LAW.correction),
        "waiting": 25 * (1 + LAW.correction),
        "labels": 1560,
        "applied": 1500,
        "orphan": 59 - LAW.first_wait,
        "labels_waiting": 1 + LAW.first_wait,
    }
    assert 50 * 12 < state.rows("m") < 51 * 14


def test_what_has_passed_is_guessed_from_both_kinds_when_the_source_cannot_tell():
    stream, _ = streamed(
        [batch_of([("p", "a", "1", 0, 0, None, None), ("p", "b", "1", 90 * UNIT, 0, None, None)], LAYOUT)]
    )
    assert stream.totals().expired == 0
    assert stream.state.model("m").passed is None
    later, _ = streamed([batch_of([("l", "b", 80 * UNIT, 0)], LAYOUT)], state=stream.state)
    known = later.state.model("m")
    assert (known.last_prediction, known.last_label, known.passed) == (90 * UNIT, 80 * UNIT, 80 * UNIT)
    assert later.totals().expired == 1


def test_what_has_passed_never_goes_back_and_moves_without_events_too():
    stream, _ = streamed(
        [
            batch_of([("p", "a", "1", 0, 0, None, None)], LAYOUT, passed=50 * UNIT),
            batch_of([], LAYOUT, passed=20 * UNIT),
        ]
    )
    assert stream.state.model("m").passed == 50 * UNIT
    assert stream.totals().expired == 1


def test_events_before_everything_that_is_kept_are_skipped_where_that_is_asked_for():
    old = [("p", "a", "1", 0, 0, None, None), ("l", "a", UNIT, 0)]
    batches = [
        batch_of([("p", f"x{i}", "1", 99 * UNIT, 0, None, None) for i in range(3)], LAYOUT, passed=99 * UNIT),
        batch_of([*old, ("l", "x0", 99 * UNIT, 0)], LAYOUT, passed=99 * UNIT),
    ]
    daemon, _ = streamed(list(batches), state=MemoryState(SETTINGS.models, always_kept=0), skip_old=True)
    assert daemon.totals().skipped == {TOO_OLD: 2}
    assert (daemon.totals().predictions, daemon.totals().labels) == (3, 1)
    backtest, _ = streamed(list(batches), state=MemoryState(SETTINGS.models, always_kept=0))
    assert backtest.totals().skipped == {}
    assert (backtest.totals().predictions, backtest.totals().matched) == (4, 2)


def test_a_step_commits_before_the_source_hears_of_it_and_the_state_says_where_to_go_on():
    rejected = [Rejected("bad id", "empty", "f:1", b"{}")] * 2
    first = replace(
        batch_of([("p", "a", "1", 0, 0, "eu", None)], LAYOUT),
        rejected=rejected,
        skipped={"unknown model": 3},
        read=6,
        offsets={"f": 6},
    )
    source = GivenSource([SourceUnavailable("f is away"), first])
    state = MemoryState(SETTINGS.models)
    stream = Stream(SETTINGS, source, state, FixedSlices(UNIT))
    with pytest.raises(SourceUnavailable):
        stream.step()
    step = stream.step()
    assert (step.read, step.rejected, step.skipped) == (6, rejected, {"unknown model": 3})
    assert source.sought == [{}]
    assert source.committed == [{"f": 6}]
    again = GivenSource([])
    assert Stream(SETTINGS, again, state, FixedSlices(UNIT)).step() == Step()
    assert again.sought == [{"f": 6}]
    assert (stream.totals().dead_letters, stream.totals().skipped) == ({"bad id": 2}, {"unknown model": 3})


def test_models_are_counted_apart_and_their_totals_add_up():
    settings_of_two = settings_of(unit=UNIT, models=("m", "n"))
    events = [("p", "a", "1", 0, 0, None, None), ("l", "a", 0, 0)]
    source = GivenSource([batch_of(events, LAYOUT), batch_of(events[:1], LAYOUT, model="n")])
    stream = Stream(settings_of_two, source, MemoryState(settings_of_two.models), FixedSlices(UNIT))
    stream.step()
    stream.step()
    by_model = stream.state.totals()
    assert [(by_model[name].predictions, by_model[name].matched) for name in ("m", "n")] == [(1, 1), (1, 0)]
    assert stream.totals().predictions == 2
    assert [s.model for s in stream.state.series()] == ["m", "m", "n", "n"]


def test_minutes_become_hours_when_their_day_is_over():
    now = 10 * DAY
    slices = AgingSlices.at(now)
    source = GivenSource(
        [batch_of([("p", f"id{i}", "1", now - i * 7 * MINUTE, i % 3, "eu", 0.2) for i in range(300)], LAYOUT)]
    )
    stream = Stream(SETTINGS, source, MemoryState(SETTINGS.models), slices)
    stream.step()
    before = slices_of(stream.state)
    assert {start % HOUR == 0 for _, start in before if start < slices.boundary} == {True}
    stream.age(now + 5 * HOUR + MINUTE)
    after = slices_of(stream.state)
    boundary = stream.slices.start(slices.boundary + 5 * HOUR)
    assert stream.slices == AgingSlices(boundary)
    assert {start % HOUR == 0 for _, start in after if start < boundary} == {True}
    for series in stream.state.series():
        sums = [Counts.sum(LAYOUT, [c for (s, _), c in found.items() if s == series]) for found in (before, after)]
        assert sums[0] == sums[1]
        assert {k: c for k, c in before.items() if k[1] >= boundary} == {
            k: c for k, c in after.items() if k[1] >= boundary
        }
    stream.age(now)
    assert stream.slices == AgingSlices(boundary)


def test_slices_of_one_length_do_not_age():
    stream, added = streamed(batches_of([P(0, 0, 1, 0, 0, 0.5)], []))
    stream.age(100 * DAY)
    assert slices_of(stream.state) == added


def steps_of(*pairs):
    """Steps that read and rejected so many events."""
    letter = Rejected("bad id", "", "", b"")
    return [Step(read, [letter] * bad) for read, bad in pairs]


@pytest.mark.parametrize(
    ("pairs", "halts"),
    [
        ([(999, 999)], [False]),
        ([(1000, 1000)], [True]),
        ([(1000, 500)], [False]),
        ([(1000, 501), (0, 0), (2, 0)], [True, True, False]),
        ([(10_000, 0), (5_000, 5_000), (1, 1)], [False, False, True]),
        ([(50_000, 25_001)], [True]),
        ([(9_000, 9_000), (10_000, 0)], [True, False]),
        ([], []),
    ],
)
def test_reading_halts_when_too_many_of_the_last_events_were_rejected(pairs, halts):
    halt = Halt(0.5)
    assert [halt.observe(step) for step in steps_of(*pairs)] == halts


def test_what_comes_to_nothing_is_not_a_change():
    taken_back = [P(0, 0, 4, 1, 0, 0.5), P(0, 0, 3, 1, 0, 0.5), L(0, 5, 1), L(0, 6, NULL)]
    stream, _ = streamed([batch_of([written(e) for e in taken_back[:3]], LAYOUT)])
    source = GivenSource([batch_of([written(e) for e in taken_back[3:]], LAYOUT)])
    step = Stream(SETTINGS, source, stream.state, FixedSlices(UNIT)).step()
    assert [counts.labels for slices in step.slices.values() for counts in slices.values()] == [-1, -1]
    # The prediction read now is the one that counts, and stands in another segment of the same slice.
    source = GivenSource([batch_of([written(P(0, 0, 2, 1, 1, 0.5))], LAYOUT)])
    step = Stream(SETTINGS, source, stream.state, FixedSlices(2 * UNIT)).step()
    assert {series.segment for series in step.slices} == {"region=eu", "region=(none)"}


@pytest.mark.parametrize("kind", ["p", "l"])
def test_old_events_of_one_kind_alone_are_skipped(kind):
    state = MemoryState(SETTINGS.models, always_kept=0)
    late = {"p": ("p", "a", "1", 0, 0, None, None), "l": ("l", "a", 0, 0)}[kind]
    young = {"p": ("p", "a", "1", 99 * UNIT, 0, None, None), "l": ("l", "a", 99 * UNIT, 0)}[kind]
    batches = [
        batch_of([("p", "x", "1", 99 * UNIT, 0, None, None)], LAYOUT, passed=99 * UNIT),
        batch_of([young], LAYOUT, passed=99 * UNIT),
        batch_of([late], LAYOUT, passed=99 * UNIT),
    ]
    stream, _ = streamed(batches, state=state, skip_old=True)
    assert stream.totals().skipped == {TOO_OLD: 1}


def test_the_totals_of_an_empty_stream_are_zero():
    stream, _ = streamed([])
    assert Counter(nonzero(stream.totals())) == Counter()
