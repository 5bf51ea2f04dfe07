"""The index says what a dictionary would say, whatever is taken and dropped."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.state.index import SlotIndex, hashes

# Keys that meet in the same cells: the table has 4,096 of them, of which only the last bits choose.
keys = st.builds(lambda low, high: low + 4096 * high, st.sampled_from([5, 6, 4095]), st.integers(1, 6))
takes = st.tuples(st.just("take"), st.lists(keys, max_size=12))
drops = st.tuples(st.just("drop"), st.lists(keys, max_size=6, unique=True))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(takes, drops), max_size=12))
def test_the_index_says_what_a_dictionary_says(steps):
    index, known = SlotIndex(), {}
    for kind, found in steps:
        if kind == "take":
            if index.free < len(found):
                index.reserve(index.reserved + len(found))
            slots = index.take(np.array(found, np.int64)).tolist()
            for key, slot in zip(found, slots, strict=True):
                assert known.setdefault(key, slot) == slot
            assert len(set(known.values())) == len(known) == len(index)
        else:
            held = [key for key in found if key in known]
            index.drop(np.array([known.pop(key) for key in held], np.int64))
    assert index.free + len(index) == index.reserved


def test_the_index_grows_and_sheds_what_was_dropped():
    index = SlotIndex()
    index.reserve(4000)
    rng = np.random.default_rng(0)
    for _ in range(60):
        found = rng.integers(2, 2**60, 3000)
        slots = index.take(found)
        assert index.take(found).tolist() == slots.tolist() if index.free >= 3000 else True
        index.drop(slots)
    assert len(index) == 0
    index.reserve(200_000)
    found = rng.integers(2, 2**60, 90_000)
    slots = index.take(found)
    assert sorted(slots.tolist()) == sorted(set(slots.tolist()))
    assert index.take(found[::-1]).tolist() == slots[::-1].tolist()


def test_hashes_are_those_of_the_texts_and_never_a_mark():
    texts = ["a", "b", "a"]
    a, b, again = hashes(texts).tolist()
    assert a == again != b
    assert min(abs(x) for x in hashes([""])) >= 2
