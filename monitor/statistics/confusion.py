"""Metrics of a confusion: values from its margins alone, so that many classes stay cheap.

Pure; counts may be fractional. A value is NaN where it is undefined, which is where scikit-learn would put 0 for a zero
division. Macro averages span the classes that have a value. Sources: docs/concepts.md [4, 6].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.statistics.arrays import Floats, floats, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CLASS_METRICS = ("precision", "recall", "f1", "specificity")
MACRO_METRICS = ("macro_precision", "macro_recall", "macro_f1")
MACRO_OF = {"macro_precision": "precision", "macro_recall": "recall", "macro_f1": "f1"}


class Margins(NamedTuple):
    """What all metrics of a confusion need. Every array has the leading axes of the confusion."""

    tp: Floats
    """(..., K) predictions of class k that are right."""
    row: Floats
    """(..., K) truly of class k: the support."""
    col: Floats
    """(..., K) predicted as class k."""
    total: Floats
    """(...) all labelled predictions."""


class Cells(NamedTuple):
    """The occupied cells of one confusion."""

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    n: Floats


def margins(confusion: ArrayLike) -> Margins:
    """Return the margins of confusions (..., K, K): true class i, predicted class j."""
    c = floats(confusion)
    row = c.sum(axis=-1)
    return Margins(np.diagonal(c, axis1=-2, axis2=-1).copy(), row, c.sum(axis=-2), row.sum(axis=-1))


def cells(index: NDArray[np.int64], value: NDArray[np.int64], classes: int) -> Cells:
    """Return the occupied cells of a sparse confusion plane: addresses i * K + j and counts, as `Counts.sparse` does.

    A negative count cannot be labelled predictions (it is half a correction): it is left out.
    """
    kept = value > 0
    return Cells(index[kept] // classes, index[kept] % classes, value[kept].astype(np.float64))


def cell_margins(occupied: Cells, classes: int) -> Margins:
    """Return the margins (K,) of sparse cells; nothing of size K x K is made."""
    right = occupied.true == occupied.predicted
    return Margins(
        np.bincount(occupied.true[right], occupied.n[right], classes).astype(np.float64),
        np.bincount(occupied.true, occupied.n, classes).astype(np.float64),
        np.bincount(occupied.predicted, occupied.n, classes).astype(np.float64),
        np.asarray(occupied.n.sum(), np.float64),
    )


def recall(m: Margins) -> Floats:
    """Return TP / (TP + FN), (..., K)."""
    return ratio(m.tp, m.row)


def precision(m: Margins) -> Floats:
    """Return TP / (TP + FP), (..., K)."""
    return ratio(m.tp, m.col)


def f1(m: Margins) -> Floats:
    """Return 2 TP / (2 TP + FP + FN), (..., K)."""
    return ratio(2.0 * m.tp, m.row + m.col)


def specificity(m: Margins) -> Floats:
    """Return TN / (TN + FP), (..., K)."""
    return ratio(true_negatives(m), m.total[..., None] - m.row)


def accuracy(m: Margins) -> Floats:
    """Return the share that is right, (...)."""
    return ratio(m.tp.sum(axis=-1), m.total)


def true_negatives(m: Margins) -> Floats:
    """Return TN, (..., K)."""
    return np.maximum(m.total[..., None] - m.row - m.col + m.tp, 0.0)


def mean_of_present(values: Floats) -> Floats:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is left."""
    present = ~np.isnan(values)
    return ratio(np.where(present, values, 0.0).sum(axis=-1), present.sum(axis=-1).astype(np.float64))


def values(m: Margins) -> dict[str, Floats]:
    """Return every metric of a confusion: class metrics (..., K), whole ones (...)."""
    per_class = {"precision": precision(m), "recall": recall(m), "f1": f1(m), "specificity": specificity(m)}
    macro = {name: mean_of_present(per_class[of]) for name, of in MACRO_OF.items()}
    return per_class | {"accuracy": accuracy(m)} | macro


def f1_variance(m: Margins) -> Floats:
    """Return the delta variance of F1, (..., K): 4 TP (S-2TP) (S-TP) / S^4, S = 2TP + FP + FN."""
    return _f1_variance(m, np.nan)


def _f1_variance(m: Margins, where_none: float) -> Floats:
    s = m.row + m.col
    return ratio(4.0 * m.tp * (s - 2.0 * m.tp) * (s - m.tp), s**4, where_none)


def f1_covariance(confusion: ArrayLike) -> Floats:
    """Return the delta covariance of all F1, (..., K, K), 0 where undefined.

    Off the diagonal: (c_kl + c_lk) F_k F_l / (S_k S_l), S = 2TP + FP + FN.
    """
    c = floats(confusion)
    m = margins(c)
    share = np.nan_to_num(ratio(f1(m), m.row + m.col))
    covariance = (c + np.swapaxes(c, -1, -2)) * share[..., :, None] * share[..., None, :]
    k = np.arange(c.shape[-1])
    covariance[..., k, k] = np.nan_to_num(f1_variance(m))
    return covariance


def f1_correlation(confusion: ArrayLike) -> Floats:
    """Return the correlation of all F1, (..., K, K), for `intervals.mover_mean`: 0 where there is no variance."""
    covariance = f1_covariance(confusion)
    deviation = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    scale = deviation[..., :, None] * deviation[..., None, :]
    correlation = ratio(covariance, scale, 0.0)
    k = np.arange(covariance.shape[-1])
    correlation[..., k, k] = 1.0
    return correlation


def f1_lever(m: Margins, half: Floats) -> Floats:
    """Return a (..., K) such that R_kl h_k h_l = (c_kl + c_lk) a_k a_l for k != l.

    R is the correlation of F1, h = `half` (..., K): what `intervals.mover_mean_of` needs comes without K x K numbers.
    """
    s = m.row + m.col
    return ratio(ratio(2.0 * m.tp, s, 0.0) * half, s * np.sqrt(_f1_variance(m, 0.0)), 0.0)


def crossed_cells(occupied: Cells, lever: Floats) -> float:
    """Return the sum over k != l of R_kl h_k h_l of one window from its occupied cells and `f1_lever` (K,)."""
    wrong = occupied.true != occupied.predicted
    i, j = occupied.true[wrong], occupied.predicted[wrong]
    return float(2.0 * (occupied.n[wrong] * lever[i] * lever[j]).sum())
