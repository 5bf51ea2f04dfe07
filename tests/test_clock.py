from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import (
    DAY,
    HOUR,
    ManualClock,
    SystemClock,
    format_duration,
    format_time,
    parse_duration,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "millis"), [("90s", 90_000), ("15m", 900_000), ("24h", DAY), ("30d", 30 * DAY), ("0s", 0)]
)
def test_durations_have_a_number_and_a_unit(text, millis):
    assert parse_duration(text) == millis


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1w", "1h30m", "1 h", "٣h"])
def test_anything_else_is_no_duration(text):
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00",
        "2026-01-31T12:00",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T13:00:00+0100",
        "2026-01-31T12:00:00.0009Z",
        "1769860800000",
    ],
)
def test_one_moment_has_many_spellings(text):
    assert parse_time(text) == 1_769_860_800_000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "31/01/2026", "1.5", "12:00", "nan"]
)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) is None


@given(st.integers(0, 4_000_000_000_000))
def test_a_printed_moment_reads_back(moment):
    text = format_time(moment)
    assert parse_time(text) == moment
    assert text.endswith("Z")


@given(st.integers(0, 10_000))
def test_a_printed_duration_reads_back(seconds):
    assert parse_duration(format_duration(seconds * 1000)) == seconds * 1000


def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(5)
    assert (clock.now(), clock.now()) == (5, 5)
    clock.move_to(HOUR)
    assert clock.now() == HOUR


def test_the_system_clock_tells_the_present():
    before = datetime.now(UTC).timestamp() * 1000
    assert before - 1 <= SystemClock().now() <= datetime.now(UTC).timestamp() * 1000 + 1
