"""The elementary bands: against scipy, against their own definitions, and wherever counts can lead them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitor.statistics import intervals

fraction = st.floats(0.0, 1.0)
count = st.one_of(st.integers(0, 10**7).map(float), st.floats(0.0, 1e6))
level = st.sampled_from([0.8, 0.95, 0.99])


def holds(band: tuple, value: float, *, least: float = 0.0, most: float = 1.0) -> bool:
    lower, upper = map(float, band)
    return least <= lower <= value <= upper <= most and upper > lower


def test_jeffreys_is_the_beta_quantile_pinned_at_the_ends() -> None:
    lower, upper = intervals.jeffreys([0, 3, 10], [10, 10, 10])
    law = stats.beta(3.5, 7.5)
    assert np.allclose((lower[1], upper[1]), law.ppf([0.025, 0.975]), atol=1e-12)
    assert lower[0] == 0.0
    assert upper[2] == 1.0
    assert np.allclose(lower[2], stats.beta(10.5, 0.5).ppf(0.025), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(count, fraction, level)
def test_jeffreys_holds_its_value_and_has_a_width(n: float, share: float, level: float) -> None:
    k = n * share
    assert holds(intervals.jeffreys(k, n, level), k / n if n else 0.5)


def test_nothing_counted_leaves_everything_possible() -> None:
    assert tuple(map(float, intervals.jeffreys(0, 0))) == (0.0, 1.0)


def test_f1_is_banded_through_the_jaccard_proportion() -> None:
    lower, upper = intervals.jeffreys(30, 45)
    band = intervals.jeffreys_f1(30, 15)
    assert np.allclose(band, (2 * lower / (1 + lower), 2 * upper / (1 + upper)))
    assert holds(band, 60 / 75)


def test_a_matched_beta_has_the_mean_and_the_variance_asked_for() -> None:
    p, variance = 0.8, 0.002
    size = p * (1 - p) / variance - 1
    law = stats.beta(p * size, (1 - p) * size)
    assert law.mean() == pytest.approx(p)
    assert law.var() == pytest.approx(variance)
    assert np.allclose(intervals.beta_matched(p, variance), law.ppf([0.025, 0.975]), atol=1e-10)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([0.0, 1.0, 0.5, 1e-9, 0.3]), st.sampled_from([0.0, 1e-15, 1e-6, 0.01, 0.3, 5.0]))
def test_a_matched_beta_never_has_width_zero(p: float, variance: float) -> None:
    assert holds(intervals.beta_matched(p, variance), p)
    assert holds(intervals.beta_matched(p, variance, n=50.0), p)


def test_a_matched_beta_without_variance_is_as_wide_as_its_cases_allow() -> None:
    assert np.allclose(intervals.beta_matched(1.0, 0.0, n=20.0), intervals.jeffreys(20.0, 20.0))
    assert np.isnan(intervals.beta_matched(np.nan, 0.1)).all()


@settings(deadline=None, max_examples=80)
@given(fraction, st.floats(0.2, 1e7), st.floats(0.2, 1e7), level)
def test_newcombe_solves_its_equation(auc: float, p: float, n: float, level: float) -> None:
    lower, upper = map(float, intervals.newcombe_auc(auc, p, n, level))
    assert 0.0 <= lower <= auc <= upper <= 1.0
    assert upper > lower
    z = intervals.z_value(level)
    for end, pinned in ((lower, auc == 0.0), (upper, auc == 1.0)):
        m = (p + n) / 2 - 1
        v = end * (1 - end) * (1 + m * ((1 - end) / (2 - end) + end / (1 + end))) / (p * n)
        assert pinned or abs(abs(auc - end) - z * np.sqrt(v)) < 1e-9


def test_newcombe_finds_each_root_as_it_would_alone() -> None:
    rng = np.random.default_rng(1)
    auc, p, n = rng.random(200), rng.uniform(1, 1e4, 200), rng.uniform(1, 1e5, 200)
    together = np.array(intervals.newcombe_auc(auc, p, n))
    alone = np.array([intervals.newcombe_auc(*one) for one in zip(auc, p, n, strict=True)]).T
    assert np.array_equal(together, alone)


@settings(deadline=None, max_examples=40)
@given(fraction, st.sampled_from([0.0, 1e-12, 1e-4, 0.1]))
def test_the_normal_bands_hold_their_value(p: float, variance: float) -> None:
    assert holds(intervals.logit_normal(p, variance), p)
    assert holds(intervals.normal(p, variance), p, least=-np.inf, most=np.inf)


def test_the_difference_of_wald_bands_is_that_of_the_variances() -> None:
    lower, upper = intervals.mover_difference(0.5, (0.4, 0.6), 0.7, (0.65, 0.75))
    assert np.allclose((lower, upper), (-0.2 - np.hypot(0.1, 0.05), -0.2 + np.hypot(0.1, 0.05)))


def test_a_mean_spans_what_has_a_value() -> None:
    lower, upper = intervals.mover_mean([0.5, np.nan, 0.7], [0.4, 0.0, 0.6], [0.6, 1.0, 0.8])
    assert np.allclose((lower, upper), (0.6 - np.hypot(0.1, 0.1) / 2, 0.6 + np.hypot(0.1, 0.1) / 2))
    assert np.isnan(intervals.mover_mean([np.nan], [np.nan], [np.nan])).all()


def test_correlated_estimates_do_not_average_out() -> None:
    alike = intervals.mover_mean([0.5, 0.7], [0.4, 0.6], [0.6, 0.8], np.ones((2, 2)))
    assert np.allclose(alike, (0.5, 0.7))


def test_jeffreys_covers_as_measured() -> None:
    rng = np.random.default_rng(7)
    k = rng.binomial(50, 0.9, 20_000)
    lower, upper = intervals.jeffreys(k, 50)
    assert 0.93 <= np.mean((lower <= 0.9) & (upper >= 0.9)) <= 0.97
