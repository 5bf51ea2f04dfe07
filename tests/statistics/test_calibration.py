"""ECE against its definition, and its consistency test against consistency resampling."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts.layout import LOSS_UNIT
from monitor.statistics.calibration import calibration, debiased_l2, ece


def planes(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Calibration planes (R, 15, 3) of R samples in rows."""
    bins = np.minimum((p * 15).astype(int), 14)
    out = np.zeros((*p.shape[:-1], 15, 3))
    for b in range(15):
        here = bins == b
        out[..., b, 0] = here.sum(-1)
        out[..., b, 1] = np.rint((p * here).sum(-1) * LOSS_UNIT)
        out[..., b, 2] = (y * here).sum(-1)
    return out


def test_ece_is_the_weighted_gap_of_the_bins() -> None:
    p, y = np.array([0.1, 0.12, 0.9, 0.95]), np.array([0, 1, 1, 1])
    expected = (abs(0.22 - 1) + abs(0.9 - 1) + abs(0.95 - 1)) / 4
    found = calibration(planes(p, y))
    assert float(found.ece) == pytest.approx(expected, abs=1e-6)
    assert float(ece(planes(p, y))) == float(found.ece)


def test_the_expected_ece_is_that_of_consistency_resampling() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(1.2, 1.2, 500)
    plane = planes(p, rng.random(500) < p)
    found = calibration(plane)
    n, chance = plane[:, 0].astype(int), plane[:, 1] / LOSS_UNIT / np.maximum(plane[:, 0], 1)
    drawn = np.abs(rng.binomial(n, chance, (20_000, 15)) - n * chance).sum(-1) / 500
    assert float(found.expected) == pytest.approx(drawn.mean(), rel=0.01)
    assert float(found.p_value) == pytest.approx(np.mean(drawn >= found.ece), abs=0.02)


@pytest.mark.parametrize("n", [300, 1000])
def test_the_test_holds_its_size_and_has_power(n: int) -> None:
    rng = np.random.default_rng(n)
    p = rng.beta(1.2, 1.2, (1500, n))
    calm = calibration(planes(p, rng.random(p.shape) < p)).p_value
    assert 0.03 <= np.mean(calm < 0.05) <= 0.07
    logit = 2.0 * (np.log(p) - np.log1p(-p))
    off = calibration(planes(p, rng.random(p.shape) < 1 / (1 + np.exp(-logit)))).p_value
    assert np.mean(off < 0.05) > 0.8


def test_the_debiased_error_is_zero_on_average_for_a_calibrated_model() -> None:
    rng = np.random.default_rng(3)
    p = rng.random((4000, 400))
    found = debiased_l2(planes(p, rng.random(p.shape) < p))
    # Within the bins scores differ, which is worth about 1 / (12 x 15^2) / n of variance.
    assert abs(found.mean()) < 3e-4


@pytest.mark.parametrize("score", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("hit", [0, 1])
def test_degenerate_windows_have_a_p_value(score: float, hit: int) -> None:
    found = calibration(planes(np.full(3, score), np.full(3, hit)), deff=2.0)
    assert 0.0 <= found.p_value <= 1.0
    assert np.isfinite(found.expected)
    if score in {0.0, 1.0}:
        assert found.p_value == float(score == hit)


def test_without_scores_there_is_no_ece() -> None:
    found = calibration(np.zeros((2, 15, 3)))
    assert np.isnan(found.ece).all()
    assert np.isnan(found.p_value).all()
