"""Every gate fires where it should, is silent just below, and says what it lacks as long as it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.statistics.flow_gates import Latencies, Rates, latency, volume
from monitor.statistics.gate_words import moment_in_words, per_minute, percent, span
from monitor.statistics.gates import (
    GateState,
    Share,
    Silence,
    completeness,
    consistency,
    silence_limit,
    timeliness,
)

OK, BAD, UNKNOWN = GateState.OK, GateState.BAD, GateState.UNKNOWN
STEADY = [0.9] * 10
"""Earlier completeness without any spread."""


@pytest.mark.parametrize(
    ("labelled", "state"),
    [
        (9_000, OK),
        (8_501, OK),  # five points below the usual are the least that matters, however sure it is
        (8_499, BAD),
        (10_000, OK),  # more than usual is no fault
        (0, BAD),
    ],
)
def test_completeness_is_red_from_five_points_below_the_usual_on(labelled, state):
    gate = completeness(Share(labelled, 10_000), STEADY, "24h")
    assert gate.state is state
    assert gate.value == labelled / 10_000
    assert gate.usual == 0.9
    assert gate.limit == pytest.approx(0.85)
    assert "usually 90 % (red below 85 %)" in gate.text


def test_completeness_of_few_predictions_allows_for_chance():
    # 4 sd of 20 at 0.9 are .27: 0.65 of 20 may be chance, 0.65 of 2,000 is none.
    assert completeness(Share(13, 20), STEADY, "1h").state is OK
    assert completeness(Share(1_300, 2_000), STEADY, "1h").state is BAD
    assert completeness(Share(11, 20), STEADY, "1h").state is BAD


def test_completeness_allows_for_what_usually_varies():
    varied = [0.9, 0.7, 0.95, 0.6, 0.85, 0.75, 0.9, 0.65]
    assert completeness(Share(6_000, 10_000), varied, "1h").state is OK
    assert completeness(Share(6_000, 10_000), STEADY, "1h").state is BAD


def test_an_outage_does_not_become_usual():
    assert completeness(Share(100, 10_000), [0.9] * 10 + [0.0] * 8, "1h").state is BAD


@pytest.mark.parametrize(("share", "earlier"), [(Share(9, 10), [0.9, 0.9]), (Share(0, 0), STEADY)])
def test_completeness_without_history_or_predictions_is_unknown(share, earlier):
    gate = completeness(share, earlier, "1h")
    assert gate.state is UNKNOWN
    assert (gate.usual, gate.limit) == (None, None)
    assert ("needs 3 earlier ones, has 2" in gate.text) == bool(share.whole)


@pytest.mark.parametrize(
    ("p90", "state"), [(60 * MINUTE, OK), (119 * MINUTE, OK), (121 * MINUTE, BAD), (2 * MINUTE, OK)]
)
def test_timeliness_is_red_from_twice_the_usual_on(p90, state):
    gate = timeliness(p90, 100, [HOUR] * 5, Silence(MINUTE, HOUR, 1.0))
    assert gate.state is state
    assert (gate.value, gate.usual, gate.limit) == (p90 / 1_000, 3_600.0, 7_200.0)


def test_seconds_more_are_no_finding_even_where_labels_take_a_second():
    assert timeliness(50_000, 100, [1_000] * 5, None).state is OK
    assert timeliness(62_000, 100, [1_000] * 5, None).state is BAD


def test_delays_that_vary_from_day_to_day_may_vary():
    assert timeliness(5 * HOUR, 100, [HOUR, 3 * HOUR, HOUR, 2 * HOUR, 4 * HOUR], None).state is OK


def test_labels_have_stopped_after_too_long_a_silence_in_which_many_should_have_come():
    stopped = Silence(3 * HOUR, 2 * HOUR, 60.0)
    gate = timeliness(HOUR, 100, [HOUR] * 5, stopped)
    assert gate.state is BAD
    assert "no label for 3 h: about 60 would usually have come" in gate.text
    assert timeliness(None, 0, [], stopped).state is BAD
    assert timeliness(HOUR, 100, [HOUR] * 5, Silence(3 * HOUR, 4 * HOUR, 60.0)).state is OK
    assert timeliness(HOUR, 100, [HOUR] * 5, Silence(3 * HOUR, 2 * HOUR, 19.0)).state is OK


@pytest.mark.parametrize(("p90", "labels", "earlier"), [(HOUR, 19, [HOUR] * 5), (None, 0, []), (HOUR, 50, [HOUR] * 2)])
def test_timeliness_without_labels_or_history_is_unknown(p90, labels, earlier):
    gate = timeliness(p90, labels, earlier, None)
    assert gate.state is UNKNOWN
    assert "needs" in gate.text


def test_the_silence_that_is_usual_is_learnt_from_a_day_on():
    assert silence_limit([], None) == HOUR
    assert silence_limit([MINUTE] * 23, 20.0 * HOUR) == 30 * HOUR
    assert silence_limit([MINUTE] * 24, 20.0 * HOUR) == HOUR
    once_a_day = [hour * HOUR for hour in range(1, 25)] * 3
    assert silence_limit(once_a_day, MINUTE) == 46 * HOUR
    outage = [MINUTE] * 100 + [12 * HOUR] * 4
    assert silence_limit(outage, MINUTE) == HOUR


def usual_shares(duplicates=0.1, orphans=0.01, rejected=0.0, hours=6):
    return {"duplicates": [duplicates] * hours, "orphans": [orphans] * hours, "rejected": [rejected] * hours}


def shares(duplicates=100, orphans=10, rejected=0, n=1_000, **reasons):
    found = {"duplicates": Share(duplicates, n), "orphans": Share(orphans, n), "rejected": Share(rejected, n)}
    return found | {f"rejected: {reason}": Share(part, n) for reason, part in reasons.items()}


@pytest.mark.parametrize(
    ("found", "state", "word"),
    [
        (shares(), OK, "10 % duplicates, usually 10 %"),
        (shares(duplicates=137), OK, "duplicates"),
        (shares(duplicates=139), BAD, "14 % duplicates, usually 10 % (red beyond 14 %)"),
        (shares(orphans=29), OK, "orphans"),
        (shares(orphans=31), BAD, "3 % orphans"),
        (shares(rejected=20), OK, "2 % rejected"),
        (shares(rejected=21), BAD, "2 % rejected"),
    ],
)
def test_consistency_is_red_two_points_and_four_deviations_beyond_the_usual(found, state, word):
    gate = consistency(found, usual_shares(), "10:00")
    assert gate.state is state
    assert word in gate.text
    assert gate.text.startswith("since 10:00: ")
    assert gate.value is not None
    assert gate.limit is not None
    assert (gate.value > gate.limit) == (state is BAD)


def test_what_is_red_is_said_alone_and_a_reason_by_its_name():
    found = shares(rejected=40, **{"bad time": 40})
    gate = consistency(found, usual_shares() | {"rejected: bad time": [0.0] * 6}, "10:00")
    assert gate.text == (
        "since 10:00: 4 % rejected, usually 0 % (red beyond 2 %), 4 % rejected: bad time, usually 0 % (red beyond 2 %)"
    )


def test_consistency_without_history_is_unknown_but_for_what_is_wrong_anyway():
    young = usual_shares(hours=5)
    assert consistency(shares(duplicates=900, orphans=900), young, "the beginning").state is UNKNOWN
    assert "needs 6 hours of a hundred events and more, has 5" in consistency(shares(), young, "the beginning").text
    assert consistency(shares(rejected=130), young, "the beginning").state is UNKNOWN
    assert consistency(shares(rejected=145), young, "the beginning").state is BAD
    assert consistency(shares(rejected=1, n=2), young, "the beginning").state is UNKNOWN
    nothing = consistency(shares(n=0), young, "10:00")
    assert (nothing.state, nothing.text) == (UNKNOWN, "no event since 10:00")


DAYS = Rates([6_000.0] * 5)


@pytest.mark.parametrize(
    ("predictions", "state", "words"),
    [
        (6_000, OK, "100 predictions a minute in the last hour, usually 100 at this hour of earlier days"),
        (3_001, OK, "50 predictions"),
        (2_999, BAD, "less than half as many predictions as usual: 50 predictions a minute"),
        (11_999, OK, "200 predictions"),
        (12_001, BAD, "more than twice as many predictions as usual"),
        (0, BAD, "predictions have stopped: 0 predictions a minute"),
    ],
)
def test_volume_is_red_below_half_and_above_twice_the_usual(predictions, state, words):
    gate = volume(predictions, HOUR, DAYS)
    assert gate.state is state
    assert words in gate.text
    assert gate.value == pytest.approx(predictions / 3_600)
    assert gate.usual == pytest.approx(6_000 / 3_600)
    assert gate.limit == pytest.approx((12_000 if predictions > 6_000 else 3_000) / 3_600)


def test_a_few_predictions_an_hour_never_alarm():
    few = Rates([10.0] * 5)
    assert volume(0, HOUR, few).state is OK
    assert volume(23, HOUR, few).state is OK
    assert volume(0, HOUR, Rates([30.0] * 5)).state is BAD


def test_an_hour_that_varies_from_day_to_day_may_vary():
    assert volume(300, HOUR, Rates([1_000.0, 200.0, 1_500.0, 700.0, 400.0])).state is OK
    assert volume(300, HOUR, Rates([1_000.0] * 5)).state is BAD


def test_a_quiet_sunday_is_held_against_a_sunday():
    week = [1_000.0] * 6 + [100.0]
    assert volume(100, HOUR, Rates(week)).state is BAD
    assert volume(100, HOUR, Rates(week, week_ago=100.0)).state is OK
    assert volume(0, HOUR, Rates(week, week_ago=100.0)).state is BAD


def test_volume_is_held_against_the_last_day_before_there_are_earlier_ones():
    gate = volume(100, HOUR, Rates(last_day=1_000.0))
    assert gate.state is BAD
    assert "in the last day" in gate.text
    unknown = volume(100, HOUR, Rates())
    assert unknown.state is UNKNOWN
    assert "needs 3 hours of history" in unknown.text


def test_a_minute_that_is_not_over_is_no_drop():
    assert volume(59, 59 * MINUTE, Rates([60.0] * 3)).value == pytest.approx(1 / 60)


FAST = Latencies(2_000, 10.0, 100.0)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (FAST, OK),
        (Latencies(2_000, 20.9, 200.9), OK),
        (Latencies(2_000, 21.1, 100.0), BAD),
        (Latencies(2_000, 10.0, 201.1), BAD),
        (Latencies(999, 10.0, 900.0), OK),  # too few for a 99 % point
        (Latencies(50, 21.1, 100.0), BAD),
    ],
)
def test_latency_is_red_beyond_twice_the_usual(last, state):
    gate = latency(last, FAST)
    assert gate.state is state
    assert ("more than twice as slow as usual" in gate.text) == (state is BAD)
    assert (gate.value > gate.limit) == (state is BAD)


def test_latency_without_enough_answers_is_unknown():
    assert latency(Latencies(49, 90.0, 90.0), FAST).state is UNKNOWN
    assert latency(FAST, Latencies()).state is UNKNOWN
    assert latency(Latencies(), FAST).state is UNKNOWN


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 60))
def test_as_usual_is_never_red(seed, share, n):
    """By chance alone: thousands of hours like all others, of which hardly one may alarm."""
    rng = np.random.default_rng(seed)
    earlier = (rng.binomial(100, share, 40) / 100).tolist()
    red = [completeness(Share(int(k), n), earlier, "1h").state is BAD for k in rng.binomial(n, share, 40)]
    assert sum(red) <= 2


def test_words_never_round_to_what_they_are_not():
    assert [percent(x) for x in (0.0, 1.0, 0.00001, 0.99999, 0.005, 0.996, 0.5)] == [
        "0 %", "100 %", "0.01 %", "99.99 %", "0.5 %", "99.60 %", "50 %",
    ]  # fmt: skip
    assert [span(x) for x in (0.2, 40, 1_400, 90_000, 80 * MINUTE, 1.6 * HOUR, 36 * HOUR, 21 * DAY)] == [
        "0.2 ms", "40 ms", "1,400 ms", "1.5 min", "80 min", "1.6 h", "1.5 d", "21 d",
    ]  # fmt: skip
    assert [moment_in_words(x) for x in (0, 59_999, 60_000)] == [
        "1970-01-01 00:00Z", "1970-01-01 00:00Z", "1970-01-01 00:01Z",
    ]  # fmt: skip
    assert [per_minute(x) for x in (0, 6, 60_000)] == ["0", "0.1", "1,000"]
