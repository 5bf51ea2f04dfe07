"""Area under the ROC curve and average precision from score histograms, with their bands.

Pure; counts may be fractional. pos, neg: (..., bins) counts of the class and of the rest, scores ascending.
Sources: docs/concepts.md [7, 8, 9].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import digamma

from monitor.counts.layout import BINS, score_bins
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

_TIED: Final = 16
"""So many predictions beside an empty bin are one tied score: smooth scores do that once in e^16 times."""
_SURE: Final = 14.0
"""Evidence, as minus the log of its chance with smooth scores, from which on scores are taken for rounded."""
_ROUNDED: Final = np.bincount(score_bins(np.arange(101) / 100.0), minlength=BINS)[::-1]
"""(512,) how many multiples of .01 lie in each bin, from the highest score down: 0, 1 or 2."""
_UNROUNDED: Final = (_ROUNDED == 0).astype(np.float64)
"""(512,) 1 where there is none."""
_WITNESS: Final = np.log(
    17.0 / np.maximum(np.convolve(np.pad(_ROUNDED > 0, 8, mode="edge"), np.ones(17), "valid"), 1.0)
)
"""(512,) evidence of one prediction for rounding to .01: how few of the bins around it hold a multiple of .01."""


class Band(NamedTuple):
    """Values with their band; `method` is an object array of the contract's method names."""

    value: Floats
    lower: Floats
    upper: Floats
    method: NDArray[np.object_]


def auc(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return the AUC (...): sum_b P_b (N_<b + N_b / 2) / (P N), and what slopes inside of bins add; NaN without both.

    Where both densities are straight lines through the neighbouring bins, a bin has (P_b+1 - P_b-1) N_b / 24 more right
    pairs, less the same with P and N exchanged: over all bins one sum without a division.
    """
    p, n = floats(pos), floats(neg)
    below = n.cumsum(axis=-1) - 0.5 * n
    ranked = (p * below).sum(axis=-1) + _sloped(p, n, 0.5 * (p * n).sum(axis=-1))
    return ratio(ranked, p.sum(axis=-1) * n.sum(axis=-1))


def auc_error(pos: ArrayLike, neg: ArrayLike) -> Floats:
    """Return how far the AUC can be from that of the scores themselves (...): a bound that always holds.

    sum_b P_b N_b / (2 P N), and what the slopes added.
    """
    p, n = floats(pos), floats(neg)
    tied = 0.5 * (p * n).sum(axis=-1)
    return ratio(tied + np.abs(_sloped(p, n, tied)), p.sum(axis=-1) * n.sum(axis=-1))


def _sloped(p: Floats, n: Floats, tied: Floats) -> Floats:
    """Return the pairs (...) that slopes put right beyond one half, at most a third of `tied`."""
    lines: Floats = (p[..., 1:] * n[..., :-1] - p[..., :-1] * n[..., 1:]).sum(axis=-1) / 12.0
    return np.minimum(np.maximum(lines, -tied / 3.0), tied / 3.0)


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


def auc_band(pos: ArrayLike, neg: ArrayLike, level: float = 0.95, deff: ArrayLike = 1.0) -> Band:
    """Return the AUC with its band: Newcombe with few cases or near 0 and 1, else DeLong on the logit scale.

    The band is that of counts / deff, `deff` (...); the value is not moved by it.
    """
    value = np.asarray(auc(pos, neg))
    effect = floats(deff)[..., None]
    p, n = floats(pos) / effect, floats(neg) / effect
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
    Without negatives in the bin D is 1 and the sum is exact. To that comes, to first order, what slopes change (see
    `auc`). Tied scores count as scikit-learn's step p (A+p) / (C+p+n).
    """
    # One empty bin at either end, so that every bin has neighbours; from the highest score down.
    p, n = np.zeros((2, *np.shape(pos)[:-1], np.shape(pos)[-1] + 2))
    p[..., 1:-1], n[..., 1:-1] = floats(pos)[..., ::-1], floats(neg)[..., ::-1]
    both = p + n
    all_p = p.cumsum(axis=-1)
    at = np.flatnonzero(p)
    above, below = at - 1, at + 1
    here, wrong = p.take(at), n.take(at)
    right, seen = all_p.take(at) - here, both.cumsum(axis=-1).take(at) - here - wrong
    rate = 1.0 + wrong / (here + 1.0)
    start = seen / rate
    smooth = (here + (right - start) * (digamma(start + here + 1.0) - digamma(start + 1.0))) / rate
    slope = wrong * (p.take(above) - p.take(below)) - here * (n.take(above) - n.take(below))
    most = here * wrong / 6.0
    middle = seen + 0.5 * (here + wrong)
    halfway = (right + 0.5 * here) / middle
    smooth += np.minimum(np.maximum(slope / 24.0, -most), most) * halfway / middle
    tied = _steps(both, at)
    if tied.any():
        whole = here * (right + here) / (seen + here + wrong)
        smooth = np.where(tied == 1, whole, np.where(tied == 0, smooth, 0.5 * (here * halfway + whole)))
    summed = np.zeros(p.shape)
    summed.reshape(-1)[at] = smooth
    return np.minimum(np.maximum(ratio(summed.sum(axis=-1), all_p[..., -1]), 0.0), 1.0)


def _steps(both: Floats, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return of how many tied scores the bins at flat places `at` consist, 0 where scores differ.

    `both` (..., 1 + bins + 1), from the highest score down. Tied are many predictions beside an empty bin; and where
    the scores are rounded to .01, all of them: then no prediction is in a bin without a multiple of .01, which with
    smooth scores a few predictions near 0 or 1 rule out.
    """
    beside_empty = np.minimum(both.take(at - 1), both.take(at + 1)) == 0
    steps: NDArray[np.int64] = (beside_empty & (both.take(at) >= _TIED)).astype(np.int64)
    inner = both[..., 1:-1]
    if inner.shape[-1] != BINS:
        return steps
    between = (inner * _UNROUNDED).sum(axis=-1) == 0
    if not between.any():
        return steps
    rounded = between & ((inner * _WITNESS).sum(axis=-1) >= _SURE)
    row, place = np.divmod(at, both.shape[-1])
    several = np.where(beside_empty, 1, np.maximum(_ROUNDED[place - 1], 1))
    of_all: NDArray[np.int64] = np.where(rounded.reshape(-1)[row], several, steps)
    return of_all


class _Jackknife(NamedTuple):
    step: Floats
    variance: Floats
    own: Floats
    """What of the average precision is there only because each positive counts itself."""


def average_precision_variance(pos: ArrayLike, neg: ArrayLike) -> tuple[Floats, Floats]:
    """Return (step-form average precision, its infinitesimal-jackknife variance), (...) each; NaN without positives.

    The variance that a Poisson bootstrap of the bins would have: sum_b P_b (dA/dP_b)^2 + N_b (dA/dN_b)^2.
    """
    found = _jackknife(floats(floats(pos)[..., ::-1]), floats(floats(neg)[..., ::-1]))
    return found.step, found.variance


def average_precision_band(pos: ArrayLike, neg: ArrayLike, level: float = 0.95, deff: ArrayLike = 1.0) -> Band:
    """Return the average precision with its band: infinitesimal jackknife on the logit scale, lightly contaminated.

    The variance is that of the step form, the centre is not: there the bins cost more than the band is wide from some
    ten thousand positives on (measured coverage .5), and with 20 rare ones the positives that count themselves lift it.
    The band is that of counts / deff, `deff` (...); the value is not moved by it.
    """
    value = average_precision(pos, neg)
    effect = floats(deff)[..., None]
    p, n = floats(floats(pos)[..., ::-1]) / effect, floats(floats(neg)[..., ::-1]) / effect
    positives, negatives = p.sum(axis=-1, keepdims=True), n.sum(axis=-1, keepdims=True)
    right, wrong = p.cumsum(axis=-1), n.cumsum(axis=-1)
    finer = value - ratio((p * ratio(right, right + wrong, 0.0)).sum(axis=-1), positives[..., 0])
    mixed = _jackknife(p + CONTAMINATION * ratio(n, negatives, 0.0), n + CONTAMINATION * ratio(p, positives, 0.0))
    centre = np.maximum(mixed.step + finer - 0.5 * mixed.own, 0.2 * mixed.step)
    lower, upper = logit_normal(np.minimum(centre, 1.0), mixed.variance, level)
    undefined = np.isnan(value)
    method = np.where(undefined, "none", "logit-ij").astype(object)
    return Band(
        value,
        np.where(undefined, np.nan, np.minimum(lower, value)),
        np.where(undefined, np.nan, np.maximum(upper, value)),
        method,
    )


def _jackknife(p: Floats, n: Floats) -> _Jackknife:
    """Return the infinitesimal jackknife of the step form; bins from the highest score down."""
    right, wrong = p.cumsum(axis=-1), n.cumsum(axis=-1)
    total = right[..., -1:]
    seen = right + wrong
    each = ratio(1.0, seen, 0.0)
    at, missed = right * each, wrong * each
    weight = p * each
    # What one more positive (negative) adds to, or takes from, the precision of every bin at or below its own.
    gain, loss = _from_below(weight * missed), _from_below(weight * at)
    a = ratio((p * at).sum(axis=-1, keepdims=True), total)
    by_p = ratio(at + gain - a, total, 0.0)
    by_n = ratio(loss, total, 0.0)
    variance = (p * by_p**2).sum(axis=-1) + (n * by_n**2).sum(axis=-1)
    own = (weight * missed * ratio(seen, np.maximum(seen - 1.0, 1.0), 0.0)).sum(axis=-1)
    return _Jackknife(a[..., 0], variance, ratio(own, total[..., 0]))


def _from_below(x: Floats) -> Floats:
    """Return the sums of each element and all that follow."""
    return floats(x[..., ::-1].cumsum(axis=-1)[..., ::-1])
