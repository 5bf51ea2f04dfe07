from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.statistics.report import Maturity
from monitor.statistics.schedule import Due, Span, live_schedule, replay_schedule

PROVISIONAL, MATURE = Maturity.PROVISIONAL, Maturity.MATURE


def shown(span, horizon=DAY, every=HOUR, windows=(("1h", HOUR),)):
    return [(d.as_of / HOUR, d.end / HOUR, d.maturity) for d in replay_schedule(windows, horizon, every, span)]


def test_a_window_is_reported_as_of_its_end_and_again_when_it_is_mature():
    span = Span(first_prediction=10, last_prediction=20, last_arrival=30 * HOUR)
    assert shown(span) == [(1, 1, PROVISIONAL), (25, 1, MATURE)]


def test_without_a_horizon_a_window_is_reported_once_and_mature():
    span = Span(10, HOUR + 10, 5 * HOUR)
    assert shown(span, horizon=0) == [(1, 1, MATURE), (2, 2, MATURE)]


def test_windows_that_the_end_of_the_data_leaves_open_come_once_more():
    span = Span(10, 2 * HOUR + 10, 2 * HOUR + 20)
    end = (2 * HOUR + 20) / HOUR
    assert shown(span) == [
        (1, 1, PROVISIONAL),
        (2, 2, PROVISIONAL),
        (end, 1, PROVISIONAL),
        (end, 2, PROVISIONAL),
        (end, 3, PROVISIONAL),
    ]


def test_data_that_end_on_a_window_s_end_do_not_report_it_twice():
    assert shown(Span(10, 20, HOUR)) == [(1, 1, PROVISIONAL)]


def test_a_longer_window_goes_on_after_the_last_prediction_while_labels_arrive():
    span = Span(10, 20, 4 * HOUR)
    windows = [("1h", HOUR), ("3h", 3 * HOUR)]
    ends = [(d.window, d.end // HOUR) for d in replay_schedule(windows, 0, HOUR, span)]
    assert ends == [("1h", 1), ("3h", 1), ("3h", 2), ("3h", 3)]


@settings(max_examples=200, deadline=None)
@given(
    first=st.integers(0, 10 * HOUR),
    length=st.integers(0, 10 * HOUR),
    labels=st.integers(0, 10 * HOUR),
    horizon=st.sampled_from([0, MINUTE, HOUR, 5 * HOUR]),
    every=st.sampled_from([MINUTE * 30, HOUR, 2 * HOUR]),
)
def test_every_window_up_to_the_first_after_the_last_prediction_is_reported_in_time_order(
    first, length, labels, horizon, every
):
    span = Span(first, first + length, first + length + labels)
    due = list(replay_schedule([("2h", 2 * HOUR)], horizon, every, span))
    assert [d.as_of for d in due] == sorted(d.as_of for d in due)
    assert len(set(due)) == len(due)
    assert all(d.as_of <= span.last_arrival and d.end % every == 0 for d in due)
    expected = range(first // every * every + every, span.last_prediction // every * every + every + 1, every)
    assert set(expected) <= {d.end for d in due}
    for d in due:
        assert d.maturity is (MATURE if d.as_of == d.end + horizon else PROVISIONAL)


def test_the_daemon_s_newest_window_holds_the_latest_events_and_mature_ones_end_on_a_full_hour():
    now = 50 * HOUR + 90_500
    due = live_schedule([("1h", HOUR), ("30h", 30 * HOUR)], 2 * HOUR, now, 26 * HOUR)
    end = 50 * HOUR + 2 * MINUTE
    assert due == [
        Due(now, end, end - HOUR, "1h", PROVISIONAL),
        Due(now, 48 * HOUR, 47 * HOUR, "1h", MATURE),
        Due(now, end, 20 * HOUR, "30h", PROVISIONAL),
        Due(now, 48 * HOUR, 18 * HOUR, "30h", MATURE),
    ]
    assert {d.maturity for d in live_schedule([("1h", HOUR)], 0, now, 26 * HOUR)} == {MATURE}
