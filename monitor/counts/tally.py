"""From columns of events to Counts: one Counts per group, in one pass over the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.counts.counts import Counts
from monitor.counts.layout import BINS, CALIBRATION_BINS, LOSS_UNIT, score_bins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.counts.layout import Layout

    Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

_DENSE_CELLS = 2**24
"""Up to this many cells a dense vector with `np.add.at` beats sorting (8 against 70 ns an integer)."""


def tally_predicted(
    layout: Layout, y_pred: NDArray[np.integer], sign: NDArray[np.integer], group: NDArray[np.integer], groups: int
) -> list[Counts]:
    """Count predictions per predicted class.

    y_pred (n,) class indexes; sign (n,) +1 or -1; group (n,) in [0, groups). Returns `groups` Counts.
    """
    address = layout.offsets["predicted"] + y_pred.astype(np.int64)
    return _grouped(layout, [(address, sign.astype(np.int64))], [group.astype(np.int64)], groups)


def tally_labelled(
    layout: Layout,
    y_true: NDArray[np.integer],
    y_pred: NDArray[np.integer],
    scores: NDArray[np.float64],  # noqa: PLR0913 - one column each
    sign: NDArray[np.integer],
    group: NDArray[np.integer],
    groups: int,
    *,
    by_class: bool = False,
) -> list[Counts]:
    """Count labelled predictions: confusion, score histograms, losses and calibration.

    y_true, y_pred (n,) class indexes; scores (n, layout.score_columns), a row of NaN where there are none; sign (n,) +1 or -1;
    group (n,) in [0, groups). `by_class` (folds) also counts every class's histogram per true class. Returns `groups` Counts.
    """
    y_true, sign, group = y_true.astype(np.int64), sign.astype(np.int64), group.astype(np.int64)
    confusion = layout.offsets["confusion"] + y_true * layout.classes + y_pred
    pairs: list[Pairs] = [(confusion, sign)]
    owners = [group]
    scored = np.flatnonzero(~np.isnan(scores[:, 0]))
    if scored.size:
        scores, y_true, sign, group = scores[scored], y_true[scored], sign[scored], group[scored]
        for pair in _scored(layout, y_true, scores, sign, by_class=by_class):
            pairs.append(pair)
            owners.append(np.tile(group, pair[0].size // group.size))
    return _grouped(layout, pairs, owners, groups)


def losses(
    layout: Layout, y_true: NDArray[np.integer], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (log-loss, Brier) of each scored prediction, (n,) each, in nats and summed over classes (halved for two).

    Log-loss clips at float64's epsilon, as scikit-learn does. Not for more than 50 classes.
    """
    eps = np.finfo(np.float64).eps
    if layout.classes == 2:  # noqa: PLR2004 - two classes are the binary case
        p = scores[:, 0]
        hit = y_true == layout.positive
        return -np.log(np.clip(np.where(hit, p, 1.0 - p), eps, 1.0 - eps)), (p - hit) ** 2
    rows = np.arange(len(y_true))
    p_true = scores[rows, y_true]
    # sum_k (p_k - 1[k = y])^2 = sum_k p_k^2 - 2 p_y + 1
    return -np.log(np.clip(p_true, eps, 1.0 - eps)), np.maximum((scores**2).sum(axis=1) - 2.0 * p_true + 1.0, 0.0)


def _scored(
    layout: Layout, y_true: NDArray[np.int64], scores: NDArray[np.float64], sign: NDArray[np.int64], *, by_class: bool
) -> list[Pairs]:
    """Return the pairs of score histograms, losses and calibration; each is a whole number of columns long, column after column."""
    n = len(y_true)
    pairs: list[Pairs] = []
    if layout.ranked:
        ranked = np.array([layout.positive]) if layout.ranked == 1 else np.arange(layout.ranked)
        bins = score_bins(scores)
        hit = (y_true[:, None] == ranked).astype(np.int64)
        slots = (np.arange(layout.ranked) * 2 + hit) * BINS + bins + layout.offsets["scores"]
        pairs.append((slots.T.ravel(), np.tile(sign, layout.ranked)))
        if by_class and layout.shapes["scores_by_class"][0]:
            cells = (
                (np.arange(layout.classes) * layout.classes + y_true[:, None]) * BINS
                + bins
                + layout.offsets["scores_by_class"]
            )
            pairs.append((cells.T.ravel(), np.tile(sign, layout.classes)))
        log_loss, brier = losses(layout, y_true, scores)
        columns = [np.ones(n), log_loss, log_loss**2, brier, brier**2]
        units = [_units(column) if i else column.astype(np.int64) for i, column in enumerate(columns)]
        address = layout.offsets["losses"] + y_true * len(columns)
        pairs.append(
            (
                np.concatenate([address + i for i in range(len(columns))]),
                np.concatenate([sign * unit for unit in units]),
            )
        )
    if layout.classes == 2:  # noqa: PLR2004 - two classes are the binary case
        top, hits = scores[:, 0], y_true == layout.positive
    elif layout.ranked:
        best = scores.argmax(axis=1)
        top, hits = scores[np.arange(n), best], best == y_true
    else:
        top, hits = scores[:, 0], scores[:, 1] == y_true
    bucket = (
        np.minimum((top * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1) * 3 + layout.offsets["calibration"]
    )
    pairs.append(
        (np.concatenate((bucket, bucket + 1, bucket + 2)), np.concatenate((sign, sign * _units(top), sign * hits)))
    )
    return pairs


def _units(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to multiples of 1 / LOSS_UNIT."""
    return np.rint(column * LOSS_UNIT).astype(np.int64)


def _grouped(layout: Layout, pairs: Sequence[Pairs], owners: Sequence[NDArray[np.int64]], groups: int) -> list[Counts]:
    """Sum (address, value) pairs per group; owners[i] says whose each of pairs[i] is (tiled, where the pair has several columns)."""
    size = layout.size if any(p[0].size and p[0].max() >= layout.live_size for p in pairs) else layout.live_size
    if groups * size <= _DENSE_CELLS:
        dense = np.zeros(groups * size, np.int64)
        for (address, value), owner in zip(pairs, owners, strict=True):
            np.add.at(dense, owner * size + address, value)
        return [Counts.from_dense(layout, row) for row in dense.reshape(groups, size)]
    address = np.concatenate([owner * size + pair[0] for pair, owner in zip(pairs, owners, strict=True)])
    whole = Counts.from_pairs(layout, address, np.concatenate([pair[1] for pair in pairs]))
    cuts = np.searchsorted(whole.index, np.arange(groups + 1) * size)
    return [
        Counts(layout, whole.index[lo:hi] - g * size, whole.value[lo:hi])
        for g, (lo, hi) in enumerate(zip(cuts[:-1], cuts[1:], strict=True))
    ]
