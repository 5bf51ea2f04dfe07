"""The same folds under another order of classes: a configuration may list them as it likes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.counts import Counts, Layout
from monitor.counts.durations import DELAY_BINS
from monitor.counts.layout import BINS, CALIBRATION_BINS, LOSS_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.statistics.baseline import Baseline

_BINARY = 2


def in_order(baseline: Baseline, order: Sequence[int], names: Sequence[str], layout: Layout) -> Baseline:
    """Return the baseline with class `order[i]` of its own in place i, called `names[i]`; its identity stays.

    `layout` is the wanted one: of two classes the other one may be positive. Its scores then turn round: p becomes
    1 - p, bin b becomes 511 - b (the bins are symmetric around one half), calibration bin b becomes 14 - b.
    """
    if list(order) == list(range(len(order))) and layout == baseline.layout and tuple(names) == baseline.classes:
        return baseline
    place = np.empty(len(order), np.int64)
    place[list(order)] = np.arange(len(order))
    folds = tuple(
        replace(
            fold,
            counts=_moved(fold.counts, place, layout),
            train=None if fold.train is None else _moved(fold.train, place, layout),
            segments={name: _moved(counts, place, layout) for name, counts in fold.segments.items()},
        )
        for fold in baseline.folds
    )
    return replace(baseline, classes=tuple(names), layout=layout, folds=folds)


def _moved(counts: Counts, place: NDArray[np.int64], layout: Layout) -> Counts:
    """Return the counts with class k at `place[k]`."""
    k = layout.classes
    binary = k == _BINARY
    turned = binary and place[counts.layout.positive] != layout.positive
    addresses, numbers = [], []
    for name in layout.shapes:
        at, n = counts.sparse(name)
        if name == "confusion":
            at = place[at // k] * k + place[at % k]
        elif name == "predicted":
            at = place[at]
        elif name == "losses":
            at = place[at // 5] * 5 + at % 5
        elif name == "scores_by_class":
            pair, bins = at // BINS, at % BINS
            at = (place[pair // k] * k + place[pair % k]) * BINS + bins
        elif name == "scores" and not binary:
            at = place[at // (2 * BINS)] * 2 * BINS + at % (2 * BINS)
        elif name == "scores" and turned:
            at = 2 * BINS - 1 - at  # the other class is the true one, and its score is 1 - p
        elif name == "calibration" and turned:
            at, n = _turned_calibration(at, n)
        elif name == "delays":
            at = _moved_delays(at, place, by_cell=layout.shapes[name][1] > 1)
        addresses.append(at + layout.offsets[name])
        numbers.append(n)
    moved = Counts.from_pairs(layout, np.concatenate(addresses), np.concatenate(numbers))
    return Counts(layout, moved.index, moved.value, counts.carried)


def _moved_delays(at: NDArray[np.int64], place: NDArray[np.int64], *, by_cell: bool) -> NDArray[np.int64]:
    """Return the addresses of delays, which are kept per confusion cell or per true class."""
    owner, bins = np.divmod(at, DELAY_BINS)
    k = len(place)
    moved = place[owner // k] * k + place[owner % k] if by_cell else place[owner]
    return moved * DELAY_BINS + bins


def _turned_calibration(at: NDArray[np.int64], n: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the calibration plane of 1 - p: n stays, the sum of scores is n - score, the hits are n - hits."""
    plane = np.zeros(CALIBRATION_BINS * 3, np.int64)
    plane[at] = n
    seen, score, hits = plane.reshape(CALIBRATION_BINS, 3)[::-1].T
    flat = np.stack((seen, seen * LOSS_UNIT - score, seen - hits), axis=1).ravel()
    index = np.flatnonzero(flat)
    return index, flat[index]
