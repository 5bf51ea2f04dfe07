"""History is bounded, and thinning loses no extreme, no verdict and no gap."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import fabricated as made
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import HOUR
from monitor.report.history import BUCKETS, LIMIT, History, Point, SeriesKey, thinned
from monitor.statistics.report import Maturity, Verdict

VALUES = st.none() | st.floats(0, 1)
VERDICTS = st.sampled_from([*Verdict, None])


def point(end, value=0.5, verdict=None):
    return Point(end, end, 10, value, None, None, None, None, None, verdict)


def window(end, confusion=((40, 3), (7, 20)), **more):
    return made.window(made.churn(), "3", "24h", end, Maturity.MATURE, confusion, **more)


def recall_of_leave(history, segment=None):
    return history.view()[SeriesKey("churn", "3", segment, "24h", Maturity.MATURE, "recall", "leave")]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 5), VALUES, VERDICTS), min_size=1, max_size=300), st.integers(1, 20))
def test_thinning_keeps_order_rims_extremes_and_the_most_serious_verdict(steps, buckets):
    end, points = 0, []
    for step, value, verdict in steps:
        end += step
        points.append(point(end, value, verdict))
    kept = thinned(points, buckets)
    assert len(kept) <= 4 * buckets + 2
    assert [p for p in points if p in set(kept)] == kept
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    values = [p.value for p in points if p.value is not None]
    if values:
        left = [p.value for p in kept if p.value is not None]
        assert (min(left), max(left)) == (min(values), max(values))
    if any(p.value is None for p in points):
        assert any(p.value is None for p in kept)
    worse = [p for p in points if p.verdict is Verdict.WORSE and p.value is not None]
    if worse:
        # The first WORSE is the first of its part of time, so it is among what is kept.
        assert worse[0] in kept


def test_nothing_thinned_is_nothing():
    assert thinned([]) == []


def test_a_long_history_stays_within_its_limit_and_spans_all_of_it():
    history = History(made.settings(made.churn()))
    first = window(made.START)
    for i in range(3_000):
        history.add(replace(first, end=first.end + i * HOUR))
    track = recall_of_leave(history)
    assert 2 * BUCKETS <= len(track) <= LIMIT
    assert (track[0].end, track[-1].end) == (first.end, first.end + 2_999 * HOUR)
    gaps = [b.end - a.end for a, b in pairwise(track)]
    # Old and new parts are about as dense: no part of time is forgotten.
    assert max(gaps) <= 3_000 * HOUR / BUCKETS * 3


def test_a_window_seen_again_replaces_its_point():
    history = History(made.settings(made.churn()))
    history.add_all([window(HOUR * 24), window(HOUR * 25)])
    history.add(window(HOUR * 24, [[40, 3], [0, 27]]))
    assert [(p.end // HOUR, p.value) for p in recall_of_leave(history)] == [(24, 1.0), (25, 20 / 27)]


def test_a_late_window_takes_its_place_in_time():
    history = History(made.settings(made.churn()))
    history.add_all([window(HOUR * end) for end in (24, 48, 36)])
    assert [p.end // HOUR for p in recall_of_leave(history)] == [24, 36, 48]


def test_a_view_does_not_change_any_more():
    history = History(made.settings(made.churn()))
    history.add(window(HOUR * 24))
    before = history.view()
    history.add(window(HOUR * 48))
    assert [len(track) for track in before.values()] == [1] * len(before)


def test_segments_have_a_history_only_where_an_objective_asks():
    history = History(made.settings(made.churn()))
    history.add(window(HOUR * 24, segment="region=eu"))
    history.add(window(HOUR * 24, segment="region=us"))
    assert {(key.segment, key.metric, key.class_) for key in history.view()} == {("region=eu", "recall", "leave")}


def test_a_full_history_makes_room_by_forgetting_what_has_ended():
    history = History(made.settings(made.churn()), most_series=10)
    history.add(window(HOUR * 24))
    assert len(history.view()) == 10
    history.add(replace(window(HOUR * 400), version="4"))
    assert {key.version for key in history.view()} == {"4"}
    # A version that lives on is never pushed out: the newcomer finds room or has no plot.
    history.add(replace(window(HOUR * 401), version="5"))
    assert {key.version for key in history.view()} == {"4"}
