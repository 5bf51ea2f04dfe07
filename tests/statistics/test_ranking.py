"""AUC and average precision from 512 bins against scikit-learn, and their bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from monitor.counts.layout import BIN_EDGES, BINS, score_bins
from monitor.statistics import ranking

sparse = hnp.arrays(np.float64, BINS, elements=st.integers(0, 5).map(float), fill=st.just(0.0))


def histograms(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bins = score_bins(p)
    return np.bincount(bins[y], minlength=BINS), np.bincount(bins[~y], minlength=BINS)


def scored(family: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if family == "balanced":
        y = rng.random(n) < 0.5
        return y, expit(rng.normal(np.where(y, 1.0, -1.0), 1.2))
    if family == "rare":
        y = rng.random(n) < 0.02
        return y, expit(rng.normal(np.where(y, 1.5, -1.5), 1.0) * 2 - 4)
    if family == "overconfident":
        y = rng.random(n) < 0.5
        return y, expit(rng.normal(np.where(y, 1.3, -1.3), 1.0) * 5)
    y = rng.random(n) < 0.2
    return y, np.round(expit(rng.normal(np.where(y, 0.5, -1.5), 1.2)), 2)


@pytest.mark.parametrize("family", ["balanced", "rare", "overconfident", "rounded"])
def test_the_values_are_those_of_scikit_learn(family: str) -> None:
    rng = np.random.default_rng(5)
    y, p = scored(family, 200_000, rng)
    pos, neg = histograms(y, p)
    assert float(ranking.auc(pos, neg)) == pytest.approx(roc_auc_score(y, p), abs=1e-4)
    assert float(ranking.average_precision(pos, neg)) == pytest.approx(average_precision_score(y, p), abs=5e-4)


@pytest.mark.parametrize("step", [0.01, 0.05, 0.1])
def test_scores_on_a_grid_are_recognised_as_tied(step: float) -> None:
    rng = np.random.default_rng(6)
    y, p = scored("balanced", 20_000, rng)
    y = y & (rng.random(len(y)) < 0.2)
    p = np.round(np.round(p / step) * step, 2)
    assert float(ranking.average_precision(*histograms(y, p))) == pytest.approx(average_precision_score(y, p), abs=1e-3)


@pytest.mark.parametrize("family", ["balanced", "rare", "overconfident", "rounded"])
@pytest.mark.parametrize("n", [10, 100, 3000])
def test_the_error_of_the_auc_never_passes_its_bound(family: str, n: int) -> None:
    rng = np.random.default_rng(n)
    checked = 0
    for _ in range(60):
        y, p = scored(family, n, rng)
        if 0 < y.sum() < n:
            pos, neg = histograms(y, p)
            assert abs(ranking.auc(pos, neg) - roc_auc_score(y, p)) <= ranking.auc_error(pos, neg) + 1e-12
            checked += 1
    assert checked


def test_scores_that_are_apart_by_a_bin_are_exact() -> None:
    p = np.array([0.01, 0.2, 0.4, 0.6, 0.9])
    y = np.array([False, True, False, False, True])
    pos, neg = histograms(y, p)
    assert float(ranking.auc(pos, neg)) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert float(ranking.average_precision(pos, neg)) == pytest.approx(average_precision_score(y, p), abs=1e-12)


def test_delong_is_the_variance_of_the_placements() -> None:
    rng = np.random.default_rng(2)
    y = rng.random(400) < 0.4
    bins = np.clip(rng.normal(np.where(y, 270, 250), 15), 0, 511).astype(int)
    pos, neg = np.bincount(bins[y], minlength=BINS), np.bincount(bins[~y], minlength=BINS)
    wins = (bins[y][:, None] > bins[~y]) + 0.5 * (bins[y][:, None] == bins[~y])
    expected = wins.mean(1).var(ddof=1) / y.sum() + wins.mean(0).var(ddof=1) / (~y).sum()
    assert float(ranking.auc_variance(pos, neg)) == pytest.approx(expected, rel=1e-9)


def test_the_jackknife_is_the_variance_of_a_poisson_bootstrap() -> None:
    rng = np.random.default_rng(4)
    y, p = scored("balanced", 2000, rng)
    pos, neg = histograms(y, p)
    _, variance = ranking.average_precision_variance(pos, neg)
    drawn, _ = ranking.average_precision_variance(rng.poisson(pos, (3000, BINS)), rng.poisson(neg, (3000, BINS)))
    assert float(variance) == pytest.approx(drawn.var(), rel=0.1)


@settings(deadline=None, max_examples=40)
@given(sparse, sparse, st.sampled_from([1.0, 3.7, 100.0]))
def test_bands_hold_their_value_wherever_there_is_one(pos: np.ndarray, neg: np.ndarray, deff: float) -> None:
    pos, neg = pos / deff, neg / deff
    area, precision = ranking.auc_band(pos, neg), ranking.average_precision_band(pos, neg)
    assert np.isnan(area.value) == (not (pos.any() and neg.any()))
    assert np.isnan(precision.value) == (not pos.any())
    for band in (area, precision):
        if np.isnan(band.value):
            assert band.method.item() == "none"
            assert np.isnan(band.lower)
        else:
            assert 0.0 <= band.lower <= band.value <= band.upper <= 1.0
            assert band.upper > band.lower


def test_the_rule_chooses_newcombe_where_delong_is_not_to_be_trusted() -> None:
    rng = np.random.default_rng(8)
    pos = rng.multinomial(1000, np.full(BINS, 1 / BINS), 3)
    neg = pos[:, ::-1].copy()
    pos[0] = rng.multinomial(150, np.full(BINS, 1 / BINS))
    pos[1, :500], neg[1, 12:] = 0, 0
    assert ranking.auc_band(pos, neg).method.tolist() == ["newcombe", "newcombe", "logit-delong"]


def test_the_bands_cover_the_truth_of_scores_finer_than_bins() -> None:
    rng = np.random.default_rng(9)
    edges = np.concatenate(([-np.inf], np.log(BIN_EDGES) - np.log1p(-BIN_EDGES), [np.inf]))
    pos_law, neg_law = (np.diff(norm.cdf(edges - shift)) for shift in (0.5, -0.5))
    grid = np.linspace(-9, 9, 20_001)
    above, wrong = norm.sf(grid - 0.5), norm.sf(grid + 0.5)
    average = np.trapezoid(norm.pdf(grid - 0.5) * above / (above + wrong), grid)
    for size in (50, 200_000):
        pos, neg = rng.multinomial(size, pos_law, 1500), rng.multinomial(size, neg_law, 1500)
        for band, truth in (
            (ranking.auc_band(pos, neg), norm.cdf(1 / np.sqrt(2))),
            (ranking.average_precision_band(pos, neg), average),
        ):
            assert 0.93 <= np.mean((band.lower <= truth) & (truth <= band.upper)) <= 0.995
