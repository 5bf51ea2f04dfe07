"""Quantiles from bins lie where the values lie, and what is usual is not moved by outliers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR
from monitor.counts.durations import DELAY_BINS, DELAY_EDGES, LATENCY_EDGES, delay_bins
from monitor.statistics.usual import Usual, quantile, share_noise


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1_000, 59 * DAY), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_the_bin_of_the_true_one(delays, q):
    bins = np.bincount(delay_bins(np.array(delays)), minlength=DELAY_BINS)
    true = sorted(delays)[max(0, int(np.ceil(q * len(delays))) - 1)]
    found = quantile(bins, DELAY_EDGES, q)
    at = int(delay_bins(np.array([true]))[0])
    assert DELAY_EDGES[at - 1] <= found <= DELAY_EDGES[at]


def test_quantiles_of_a_known_law_are_close():
    rng = np.random.default_rng(0)
    delays = rng.exponential(6 * HOUR, 100_000).astype(np.int64)
    bins = np.bincount(delay_bins(delays), minlength=DELAY_BINS)
    for q in (0.5, 0.9, 0.99):
        assert quantile(bins, DELAY_EDGES, q) == pytest.approx(np.quantile(delays, q), rel=0.1)


def test_the_open_bins_count_as_their_edges_and_nothing_has_no_quantile():
    bins = np.zeros(DELAY_BINS)
    assert quantile(bins, DELAY_EDGES, 0.5) is None
    bins[0] = 1
    assert quantile(bins, DELAY_EDGES, 0.5) == 0
    bins[:] = 0
    bins[-1] = 1
    assert quantile(bins, DELAY_EDGES, 0.5) == 60 * DAY
    bins[:] = 0
    bins[1] = 2
    assert quantile(bins, DELAY_EDGES, 0.5) == 500
    latencies = np.zeros(len(LATENCY_EDGES) + 1)
    latencies[0] = 3
    assert quantile(latencies, LATENCY_EDGES, 0.99) == 0.1


def test_usual_is_a_median_with_a_robust_spread():
    assert Usual.of([1.0, 2.0], 3) is None
    usual = Usual.of([1.0, 2.0, 3.0, 4.0, 1_000.0], 3)
    assert (usual.middle, usual.values) == (3.0, 5)
    assert usual.spread == pytest.approx(1.4826)
    normal = Usual.of(np.random.default_rng(1).normal(5, 2, 10_000).tolist(), 3)
    assert (normal.middle, normal.spread) == (pytest.approx(5, abs=0.1), pytest.approx(2, abs=0.1))


def test_a_share_of_nothing_or_everything_is_not_certain():
    assert share_noise(0.0, 10) > 0.05
    assert share_noise(1.0, 10) == pytest.approx(share_noise(0.0, 10))
    assert share_noise(0.5, 10_000) == pytest.approx(0.005, rel=0.01)
