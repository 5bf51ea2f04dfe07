"""Tests and distances from counts agree with scipy's on the rows, and hold their level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp, wasserstein_distance

from monitor.baselines.feature_summary import ColumnSummary, summarised
from monitor.counts.layout import score_bins
from monitor.revalidate.drift.counted import (
    MIDDLES,
    category_distance,
    chi_square,
    corrected,
    histogram_distance,
    kolmogorov_smirnov,
    paired,
)
from monitor.revalidate.drift.drawn import MOST_DRAWN, categories, numbers, sides


def test_chi_square_is_scipys_where_no_category_is_rare():
    table = np.array([[30.0, 50, 20], [55.0, 60, 85]])
    assert chi_square(table) == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    rare = np.array([[30.0, 50, 2, 1], [55.0, 60, 3, 2]])
    folded = np.array([[30.0, 50, 3], [55.0, 60, 5]])
    assert chi_square(rare) == pytest.approx(chi2_contingency(folded, correction=False).pvalue)
    assert chi_square(np.array([[5.0], [7.0]])) == 1.0
    assert chi_square(np.array([[0.0, 0.0], [7.0, 3.0]])) == 1.0


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_correction_is_scipys(p):
    assert corrected(p) == pytest.approx(false_discovery_control(p))


def test_no_tests_need_no_correction():
    assert corrected([]) == []


def test_histograms_give_what_their_rows_give():
    rng = np.random.default_rng(3)
    p, q = rng.beta(2, 5, 900), rng.beta(2, 4, 700)
    table = np.array([np.bincount(score_bins(each), minlength=512) for each in (p, q)], float)
    rows = [np.repeat(MIDDLES, side.astype(int)) for side in table]
    assert histogram_distance(table, MIDDLES) == pytest.approx(wasserstein_distance(*rows) / rows[0].std())
    assert kolmogorov_smirnov(table) == pytest.approx(ks_2samp(*rows, method="asymp").pvalue)


def test_the_distance_of_categories_goes_from_nothing_to_the_root_of_log_2():
    assert category_distance(paired({"a": 3, "b": 1}, {"a": 30, "b": 10})) == pytest.approx(0)
    assert category_distance(paired({"a": 3}, {"b": 10})) == pytest.approx(np.sqrt(np.log(2)))


@pytest.mark.parametrize("n", [100, 1_000, 20_000])
def test_numbers_drawn_from_a_summary_pass_for_a_sample_no_more_often_than_the_level_says(n):
    rng = np.random.default_rng(n)
    kinds = (lambda m: rng.normal(size=m), lambda m: rng.lognormal(0, 2, m), lambda m: rng.integers(0, 40, m))
    found = []
    for draw in kinds:
        for _ in range(40):
            reference = numbers(summarised({"x": draw(n)}, "h").columns["x"])
            assert len(reference) == min(n, MOST_DRAWN)
            found.append(ks_2samp(reference, draw(700), method="asymp").pvalue)
    # 120 runs at 5 %: 6 are expected, more than 13 happen in 2 of 1000 cases.
    assert sum(p < 0.05 for p in found) <= 13


def test_categories_are_drawn_in_their_shares():
    drawn = categories({"b": 1, "a": 600, "c": 399}, 1_000, 100)
    names, counts = np.unique(drawn.astype(str), return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"a": 60, "c": 40}
    assert len(categories({}, 0)) == 0


def test_rows_of_today_stand_beside_the_reference_in_its_words():
    number = ColumnSummary("number", 200, 0, tuple(map(float, range(40))))
    two = sides(number, [{"x": 1}, {"x": "2.5"}, {"x": "no"}, {"x": None}, {}], "x")
    assert (two.now.tolist(), two.missing.tolist()) == ([1.0, 2.5], [[200, 0], [2, 3]])
    category = ColumnSummary("category", 200, 5, counts={"1": 150, "gold": 40}, other=10)
    two = sides(category, [{"x": 1.0}, {"x": "gold"}, {"x": "new"}, {"x": None}], "x")
    assert (two.now.tolist(), two.missing.tolist()) == (["1", "gold", "(other)"], [[200, 5], [3, 1]])
