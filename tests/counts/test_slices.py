"""How time is cut, and how minutes become hours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts import Counts, Layout
from monitor.counts.groups import numbered
from monitor.counts.slices import AgingSlices, FixedSlices, compaction, slice_length

LAYOUT = Layout(2)
moments = st.lists(st.integers(-2 * DAY, 400 * DAY), min_size=1, max_size=30)


def one(n):
    """Counts of n predictions."""
    return Counts.from_planes(LAYOUT, {"predicted": [n, 0]})


@settings(max_examples=100, deadline=None)
@given(
    moments,
    st.one_of(
        st.builds(FixedSlices, st.sampled_from([MINUTE, HOUR, DAY])),
        st.builds(AgingSlices.at, st.integers(0, 300 * DAY)),
    ),
)
def test_a_moment_lies_in_its_slice_one_or_many_at_a_time(found, slices):
    starts = slices.starts(np.array(found))
    assert starts.tolist() == [slices.start(moment) for moment in found]
    for moment, start in zip(found, starts.tolist(), strict=True):
        length = slices.length if isinstance(slices, FixedSlices) else HOUR if moment < slices.boundary else MINUTE
        assert start <= moment < start + length
        assert start % length == 0
        assert slices.start(start) == start


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 300 * DAY))
def test_a_day_ends_now_on_minutes_and_before_it_there_are_hours(now):
    slices = AgingSlices.at(now)
    assert slices.boundary % HOUR == 0
    assert DAY <= now - slices.boundary < DAY + HOUR
    assert slices.start(now - DAY) == (now - DAY) // MINUTE * MINUTE
    assert slices.start(slices.boundary - 1) == slices.boundary - HOUR


def test_the_slice_is_what_all_lengths_are_multiples_of():
    assert slice_length([DAY, 7 * DAY, 6 * HOUR]) == 6 * HOUR
    assert slice_length([90 * MINUTE, HOUR]) == 30 * MINUTE


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.integers(0, 200), st.integers(1, 5), max_size=12))
def test_compaction_moves_minutes_into_hours_and_loses_nothing(minutes):
    slices = {minute * MINUTE: one(n) for minute, n in minutes.items()}
    after = dict(slices)
    for start, change in compaction(slices.items()).items():
        after[start] = after.get(start, Counts(LAYOUT)) + change
    after = {start: counts for start, counts in after.items() if counts}
    wanted = {}
    for start, counts in slices.items():
        hour = start // HOUR * HOUR
        wanted[hour] = wanted.get(hour, Counts(LAYOUT)) + counts
    assert after == wanted


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 20), st.integers(-(2**60), 2**60)), max_size=40))
def test_numbers_name_the_distinct_keys_in_order(keys):
    number, distinct = numbered(np.array(keys, np.int64))
    assert distinct.tolist() == sorted(set(keys))
    assert distinct[number].tolist() == keys


@pytest.mark.parametrize("spread", [1, 10**9])
def test_keys_that_lie_close_and_keys_that_do_not_are_numbered_alike(spread):
    keys = np.arange(100)[::-1] * spread
    number, distinct = numbered(keys)
    assert number.tolist() == list(range(99, -1, -1))
    assert distinct.tolist() == keys[::-1].tolist()
