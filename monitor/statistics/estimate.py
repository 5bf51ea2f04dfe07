"""What the windows of a model measure: every metric of CONTRACT section 5 with its closed-form band. Pure.

The verdict rests on these bands. All windows of a batch are evaluated at once, and each comes out to the bit as it
would alone: sums run over last axes only, no BLAS, nothing iterates until the slowest one is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.counts.layout import MOST_SCORED_CLASSES
from monitor.statistics import confusion as cm
from monitor.statistics.batch import Batch, gather
from monitor.statistics.calibration import ece
from monitor.statistics.intervals import jaccard_to_f1, jeffreys, mover_mean_of
from monitor.statistics.losses import LOSSES, loss_band, mean_loss
from monitor.statistics.ranking import Band, auc_band, average_precision_band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats

    Objects = NDArray[np.object_]
    Whole = NDArray[np.int64]

_BINARY: Final = 2
OVERALL_OF_POSITIVE: Final = {"overall_roc_auc": "roc_auc", "overall_pr_auc": "pr_auc"}
"""Keys of the whole-model metrics whose name is a class metric's too (two classes only) -> that name."""

NO_LABELS: Final = "no labels"
NO_SCORES: Final = "no scores"
TOP_ONLY: Final = f"above {MOST_SCORED_CLASSES} classes only the top class's probability is kept"
NEVER_TRUE: Final = "no labelled prediction is of this class"
ALWAYS_TRUE: Final = "every labelled prediction is of this class"
NEVER_PREDICTED: Final = "no labelled prediction says this class"
NEITHER: Final = "this class was neither seen nor predicted"
ONE_KIND: Final = "it takes scored predictions of this class and of others"
NONE_SCORED: Final = "no scored prediction is of this class"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric of W windows; C = K for class metrics, else 1."""

    metric: str
    per_class: bool
    value: Floats
    """(W, C), NaN where undefined."""
    n: Whole
    """(W, C) the denominator in labelled predictions."""
    lower: Floats
    upper: Floats
    """(W, C) closed-form band; NaN where there is none."""
    method: Objects
    """(W, C) the contract's names."""
    undefined: Objects
    """(W, C) a short reason, or None."""


def estimate(
    layout: Layout, windows: Sequence[Counts], deff: ArrayLike = 1.0, level: float = 0.95
) -> dict[str, Estimate]:
    """Return every metric of a batch of windows in the contract's order.

    deff: one for all windows, or (W,). Keys are the metrics' names; the whole-model AUC and average precision of two
    classes, whose names are class metrics' too, have the keys of `OVERALL_OF_POSITIVE`.
    """
    return estimate_batch(gather(layout, windows, deff), level)


def estimate_batch(batch: Batch, level: float = 0.95) -> dict[str, Estimate]:
    """Return `estimate` of windows that are gathered already."""
    classes = _of_classes(batch, level)
    found = classes | _ranked(batch, level) | _of_the_whole(batch, classes, level)
    found |= _lost(batch, level) | {"ece": _calibrated(batch)}
    if batch.layout.classes == _BINARY:
        positive = slice(batch.layout.positive, batch.layout.positive + 1)
        for key, name in OVERALL_OF_POSITIVE.items():
            of = found[name]
            found[key] = Estimate(
                metric=name,
                per_class=False,
                value=of.value[:, positive],
                n=of.n[:, positive],
                lower=of.lower[:, positive],
                upper=of.upper[:, positive],
                method=of.method[:, positive],
                undefined=of.undefined[:, positive],
            )
    return found


def _of_classes(batch: Batch, level: float) -> dict[str, Estimate]:
    """Return precision, recall, f1, specificity and support."""
    m, e = batch.margins, batch.effective_margins()
    total = np.broadcast_to(m.total[:, None], m.row.shape)
    # One call for three metrics; F1 through the Jaccard proportion.
    trials = np.stack((e.col, e.row, np.maximum(e.row + e.col - e.tp, e.tp)))
    lower, upper = jeffreys(np.broadcast_to(e.tp, trials.shape), trials, level)
    precision, recall = (lower[0], upper[0]), (lower[1], upper[1])
    f1 = jaccard_to_f1(lower[2]), jaccard_to_f1(upper[2])
    if batch.layout.classes == _BINARY:
        specificity = recall[0][:, ::-1], recall[1][:, ::-1]
    else:
        specificity = jeffreys(cm.true_negatives(e), np.maximum(e.total[:, None] - e.row, 0.0), level)
    parts = (
        ("precision", cm.precision(m), m.col, precision, "jeffreys", NEVER_PREDICTED),
        ("recall", cm.recall(m), m.row, recall, "jeffreys", NEVER_TRUE),
        ("f1", cm.f1(m), m.row + m.col - m.tp, f1, "jeffreys-f1", NEITHER),
        ("specificity", cm.specificity(m), total, specificity, "jeffreys", ALWAYS_TRUE),
    )
    reasons = {name: np.where(total > 0, reason, NO_LABELS) for name, *_, reason in parts}
    found = {name: _estimate(name, value, n, band, method, reasons[name]) for name, value, n, band, method, _ in parts}
    none = np.full(m.row.shape, np.nan)
    found["support"] = _estimate("support", m.row.copy(), total, (none, none), "none", NO_LABELS)
    return found


def _of_the_whole(batch: Batch, classes: dict[str, Estimate], level: float) -> dict[str, Estimate]:
    """Return accuracy and the macro averages, the latter from the bands of the classes."""
    m, e = batch.margins, batch.effective_margins()
    right = e.tp.sum(axis=-1, keepdims=True)
    total = m.total[:, None]
    band = jeffreys(right, e.total[:, None], level)
    found = {"accuracy": _estimate("accuracy", cm.accuracy(m)[:, None], total, band, "jeffreys", NO_LABELS, whole=True)}
    for name, each in cm.MACRO_OF.items():
        values, lower, upper = classes[each].value, classes[each].lower, classes[each].upper
        present = ~np.isnan(values)
        below, above = np.where(present, values - lower, 0.0), np.where(present, upper - values, 0.0)
        crossed = (0.0, 0.0) if name != "macro_f1" else (_crossed(batch, below), _crossed(batch, above))
        ends = mover_mean_of(values, below, above, *crossed)
        band = np.maximum(ends[0], 0.0)[:, None], np.minimum(ends[1], 1.0)[:, None]
        mean = cm.mean_of_present(values)[:, None]
        found[name] = _estimate(name, mean, total, band, "mover", NO_LABELS, whole=True)
    return found


def _crossed(batch: Batch, half: Floats) -> Floats:
    """Return the sum over k != l of R_kl h_k h_l (W,), R the correlation of F1."""
    lever = cm.f1_lever(batch.margins, half)
    if batch.confusion is None:
        return np.array([cm.crossed_cells(cells, each) for cells, each in zip(batch.cells, lever, strict=True)])
    weighted = (batch.confusion * lever[:, None, :]).sum(axis=-1)
    diagonal = np.diagonal(batch.confusion, axis1=1, axis2=2) * lever
    crossed: Floats = 2.0 * ((weighted - diagonal) * lever).sum(axis=-1)
    return crossed


def _ranked(batch: Batch, level: float) -> dict[str, Estimate]:
    """Return roc_auc and pr_auc of every class."""
    shape = batch.margins.row.shape
    n = np.broadcast_to(batch.scored[:, None], shape)
    if batch.pos is None or batch.neg is None:
        none = np.full(shape, np.nan)
        return {name: _estimate(name, none, n, (none, none), "none", TOP_ONLY) for name in ("roc_auc", "pr_auc")}
    deff = batch.deff[:, None]
    if batch.layout.classes == _BINARY:
        one = [batch.layout.positive]
        alike = auc_band(batch.pos[:, one], batch.neg[:, one], level, deff)
        area = Band(alike.value[:, [0, 0]], alike.lower[:, [0, 0]], alike.upper[:, [0, 0]], alike.method[:, [0, 0]])
    else:
        area = auc_band(batch.pos, batch.neg, level, deff)
    precision = average_precision_band(batch.pos, batch.neg, level, deff)
    missing = np.where(n > 0, "", np.where(batch.margins.total[:, None] > 0, NO_SCORES, NO_LABELS)).astype(object)
    return {
        name: _estimate(name, of.value, n, (of.lower, of.upper), of.method, np.where(n > 0, reason, missing))
        for name, of, reason in (("roc_auc", area, ONE_KIND), ("pr_auc", precision, NONE_SCORED))
    }


def _lost(batch: Batch, level: float) -> dict[str, Estimate]:
    """Return log_loss and brier."""
    n = batch.scored[:, None]
    if batch.losses is None:
        none = np.full(n.shape, np.nan)
        return {name: _estimate(name, none, n, (none, none), "none", TOP_ONLY, whole=True) for name in LOSSES}
    found = {}
    for name in LOSSES:
        mean = mean_loss(batch.losses, name, deff=batch.deff)
        lower, upper = loss_band(mean, name, batch.layout.classes, level)
        band = lower[:, None], upper[:, None]
        found[name] = _estimate(name, mean.value[:, None], n, band, "clt", _unscored(batch), whole=True)
    return found


def _calibrated(batch: Batch) -> Estimate:
    """Return ece: a value, never a band."""
    n = batch.scored[:, None]
    none = np.full(n.shape, np.nan)
    return _estimate("ece", ece(batch.calibration)[:, None], n, (none, none), "none", _unscored(batch), whole=True)


def _unscored(batch: Batch) -> Objects:
    return np.where(batch.margins.total[:, None] > 0, NO_SCORES, NO_LABELS).astype(object)


def _estimate(
    metric: str,
    value: Floats,
    n: Floats,
    band: tuple[Floats, Floats],
    method: str | Objects,
    reason: str | Objects,
    *,
    whole: bool = False,
) -> Estimate:
    """Return an Estimate whose band holds its value, and which says why where there is none."""
    lower, upper = np.minimum(band[0], value), np.maximum(band[1], value)
    methods, reasons = np.empty((2, *value.shape), object)
    methods[...] = method
    undefined = np.isnan(value)
    if undefined.any():
        methods[undefined] = "none"
        reasons[undefined] = np.broadcast_to(np.asarray(reason, object), value.shape)[undefined]
    return Estimate(metric, not whole, value, n.astype(np.int64), lower, upper, methods, reasons)
