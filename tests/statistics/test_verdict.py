"""The verdict: WORSE, OK or UNKNOWN, with the labels it would take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.statistics import verdict
from monitor.statistics.intervals import jeffreys
from monitor.statistics.verdict import EDGE, FEW, NONE, OK, SMALL, STUCK, WORSE, decide


def decided(k, n, base_k, base_n, margin):
    k, n, base_k, base_n, margin = (np.asarray(x, float) for x in (k, n, base_k, base_n, margin))
    return decide(k / n, jeffreys(k, n), base_k / base_n, jeffreys(base_k, base_n), margin, n)


def test_the_difference_is_newcombe_s():
    d = decided(560, 700, 1700, 2000, 0.03)
    (l1, u1), (l2, u2) = jeffreys(560, 700), jeffreys(1700, 2000)
    assert d.difference == pytest.approx(-0.05)
    assert d.lower == pytest.approx(-0.05 - np.hypot(0.8 - l1, u2 - 0.85))
    assert d.upper == pytest.approx(-0.05 + np.hypot(u1 - 0.8, 0.85 - l2))


def test_each_verdict_has_its_side_of_the_margin():
    k, n = np.array([8000, 9000, 90, 88]), np.array([10_000, 10_000, 100, 100])
    d = decided(k, n, 90_000, 100_000, 0.03)
    assert d.code.tolist() == [WORSE, OK, FEW, FEW]
    assert np.isnan(d.needed[:2]).all()


@pytest.mark.parametrize(("value", "base_n"), [(0.9, 20_000), (0.85, 20_000), (0.905, 5000)])
def test_as_many_labels_as_needed_decide_the_verdict_or_fit_into_the_margin(value, base_n):
    n = 200
    d = decided(value * n, n, 0.9 * base_n, base_n, 0.03)
    assert d.code == FEW
    needed = float(d.needed)
    assert needed > n
    side = 1 if d.difference >= -0.03 else -1
    band, corridor = jeffreys(value * n, n), jeffreys(0.9 * base_n, base_n)
    live, width = (value - band[0], corridor[1] - 0.9) if side > 0 else (band[1] - value, 0.9 - corridor[0])
    assert np.hypot(live * np.sqrt(n / needed), width) <= 0.03
    assert np.hypot(live * np.sqrt(n / (needed - 2)), width) > 0.03


def test_labels_needed_are_about_what_the_verdict_then_takes():
    needed = int(decided(180, 200, 18_000, 20_000, 0.03).needed)
    assert decided(round(0.9 * needed * 1.1), round(needed * 1.1), 18_000, 20_000, 0.03).code == OK


def test_a_difference_at_the_margin_asks_for_labels_that_fit_into_what_is_left():
    n = 20_000
    d = decided(0.871 * n, n, 90_000_000, 100_000_000, 0.03)
    assert d.code == EDGE
    assert d.needed > 2 * n
    more = float(d.needed) * 1.02
    assert decided(0.871 * more, more, 90_000_000, 100_000_000, 0.03).code == OK
    assert decided(0.87 * n, n, 9000, 10_000, 0.03).code == STUCK


def test_a_baseline_that_is_too_wide_is_named_and_no_number_is_promised():
    d = decided(900, 1000, 45, 50, 0.03)
    assert d.code == SMALL
    assert np.isnan(d.needed)
    words = verdict.reason(SMALL, width=float(d.width), margin=0.03, difference=0.0, least=0.0)
    assert words == f"baseline too small: +-{float(d.width):.2g} against margin 0.03"
    assert verdict.reason(SMALL, width=0.0801, margin=0.03, difference=0.0, least=0.0).endswith(
        "+-0.08 against margin 0.03"
    )


def test_a_small_baseline_can_still_show_a_great_drop():
    d = decided(3, 5, 47, 50, 0.03)
    assert d.code == FEW
    n = float(d.needed) * 1.2
    assert decided(0.6 * n, n, 47, 50, 0.03).code == WORSE


def test_without_a_margin_there_is_a_difference_and_no_verdict():
    d = decided(90, 100, 900, 1000, np.nan)
    assert d.code == NONE
    assert np.isnan(d.needed)
    assert np.isfinite(d.lower)


def test_what_has_no_value_has_no_verdict():
    nan = np.array(np.nan)
    d = decide(nan, (nan, nan), np.array(0.9), (np.array(0.8), np.array(0.95)), np.array(0.03), np.array(0.0))
    assert d.code == NONE


def test_the_reasons_are_words():
    assert verdict.reason(OK, width=0.01, margin=0.03, difference=0.0, least=0.0) is None
    assert verdict.reason(FEW, width=0.01, margin=0.03, difference=0.0, least=0.0) == "too few labels"
    assert "0.06" in verdict.reason(WORSE, width=0.01, margin=0.03, difference=-0.1, least=0.06)
    edge = verdict.reason(EDGE, width=0.01, margin=0.03, difference=-0.031, least=0.0)
    assert edge == "too few labels for a difference of -0.031 against margin 0.03"
    assert "+-0.01" in verdict.reason(STUCK, width=0.01, margin=0.03, difference=-0.03, least=0.0)
    assert verdict.mix(0.84, 0.91) == "mix: the folds promise 0.84 at these class shares, 0.91 at their own"


counted = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=200, deadline=None)
@given(counted, counted, st.floats(0.001, 0.5), st.floats(1.0, 5.0))
def test_a_wider_margin_never_makes_a_verdict_worse(live, base, margin, factor):
    rank = {WORSE: 0, FEW: 1, EDGE: 1, SMALL: 1, STUCK: 1, OK: 2}
    narrow, wide = (rank[int(decided(*live, *base, m).code)] for m in (margin, min(margin * factor, 0.99)))
    assert narrow <= wide


@settings(max_examples=200, deadline=None)
@given(counted, counted, st.floats(0.001, 0.5))
def test_unknown_says_how_many_labels_or_why_none_is_enough(live, base, margin):
    d = decided(*live, *base, margin)
    if int(d.code) in {FEW, EDGE}:
        assert d.needed > live[1]
    else:
        assert np.isnan(d.needed)
