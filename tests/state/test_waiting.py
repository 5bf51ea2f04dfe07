"""What is open by minute comes to what a look at every row says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import MINUTE
from monitor.state.disk.waiting import Minutes, OpenByMinute

WAIT = 3
moments = st.lists(st.integers(0, 40 * MINUTE), max_size=8)


def column(found):
    """A column of moments."""
    return np.array(found, np.int64)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(moments, st.integers(0, 60), st.booleans(), st.randoms()), max_size=8))
def test_what_is_over_is_what_a_look_at_every_open_moment_says(found):
    kept, still, passed = OpenByMinute(WAIT * MINUTE), [], 0
    for new, now, reopen, random in found:
        left = [moment for moment in still if random.random() < 0.5]
        kept.add(Minutes.between(column(still), column(left + new)))
        still = left + new
        passed = max(passed, now)
        kept.move_to(passed * MINUTE)
        kept.move_to(0)
        if reopen:
            over, until, by_minute = kept.over, kept.until, kept.by_minute
            kept = OpenByMinute(WAIT * MINUTE, over, until)
            kept.add(by_minute)
        assert kept.over == sum(moment // MINUTE + 1 + WAIT <= passed for moment in still)
        assert kept.by_minute.number.sum() == len(still) - kept.over
        assert (kept.by_minute.number > 0).all()


def test_a_leap_over_years_takes_no_longer_than_what_is_open():
    kept = OpenByMinute(0)
    kept.move_to(MINUTE)
    kept.add(Minutes(column([5, 7]), column([2, 3])))
    kept.move_to(10**15)
    assert (kept.over, len(kept.by_minute.minute)) == (5, 0)


def test_what_does_not_change_is_no_change():
    same = Minutes.between(column([5, 70_000]), column([7, 60_001]))
    assert (len(same.minute), len(same.number)) == (0, 0)
