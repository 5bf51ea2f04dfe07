"""Occurrences are counted by hand as by columns, once each, whatever the batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from join_oracle import NULL, L, Law, P, firsts
from stream_drive import GivenSource, batch_of, settings_of

from monitor.clock import MINUTE
from monitor.config import Objective
from monitor.counts.slices import FixedSlices
from monitor.state import MemoryState
from monitor.statistics.budget import Tally
from monitor.stream import Stream

LAW = Law(correction=8, first_wait=3)
REGIONS = ("eu", "us", None)
SEGMENTS = (None, "region=eu", "region=us", "region=(other)", "region=(none)", "region=mars")


def objective(metric, class_, segment=None, **more):
    """An objective of occurrences."""
    name = f"{metric} {class_} {segment}"
    return Objective(name, metric, class_, "4", segment, None, Decimal("0.9"), "occurrences", **more)


OBJECTIVES = tuple(
    objective(metric, class_, segment)
    for metric, class_ in [*((m, k) for m in ("recall", "precision", "specificity") for k in "012"), ("accuracy", None)]
    for segment in SEGMENTS
)
OTHERS = (
    replace(OBJECTIVES[0], name="without a target", target=None),
    replace(OBJECTIVES[0], name="timeslices", kind="timeslices"),
    Objective("a verdict", "f1", "1", "4"),
    Objective("a loss", "log_loss", None, "4", None, 0.1, Decimal("0.9")),
)
FREE = settings_of(unit=MINUTE, objectives=(*OTHERS, *OBJECTIVES))
FIXED = settings_of(unit=MINUTE, objectives=(*OTHERS, *OBJECTIVES), segments={"region": ("us",)})

predictions = st.builds(
    P, st.integers(0, 3), st.integers(0, 1), st.integers(0, 14), st.integers(0, 2), st.integers(0, 2), st.just(0.5)
)
labels = st.builds(L, st.integers(0, 3), st.integers(0, 14), st.sampled_from([NULL, 0, 1, 2]))
events = st.lists(st.one_of(predictions, labels), max_size=16)


def written(event):
    """The oracle's event as the stream's."""
    if isinstance(event, L):
        return ("l", f"id{event.id}", event.at * MINUTE, event.y_true)
    at = event.at * MINUTE
    return ("p", f"id{event.id}", f"v{event.version}", at, event.y_pred, REGIONS[event.segment], event.score)


def by_hand(found, fixed):
    """Each first class held against each objective, in the words of the metric."""
    tallies = Counter()
    for p, y_true, _ in firsts(found, LAW).values():
        region = REGIONS[p.segment] or "(none)"
        inside = {None, f"region={'(other)' if fixed and region == 'eu' else region}"}
        true, said = str(y_true), str(p.y_pred)
        for one in OBJECTIVES:
            divides = {
                "recall": true == one.class_,
                "precision": said == one.class_,
                "specificity": true != one.class_,
                "accuracy": True,
            }[one.metric]
            right = {
                "recall": said == one.class_,
                "precision": true == one.class_,
                "specificity": said != one.class_,
                "accuracy": true == said,
            }[one.metric]
            if divides and one.segment in inside:
                tallies["m", one.name, "events"] += 1
                tallies["m", one.name, "bad"] += not right
    keys = {key[:2] for key in tallies}
    return {key: Tally(tallies[(*key, "events")], tallies[(*key, "bad")]) for key in keys}


def streamed(batches, made):
    """What the counters are after each batch."""
    state = MemoryState(made.models)
    layout = made.models["m"].layout
    source = GivenSource([batch_of([written(e) for e in batch], layout) for batch in batches])
    stream = Stream(made, source, state, FixedSlices(MINUTE))
    for _ in batches:
        stream.step()
        yield state.objectives()


def split(items, cuts):
    """Cut a list at these places."""
    edges = [0, *sorted(min(cut, len(items)) for cut in cuts), len(items)]
    return [items[lo:hi] for lo, hi in pairwise(edges)]


@settings(max_examples=80, deadline=None)
@given(events, st.lists(st.integers(0, 16), max_size=4), st.booleans())
def test_counters_say_what_counting_by_hand_says_whatever_the_batches(found, cuts, fixed):
    *_, counted = streamed(split(found, cuts), FIXED if fixed else FREE)
    assert counted == by_hand(found, fixed)


@settings(max_examples=50, deadline=None)
@given(events)
def test_counters_never_fall(found):
    told = [{}, *streamed([[event] for event in found], FREE)]
    for before, after in pairwise(told):
        assert before.keys() <= after.keys()
        for key, tally in before.items():
            more = after[key] - tally
            assert more.bad >= 0
            assert more.events >= more.bad
            assert more.skipped == 0


def counted_of(found, **objectives):
    """(events, bad) of objectives, by name."""
    made = settings_of(unit=MINUTE, objectives=[replace(one, name=name) for name, one in objectives.items()])
    *_, told = streamed([found], made)
    return {name: (told.get(("m", name), Tally()).events, told.get(("m", name), Tally()).bad) for name in objectives}


def test_a_small_example():
    found = [
        *(P(n, 0, 5, 1, 0, 0.5) for n in range(10)),  # ten say 1: six are, three are 0, one has no label
        *(L(n, 6, 1) for n in range(6)),
        *(L(n, 6, 0) for n in range(6, 9)),
        P(20, 1, 5, 0, 1, 0.5),  # another version, another region: it says 0 and is 1
        L(20, 6, 1),
    ]
    assert counted_of(
        found,
        recall=objective("recall", "1"),
        precision=objective("precision", "1"),
        specificity=objective("specificity", "1"),
        accuracy=objective("accuracy", None),
        there=objective("recall", "1", "region=us"),
        nowhere=objective("recall", "1", "region=mars"),
    ) == {
        "recall": (7, 1),
        "precision": (9, 3),
        "specificity": (3, 3),
        "accuracy": (10, 4),
        "there": (1, 1),
        "nowhere": (0, 0),
    }


def test_a_commit_without_occurrences_has_no_counters():
    seen = []

    class Watched(MemoryState):
        def commit(self, commit):
            seen.append(commit.objectives)
            super().commit(commit)

    made = settings_of(unit=MINUTE, objectives=(*OTHERS, objective("recall", "1")))
    source = GivenSource(
        [
            batch_of([written(e) for e in batch], made.models["m"].layout)
            for batch in ([P(0, 0, 5, 0, 0, 0.5)], [L(0, 6, 0)])
        ]
    )
    stream = Stream(made, source, Watched(made.models), FixedSlices(MINUTE))
    stream.step()
    stream.step()
    assert seen == [{}, {}]


def test_counters_are_in_the_commit_of_the_events_that_moved_them():
    seen = []

    class Watched(MemoryState):
        def commit(self, commit):
            seen.append((dict(commit.offsets), commit.objectives))
            super().commit(commit)

    made = settings_of(unit=MINUTE, objectives=[objective("recall", "1")])
    found = [P(0, 0, 5, 0, 0, 0.5), L(0, 6, 1)]
    batches = [batch_of([written(e) for e in found], made.models["m"].layout, offsets={"p/0": 2})]
    Stream(made, GivenSource(batches), Watched(made.models), FixedSlices(MINUTE)).step()
    assert seen == [({"p/0": 2}, {("m", "recall 1 None"): Tally(1, 1)})]


def test_a_metric_that_is_no_proportion_is_refused():
    with pytest.raises(ValueError, match="f1 of 1 counts no occurrences"):
        list(
            streamed([[P(0, 0, 5, 0, 0, 0.5), L(0, 6, 1)]], settings_of(unit=MINUTE, objectives=[objective("f1", "1")]))
        )
