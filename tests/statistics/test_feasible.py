from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE, SECOND
from monitor.statistics.feasible import (
    asked,
    feasible,
    least_bad,
    nearest_target,
    shortest_period,
    silent,
    slowest_cadence,
    starved,
)
from monitor.statistics.ladder import PAGE, TICKET, ladder

FOUR_WEEKS = 28 * DAY
TARGETS = st.decimals("0.0001", "0.9999", places=4)
PERIODS = st.integers(1, 400).map(lambda days: days * DAY) | st.integers(1, 48).map(lambda hours: hours * HOUR)
CADENCES = st.integers(1, 7_200).map(lambda seconds: seconds * SECOND)


@given(period=PERIODS, cadence=CADENCES)
@settings(max_examples=200, deadline=None)
def test_the_shortest_period_is_the_first_that_has_levels_and_then_it_has_both_severities(period, cadence):
    levels = ladder(period, cadence)
    assert bool(levels) == (period >= shortest_period(cadence))
    assert {level.severity for level in levels} == ({PAGE, TICKET} if levels else set())
    assert {level.severity for level in asked(levels, pages=False)} == ({TICKET} if levels else set())
    assert asked(levels, pages=True) == levels


@given(period=PERIODS, cadence=CADENCES, target=TARGETS, pages=st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_nearest_target_of_occurrences_is_accepted_and_a_step_lower_is_not(period, cadence, target, pages):
    assume(period >= shortest_period(cadence))
    levels = asked(ladder(period, cadence), pages=pages)
    near = nearest_target(levels, target)
    assert near is not None
    assert feasible(levels, near)
    if near == target:
        assert not silent(levels, target)
    else:
        assert target < near
        step = Decimal((0, (1,), near.as_tuple().exponent))
        assert near == step or not feasible(levels, near - step)


@given(period=PERIODS, cadence=CADENCES, target=TARGETS)
@settings(max_examples=300, deadline=None)
def test_the_nearest_target_of_timeslices_is_accepted_and_a_step_towards_what_was_written_is_not(
    period, cadence, target
):
    assume(period >= shortest_period(cadence))
    levels = asked(ladder(period, cadence), pages=False)
    near = nearest_target(levels, target, cadence)
    if near is None:  # what rings and what is held leave no room: no target of four decimals is fine, not even near
        assert not any(feasible(levels, Decimal(i) / 10_000, cadence) for i in range(1, 10_000, 7))
        return
    assert feasible(levels, near, cadence)
    if near != target:
        step = Decimal((0, (1,), near.as_tuple().exponent))
        towards = near + (step if target > near else -step)
        assert not 0 < towards < 1 or not feasible(levels, towards, cadence)


@given(
    days=st.integers(7, 365),
    cadence=st.integers(300, 7_200).map(lambda seconds: seconds * SECOND),
    target=st.decimals("0.98", "0.9999", places=4),
)
@settings(max_examples=300, deadline=None)
def test_the_slowest_cadence_fills_every_level_and_a_second_more_does_not(days, cadence, target):
    period = days * DAY
    levels = asked(ladder(period, cadence), pages=False)
    assert not silent(levels, target)
    assume(starved(levels, target, cadence))
    slowest = slowest_cadence(period, target, pages=False)
    if slowest is None:
        assert not feasible(asked(ladder(period, SECOND), pages=False), target, SECOND)
        return
    assert slowest < cadence
    assert feasible(asked(ladder(period, slowest), pages=False), target, slowest)
    more = slowest + SECOND
    assert not feasible(asked(ladder(period, more), pages=False), target, more)


@given(period=PERIODS, cadence=CADENCES, target=TARGETS)
@settings(max_examples=100, deadline=None)
def test_so_many_bad_events_of_the_least_are_over_the_threshold_and_one_fewer_is_not(period, cadence, target):
    for level in ladder(period, cadence):
        if level.can_fire(target):
            bad, events = least_bad(level, target), level.least_events(target)
            assert bad <= events
            assert bad > level.threshold(target) * events >= bad - 1


@pytest.mark.parametrize(
    ("pages", "target", "near"),
    [
        (True, "0.9", "0.9256"),
        (True, "0.9255", "0.9256"),
        (True, "0.9256", "0.9256"),
        (True, "0.999", "0.999"),
        (False, "0.5", "0.6429"),
        (False, "0.6429", "0.6429"),
    ],
)
def test_four_weeks_have_the_targets_that_the_workbook_s_windows_leave(pages, target, near):
    levels = asked(ladder(FOUR_WEEKS, MINUTE), pages=pages)
    assert nearest_target(levels, Decimal(target)) == Decimal(near)


def test_a_century_leaves_targets_of_more_than_four_decimals():
    levels = ladder(36_500 * DAY, MINUTE)
    near = nearest_target(levels, Decimal("0.5"))
    assert near is not None
    assert Decimal("0.9999") < near < 1
    assert feasible(levels, near)
