"""Area under the ROC curve and average precision from score histograms, with their bands.

Pure; counts may be fractional. pos, neg: (..., bins) counts of the class and of the rest, scores ascending.
Sources: statistics.md section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import digamma

from monitor.statistics.arrays import Floats, floats, ratio
from monitor.statistics.intervals import logit_normal, newcombe_auc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEW: Final = 200
"""With fewer positives or negatives than this DeLong's variance is not to be trusted."""
NEARLY_PERFECT: Final = 0.98
"""Beyond this AUC neither."""
CONTAMINATION: Final = 0.25
"""Of a positive spread like the negatives, and of a negative spread like the positives: gives perfection a width."""


class Band(NamedTuple):
    """Values with their band; `method` is an object array of the contract's method names."""

    value: Floats
    lower: Floats
    upper: Floats
    method: NDArray[np.object_]


def auc(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return the AUC (...), sum_b P_b (N_<b + N_b / 2) / (P N): ties in a bin are halves; NaN without both classes."""
    p, n = floats(pos), floats(neg)
    below = n.cumsum(axis=-1) - 0.5 * n
    return ratio((p * below).sum(axis=-1), p.sum(axis=-1) * n.sum(axis=-1))


def auc_error(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return how far the AUC can be from that of the scores themselves (...): exactly sum_b P_b N_b / (2 P N)."""
    p, n = floats(pos), floats(neg)
    return ratio(0.5 * (p * n).sum(axis=-1), p.sum(axis=-1) * n.sum(axis=-1))


def auc_variance(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return DeLong's variance of the AUC (...), from counts: S10 / P + S01 / N over placement values."""
    p, n = floats(pos), floats(neg)
    positives, negatives = p.sum(axis=-1, keepdims=True), n.sum(axis=-1, keepdims=True)
    placed_p = ratio(n.cumsum(axis=-1) - 0.5 * n, negatives, 0.0)
    placed_n = ratio(positives - p.cumsum(axis=-1) + 0.5 * p, positives, 0.0)
    a = ratio((p * placed_p).sum(axis=-1, keepdims=True), positives)
    s10 = (p * (placed_p - a) ** 2).sum(axis=-1)
    s01 = (n * (placed_n - a) ** 2).sum(axis=-1)
    positives, negatives = positives[..., 0], negatives[..., 0]
    v10 = ratio(s10, positives * np.maximum(positives - 1.0, 1.0))
    return v10 + ratio(s01, negatives * np.maximum(negatives - 1.0, 1.0))


def auc_band(pos: ArrayLike, neg: ArrayLike, level: float = 0.95) -> Band:
    """Return the AUC with its band: Newcombe with few cases or near 0 and 1, else DeLong on the logit scale."""
    p, n = floats(pos), floats(neg)
    value = np.asarray(auc(p, n))
    positives, negatives = np.asarray(p.sum(axis=-1)), np.asarray(n.sum(axis=-1))
    defined = ~np.isnan(value)
    extreme = np.maximum(value, 1.0 - value) > NEARLY_PERFECT
    score_like = (positives < FEW) | (negatives < FEW) | extreme
    lower, upper = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    few, many = defined & score_like, defined & ~score_like
    if few.any():
        lower[few], upper[few] = newcombe_auc(value[few], positives[few], negatives[few], level)
    if many.any():
        lower[many], upper[many] = logit_normal(value[many], auc_variance(p[many], n[many]), level)
    method = np.where(defined, np.where(score_like, "newcombe", "logit-delong"), "none").astype(object)
    return Band(value, lower, upper, method)


def average_precision(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return the average precision (...); NaN without positives.

    Inside a bin the order is not known: every interleaving of its p positives and n negatives is taken as equally
    likely. The i-th positive then has i n / (p+1) of the negatives before it; its precision is (A+i) / (C + D i) with A
    positives and C predictions in the bins above and D = 1 + n / (p+1), and
    sum_i (A+i) / (C + D i) = p/D + (A - C/D)/D (psi(C/D + p + 1) - psi(C/D + 1)).
    Without negatives in the bin D is 1 and the sum is exact.
    """
    p, n = floats(floats(pos)[..., ::-1]), floats(floats(neg)[..., ::-1])
    total = p.sum(axis=-1)
    occupied = p > 0
    above = (p.cumsum(axis=-1) - p)[occupied]
    seen = above + (n.cumsum(axis=-1) - n)[occupied]
    here = p[occupied]
    rate = 1.0 + n[occupied] / (here + 1.0)
    start = seen / rate
    summed = np.zeros_like(p)
    summed[occupied] = (here + (above - start) * (digamma(start + here + 1.0) - digamma(start + 1.0))) / rate
    return np.minimum(ratio(summed.sum(axis=-1), total), 1.0)


def average_precision_variance(pos: ArrayLike, neg: ArrayLike) -> tuple[Floats, Floats]:
    """Return (step-form average precision, its infinitesimal-jackknife variance), (...) each; NaN without positives.

    The variance that a Poisson bootstrap of the bins would have: sum_b P_b (dA/dP_b)^2 + N_b (dA/dN_b)^2.
    """
    p, n = floats(floats(pos)[..., ::-1]), floats(floats(neg)[..., ::-1])
    right, wrong = p.cumsum(axis=-1), n.cumsum(axis=-1)
    total = right[..., -1:]
    seen = right + wrong
    at = ratio(right, seen, 0.0)
    weight = ratio(p, seen, 0.0)
    # What one more positive (negative) adds to, or takes from, the precision of every bin at or below its own.
    gain, loss = (_from_below(weight * share) for share in (1.0 - at, at))
    a = ratio((p * at).sum(axis=-1, keepdims=True), total)
    by_p = ratio(at + gain - a, total, 0.0)
    by_n = ratio(loss, total, 0.0)
    return a[..., 0], (p * by_p**2).sum(axis=-1) + (n * by_n**2).sum(axis=-1)


def _from_below(x: Floats) -> Floats:
    """Return the sums of each element and all that follow."""
    return floats(x[..., ::-1].cumsum(axis=-1)[..., ::-1])


def average_precision_band(pos: ArrayLike, neg: ArrayLike, level: float = 0.95) -> Band:
    """Return the average precision with its band: infinitesimal jackknife on the logit scale, lightly contaminated."""
    p, n = floats(pos), floats(neg)
    value = average_precision(p, n)
    positives, negatives = p.sum(axis=-1, keepdims=True), n.sum(axis=-1, keepdims=True)
    spread_p = ratio(p, positives, 0.0)
    mixed_p = p + CONTAMINATION * ratio(n, negatives, 0.0)
    step, variance = average_precision_variance(mixed_p, n + CONTAMINATION * spread_p)
    lower, upper = logit_normal(step, variance, level)
    method = np.where(np.isnan(value), "none", "logit-ij").astype(object)
    undefined = np.isnan(value)
    return Band(
        value,
        np.where(undefined, np.nan, np.minimum(lower, value)),
        np.where(undefined, np.nan, np.maximum(upper, value)),
        method,
    )
