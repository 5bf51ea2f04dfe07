"""A course tells when an objective first turned WORSE, and how long after the first bad window."""

from __future__ import annotations

from dataclasses import replace

import fabricated as made
import pytest

from monitor.clock import DAY
from monitor.report.course import Courses, beyond_margin
from monitor.statistics.report import Maturity, MetricResult, Verdict

GOOD, SLIGHTLY_BAD, BAD = 0.86, 0.81, 0.60


def window(day, recall, *, n=200, maturity=Maturity.MATURE, unlabelled=0):
    hit = round(n * recall)
    return made.window(
        made.churn(), "3", "24h", made.START + day * DAY, maturity, [[n, 0], [n - hit, hit]], unlabelled=unlabelled
    )


def course_of(windows):
    courses = Courses({"churn": made.churn()})
    for one in windows:
        courses.observe(one)
    (found,) = courses.courses
    return found


def test_a_delay_counts_from_the_row_of_bad_windows_that_led_to_the_verdict():
    # Day 1 is bad once and recovers: it is not what led to WORSE.
    days = [GOOD, SLIGHTLY_BAD, GOOD, SLIGHTLY_BAD, SLIGHTLY_BAD, BAD, BAD]
    course = course_of(window(day, recall) for day, recall in enumerate(days))
    assert course.bad_since == made.START + 3 * DAY
    assert course.first_worse_at == made.START + 5 * DAY + 2 * DAY
    assert course.delay == 4 * DAY
    assert (course.windows, course.worse, course.unknown) == (7, 2, 5)


def test_what_never_turned_worse_has_no_delay():
    course = course_of([window(0, GOOD)])
    assert (course.first_worse_at, course.delay, course.last_maturity) == (None, None, Maturity.MATURE)


def test_provisional_windows_count_only_as_long_as_none_is_mature():
    early = window(0, BAD, maturity=Maturity.PROVISIONAL, unlabelled=100)
    assert course_of([early]).last_maturity is Maturity.PROVISIONAL
    course = course_of([early, window(0, GOOD), replace(early, end=made.START + 9 * DAY)])
    assert (course.windows, course.last_end, course.last_maturity) == (1, made.START, Maturity.MATURE)


def test_windows_of_other_lengths_and_segments_say_nothing():
    courses = Courses({"churn": made.churn()})
    courses.observe(replace(window(0, BAD), segment="region=us"))
    courses.observe(replace(window(0, BAD), window="1h"))
    assert courses.courses == []


@pytest.mark.parametrize(
    ("metric", "difference", "margin", "beyond"),
    [
        ("recall", -0.05, 0.03, True),
        ("recall", 0.05, 0.03, False),
        ("log_loss", 0.05, 0.03, True),
        ("log_loss", -0.05, 0.03, False),
        ("recall", -0.05, None, False),
        ("recall", None, 0.03, False),
    ],
)
def test_losses_are_bad_where_they_are_higher(metric, difference, margin, beyond):
    result = MetricResult(
        metric, None, 0.5, None, None, 0.95, "none", 9, 1.0, None,
        difference=difference, margin=margin, verdict=Verdict.UNKNOWN,
    )  # fmt: skip
    assert beyond_margin(result) is beyond
