"""A track is always the sum of its slices, however it came to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.counts import Counts, Layout, Series
from monitor.counts import windows as module
from monitor.counts.windows import TrackKey, Windows

A, B = Series("m", "1", None), Series("n", "1", "region=eu")
KEYS = [TrackKey(A, "3s", "provisional"), TrackKey(A, "3s", "mature"), TrackKey(B, "5s", "mature")]


class Slices:
    """Slices as a state would keep them."""

    def __init__(self, layout):
        self.layout = layout
        self.kept = {A: {}, B: {}}

    def add(self, deltas):
        for series, slices in deltas.items():
            for start, counts in slices.items():
                self.kept[series][start] = self.kept[series].get(start, Counts(self.layout)) + counts

    def read(self, series, start, end):
        return [(at, counts) for at, counts in sorted(self.kept[series].items()) if start <= at < end]

    def sum(self, key, span):
        return Counts.sum(self.layout, [counts for _, counts in self.read(key.series, *span)])


cells = st.dictionaries(st.integers(0, 40), st.integers(-3, 3).filter(bool), max_size=3)
commits = st.tuples(
    st.just("commit"),
    st.dictionaries(st.sampled_from([A, B]), st.dictionaries(st.integers(0, 12), cells, max_size=4), max_size=2),
)
moves = st.tuples(st.just("move"), st.tuples(st.sampled_from(KEYS), st.integers(0, 10), st.integers(0, 6)))


@pytest.mark.parametrize("most_dense", [65_536, 0])
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(commits, moves), max_size=12), carried=st.booleans())
def test_a_track_is_the_sum_of_its_slices(most_dense, steps, carried):
    layout = Layout(2)
    slices = Slices(layout)
    windows = Windows(slices.read)
    module_most, module.MOST_DENSE = module.MOST_DENSE, most_dense
    try:
        for key in KEYS:
            windows.begin(key, layout, 2, 6)
        for kind, what in steps:
            if kind == "commit":
                deltas = {
                    series: {at: counts_of(layout, found, carried=carried) for at, found in own.items()}
                    for series, own in what.items()
                }
                slices.add(deltas)
                windows.apply(deltas)
            else:
                key, start, length = what
                windows.move(key, start, start + length)
            for key in KEYS:
                assert windows.counts(key) == slices.sum(key, windows.span(key))
    finally:
        module.MOST_DENSE = module_most


def counts_of(layout, found, *, carried):
    """Counts with these cells."""
    index, value = np.array(list(found), np.int64), np.array(list(found.values()), np.int64)
    counts = Counts.from_pairs(layout, index, value)
    return counts + Counts.from_json(layout, {"of_tomorrow": {"at": [1], "n": [2]}}) if carried else counts


def predictions(n, layout=None):
    """Counts of n predictions."""
    return Counts.from_planes(layout or Layout(2), {"predicted": [n, *[0] * ((layout or Layout(2)).classes - 1)]})


def test_a_track_knows_whether_it_changed_since_it_was_evaluated():
    slices = Slices(Layout(2))
    windows = Windows(slices.read)
    key = KEYS[0]
    windows.begin(key, Layout(2), 0, 3)
    assert windows.changed(key)
    windows.evaluated(key)
    windows.move(key, 1, 4)
    windows.apply({A: {0: predictions(1), 7: predictions(1)}, B: {2: predictions(1)}})
    assert not windows.changed(key)
    deltas = {A: {3: predictions(2)}}
    slices.add(deltas)
    windows.apply(deltas)
    assert windows.changed(key)
    windows.evaluated(key)
    windows.move(key, 4, 6)
    assert windows.changed(key)
    assert windows.counts(key).predictions == 0


def test_tracks_are_found_and_ended_by_series():
    windows = Windows(Slices(Layout(2)).read)
    for at, key in enumerate(KEYS):
        windows.begin(key, Layout(2), 5 + at, 9)
    assert list(windows) == KEYS
    assert windows.oldest("m") == 5
    assert windows.oldest("n") == 7
    windows.end(A)
    assert KEYS[0] not in windows
    assert KEYS[2] in windows
    assert windows.oldest("m") is None


def test_many_sparse_parts_come_to_one_sum():
    layout = Layout(1000)
    slices = Slices(layout)
    windows = Windows(slices.read)
    windows.begin(KEYS[0], layout, 0, 3)
    for _ in range(200):
        windows.apply({A: {1: predictions(1, layout)}})
    assert windows.counts(KEYS[0]).predictions == 200
