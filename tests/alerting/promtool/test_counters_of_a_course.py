"""The arithmetic that generated tests expect: increases, and when a level rings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.alerting.promtool import rates
from monitor.alerting.promtool.counters import Stretch, counters
from monitor.alerting.promtool.courses import ALONE, COURSES, LOOK_HALVES, Tried
from monitor.statistics.budget import Tally
from monitor.statistics.ladder import PAGE, Level, ladder

STEP = 60_000
STRETCHES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 50), st.integers(0, 50)).map(
        lambda drawn: Stretch(drawn[0], max(drawn[1:]), min(drawn[1:]))
    ),
    min_size=1,
    max_size=6,
)


@given(STRETCHES, st.integers(1, 40), st.integers(2, 40))
def test_what_a_window_holds_is_what_happened_in_it(stretches, window, at):
    happened = [stretch for stretch in stretches for _ in range(stretch.steps)]
    at = min(at, len(happened))
    held = counters(STEP, stretches).held(at * STEP, window * STEP)
    inside = happened[max(0, at - window) : at]
    assert held == Tally(sum(step.events for step in inside), sum(step.bad for step in inside))


@given(STRETCHES, STRETCHES, st.integers(2, 60))
def test_a_new_start_from_0_loses_nothing(before, after, window):
    fresh = [Stretch(after[0].steps, after[0].events, after[0].bad, fresh=True), *after[1:]]
    # the first step after the start counts from 0, so that it is the whole of its own increase
    once = [
        Stretch(1, fresh[0].events, fresh[0].bad, fresh=True),
        Stretch(fresh[0].steps - 1, fresh[0].events, fresh[0].bad),
    ]
    end = sum(stretch.steps for stretch in (*before, *after)) * STEP
    whole = counters(STEP, [*before, *after]).held(end, window * STEP)
    again = counters(STEP, [*before, *once, *fresh[1:]]).held(end, window * STEP)
    grown = sum(stretch.steps * stretch.events for stretch in before)
    assume(after[0].events < grown and after[0].bad < sum(stretch.steps * stretch.bad for stretch in before))
    assert again == whole


@given(STRETCHES, st.integers(2, 40))
def test_prometheus_extrapolates_nothing_where_scrapes_lie_on_both_ends(stretches, window):
    counted = counters(STEP, stretches)
    end = (len(counted.events) - 1) * STEP
    begin = max(0, end - window * STEP)
    points = [(at * STEP, float(value)) for at, value in enumerate(counted.events) if begin <= at * STEP <= end]
    assert rates.increase(points, end - window * STEP, end) == counted.held(end, window * STEP).events


def test_without_two_numbers_nothing_is_known():
    counted = counters(STEP, [Stretch(2, 5, 5), Stretch(1, 5, 5, unreadable=True), Stretch(1, 5, 5)])
    assert counted.held(0, STEP) is None
    assert counted.held(2 * STEP, STEP) == Tally(5, 5)
    assert counted.held(3 * STEP, STEP) is None
    assert counted.held(4 * STEP, STEP) is None
    assert counted.held(4 * STEP, 2 * STEP) == Tally(10, 10)
    assert counted.held(4 * STEP, STEP // 2) is None
    assert rates.increase([(0, 1.0)], 0, STEP) is None


def test_a_level_rings_above_its_threshold_and_from_its_least_number_of_events_on():
    level, target = Level(PAGE, 12 * STEP, STEP, Decimal(10)), Decimal("0.95")
    assert level.least_events(target) == 10
    for events, bad, rings in ((10, 6, True), (10, 5, False), (9, 9, False), (1_000, 500, False), (1_000, 501, True)):
        assert counters(STEP, [Stretch(1, events, bad)]).rings(level, target, STEP) is rings


@pytest.mark.parametrize("target", ["0.95", "0.9371", "0.99", "0.999", "0.9999999"])
@pytest.mark.parametrize("cadence", [60_000, 600_000])
def test_every_course_does_what_its_name_says_to_every_level(target, cadence):
    """The usual ladder leaves room for all courses: what one level does is not hidden by another of its severity."""
    promise, rungs = Decimal(target), ladder(28 * 86_400_000, cadence)
    lowest = min(level.threshold(promise) for level in rungs)
    rings = [(False, True), (False,), (False,), (True, False), (False, True), (False, True), (True, False), (False,)]
    for level in rungs:
        tried = Tried(level, promise, level.short // 2, lowest)
        for course, expected in zip((*COURSES, ALONE), (*rings, (True, False)), strict=True):
            counted = course.counters(tried)
            looks = [look * LOOK_HALVES * level.short // 2 for look in course.looks]
            assert tuple(counted.rings(level, promise, at) for at in looks) == expected, course.name
