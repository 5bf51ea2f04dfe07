"""From columns of events to Counts: one Counts per group, in one pass over the batch.

A block of events becomes `Columns` once (what it adds, and where); `grouped` then sums the same columns per group, as
often as there are ways to group them: everything, and each segment's values.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.counts.counts import Counts
from monitor.counts.durations import DELAY_BINS, delay_bins, latency_bins
from monitor.counts.layout import BINS, CALIBRATION_BINS, CALIBRATION_FIELDS, LOSS_FIELDS, LOSS_UNIT, score_bins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from monitor.counts.counts import Sparse
    from monitor.counts.layout import Layout

    Column = tuple[NDArray[np.int64], NDArray[np.float64]]

_DENSE_CELLS: Final = 2**22
"""More cells than this are never kept as one dense vector."""
_INTEGERS_PER_CELL: Final = 4
"""From so many integers to add for each cell on a dense vector beats sorting."""
_MOST_EVENTS: Final = 2**18
"""Sums of so many events are exact in float64: the greatest value, a squared log-loss, is below 2^35, and 2^18 * 2^35
= 2^53.
"""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a block of n events adds to Counts, m of them with scores."""

    size: int
    """Every address lies below."""
    sign: NDArray[np.float64]
    """(n,) +1 or -1"""
    units: Sequence[NDArray[np.int64]]
    """Addresses, (n,) each, to which every event adds its sign."""
    rows: NDArray[np.int64] | None = None
    """(m,) the events with scores; None: all."""
    scored: Sequence[NDArray[np.int64]] = ()
    """Addresses, (m,) each, to which every event with scores adds its sign."""
    amounts: Sequence[Column] = ()
    """(address, value), (m,) each, of losses and calibration. Values are integers, as float64 for the sake of
    `bincount`.
    """


def tally_predicted(
    layout: Layout, y_pred: NDArray[np.integer], sign: NDArray[np.integer], group: NDArray[np.integer], groups: int
) -> list[Counts]:
    """Count predictions per predicted class.

    y_pred (n,) class indexes; sign (n,) +1 or -1; group (n,) in [0, groups). Returns `groups` Counts.
    """
    return grouped(layout, [(columns_predicted(layout, y_pred, sign), group)], groups)


def tally_labelled(
    layout: Layout,
    y_true: NDArray[np.integer],
    y_pred: NDArray[np.integer],
    scores: NDArray[np.float64],
    sign: NDArray[np.integer],
    group: NDArray[np.integer],
    groups: int,
    *,
    delay: NDArray[np.int64] | None = None,
    by_class: bool = False,
) -> list[Counts]:
    """Count labelled predictions: confusion, score histograms, losses, calibration and delays.

    y_true, y_pred (n,) class indexes; scores (n, layout.score_columns), a row of NaN where there are none; sign (n,)
    +1 or -1; group (n,) in [0, groups); delay (n,) ms from prediction to label, None (folds) where there is no such
    thing. `by_class` (folds) also counts every class's histogram per true class. Returns `groups` Counts.
    """
    columns = columns_labelled(layout, y_true, y_pred, scores, sign, delay=delay, by_class=by_class)
    return grouped(layout, [(columns, group)], groups)


def columns_predicted(layout: Layout, y_pred: NDArray[np.integer], sign: NDArray[np.integer]) -> Columns:
    """Return what predictions add; arguments as of `tally_predicted`."""
    address = layout.offsets["predicted"] + y_pred.astype(np.int64)
    return Columns(layout.live_size, sign.astype(np.float64), [address])


def columns_latency(layout: Layout, latency: NDArray[np.float64]) -> Columns:
    """Return what prediction events with a latency (n,) in ms add; events without one (NaN) add nothing."""
    rows = np.flatnonzero(~np.isnan(latency))
    address = layout.offsets["latency"] + latency_bins(latency[rows])
    return Columns(layout.live_size, np.ones(len(latency)), [], rows, [address])


def columns_labelled(
    layout: Layout,
    y_true: NDArray[np.integer],
    y_pred: NDArray[np.integer],
    scores: NDArray[np.float64],
    sign: NDArray[np.integer],
    *,
    delay: NDArray[np.int64] | None = None,
    by_class: bool = False,
) -> Columns:
    """Return what labelled predictions add; arguments as of `tally_labelled`."""
    true, signs = y_true.astype(np.int64), sign.astype(np.float64)
    cell = true * layout.classes + y_pred
    units = [layout.offsets["confusion"] + cell]
    if delay is not None:
        owner = true if layout.shapes["delays"][1] == 1 else cell
        units.append(layout.offsets["delays"] + owner * DELAY_BINS + delay_bins(delay))
    scored = ~np.isnan(scores[:, 0])
    rows = None if scored.all() else np.flatnonzero(scored)
    scored_signs = signs
    if rows is not None:
        true, scores, scored_signs = true[rows], scores[rows], signs[rows]
    return Columns(
        layout.size if by_class else layout.live_size,
        signs,
        units,
        rows,
        list(_histograms(layout, true, scores, by_class=by_class)),
        [*_losses(layout, true, scores, scored_signs), *_calibration(layout, true, scores, scored_signs)],
    )


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


def grouped(layout: Layout, blocks: Sequence[tuple[Columns, NDArray[np.integer]]], groups: int) -> list[Counts]:
    """Sum the columns of each block per group: blocks of (columns, group (n,) in [0, groups)). Returns `groups` Counts.

    Exact: whatever is added in float64 is an integer below 2^53.
    """
    size = max((columns.size for columns, _ in blocks), default=layout.live_size)
    units: list[Column] = []
    amounts: list[Column] = []
    for columns, group in blocks:
        start = group.astype(np.int64) * size
        units += [(start + address, columns.sign) for address in columns.units]
        rows = columns.rows
        start, sign = (start, columns.sign) if rows is None else (start[rows], columns.sign[rows])
        units += [(start + address, sign) for address in columns.scored]
        amounts += [(start + address, value) for address, value in columns.amounts]
    cells = groups * size
    if cells <= min(_DENSE_CELLS, sum(len(cell) for cell, _ in (*units, *amounts)) // _INTEGERS_PER_CELL):
        at, total = _summed_densely((*units, *amounts), cells)
    else:
        at, total = _merged(_summed_units(units), _summed_amounts(layout, amounts, groups, size))
    ends = np.searchsorted(at, np.arange(groups + 1) * size).tolist()
    at = at % size
    return [Counts(layout, at[lo:hi], total[lo:hi]) for lo, hi in itertools.pairwise(ends)]


def _summed_densely(columns: Iterable[Column], cells: int) -> Sparse:
    """Return (cells in order, their sums that are not zero), by way of a dense vector."""
    dense = np.zeros(cells, np.int64)
    for cell, value in columns:
        for lo in range(0, len(cell), _MOST_EVENTS):
            cut = slice(lo, lo + _MOST_EVENTS)
            dense += np.bincount(cell[cut], value[cut], cells).astype(np.int64)
    at = np.flatnonzero(dense)
    return at, dense[at]


def _summed_units(columns: Sequence[Column]) -> Sparse:
    """Return the same of values +1 and -1: the sign becomes the cell's lowest bit, and one plain sort does it."""
    signed = np.concatenate([cell * 2 + (sign < 0.0) for cell, sign in columns] or [np.zeros(0, np.int64)])
    signed.sort()
    cell = signed >> 1
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    if not first.size:
        return cell, cell
    total = np.add.reduceat(1 - 2 * (signed & 1), first)
    kept = total != 0
    return cell[first[kept]], total[kept]


def _summed_amounts(layout: Layout, columns: Sequence[Column], groups: int, size: int) -> Sparse:
    """Return the same of losses and calibration, whose few cells a group are dense even where the group is not."""
    low = layout.offsets["losses"]
    width = layout.judged_size - low
    most = max(1, _DENSE_CELLS // width)
    parts: list[Sparse] = []
    for first in range(0, groups, most):
        last = min(first + most, groups)
        near: list[Column] = []
        for cell, value in columns:
            group, address = np.divmod(cell, size)
            inside = slice(None) if most >= groups else (group >= first) & (group < last)
            near.append((((group - first) * width + address - low)[inside], value[inside]))
        at, total = _summed_densely(near, (last - first) * width)
        group, address = np.divmod(at, width)
        parts.append(((group + first) * size + address + low, total))
    return np.concatenate([at for at, _ in parts]), np.concatenate([total for _, total in parts])


def _merged(a: Sparse, b: Sparse) -> Sparse:
    """Merge two that have no cell in common."""
    at = np.concatenate((a[0], b[0]))
    order = np.argsort(at, kind="stable")  # which merges sorted runs
    return at[order], np.concatenate((a[1], b[1]))[order]


def _histograms(
    layout: Layout, y_true: NDArray[np.int64], scores: NDArray[np.float64], *, by_class: bool
) -> Iterable[NDArray[np.int64]]:
    """Yield the score histograms' addresses: a column per ranked class, and per true class for the folds."""
    ranked = [layout.positive] if layout.ranked == 1 else range(layout.ranked)
    by_class = by_class and bool(layout.shapes["scores_by_class"][0])
    for column, k in enumerate(ranked):
        bins = score_bins(scores[:, column])
        yield (y_true == k) * BINS + bins + (layout.offsets["scores"] + column * 2 * BINS)
        if by_class:
            yield y_true * BINS + bins + (layout.offsets["scores_by_class"] + k * layout.classes * BINS)


def _losses(
    layout: Layout, y_true: NDArray[np.int64], scores: NDArray[np.float64], sign: NDArray[np.float64]
) -> Iterable[Column]:
    """Yield the columns of LOSS_FIELDS."""
    if not layout.ranked:
        return
    log_loss, brier = losses(layout, y_true, scores)
    address = layout.offsets["losses"] + y_true * len(LOSS_FIELDS)
    yield address, sign
    for field, column in enumerate((log_loss, log_loss**2, brier, brier**2), start=1):
        yield address + field, sign * _units(column)


def _calibration(
    layout: Layout, y_true: NDArray[np.int64], scores: NDArray[np.float64], sign: NDArray[np.float64]
) -> Iterable[Column]:
    """Yield the columns of CALIBRATION_FIELDS."""
    if layout.classes == 2:  # noqa: PLR2004 - two classes are the binary case
        top, hits = scores[:, 0], y_true == layout.positive
    elif layout.ranked:
        best = scores.argmax(axis=1)
        top, hits = scores[np.arange(len(best)), best], best == y_true
    else:
        top, hits = scores[:, 0], scores[:, 1] == y_true
    bucket = np.minimum((top * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    address = bucket * len(CALIBRATION_FIELDS) + layout.offsets["calibration"]
    yield address, sign
    yield address + 1, sign * _units(top)
    yield address + 2, sign * hits


def _units(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to multiples of 1 / LOSS_UNIT; integers, as float64."""
    return np.rint(column * LOSS_UNIT)
