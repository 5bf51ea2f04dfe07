"""Log-loss and Brier score from the `losses` plane: exact sums per true class. Pure.

Source: the central limit of sums, docs/concepts.md section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.counts.layout import LOSS_UNIT
from monitor.statistics.arrays import Floats, floats, ratio
from monitor.statistics.intervals import normal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LOSSES: Final = ("log_loss", "brier")
_FIRST: Final = {"log_loss": 1, "brier": 3}
"""Where a loss stands in LOSS_FIELDS; its squares stand behind it."""
_DOUBT: Final = 0.25
"""Weight, in predictions, of what was not seen: half of it without loss, half with twice that of a uniform guess."""


class Mean(NamedTuple):
    """A mean loss, (...) each."""

    value: Floats
    variance: Floats
    """Of the mean."""
    n: Floats
    """Scored predictions."""


def greatest(loss: str, classes: int) -> float:
    """Return the greatest loss one prediction can have: -log(eps), and 1 (two classes) or 2."""
    if loss == "log_loss":
        return float(-np.log(np.finfo(np.float64).eps))
    return 1.0 if classes == 2 else 2.0  # noqa: PLR2004 - two classes are the binary case


def _uniform(loss: str, classes: int) -> float:
    """Return the loss of a uniform guess."""
    if loss == "log_loss":
        return float(np.log(max(classes, 2)))
    return 0.25 if classes == 2 else 1.0 - 1.0 / max(classes, 1)  # noqa: PLR2004 - two classes are the binary case


def mean_loss(plane: ArrayLike, loss: str, shares: ArrayLike | None = None, deff: ArrayLike = 1.0) -> Mean:
    """Return the mean of a loss and the variance of that mean, from `losses` planes (..., K, 5).

    `shares` (..., K): reweighted to these class shares; the classes that have predictions share the weight. NaN where
    there is no scored prediction. A loss that never varied still has a variance: a quarter of a prediction of doubt.
    """
    sums = floats(plane)
    classes, first = sums.shape[-2], _FIRST[loss]
    n = floats(sums[..., 0])
    total, square = (floats(sums[..., first + i]) / LOSS_UNIT for i in (0, 1))
    counted = n.sum(axis=-1)
    if shares is None:
        value = ratio(total.sum(axis=-1), counted)
        spread = np.maximum(square.sum(axis=-1) - value * total.sum(axis=-1), 0.0)
        variance = ratio(spread, counted * np.maximum(counted - 1.0, 1.0))
    else:
        weight = np.where(n > 0, floats(shares), 0.0)
        weight = ratio(weight, weight.sum(axis=-1, keepdims=True))
        mean = np.where(n > 0, ratio(total, n), 0.0)
        value = (weight * mean).sum(axis=-1)
        spread = np.where(n > 0, np.maximum(square - mean * total, 0.0), 0.0)
        within = np.where(n > 0, ratio(spread, n * np.maximum(n - 1.0, 1.0)), 0.0)
        variance = (weight**2 * within).sum(axis=-1)
    doubt = 0.5 * _DOUBT * (value**2 + (value - 2.0 * _uniform(loss, classes)) ** 2)
    effect = floats(deff)
    return Mean(value, variance * effect + ratio(doubt * effect**2, counted**2), counted)


def loss_band(mean: Mean, loss: str, classes: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the band of a mean loss by the central limit, inside of what a loss can be."""
    lower, upper = normal(mean.value, mean.variance, level)
    return np.maximum(lower, 0.0), np.minimum(upper, np.maximum(greatest(loss, classes), mean.value))
