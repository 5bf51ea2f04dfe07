"""Cell bootstrap: the bands of confusion metrics from resampled cells. Pure; the seed is passed in.

Multinomial over the occupied cells IS the bootstrap of the rows, so its cost does not depend on n: end points agree
with `scipy.stats.bootstrap` on the rows. BCa: Efron 1987, its acceleration by the jackknife over cells, since all
events of a cell leave the same value behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr, ndtri

from monitor.statistics.arrays import Floats, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.statistics.confusion import Cells

    Flags = NDArray[np.bool_]

REPLICATES: Final = 1000
_BLOCK: Final = 2**20
"""Numbers drawn at once: memory stays bounded, whatever the number of cells."""


class Replicates(NamedTuple):
    """Margins (..., K, B + 1) of B resampled confusions; the last one is the observed confusion itself."""

    tp: Floats
    row: Floats
    col: Floats


class Bootstrap(NamedTuple):
    """Bands of metrics, one shape for all."""

    lower: Floats
    upper: Floats
    """NaN where no replicate is defined."""
    bca: Flags
    """Whether the band is BCa; otherwise it is the percentile band."""


def binary_metrics(confusions: Floats, seeds: Sequence[int], replicates: int = REPLICATES) -> Floats:
    """Return the metrics (W, 10, B + 1) of resampled confusions (W, 2, 2), the observed ones last.

    Each window is resampled from its own seed; counts may be fractional. The metrics are precision, recall and F1 of
    either class, accuracy, and the macro averages of the three.
    """
    drawn = np.empty((len(confusions), 4, replicates + 1))
    for out, counts, seed in zip(drawn, confusions.reshape(-1, 4), seeds, strict=True):
        out[:, :-1] = _drawn(counts, _generator(seed), replicates)
        out[:, -1] = counts
    return _metrics_of_two(drawn)


def binary_accelerations(confusions: Floats) -> Floats:
    """Return the accelerations (W, 10) of the metrics of `binary_metrics`: each cell is one event short in turn."""
    count = confusions.reshape(-1, 4)
    return _skewed(count[:, None, :], _metrics_of_two(np.maximum(count[:, :, None] - np.eye(4), 0.0)))


def _metrics_of_two(cells: Floats) -> Floats:
    """Return the ten metrics (W, 10, R) of R confusions each as cells (W, 4, R): every number is written once."""
    row, col, tp = cells[:, ::2] + cells[:, 1::2], cells[:, :2] + cells[:, 2:], cells[:, ::3]
    metrics = np.empty((len(cells), 10, cells.shape[-1]))
    with np.errstate(invalid="ignore"):
        np.divide(tp, col, out=metrics[:, 0:2])
        np.divide(tp, row, out=metrics[:, 2:4])
        np.divide(tp, 0.5 * (row + col), out=metrics[:, 4:6])
        np.divide(tp[:, 0] + tp[:, 1], row[:, 0] + row[:, 1], out=metrics[:, 6])
    for i in range(3):
        metrics[:, 7 + i] = macro(metrics[:, 2 * i : 2 * i + 2])
    return metrics


def replicates_of(cells: Cells, classes: int, seed: int, replicates: int = REPLICATES) -> Replicates:
    """Return the replicates (K, B + 1) of one confusion from its occupied cells; counts may be fractional."""
    right, every = np.flatnonzero(cells.true == cells.predicted), np.arange(len(cells.n))
    owner = np.concatenate((cells.true[right], cells.true + classes, cells.predicted + 2 * classes))
    cell = np.concatenate((right, every, every))
    summing = csr_array((np.ones(len(cell)), (owner, cell)), shape=(3 * classes, len(cells.n)))
    sums = np.empty((3 * classes, replicates + 1))
    generator = _generator(seed)
    step = max(1, _BLOCK // len(cells.n))
    for start in range(0, replicates, step):
        stop = min(start + step, replicates)
        drawn = _drawn(cells.n, generator, stop - start).astype(np.float64, order="C")
        sums[:, start:stop] = np.asarray(summing @ drawn)
    sums[:, -1] = np.asarray(summing @ cells.n)
    return Replicates(*sums.reshape(3, classes, -1))


def _drawn(counts: Floats, generator: np.random.Generator, replicates: int) -> NDArray[np.int64]:
    """Return (cells, B) multinomial draws of all cells of a window."""
    total = counts.sum()
    return generator.multinomial(round(float(total)), counts / total, size=replicates).T


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def class_metric(name: str, r: Replicates) -> Floats:
    """Return precision, recall, f1 or specificity of every replicate, (..., K, B + 1); NaN where undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "precision":
            return r.tp / r.col
        if name == "recall":
            return r.tp / r.row
        if name == "f1":
            return 2.0 * r.tp / (r.row + r.col)
        negatives: Floats = r.row.sum(axis=-2, keepdims=True) - r.row
        true_negatives: Floats = (negatives - r.col + r.tp) / negatives
        return true_negatives


def macro(values: Floats) -> Floats:
    """Return the mean over the classes of each replicate that have a value, (..., B + 1) from (..., K, B + 1)."""
    undefined = np.isnan(values)
    if not undefined.any():
        mean: Floats = values.sum(axis=-2) / values.shape[-2]
        return mean
    return ratio(np.where(undefined, 0.0, values).sum(axis=-2), (~undefined).sum(axis=-2).astype(np.float64))


def accuracy(r: Replicates) -> Floats:
    """Return the accuracy of every replicate, (..., B + 1)."""
    with np.errstate(invalid="ignore"):
        share: Floats = r.tp.sum(axis=-2) / r.row.sum(axis=-2)
    return share


def bands(values: Floats, acceleration: Floats, level: float = 0.95) -> Bootstrap:
    """Return BCa bands (...), and percentile bands where BCa is undefined, from replicates (..., B + 1).

    The last of them is the observed value; the others are sorted in place. Those without a value (NaN) are left out.
    """
    theta = values[..., -1:].copy()
    ordered = values[..., :-1]
    ordered.sort(axis=-1)
    defined = np.full(theta.shape[:-1], ordered.shape[-1])
    if np.isnan(ordered[..., -1]).any():
        defined -= np.isnan(ordered).sum(axis=-1)
    some = np.maximum(defined, 1).astype(np.float64)
    below, up_to = np.count_nonzero(ordered < theta, axis=-1), np.count_nonzero(ordered <= theta, axis=-1)
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0]).reshape(2, *(1,) * defined.ndim)
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = ndtri((below + up_to) / (2.0 * some))
        shift = bias + ndtri(tails)
        share = ndtr(bias + shift / (1.0 - acceleration * shift))
    bca = np.isfinite(share).all(axis=0) & np.isfinite(bias)
    lower, upper = _at(values, np.where(bca, share, tails) * (some - 1.0))
    none = defined == 0
    return Bootstrap(np.where(none, np.nan, lower), np.where(none, np.nan, upper), bca)


def _at(ordered: Floats, place: Floats) -> Floats:
    """Return the values at fractional places (2, ...) of each row of ordered (..., B + 1), between their neighbours."""
    flat = np.ascontiguousarray(ordered).reshape(-1)
    first = np.floor(place).astype(np.int64)
    row = np.arange(0, flat.size, ordered.shape[-1]).reshape(ordered.shape[:-1])
    low, high = flat[row + first], flat[row + np.minimum(first + 1, ordered.shape[-1] - 2)]
    part = place - first
    between: Floats = np.where(part > 0, low + part * (high - low), low)
    return between


def share_acceleration(right: Floats, wrong: Floats, rest: Floats, weight: Floats | float = 1.0) -> Floats:
    """Return the acceleration of weight x right / (weight x right + wrong): weight 1 for a share, 2 for F1.

    sum c d^3 / (6 (sum c d^2)^1.5) over kinds of events: c are how many, d is how far the metric without one of them is
    from the mean of such values. NaN where nothing varies.
    """
    part = weight * right
    whole = part + wrong
    without_right = ratio(np.maximum(part - weight, 0.0), whole - weight)
    without_wrong = np.minimum(ratio(part, whole - 1.0), 1.0)
    return _skewed(
        np.stack((right, wrong, rest), axis=-1), np.stack((without_right, without_wrong, ratio(part, whole)), axis=-1)
    )


def _skewed(count: Floats, value: Floats) -> Floats:
    """Return the acceleration from counts and values of events (..., kinds); a kind without a value is left out."""
    known = ~np.isnan(value)
    count, value = np.where(known, count, 0.0), np.where(known, value, 0.0)
    away = ratio((count * value).sum(axis=-1, keepdims=True), count.sum(axis=-1, keepdims=True), 0.0) - value
    squares = count * away * away
    second = squares.sum(axis=-1)
    return ratio((squares * away).sum(axis=-1), 6.0 * second * np.sqrt(second))


def macro_share_acceleration(right: Floats, whole: Floats) -> Floats:
    """Return the acceleration of the mean over classes of right / whole, (...) from (..., K): recall or precision."""
    share = ratio(right, whole)
    present = ~np.isnan(share)
    known = np.where(present, share, 0.0)
    total, k = known.sum(axis=-1, keepdims=True), present.sum(axis=-1, keepdims=True).astype(np.float64)
    left = whole - 1.0
    remaining = k - (left <= 0)
    without_right = ratio(total - known + ratio(np.maximum(right - 1.0, 0.0), left, 0.0), remaining)
    without_wrong = ratio(total - known + np.minimum(ratio(right, left, 0.0), 1.0), remaining)
    return _skewed(
        np.concatenate((right, whole - right), axis=-1), np.concatenate((without_right, without_wrong), axis=-1)
    )


def macro_f1_acceleration(cells: Cells, tp: Floats, size: Floats) -> Floats:
    """Return the acceleration of the mean F1, (...), from cells with n (..., cells); tp, size = row + col, (..., K)."""
    f1 = ratio(2.0 * tp, size)
    present = ~np.isnan(f1)
    known = np.where(present, f1, 0.0)
    right = cells.true == cells.predicted
    change, gone = np.zeros(cells.n.shape), np.zeros(cells.n.shape)
    # A right prediction touches one class only: half of it is met at either end.
    share, less = np.where(right, 0.5, 1.0), np.where(right, 2.0, 1.0)
    for end in (cells.true, cells.predicted):
        left = size[..., end] - less
        kept = np.maximum(2.0 * tp[..., end] - np.where(right, 2.0, 0.0), 0.0)
        change += share * (np.minimum(ratio(kept, left, 0.0), 1.0) - known[..., end])
        gone += share * (left <= 0)
    total, k = known.sum(axis=-1, keepdims=True), present.sum(axis=-1, keepdims=True)
    return _skewed(cells.n, ratio(total + change, k - gone))
