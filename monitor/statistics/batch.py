"""Windows of one model as arrays: what the estimates read, gathered once from sparse Counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from monitor.counts.layout import BINS, MOST_SCORED_CLASSES
from monitor.statistics.arrays import Floats, floats
from monitor.statistics.confusion import Cells, Margins, cell_margins, cells, margins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from monitor.counts import Counts, Layout

_BINARY = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """W windows of a model with K classes. Counts are as counted; divide by `deff` (W,) before a band."""

    layout: Layout
    deff: Floats
    margins: Margins
    """(W, K), total (W,)."""
    confusion: Floats | None
    """(W, K, K), or None for more than 50 classes: then there are `cells`."""
    cells: tuple[Cells, ...]
    """Of each window, for more than 50 classes."""
    pos: Floats | None
    """(W, K, 512) score histograms of each class, scores ascending; None above 50 classes."""
    neg: Floats | None
    """Those of the rest."""
    losses: Floats | None
    """(W, K, 5); None above 50 classes."""
    calibration: Floats
    """(W, 15, 3)."""
    scored: Floats
    """(W,) labelled predictions with scores."""

    @property
    def windows(self) -> int:
        """How many."""
        return len(self.deff)

    def occupied(self, window: int) -> Cells:
        """Return the occupied cells of one window."""
        if self.confusion is None:
            return self.cells[window]
        true, predicted = np.nonzero(self.confusion[window])
        return Cells(true, predicted, self.confusion[window][true, predicted])

    def effective(self, counts: Floats) -> Floats:
        """Return counts (W, ...) / deff."""
        return counts / self.deff.reshape(-1, *(1,) * (counts.ndim - 1))

    def effective_margins(self) -> Margins:
        """Return the margins / deff."""
        return Margins(*(self.effective(x) for x in self.margins))


def gather(layout: Layout, windows: Sequence[Counts], deff: ArrayLike = 1.0) -> Batch:
    """Return windows as arrays. `deff`: one for all, or one each."""
    k, count = layout.classes, len(windows)
    effect = np.array(np.broadcast_to(floats(deff), (count,)))
    if k > MOST_SCORED_CLASSES:
        occupied = tuple(cells(*window.sparse("confusion"), k) for window in windows)
        each = [cell_margins(one, k) for one in occupied]
        tp, row, col = (np.array([m[i] for m in each]).reshape(count, k) for i in range(3))
        stacked = Margins(tp, row, col, row.sum(axis=-1))
        calibration = np.array([window.plane("calibration") for window in windows], np.float64)
        calibration = calibration.reshape(count, *layout.shapes["calibration"])
        scored = calibration[..., 0].sum(axis=-1)
        return Batch(layout, effect, stacked, None, occupied, None, None, None, calibration, scored)
    flat = np.zeros((count, layout.judged_size))
    for row, window in zip(flat, windows, strict=True):
        judged = window.index.searchsorted(layout.judged_size)
        row[window.index[:judged]] = window.value[:judged]
    confusion, scores, losses, calibration = (
        _plane(flat, layout, name) for name in ("confusion", "scores", "losses", "calibration")
    )
    pos, neg = _histograms(layout, scores)
    scored = losses[..., 0].sum(axis=-1)
    return Batch(layout, effect, margins(confusion), confusion, (), pos, neg, losses, calibration, scored)


def _plane(flat: Floats, layout: Layout, name: str) -> Floats:
    """Return one plane (W, ...) of dense address vectors."""
    shape, start = layout.shapes[name], layout.offsets[name]
    return floats(flat[:, start : start + prod(shape)]).reshape(len(flat), *shape)


def _histograms(layout: Layout, scores: Floats) -> tuple[Floats, Floats]:
    """Return (pos, neg), (W, K, 512) each; of two classes the other one's are the positive's, seen in the mirror."""
    if layout.classes != _BINARY:
        return floats(scores[:, :, 1]), floats(scores[:, :, 0])
    pos, neg = (np.empty((len(scores), _BINARY, BINS)) for _ in range(2))
    positive, other = layout.positive, 1 - layout.positive
    pos[:, positive], neg[:, positive] = scores[:, 0, 1], scores[:, 0, 0]
    pos[:, other], neg[:, other] = scores[:, 0, 0, ::-1], scores[:, 0, 1, ::-1]
    return pos, neg
