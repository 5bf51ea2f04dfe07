"""The bands that are shown, method `auto`: the cell bootstrap where it holds, else the closed form. Pure.

It holds where both the successes and the errors of a metric are at least `ENOUGH` after deff: below, it collapses
(measured coverage .05 to .18). The verdict never rests on these bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics import bootstrap as boot
from monitor.statistics import confusion as cm
from monitor.statistics.batch import Batch, gather
from monitor.statistics.table import Shown, ShownBands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.bootstrap import Bootstrap, Replicates
    from monitor.statistics.table import Estimates

    Flags = NDArray[np.bool_]
    Indexes = NDArray[np.int64]

__all__ = ["Shown", "ShownBands", "shown", "shown_batch"]

ENOUGH: Final = 10.0
MOST_CELLS: Final = 10_000
"""More occupied cells than this are not resampled: their closed forms are shown (10 million draws are a second)."""
_BINARY: Final = 2
_SHARES: Final = ("precision", "recall", "f1", "specificity")
_WHOLE: Final = ("accuracy", *cm.MACRO_METRICS)
_OF_TWO: Final = np.array([0, 1, 2, 3, 4, 5, 3, 2, 6, 7, 8, 9])
"""Where the `_SHARES` of two classes and the `_WHOLE` stand among `boot.binary_metrics`: one class's specificity is the
other's recall."""


def shown(
    layout: Layout,
    windows: Sequence[Counts],
    seeds: Sequence[int],
    estimates: Estimates,
    deff: ArrayLike = 1.0,
    level: float = 0.95,
) -> ShownBands:
    """Return the displayed bands, by the keys of `estimates`; seeds: one for each window."""
    return shown_batch(gather(layout, windows, deff), seeds, estimates, level)


def shown_batch(batch: Batch, seeds: Sequence[int], estimates: Estimates, level: float = 0.95) -> ShownBands:
    """Return `shown` of windows that are gathered already."""
    out = ShownBands(estimates.blocks, estimates.lower.copy(), estimates.upper.copy(), estimates.method.copy())
    wanted = _wanted(batch)
    resampled = np.flatnonzero(wanted.any(axis=-1))
    if batch.layout.classes == _BINARY:
        _show_binary(batch, seeds, wanted, resampled, out, level)
    else:
        for window in resampled.tolist():
            _show_one(batch, window, seeds[window], wanted[window], out, level)
    # A resampled band may miss its own value where it is very skewed, by a hair.
    np.minimum(out.lower, estimates.value, out=out.lower)
    np.maximum(out.upper, estimates.value, out=out.upper)
    return out


def _wanted(batch: Batch) -> Flags:
    """Return for which metrics the bootstrap holds: (W, 4 K + 4), the `_SHARES` of the classes and the `_WHOLE`."""
    e = batch.effective_margins()
    right, wrong = e.tp.sum(axis=-1, keepdims=True), e.col - e.tp
    refused = cm.true_negatives(e)
    good = np.concatenate((e.tp, e.tp, e.tp, refused, *[right] * len(_WHOLE)), axis=-1)
    errors = (wrong, e.row - e.tp, e.row + e.col - 2.0 * e.tp, wrong, *[e.total[:, None] - right] * len(_WHOLE))
    wanted: Flags = np.minimum(good, np.concatenate(errors, axis=-1)) >= ENOUGH
    if batch.confusion is None:
        wanted &= np.array([len(cells.n) <= MOST_CELLS for cells in batch.cells], bool)[:, None]
    return wanted


def _places(out: ShownBands) -> Indexes:
    """Return where the columns of `_wanted` stand in the table."""
    every = [out.blocks[name].columns for name in (*_SHARES, *_WHOLE)]
    return np.concatenate([np.arange(of.start, of.stop) for of in every])


def _show_binary(
    batch: Batch, seeds: Sequence[int], wanted: Flags, resampled: Indexes, out: ShownBands, level: float
) -> None:
    """Resample all windows of two classes at once: 10 metrics each."""
    if not resampled.size or batch.confusion is None:
        return
    confusions = batch.effective(batch.confusion)[resampled]
    values = boot.binary_metrics(confusions, [seeds[w] for w in resampled])
    found = boot.bands(values, boot.binary_accelerations(confusions), level)
    row, column = np.nonzero(wanted[resampled])
    at = row, _OF_TWO[column]
    _write(out, (resampled[row], _places(out)[column]), boot.Bootstrap(*(x[at] for x in found)))


def _class_acceleration(name: str, r: Replicates) -> Floats:
    """Return the acceleration of a class metric from the observed margins, (K,)."""
    tp, row, col = (x[..., -1] for x in r)
    total = row.sum(axis=-1, keepdims=True)
    if name == "precision":
        return boot.share_acceleration(tp, col - tp, total - col)
    if name == "recall":
        return boot.share_acceleration(tp, row - tp, total - row)
    if name == "f1":
        return boot.share_acceleration(tp, row + col - 2.0 * tp, total - row - col + tp, 2.0)
    return boot.share_acceleration(total - row - col + tp, col - tp, row)


def _show_one(batch: Batch, window: int, seed: int, wanted: Flags, out: ShownBands, level: float) -> None:
    """Resample one window of more than two classes, jointly: what is `wanted` (4 K + 4) of it."""
    occupied = batch.occupied(window)
    cells = occupied._replace(n=occupied.n / batch.deff[window])
    k = batch.layout.classes
    r = boot.replicates_of(cells, k, seed)
    tp, row, col = (x[..., -1] for x in r)
    right, total = tp.sum(keepdims=True), row.sum(keepdims=True)
    each = {name: boot.class_metric(name, r) for name in _SHARES}
    values: list[Floats] = []
    accelerations: list[Floats] = []
    for i, name in enumerate(_SHARES):
        chosen = np.flatnonzero(wanted[i * k : (i + 1) * k])
        if chosen.size:
            values.append(each[name][chosen])
            accelerations.append(_class_acceleration(name, r)[chosen])
    if wanted[-1]:
        values += [boot.accuracy(r)[None], *(boot.macro(each[name])[None] for name in cm.MACRO_OF.values())]
        macros = (
            boot.macro_share_acceleration(tp, col),
            boot.macro_share_acceleration(tp, row),
            boot.macro_f1_acceleration(cells, tp, row + col),
        )
        accelerations += [
            boot.share_acceleration(right, total - right, np.zeros_like(total)),
            np.array(macros).reshape(-1),
        ]
    found = boot.bands(np.concatenate(values), np.concatenate(accelerations), level)
    columns = _places(out)[wanted]
    _write(out, (np.full(len(columns), window), columns), found)


def _write(out: ShownBands, at: tuple[Indexes, Indexes], found: Bootstrap) -> None:
    """Write resampled bands at (windows, columns); one that has no width says nothing, so the closed form stays."""
    wide = found.upper > found.lower
    at = at[0][wide], at[1][wide]
    out.lower[at], out.upper[at] = found.lower[wide], found.upper[wide]
    out.method[at] = np.where(found.bca[wide], "cell-bca", "cell-percentile")
