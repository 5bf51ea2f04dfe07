"""Elementary bands. Every function is pure, works on arrays of any shape and never warns.

Counts may be fractional: counts / deff, or expectations at other class shares. A band always holds its own value and
never has width 0; where nothing was counted it is everything that is possible.
Sources: docs/concepts.md [3] Jeffreys, [4] F1, [5] MOVER, [7] Newcombe, [8] DeLong.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import betaincinv, expit, logit, ndtri

from monitor.statistics.arrays import Floats, clipped, floats, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Band = tuple[Floats, Floats]

_LEAST: Final = 1e-12
"""The least relative variance of a proportion: below this a band would have width 0 in floating point."""
_STEPS: Final = 60
"""Newton steps for a root: eight are usual, bisection alone would need 52."""
_CLOSE: Final = 1e-13
"""A root is found when a step is smaller than this share of it."""
_TINY: Final = 1e-200
"""Keeps a division finite."""


def z_value(level: float) -> float:
    """Return the two-sided normal quantile: 1.96 for .95."""
    return float(-ndtri((1.0 - level) / 2.0))


def jeffreys(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> Band:
    """Return the band of a proportion, k of n: equal tails of Beta(k + 1/2, n - k + 1/2), the ends pinned to 0 and 1.

    Brown, Cai and DasGupta 2001. Measured coverage .945 to .982 from 20 cases on. Where n is 0: (0, 1).
    """
    cases = np.maximum(floats(n), 0.0)
    hits = clipped(floats(k), 0.0, cases)
    p = ratio(hits, cases, 0.5)
    tail = (1.0 - level) / 2.0
    a, b = hits + 0.5, cases - hits + 0.5
    # A fraction of an event can put the value outside of the quantiles: the band is stretched to hold it.
    lower = np.where(hits <= 0, 0.0, np.minimum(betaincinv(a, b, tail), p))
    upper = np.where(hits >= cases, 1.0, np.maximum(betaincinv(a, b, 1.0 - tail), p))
    return lower, upper


def jaccard_to_f1(j: ArrayLike) -> Floats:
    """Return F1 = 2 J / (1 + J): it grows with the Jaccard proportion J = TP / (TP + FP + FN)."""
    share = floats(j)
    return 2.0 * share / (1.0 + share)


def jeffreys_f1(tp: ArrayLike, errors: ArrayLike, level: float = 0.95) -> Band:
    """Return the band of F1 from TP and errors = FP + FN, through the Jaccard proportion (arXiv 2309.14621)."""
    right = floats(tp)
    lower, upper = jeffreys(right, right + floats(errors), level)
    return jaccard_to_f1(lower), jaccard_to_f1(upper)


def beta_matched(p: ArrayLike, variance: ArrayLike, level: float = 0.95, n: ArrayLike | None = None) -> Band:
    """Return the equal-tailed band of the Beta distribution that has mean p and this variance.

    At p of 0 or 1 no Beta has a variance: there it is the Jeffreys band of as many cases as have this variance. Where
    the variance is 0 as well, `n` (the cases behind p) gives the width, as Jeffreys would; without it the band is as
    narrow as floating point can hold. NaN where p is.
    """
    mean, spread_of_mean = floats(p), floats(variance)
    undefined = np.isnan(mean)
    mean = np.where(undefined, 0.5, clipped(mean, 0.0, 1.0))
    whole = mean * (1.0 - mean)
    flat = ~((whole > 0) & (spread_of_mean > whole * _LEAST))
    size = np.maximum(ratio(whole, np.where(flat, 0.0, spread_of_mean), 2.0) - 1.0, _LEAST)
    tail = (1.0 - level) / 2.0
    a, b = np.maximum(mean * size, _LEAST), np.maximum((1.0 - mean) * size, _LEAST)
    lower, upper = np.minimum(betaincinv(a, b, tail), mean), np.maximum(betaincinv(a, b, 1.0 - tail), mean)
    if flat.any():
        cases = np.inf if n is None else floats(n)
        # Beta(n + 1/2, 1/2), what n successes in n cases leave behind, has a variance of nearly 1 / (2 n^2).
        alike = np.where(whole > 0, 1.0 / _LEAST, np.sqrt(0.5 / np.fmax(spread_of_mean, _LEAST)))
        alike = np.minimum(alike, cases)
        pinned = jeffreys(mean * alike, alike, level)
        lower, upper = np.where(flat, pinned[0], lower), np.where(flat, pinned[1], upper)
    return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)


def newcombe_auc(auc: ArrayLike, positives: ArrayLike, negatives: ArrayLike, level: float = 0.95) -> Band:
    """Return Newcombe's score-like band of an AUC, all A with |A - auc| <= z sqrt(V(A)): it collapses nowhere.

    V(A) = A(1-A) [1 + m (1-A)/(2-A) + m A/(1+A)] / (P N), m = (P+N)/2 - 1 (Newcombe 2006, method 5). With w = A(1-A)
    that is V = w [1 + m (1 + 2w) / (2 + w)] / (P N), its own mirror image: an upper end is 1 - a lower end of 1 - auc.
    """
    value, p, n = np.broadcast_arrays(floats(auc), floats(positives), floats(negatives))
    z = z_value(level)
    ends = np.full((2, value.size), np.nan)
    for at, (a, cases, rest) in enumerate(zip(*(x.ravel().tolist() for x in (value, p, n)), strict=True)):
        if a == a:  # noqa: PLR0124 - NaN is not itself
            inside, scale, m = min(max(a, 0.0), 1.0), z * z / max(cases * rest, _TINY), (cases + rest) / 2.0 - 1.0
            ends[0, at] = _newcombe_lower(inside, scale, m)
            ends[1, at] = 1.0 - _newcombe_lower(1.0 - inside, scale, m)
    lower, upper = ends.reshape(2, *value.shape)
    return lower, upper


def _newcombe_lower(a: float, scale: float, m: float) -> float:
    """Return where a - g = sqrt(z^2 V(g)) in [0, a]: Newton's steps, and bisection where one would leave the bracket.

    Few steps of plain numbers: arrays would cost more until there are hundreds of them.
    """
    if a <= 0:
        return 0.0
    low, high = 0.0, a
    # Begin where Wald's band would end, at a value that is drawn in from 0 and 1.
    w = 0.25 - 0.9 * (a - 0.5) ** 2
    g = a - sqrt(scale * w * (1.0 + m * (1.0 + 2.0 * w) / (2.0 + w)))
    if g <= 0:
        g = 0.5 * a
    for _ in range(_STEPS):
        w = g * (1.0 - g)
        share = 1.0 / (2.0 + w)
        inner = 1.0 + m * (1.0 + 2.0 * w) * share
        root = sqrt(scale * w * inner)
        f = a - g - root
        low, high = (g, high) if f > 0 else (low, g)
        # d(w inner)/dw = inner + 3 m w / (2 + w)^2
        slope = 1.0 + 0.5 * scale * (1.0 - 2.0 * g) * (inner + 3.0 * m * w * share * share) / max(root, _TINY)
        following = g + f / max(slope, _CLOSE)
        if not (low <= following <= high and following < a):
            following = 0.5 * (low + high)
        found = abs(following - g) <= _CLOSE * g
        g = following
        if found:
            break
    return min(g, a)


def logit_normal(p: ArrayLike, variance: ArrayLike, level: float = 0.95) -> Band:
    """Return the band that is normal on the logit scale: logit(p) +- z sqrt(variance) / (p (1-p)).

    `variance` is that of p itself.
    """
    value = floats(p)
    inner = clipped(value, _LEAST, 1.0 - _LEAST)
    spread = inner * (1.0 - inner)
    half = z_value(level) * np.sqrt(np.maximum(floats(variance), spread * _LEAST)) / spread
    centre = logit(inner)
    return np.minimum(expit(centre - half), value), np.maximum(expit(centre + half), value)


def normal(mean: ArrayLike, variance: ArrayLike, level: float = 0.95) -> Band:
    """Return mean +- z sqrt(variance)."""
    value = floats(mean)
    half = z_value(level) * np.sqrt(np.maximum(floats(variance), 0.0))
    half = np.maximum(half, np.abs(value) * _LEAST + _LEAST)
    return value - half, value + half


def mover_difference(
    p1: ArrayLike, band1: tuple[ArrayLike, ArrayLike], p2: ArrayLike, band2: tuple[ArrayLike, ArrayLike]
) -> Band:
    """Return the band of p1 - p2 from two independent estimates with any bands (Newcombe; MOVER)."""
    first, second = floats(p1), floats(p2)
    (l1, u1), (l2, u2) = ((floats(low), floats(high)) for low, high in (band1, band2))
    difference = first - second
    return difference - np.hypot(first - l1, u2 - second), difference + np.hypot(u1 - first, second - l2)


def mover_mean(p: ArrayLike, lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike | None = None) -> Band:
    """Return the band of the mean over the last axis of the estimates that have a value (not NaN).

    half = sqrt(h' R h) / K with h the distances of the ends from the values and R = `correlation` (..., K, K), the
    identity where it is left out. No value at all: NaN.
    """
    value = floats(p)
    present = ~np.isnan(value)
    below = np.where(present, value - floats(lower), 0.0)
    above = np.where(present, floats(upper) - value, 0.0)
    if correlation is None:
        return mover_mean_of(value, below, above)
    r = floats(correlation)
    crossed_below, crossed_above = (
        ((r * h[..., None, :]).sum(axis=-1) * h).sum(axis=-1) - (h * h).sum(axis=-1) for h in (below, above)
    )
    return mover_mean_of(value, below, above, crossed_below, crossed_above)


def mover_mean_of(
    p: Floats, below: Floats, above: Floats, crossed_below: ArrayLike = 0.0, crossed_above: ArrayLike = 0.0
) -> Band:
    """Return `mover_mean` from half-widths (0 where p is NaN) and the off-diagonal part of h' R h."""
    present = ~np.isnan(p)
    k = present.sum(axis=-1).astype(np.float64)
    mean = ratio(np.where(present, p, 0.0).sum(axis=-1), k)
    some = np.maximum(k, 1.0)
    half_below, half_above = (
        np.sqrt(np.maximum((h * h).sum(axis=-1) + floats(crossed), 0.0)) / some
        for h, crossed in ((below, crossed_below), (above, crossed_above))
    )
    return mean - half_below, mean + half_above
