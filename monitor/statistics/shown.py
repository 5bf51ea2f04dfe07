"""The bands that are shown, method `auto`: the cell bootstrap where it holds, else the closed form. Pure.

It holds where both the successes and the errors of a metric are at least `ENOUGH` after deff: below, it collapses
(measured coverage .05 to .18). The verdict never rests on these bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics import bootstrap as boot
from monitor.statistics import confusion as cm
from monitor.statistics.batch import Batch, gather

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.bootstrap import Replicates
    from monitor.statistics.estimate import Estimate

    Flags = NDArray[np.bool_]

ENOUGH: Final = 10.0
MOST_CELLS: Final = 10_000
"""More occupied cells than this are not resampled: their closed forms are shown (10 million draws are a second)."""
_BINARY: Final = 2
_SHARES: Final = ("precision", "recall", "f1", "specificity")


@dataclass(frozen=True, slots=True)
class Shown:
    """The band of one metric as it is displayed, of W windows; C = K for class metrics, else 1."""

    metric: str
    lower: Floats
    upper: Floats
    """(W, C), NaN where there is none."""
    method: NDArray[np.object_]
    """(W, C) the contract's names."""


def shown(
    layout: Layout,
    windows: Sequence[Counts],
    seeds: Sequence[int],
    estimates: Mapping[str, Estimate],
    deff: ArrayLike = 1.0,
    level: float = 0.95,
) -> dict[str, Shown]:
    """Return the displayed bands, by the keys of `estimates`; seeds: one for each window."""
    return shown_batch(gather(layout, windows, deff), seeds, estimates, level)


def shown_batch(
    batch: Batch, seeds: Sequence[int], estimates: Mapping[str, Estimate], level: float = 0.95
) -> dict[str, Shown]:
    """Return `shown` of windows that are gathered already."""
    out = {key: Shown(e.metric, e.lower.copy(), e.upper.copy(), e.method.copy()) for key, e in estimates.items()}
    wanted = _wanted(batch)
    resampled = np.flatnonzero(np.any([flags.any(axis=-1) for flags in wanted.values()], axis=0))
    if batch.layout.classes == _BINARY:
        _show_binary(batch, seeds, wanted, resampled, out, level)
    else:
        for window in resampled:
            _show_one(batch, int(window), seeds[int(window)], wanted, out, level)
    for key, e in estimates.items():
        of = out[key]
        # A resampled band may miss its own value where it is very skewed, by a hair.
        np.minimum(of.lower, e.value, out=of.lower)
        np.maximum(of.upper, e.value, out=of.upper)
    return out


def _wanted(batch: Batch) -> dict[str, Flags]:
    """Return for which metrics the bootstrap holds: (W, K), or (W, 1) for the whole model."""
    e = batch.effective_margins()
    right, total = e.tp.sum(axis=-1, keepdims=True), e.total[:, None]
    errors = {
        "precision": (e.tp, e.col - e.tp),
        "recall": (e.tp, e.row - e.tp),
        "f1": (e.tp, e.row + e.col - 2.0 * e.tp),
        "specificity": (cm.true_negatives(e), e.col - e.tp),
        "accuracy": (right, total - right),
    }
    flags = {name: np.minimum(good, bad) >= ENOUGH for name, (good, bad) in errors.items()}
    flags |= dict.fromkeys(cm.MACRO_METRICS, flags["accuracy"])
    if batch.confusion is None:
        few = np.array([len(cells.n) <= MOST_CELLS for cells in batch.cells], bool)[:, None]
        flags = {name: flag & few for name, flag in flags.items()}
    return flags


def _show_binary(
    batch: Batch,
    seeds: Sequence[int],
    wanted: Mapping[str, Flags],
    resampled: NDArray[np.int64],
    out: dict[str, Shown],
    level: float,
) -> None:
    """Resample all windows of two classes at once: 10 metrics each."""
    if not resampled.size or batch.confusion is None:
        return
    confusions = batch.effective(batch.confusion)[resampled]
    values = boot.binary_metrics(confusions, [seeds[w] for w in resampled])
    found = boot.bands(values, boot.binary_accelerations(confusions), level)
    at = 0
    for name in ("precision", "recall", "f1"):
        columns = slice(at, at + _BINARY)
        _put(out[name], resampled, wanted[name], found, columns)
        if name == "recall":
            # Of two classes one's specificity is the other's recall.
            _put(out["specificity"], resampled, wanted["specificity"], found, slice(at + 1, at - 1 if at else None, -1))
        at += _BINARY
    for i, name in enumerate(("accuracy", *cm.MACRO_METRICS)):
        _put(out[name], resampled, wanted[name], found, slice(at + i, at + i + 1))


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


def _show_one(
    batch: Batch, window: int, seed: int, wanted: Mapping[str, Flags], out: dict[str, Shown], level: float
) -> None:
    """Resample one window of more than two classes: what is wanted of it, jointly."""
    occupied = batch.occupied(window)
    cells = occupied._replace(n=occupied.n / batch.deff[window])
    r = boot.replicates_of(cells, batch.layout.classes, seed)
    tp, row, col = (x[..., -1] for x in r)
    right, total = tp.sum(keepdims=True), row.sum(keepdims=True)
    where: list[tuple[str, NDArray[np.int64]]] = []
    values: list[Floats] = []
    accelerations: list[Floats] = []
    for name in _SHARES:
        chosen = np.flatnonzero(wanted[name][window])
        if chosen.size:
            where.append((name, chosen))
            values.append(boot.class_metric(name, r)[chosen])
            accelerations.append(_class_acceleration(name, r)[chosen])
    whole = {
        "accuracy": (boot.accuracy(r), boot.share_acceleration(right, total - right, np.zeros_like(total))[0]),
        "macro_precision": (boot.macro(boot.class_metric("precision", r)), boot.macro_share_acceleration(tp, col)),
        "macro_recall": (boot.macro(boot.class_metric("recall", r)), boot.macro_share_acceleration(tp, row)),
        "macro_f1": (boot.macro(boot.class_metric("f1", r)), boot.macro_f1_acceleration(cells, tp, row + col)),
    }
    for name, (value, acceleration) in whole.items():
        if wanted[name][window, 0]:
            where.append((name, np.zeros(1, np.int64)))
            values.append(value[None])
            accelerations.append(np.reshape(acceleration, 1))
    found = boot.bands(np.concatenate(values), np.concatenate(accelerations), level)
    at = 0
    for name, columns in where:
        each = slice(at, at + len(columns))
        here = np.full(len(columns), window)
        _write(out[name], here, columns, found.lower[each], found.upper[each], found.bca[each])
        at += len(columns)


def _put(of: Shown, windows: NDArray[np.int64], wanted: Flags, found: boot.Bootstrap, columns: slice) -> None:
    """Write what was found for `columns` into the windows where it is wanted."""
    which, column = np.nonzero(wanted[windows])
    lower, upper, bca = found.lower[:, columns], found.upper[:, columns], found.bca[:, columns]
    _write(of, windows[which], column, lower[which, column], upper[which, column], bca[which, column])


def _write(
    of: Shown, window: NDArray[np.int64], column: NDArray[np.int64], lower: Floats, upper: Floats, bca: Flags
) -> None:
    """Write resampled bands; one that has no width says nothing, so the closed form stays."""
    wide = upper > lower
    at = window[wide], column[wide]
    of.lower[at], of.upper[at] = lower[wide], upper[wide]
    of.method[at] = np.where(bca[wide], "cell-bca", "cell-percentile")
