"""Generations stay few, have a place for every row, and let go only what nothing can need."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR
from monitor.join.rules import Rules
from monitor.state.disk.generations import MOST, Generation, Generations, width_of

moments = st.integers(-(10**15), 10**15)
near = st.integers(0, 200 * HOUR)
steps = st.lists(
    st.tuples(st.lists(st.one_of(near, near, moments), min_size=1, max_size=8), st.integers(0, 200 * HOUR)), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from([0, 3, 1000]))
def test_every_row_is_in_the_first_generation_that_ends_after_it_is_needed(found, enough):
    made, passed, home = Generations(), -(10**16), {}
    for until, now in found:
        passed = max(passed, now)
        before = made
        made = made.without(passed)
        gone = {g.serial for g in before.kept} - {g.serial for g in made.kept}
        assert all(needed < passed for needed, serial in home.items() if serial in gone)
        assert made.forgotten is None or made.forgotten <= passed
        home = {needed: serial for needed, serial in home.items() if serial not in gone}
        needed = np.array(until, np.int64)
        made = made.reaching(needed, HOUR, enough)
        places = made.places(needed).tolist()
        for one, serial in zip(until, places, strict=True):
            # Where a row belongs never changes as long as its generation is kept.
            assert home.setdefault(one, serial) == serial
        made = made.grown({serial: places.count(serial) for serial in set(places)})
        ends = [g.end for g in made.kept]
        assert ends == sorted(set(ends))
        assert [g.serial for g in made.kept] == list(range(made.kept[0].serial, made.kept[-1].serial + 1))
        assert len(made.kept) <= MOST
        if enough == 1000:
            assert len(made.kept) == 1
            assert made.forgotten is None
        for one, serial in home.items():
            index = serial - made.kept[0].serial
            assert one < ends[index]
            assert index == 0 or one >= ends[index - 1]


def test_what_holds_much_is_forgotten_step_by_step():
    made = Generations()
    for hour in range(10):
        made = made.reaching(np.array([hour * HOUR]), HOUR, 5).grown({hour: 5})
    assert [g.end for g in made.kept] == [(hour + 1) * HOUR for hour in range(MOST - 1)] + [10 * HOUR]
    assert made.without(HOUR - 1) == made
    assert made.without(HOUR) == Generations(made.kept[1:], HOUR)
    assert made.without(DAY) == Generations((Generation(MOST - 1, 10 * HOUR, 5),), (MOST - 1) * HOUR)


def test_nothing_makes_no_generation_and_grows_none():
    nothing = np.zeros(0, np.int64)
    assert Generations().reaching(nothing, HOUR, 0) == Generations()
    assert Generations().without(DAY) == Generations()


def test_a_generation_spans_half_of_what_a_prediction_is_needed_but_an_hour_at_least():
    assert width_of(Rules((30 * DAY), DAY, (0, 1))) == 31 * DAY // 2
    assert width_of(Rules(10, 1, (0, 1))) == HOUR
