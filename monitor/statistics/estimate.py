"""What the windows of a model measure: every metric of docs/concepts.md with its closed-form band. Pure.

The verdict rests on these bands. All windows of a batch are evaluated at once, and each comes out to the bit as it
would alone: sums run over last axes only, no BLAS, nothing iterates until the slowest one is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.counts.layout import MOST_SCORED_CLASSES
from monitor.statistics import confusion as cm
from monitor.statistics.arrays import ratio
from monitor.statistics.batch import Batch, gather
from monitor.statistics.calibration import ece
from monitor.statistics.intervals import jaccard_to_f1, jeffreys, mover_mean_of
from monitor.statistics.losses import LOSSES, loss_band, mean_loss
from monitor.statistics.names import METRICS, RANKED
from monitor.statistics.ranking import Band, auc_band, average_precision_band
from monitor.statistics.table import OVERALL_OF_POSITIVE, Estimate, Estimates, blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.table import Objects

__all__ = ["OVERALL_OF_POSITIVE", "Estimate", "Estimates", "estimate", "estimate_batch"]

_BINARY: Final = 2
_SCORED: Final = {*RANKED, "ece"}
"""Metrics of the predictions that have scores."""

NO_LABELS: Final = "no labels"
NO_SCORES: Final = "no scores"
TOP_ONLY: Final = f"above {MOST_SCORED_CLASSES} classes only the top class's probability is kept"
UNDEFINED: Final = {
    "precision": "no labelled prediction says this class",
    "recall": "no labelled prediction is of this class",
    "f1": "this class was neither seen nor predicted",
    "specificity": "every labelled prediction is of this class",
    "roc_auc": "it takes scored predictions of this class and of others",
    "pr_auc": "no scored prediction is of this class",
}
"""Why a metric has no value in a window with labels, and with scores if it needs them."""


class _Part(NamedTuple):
    """One metric of W windows, (W, C) each or what broadcasts to it; the band may yet miss the value by a hair."""

    value: Floats
    n: Floats
    lower: Floats
    upper: Floats
    method: str | Objects


def estimate(layout: Layout, windows: Sequence[Counts], deff: ArrayLike = 1.0, level: float = 0.95) -> Estimates:
    """Return every metric of a batch of windows in the contract's order.

    deff: one for all windows, or (W,). Keys are the metrics' names; the whole-model AUC and average precision of two
    classes, whose names are class metrics' too, have the keys of `OVERALL_OF_POSITIVE`.
    """
    return estimate_batch(gather(layout, windows, deff), level)


def estimate_batch(batch: Batch, level: float = 0.95) -> Estimates:
    """Return `estimate` of windows that are gathered already."""
    parts = _confused(batch, level) | _ranked(batch, level) | _lost(batch, level) | {"ece": _calibrated(batch)}
    value, n, lower, upper = (np.concatenate([parts[m][field] for m in METRICS], axis=1) for field in range(4))
    place = blocks(batch.layout)
    method, reason = np.empty((2, *value.shape), object)
    for metric, part in parts.items():
        method[:, place[metric].columns] = part.method
    undefined = np.isnan(value)
    if undefined.any():
        method[undefined] = "none"
        for metric in METRICS:
            window, column = np.nonzero(undefined[:, place[metric].columns])
            if window.size:
                reason[window, place[metric].columns.start + column] = _why(batch, metric)[window]
    return Estimates(
        blocks=place,
        value=value,
        n=n.astype(np.int64),
        lower=np.minimum(lower, value),
        upper=np.maximum(upper, value),
        method=method,
        undefined=reason,
    )


def _why(batch: Batch, metric: str) -> Objects:
    """Return why a metric would have no value in each window, (W,)."""
    why = np.full(batch.windows, UNDEFINED.get(metric), object)
    if metric in RANKED and batch.losses is None:
        why[:] = TOP_ONLY
        return why
    if metric in _SCORED:
        why[batch.scored <= 0] = NO_SCORES
    why[batch.margins.total <= 0] = NO_LABELS
    return why


def _confused(batch: Batch, level: float) -> dict[str, _Part]:
    """Return the metrics of the confusion."""
    m, e = batch.margins, batch.effective_margins()
    total, k = m.total[:, None], m.row.shape[1]
    # Precision, recall and F1 go together, (W, 3, K): their values, and their bands, F1 through the Jaccard proportion.
    value = ratio(np.stack((m.tp, m.tp, 2.0 * m.tp), axis=1), np.stack((m.col, m.row, m.row + m.col), axis=1))
    hits = [e.tp, e.tp, e.tp, e.tp.sum(axis=-1, keepdims=True)]
    cases = [e.col, e.row, np.maximum(e.row + e.col - e.tp, e.tp), e.total[:, None]]
    if k != _BINARY:
        hits.append(cm.true_negatives(e))
        cases.append(np.maximum(e.total[:, None] - e.row, 0.0))
    band = np.array(jeffreys(np.concatenate(hits, axis=1), np.concatenate(cases, axis=1), level))
    ends = band[..., : 3 * k].reshape(2, -1, 3, k)
    ends[:, :, 2] = jaccard_to_f1(ends[:, :, 2])
    lower, upper = np.minimum(ends[0], value), np.maximum(ends[1], value)
    right = band[..., 3 * k : 3 * k + 1]
    # Of two classes one's specificity is the other's recall.
    refused = ends[:, :, 1, ::-1] if k == _BINARY else band[..., 3 * k + 1 :]
    n = np.broadcast_to(total, m.row.shape)
    none = np.full(m.row.shape, np.nan)
    return {
        "precision": _Part(value[:, 0], m.col, lower[:, 0], upper[:, 0], "jeffreys"),
        "recall": _Part(value[:, 1], m.row, lower[:, 1], upper[:, 1], "jeffreys"),
        "f1": _Part(value[:, 2], m.row + m.col - m.tp, lower[:, 2], upper[:, 2], "jeffreys-f1"),
        "specificity": _Part(cm.specificity(m), n, refused[0], refused[1], "jeffreys"),
        "support": _Part(m.row, n, none, none, "none"),
        "accuracy": _Part(cm.accuracy(m)[:, None], total, right[0], right[1], "jeffreys"),
    } | _averaged(batch, value, lower, upper)


def _averaged(batch: Batch, value: Floats, lower: Floats, upper: Floats) -> dict[str, _Part]:
    """Return the macro averages from values and bands (W, 3, K) of the classes."""
    present = ~np.isnan(value)
    half = np.where(present, np.array((value - lower, upper - value)), 0.0)
    crossed = np.zeros(half.shape[:-1])
    crossed[..., 2] = _crossed(batch, half[:, :, 2])
    below, above = mover_mean_of(value, *half, *crossed)
    fields = cm.mean_of_present(value), np.maximum(below, 0.0), np.minimum(above, 1.0)
    mean, below, above = (x[:, :, None] for x in fields)
    total = batch.margins.total[:, None]
    return {name: _Part(mean[:, i], total, below[:, i], above[:, i], "mover") for i, name in enumerate(cm.MACRO_OF)}


def _crossed(batch: Batch, half: Floats) -> Floats:
    """Return the sum over k != l of R_kl h_k h_l (2, W), R the correlation of F1, from `half` (2, W, K)."""
    lever = cm.f1_lever(batch.margins, half)
    if batch.confusion is None:
        sides = [[cm.crossed_cells(*of) for of in zip(batch.cells, side, strict=True)] for side in lever]
        return np.array(sides, np.float64)
    weighted = (batch.confusion * lever[:, :, None, :]).sum(axis=-1)
    crossed: Floats = 2.0 * ((weighted - batch.margins.tp * lever) * lever).sum(axis=-1)
    return crossed


def _ranked(batch: Batch, level: float) -> dict[str, _Part]:
    """Return roc_auc and pr_auc of every class."""
    n = np.broadcast_to(batch.scored[:, None], batch.margins.row.shape)
    if batch.pos is None or batch.neg is None:
        none = np.full(n.shape, np.nan)
        return dict.fromkeys(("roc_auc", "pr_auc"), _Part(none, n, none, none, "none"))
    deff = batch.deff[:, None]
    if batch.layout.classes == _BINARY:
        # Of two classes both have the same area.
        one = slice(batch.layout.positive, batch.layout.positive + 1)
        alike = auc_band(batch.pos[:, one], batch.neg[:, one], level, deff)
        both = np.zeros(_BINARY, np.int64)
        area = Band(alike.value[:, both], alike.lower[:, both], alike.upper[:, both], alike.method[:, both])
    else:
        area = auc_band(batch.pos, batch.neg, level, deff)
    precision = average_precision_band(batch.pos, batch.neg, level, deff)
    return {
        name: _Part(of.value, n, of.lower, of.upper, of.method)
        for name, of in (("roc_auc", area), ("pr_auc", precision))
    }


def _lost(batch: Batch, level: float) -> dict[str, _Part]:
    """Return log_loss and brier."""
    n = batch.scored[:, None]
    if batch.losses is None:
        none = np.full(n.shape, np.nan)
        return dict.fromkeys(LOSSES, _Part(none, n, none, none, "none"))
    found = {}
    for name in LOSSES:
        mean = mean_loss(batch.losses, name, deff=batch.deff)
        lower, upper = loss_band(mean, name, batch.layout.classes, level)
        found[name] = _Part(mean.value[:, None], n, lower[:, None], upper[:, None], "clt")
    return found


def _calibrated(batch: Batch) -> _Part:
    """Return ece: a value, never a band."""
    n = batch.scored[:, None]
    none = np.full(n.shape, np.nan)
    return _Part(ece(batch.calibration)[:, None], n, none, none, "none")
