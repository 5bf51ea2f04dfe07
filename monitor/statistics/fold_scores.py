"""Each fold of a baseline, scored: the metrics are those of production, on the Counts of the fold. Pure.

NaN stands for "undefined in this fold".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics.calibration import calibration
from monitor.statistics.confusion import Margins, cell_margins, cells, values
from monitor.statistics.losses import mean_loss
from monitor.statistics.names import LOSSES
from monitor.statistics.ranking import auc, average_precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.baseline import Baseline

    Values = Mapping[str, Floats]

_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class FoldScores:
    """What each fold of a baseline says, one by one."""

    folds: tuple[str, ...]
    """What each of the J folds is called: its name, with repeats `REPEAT/FOLD`."""
    classes: tuple[str, ...]
    metrics: Values
    """Metric -> (J,) or, per class, (J, K); NaN where undefined."""
    shares: Floats
    """(J, K): each class's share of the fold's validation rows; NaN for a fold without rows."""

    @classmethod
    def of(cls, baseline: Baseline) -> FoldScores:
        """Score the folds of a baseline."""
        metrics = fold_values(baseline.layout, [fold.counts for fold in baseline.folds])
        rows = metrics["support"]
        names = (f"{fold.repeat}/{fold.fold}" if baseline.repeats > 1 else fold.fold for fold in baseline.folds)
        with np.errstate(invalid="ignore"):
            return cls(tuple(names), baseline.classes, metrics, rows / rows.sum(axis=1, keepdims=True))


def fold_values(layout: Layout, folds: Sequence[Counts]) -> Values:
    """Return every metric of every fold: (J, K) per class, (J,) of the whole model; NaN where undefined.

    Score metrics are missing where no fold has scores, or (above 50 classes) only the top one.
    """
    k = layout.classes
    margins = [cell_margins(cells(*fold.sparse("confusion"), k), k) for fold in folds]
    stacked = Margins(*(np.stack(column) for column in zip(*margins, strict=True)))
    found: dict[str, Floats] = {**values(stacked), "support": stacked.row}
    if any(fold.sparse("losses")[0].size for fold in folds):
        pos, neg = _histograms(layout, folds)
        found |= {"roc_auc": auc(pos, neg), "pr_auc": average_precision(pos, neg)}
        losses = np.stack([fold.plane("losses") for fold in folds])
        found |= {name: mean_loss(losses, name).value for name in LOSSES}
    if any(fold.sparse("calibration")[0].size for fold in folds):
        found["ece"] = calibration(np.stack([fold.plane("calibration") for fold in folds])).ece
    return found


def _histograms(layout: Layout, folds: Sequence[Counts]) -> tuple[Floats, Floats]:
    """Return score histograms (J, K, bins) of each class: where it is the true class, and where it is not."""
    planes = np.stack([fold.plane("scores") for fold in folds]).astype(np.float64)
    pos, neg = planes[:, :, 1], planes[:, :, 0]
    if layout.classes == _BINARY:
        # The other class's score is 1 - p, and the bins are symmetric around one half.
        both = [(neg[:, 0, ::-1], pos[:, 0, ::-1]), (pos[:, 0], neg[:, 0])]
        ordered = both if layout.positive == 1 else both[::-1]
        pos, neg = (np.stack(part, axis=1) for part in zip(*ordered, strict=True))
    return pos, neg
