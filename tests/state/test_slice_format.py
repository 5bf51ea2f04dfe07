"""Counts come back from bytes, also when their planes have moved since."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.counts import Counts, Layout
from monitor.state.disk.slice_format import Planes, pack

LAYOUT = Layout(3)
pairs = st.lists(
    st.tuples(st.integers(0, LAYOUT.size - 1), st.one_of(st.integers(-200, 200), st.integers(-(2**62), 2**62))),
    max_size=6,
)


def counts_of(found, carried=None):
    """Counts of (address, value) pairs, with carried planes."""
    index, value = (np.array([pair[i] for pair in found], np.int64) for i in (0, 1))
    plain = Counts.from_pairs(LAYOUT, index, value)
    planes = {name: (np.array([at]), np.array([n])) for name, (at, n) in (carried or {}).items()}
    return Counts(LAYOUT, plain.index, plain.value, planes)


slices = st.builds(
    counts_of, pairs, st.sampled_from([None, None, {"novel": (3, -7)}, {"b": (0, 1), "a": (2**40, 2**50)}])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(slices, max_size=5))
def test_counts_come_back_from_bytes(found):
    assert Planes(LAYOUT).unpack(pack(found)) == found


@settings(max_examples=100, deadline=None)
@given(
    st.lists(slices, max_size=4), st.permutations(list(LAYOUT.shapes)), st.sets(st.sampled_from(list(LAYOUT.shapes)))
)
def test_planes_may_move_come_and_go(found, order, unknown):
    # The store had its planes in another order, and did not know some that we know.
    stored = {name: LAYOUT.shapes[name] for name in order if name not in unknown}
    planes = Planes(LAYOUT, {name: list(shape) for name, shape in stored.items()})
    packed, wanted = [], []
    starts = dict(
        zip(stored, np.cumsum([0, *(int(np.prod(shape)) for shape in stored.values())]).tolist(), strict=False)
    )
    for counts in found:
        theirs = [(counts.sparse(name)[0] + starts[name], counts.sparse(name)[1]) for name in stored]
        at = np.concatenate([np.zeros(0, np.int64), *(index for index, _ in theirs)])
        n = np.concatenate([np.zeros(0, np.int64), *(value for _, value in theirs)])
        by_address = np.argsort(at)
        packed.append(Counts(LAYOUT, at[by_address], n[by_address], counts.carried))
        known = [counts.sparse(name)[0] + LAYOUT.offsets[name] for name in stored]
        index = np.concatenate([np.zeros(0, np.int64), *known])
        wanted.append(Counts.sum(LAYOUT, (Counts.from_pairs(LAYOUT, index, n), Counts(LAYOUT, carried=counts.carried))))
    assert planes.unpack(pack(packed)) == wanted


def test_a_plane_that_we_do_not_know_is_carried_and_found_again():
    stored = {"novel": (4,), **LAYOUT.shapes}
    written = Counts(LAYOUT, np.array([2, 4 + 5]), np.array([7, 8]))
    [read] = Planes(LAYOUT, stored).unpack(pack([written]))
    assert read == Counts(LAYOUT, np.array([5]), np.array([8]), {"novel": (np.array([2]), np.array([7]))})
    # Whoever knows it next time counts it again.
    carried = Counts(LAYOUT, carried={"latency": (np.array([3]), np.array([9]))})
    [known] = Planes(LAYOUT, {name: shape for name, shape in LAYOUT.shapes.items() if name != "latency"}).unpack(
        pack([carried])
    )
    assert known.sparse("latency")[1].tolist() == [9]
    assert not known.carried


def test_a_plane_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="plane confusion has another shape"):
        Planes(LAYOUT, {"confusion": [2, 2]})
