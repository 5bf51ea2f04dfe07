"""Losses from exact sums, against scikit-learn and against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from monitor.counts import Layout, tally_labelled
from monitor.statistics.losses import greatest, loss_band, mean_loss


def plane(k: int, y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    n = len(y)
    predicted = scores.argmax(axis=1) if k > 2 else (scores[:, 0] > 0.5).astype(int)
    return tally_labelled(Layout(k), y, predicted, scores, np.ones(n, int), np.zeros(n, int), 1)[0].plane("losses")


@pytest.mark.parametrize("k", [2, 4])
def test_the_means_are_those_of_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    y = rng.integers(0, k, 5000)
    p = rng.dirichlet(np.ones(k), 5000)
    sums = plane(k, y, p[:, 1:] if k == 2 else p)
    whole = p if k > 2 else p[:, 1]
    assert float(mean_loss(sums, "log_loss").value) == pytest.approx(log_loss(y, p), abs=1e-6)
    assert float(mean_loss(sums, "brier").value) == pytest.approx(brier_score_loss(y, whole), abs=1e-6)


def test_the_variance_is_that_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 4000), rng.random((4000, 1))
    each = (p[:, 0] - y) ** 2
    found = mean_loss(plane(2, y, p), "brier")
    assert float(found.variance) == pytest.approx(each.var(ddof=1) / 4000, rel=1e-3)
    assert float(mean_loss(plane(2, y, p), "brier", deff=4.0).variance) == pytest.approx(
        4 * each.var() / 4000, rel=1e-2
    )


def test_reweighted_means_follow_the_shares_of_the_classes_that_were_seen() -> None:
    rng = np.random.default_rng(1)
    y, p = (rng.random(3000) < 0.8).astype(int), rng.random((3000, 1))
    each = (p[:, 0] - y) ** 2
    sums = plane(2, y, p)
    found = mean_loss(sums, "brier", np.array([[0.5, 0.5], [1.0, 0.0]]))
    expected = [0.5 * each[y == 0].mean() + 0.5 * each[y == 1].mean(), each[y == 0].mean()]
    assert np.allclose(found.value, expected, atol=1e-6)
    own = mean_loss(sums, "brier", np.array([np.mean(y == 0), np.mean(y == 1)]))
    assert float(own.value) == pytest.approx(each.mean(), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5), st.booleans(), st.sampled_from([1.0, 7.0]))
def test_a_band_holds_its_value_and_has_a_width(p: list[float], hit: bool, deff: float) -> None:  # noqa: FBT001 - drawn
    sums = plane(2, np.full(len(p), int(hit)), np.array(p)[:, None])
    for loss in ("log_loss", "brier"):
        mean = mean_loss(sums, loss, deff=deff)
        lower, upper = loss_band(mean, loss, 2)
        assert 0.0 <= lower <= mean.value <= upper <= greatest(loss, 2) + 1e-6
        assert upper > lower


def test_no_scores_are_no_mean() -> None:
    mean = mean_loss(np.zeros((3, 2, 5)), "log_loss")
    assert np.isnan(mean.value).all()
    assert np.isnan(loss_band(mean, "log_loss", 2)).all()
