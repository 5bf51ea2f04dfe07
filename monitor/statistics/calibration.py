"""Expected calibration error from the `calibration` plane, and what it would be for a calibrated model. Pure.

The plug-in ECE of a calibrated model is far above 0 in small windows and no bootstrap band of it holds (measured
coverage 0.000): it is shown with its value expected under calibration and with a consistency test, never with a band.
Source: docs/concepts.md [10], here in closed form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import gammaincc, gammaln

from monitor.counts.layout import LOSS_UNIT
from monitor.statistics.arrays import Floats, clipped, floats, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_HALF_NORMAL_SKEW: Final = float(np.sqrt(2.0 / np.pi) * (4.0 / np.pi - 1.0))
"""Third central moment of |Z|, Z standard normal."""
_LEAST: Final = 1e-12


class Calibration(NamedTuple):
    """ECE and its test, (...) each; NaN without a scored prediction."""

    ece: Floats
    expected: Floats
    """The ECE expected of a calibrated model with these scores."""
    p_value: Floats
    """How often a calibrated model would show at least this ECE."""
    n: Floats
    """Scored predictions."""


def calibration(plane: ArrayLike, deff: ArrayLike = 1.0) -> Calibration:
    """Return the ECE, sum_b |hits_b - score_b| / n, of `calibration` planes (..., bins, 3), and a test.

    Under calibration the hits of bin b are Binomial(n_b, mean score of b): mean and variance of |hits - score| are
    exact (De Moivre), its third moment that of the half-normal; the sums over the bins are matched by a shifted gamma.
    """
    sums = floats(plane)
    n, score, hits = (floats(sums[..., i]) for i in range(3))
    score = score / LOSS_UNIT
    total = n.sum(axis=-1)
    gap = np.abs(hits - score).sum(axis=-1)
    effect = floats(deff)
    size = n / effect[..., None]
    mean, variance, third = (
        moment.sum(axis=-1) for moment in _deviation(size, clipped(ratio(score, n, 0.0), 0.0, 1.0))
    )
    p_value = _upper_tail(gap / effect, mean, variance, third)
    return Calibration(ratio(gap, total), ratio(mean * effect, total), np.where(total > 0, p_value, np.nan), total)


def ece(plane: ArrayLike) -> Floats:
    """Return the plug-in ECE alone, (...)."""
    sums = floats(plane)
    return ratio(np.abs(sums[..., 2] - sums[..., 1] / LOSS_UNIT).sum(axis=-1), sums[..., 0].sum(axis=-1))


def debiased_l2(plane: ArrayLike) -> Floats:
    """Return the squared calibration error without its bias, (...), which may be negative.

    sum_b (n_b/n) [(ybar - sbar)^2 - ybar (1 - ybar) / (n_b - 1)], over bins with more than one prediction (Kumar 2019).
    """
    sums = floats(plane)
    n, score, hits = (floats(sums[..., i]) for i in range(3))
    several = n > 1
    rate, mean = ratio(hits, n, 0.0), ratio(score / LOSS_UNIT, n, 0.0)
    noise = ratio(rate * (1.0 - rate), np.where(several, n - 1.0, 0.0), 0.0)
    return ratio(np.where(several, n * ((rate - mean) ** 2 - noise), 0.0).sum(axis=-1), n.sum(axis=-1))


def _deviation(n: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean, variance and third central moment of |X - n p|, X ~ Binomial(n, p); n may be fractional.

    De Moivre: E|X - n p| = 2 v C(n, v) p^v q^(n-v+1), v = floor(n p) + 1.
    """
    q = 1.0 - p
    spread = n * p * q
    uncertain = spread > _LEAST
    # Where the outcome is certain (an empty bin, a score of 0 or 1) any proper numbers do: the result is not used.
    size, chance = np.where(uncertain, n, 1.0), np.where(uncertain, p, 0.5)
    v = np.floor(size * chance) + 1.0
    log_ways = gammaln(size + 1.0) - gammaln(v + 1.0) - gammaln(np.maximum(size - v, 0.0) + 1.0)
    log_mean = np.log(2.0 * v) + log_ways + v * np.log(chance) + (size - v + 1.0) * np.log1p(-chance)
    # |X - n p| cannot have a larger mean than its root mean square.
    mean = np.where(uncertain, np.minimum(np.exp(log_mean), np.sqrt(spread)), 0.0)
    variance = np.maximum(spread - mean**2, 0.0)
    return mean, variance, np.where(uncertain, _HALF_NORMAL_SKEW * spread**1.5, 0.0)


def _upper_tail(x: Floats, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """Return P(X >= x) of the shifted gamma distribution with these three moments; 1 where nothing varies."""
    varies = (variance > _LEAST) & (third > _LEAST)
    variance, third = np.where(varies, variance, 1.0), np.where(varies, third, 1.0)
    scale = third / (2.0 * variance)
    shape = variance / scale**2
    above = np.maximum((x - mean) / scale + shape, 0.0)
    # Scores that leave nothing to chance (0 and 1) are either met exactly or refuted.
    certain = np.where(x > mean + np.sqrt(_LEAST), 0.0, 1.0)
    return np.where(varies, gammaincc(shape, above), certain)
