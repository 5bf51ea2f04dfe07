"""What the folds promise for log-loss and Brier score: means per true class, weighted with the live class shares. Pure.

Sources: the central limit and docs/concepts.md [14].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.statistics.folds import strayed
from monitor.statistics.intervals import normal
from monitor.statistics.losses import LOSSES, greatest, mean_loss
from monitor.statistics.promised import Promised

if TYPE_CHECKING:
    from monitor.statistics.arrays import Floats
    from monitor.statistics.folds import Folds


class Losses:
    """Both losses of the folds, at class shares."""

    def __init__(self, folds: Folds, level: float) -> None:
        """Prepare everything that does not depend on the live class shares."""
        classes = folds.pooled.layout.classes
        self._level, self._ratio = level, folds.ratio
        pooled = folds.pooled.plane("losses") / folds.repeats
        self.members: Floats = pooled[:, 0]
        """(K,) scored cases of each class."""
        one = np.eye(classes)
        by_class = [mean_loss(pooled, loss, one) for loss in LOSSES]
        seen = self.members > 0
        self._mean = np.array([np.where(seen, of.value, 0.0) for of in by_class])
        self._variance = np.array([np.where(seen, of.variance, 0.0) for of in by_class])
        planes = np.array([fold.plane("losses") for fold in folds.counts], np.float64)
        fold_means = np.array([mean_loss(planes[:, None], loss, one).value for loss in LOSSES])
        # A class that a fold has not seen is taken from the pooled folds.
        self._fold_means = np.where(
            planes[:, None, :, 0] > 0,
            fold_means.transpose(1, 0, 2),
            np.broadcast_to(self._mean, (len(planes), 2, classes)),
        )
        self._raw = np.array([mean_loss(pooled, loss).value for loss in LOSSES])
        self._most = np.array([greatest(loss, classes) for loss in LOSSES])

    def at(self, shares: Floats) -> dict[str, Promised]:
        """Return loss -> promise, (W, 1), at class shares (W, K)."""
        weight = shares[:, None, :]
        value = (weight * self._mean).sum(axis=-1)
        stray = strayed((weight[:, None] * self._fold_means).sum(axis=-1), self._ratio)
        variance = np.maximum((weight * weight * self._variance).sum(axis=-1), stray)
        lower, upper = normal(value, variance, self._level)
        undefined = ((self.members <= 0) & (shares > 0)).any(axis=-1) | ~(shares.sum(axis=-1) > 0)
        band = np.maximum(lower, 0.0), np.minimum(upper, np.maximum(self._most, value))
        fields = [np.where(undefined[:, None], np.nan, x) for x in (value, *band)]
        fields.append(self._raw[None])
        return {loss: Promised(*(x[:, i : i + 1] for x in fields)) for i, loss in enumerate(LOSSES)}
