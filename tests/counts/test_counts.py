"""Counts are an abelian group, whatever planes they have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.counts import Counts, Layout

LAYOUTS = (Layout(2), Layout(3), Layout(1000))


@st.composite
def counts_of(draw, layout):
    """Counts with planes of the layout and planes that nobody knows."""
    cells = draw(st.dictionaries(st.integers(0, layout.size - 1), st.integers(-(2**40), 2**40), max_size=8))
    cells = {at: n for at, n in cells.items() if n}
    known = Counts.from_pairs(layout, np.array(list(cells), np.int64), np.array(list(cells.values()), np.int64))
    at = draw(st.lists(st.integers(0, 9), max_size=3, unique=True))
    n = [draw(st.integers(1, 5)) for _ in at]
    return known + Counts.from_json(layout, {"of_tomorrow": {"at": at, "n": n}})


@st.composite
def three(draw):
    """Three counts of one layout."""
    layout = draw(st.sampled_from(LAYOUTS))
    return tuple(draw(counts_of(layout)) for _ in range(3))


@settings(max_examples=80, deadline=None)
@given(three())
def test_counts_are_an_abelian_group(parts):
    a, b, c = parts
    zero = Counts(a.layout)
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + zero == a
    assert not a - a
    assert a - b == -(b - a)
    assert hash(a + b) == hash(b + a)


@settings(max_examples=60, deadline=None)
@given(three(), st.permutations([0, 1, 2]))
def test_the_whole_is_the_sum_of_its_parts_in_any_order(parts, order):
    layout = parts[0].layout
    assert Counts.sum(layout, parts) == Counts.sum(layout, [parts[i] for i in order]) == parts[0] + parts[1] + parts[2]


@settings(max_examples=60, deadline=None)
@given(three())
def test_counts_survive_json_and_planes_that_nobody_knows_are_carried(parts):
    a, b, _ = parts
    assert Counts.from_json(a.layout, a.to_json()) == a
    assert ("of_tomorrow" in a.to_json()) == bool(a.carried)
    assert (a + b - b).carried.keys() == a.carried.keys()


def test_an_empty_sum_is_zero():
    zero = Counts.sum(LAYOUTS[0], [])
    assert not zero
    assert zero.predictions == zero.labels == 0
    assert zero.to_json() == {}


def test_planes_go_in_and_come_out():
    layout = Layout(3)
    confusion = np.arange(9).reshape(3, 3)
    counts = Counts.from_planes(layout, {"confusion": confusion, "predicted": [4, 5, 6]})
    assert counts.plane("confusion").tolist() == confusion.tolist()
    assert counts.plane("scores").sum() == 0
    assert (counts.predictions, counts.labels) == (15, 36)
    at, n = counts.sparse("predicted")
    assert (at.tolist(), n.tolist()) == ([0, 1, 2], [4, 5, 6])
    assert Counts.from_dense(layout, np.zeros(layout.live_size, np.int64)) == Counts(layout)
    assert "predictions=15" in repr(counts)


def test_counts_of_other_layouts_and_other_things_are_not_equal():
    assert Counts(Layout(2)) != Counts(Layout(3))
    assert Counts(Layout(2)) != 0
    carried = Counts.from_json(Layout(2), {"of_tomorrow": {"at": [1], "n": [1]}})
    assert carried != Counts(Layout(2))
    assert carried != Counts.from_json(Layout(2), {"of_tomorrow": {"at": [1], "n": [2]}})


@pytest.mark.parametrize(
    ("planes", "error"),
    [
        ({"confusion": {"at": [4], "n": [1]}}, ValueError),
        ({"confusion": {"at": [-1], "n": [1]}}, ValueError),
        ({"confusion": {"at": [0, 1], "n": [1]}}, ValueError),
        ({"confusion": {"at": [[0]], "n": [[1]]}}, ValueError),
        ({"confusion": {"at": [0]}}, KeyError),
        ({"confusion": 3}, TypeError),
    ],
)
def test_json_of_another_shape_is_refused(planes, error):
    with pytest.raises(error):
        Counts.from_json(Layout(2), planes)
