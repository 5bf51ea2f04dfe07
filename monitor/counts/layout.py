"""Score layout: which integers are counted for a model with K classes, and where each of them lies.

All planes of a model share one address space, so that a batch of events becomes one flat integer vector per slice.
Why these: docs/decisions/0002-one-flat-address-space.md and 0004-scores-in-512-logit-bins.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from monitor.counts.durations import DELAY_BINS, LATENCY_BINS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

BINS = 512
"""Histogram bins per class, of equal width in logit(p) on [-17, 17]; the outer two are open."""
CALIBRATION_BINS = 15
LOSS_UNIT = 2**24
"""One loss, squared loss or calibration score is rounded to a multiple of 1 / LOSS_UNIT and counted as an integer."""
LOSS_FIELDS = ("n", "log_loss", "log_loss_squared", "brier", "brier_squared")
CALIBRATION_FIELDS = ("n", "score", "hits")
MOST_SCORED_CLASSES = 50
"""Above this only the top class's probability is kept: no histograms, no losses."""
MOST_REWEIGHTED_CLASSES = 20
"""Up to this folds keep each class's histogram per TRUE class, so that a promised AUC can be reweighted to a mix."""
MOST_DELAYED_CELLS = 20
"""Up to so many classes delays are kept per confusion cell, above per true class: the address space stays small."""

_REACH = 17.0
BIN_EDGES: NDArray[np.float64] = expit(np.linspace(-_REACH, _REACH, BINS + 1))[1:-1]
"""(511,) stored probability edges; bin b holds BIN_EDGES[b-1] <= p < BIN_EDGES[b]."""


def score_bins(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the histogram bin of each probability, same shape, in [0, 512).

    It is `searchsorted(BIN_EDGES, p, side="right")`, in a third of the time: the logit is never wrong by a whole bin,
    so that the stored edges on both sides of the guess decide.
    """
    with np.errstate(divide="ignore"):
        logit = np.log(p) - np.log1p(-p)
    guess = np.clip((logit + _REACH) * (BINS / (2 * _REACH)), 1.0, BINS - 2.0).astype(np.int64)
    return guess - (p < BIN_EDGES[guess - 1]) + (p >= BIN_EDGES[guess])


@dataclass(frozen=True)
class Layout:
    """The planes of a model with `classes` classes. Two layouts are equal when their numbers are.

    Planes (shape):
      confusion (K, K)            true class i, predicted class j, labelled predictions
      predicted (K,)              predictions per predicted class, labelled or not; they sum to the window's predictions
      scores (R, 2, 512)          one-vs-rest score histogram of ranked class r: [0] it is not the true class, [1] it
                                  is. R = 1 for two classes (the positive one), K up to 50 classes, 0 above
      losses (K, 5)               per TRUE class, LOSS_FIELDS (0 rows above 50 classes)
      calibration (15, 3)         CALIBRATION_FIELDS in equal bins of the top class's probability (two classes: the
                                  positive's)
      delays (K, J, 31)           labelled_at - predicted_at of the label that counts, in the bins of `durations.py`,
                                  per confusion cell (J = K); for more than 20 classes per TRUE class alone (J = 1)
      latency (34,)               `latency_ms` of every valid prediction event, duplicates included (a row does not
                                  keep it, so that an earlier duplicate could not take back what a later one added)
      scores_by_class (K, K, 512) folds only, 3 to 20 classes: histogram of class k's score where the true class is i
    """

    classes: int
    positive: int = 1
    """Index of the positive class; it matters for two classes only."""

    @property
    def score_columns(self) -> int:
        """How many numbers a row keeps of its scores: 1 (p of the positive), K, or 2 (the top class's p, its index)."""
        if self.classes == 2:  # noqa: PLR2004 - two classes are the binary case
            return 1
        return self.classes if self.classes <= MOST_SCORED_CLASSES else 2

    @property
    def ranked(self) -> int:
        """How many classes have a score histogram."""
        if self.classes == 2:  # noqa: PLR2004 - two classes are the binary case
            return 1
        return self.classes if self.classes <= MOST_SCORED_CLASSES else 0

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Plane name -> shape, in address order; what only folds have comes last."""
        k = self.classes
        by_class = k if 2 < k <= MOST_REWEIGHTED_CLASSES else 0  # noqa: PLR2004 - two classes are the binary case
        return {
            "confusion": (k, k),
            "predicted": (k,),
            "scores": (self.ranked, 2, BINS),
            "losses": (k if self.ranked else 0, len(LOSS_FIELDS)),
            "calibration": (CALIBRATION_BINS, len(CALIBRATION_FIELDS)),
            "delays": (k, k if k <= MOST_DELAYED_CELLS else 1, DELAY_BINS),
            "latency": (LATENCY_BINS,),
            "scores_by_class": (by_class, by_class, BINS),
        }

    @cached_property
    def offsets(self) -> Mapping[str, int]:
        """Plane name -> address of its first integer."""
        offsets, at = {}, 0
        for name, shape in self.shapes.items():
            offsets[name] = at
            at += prod(shape)
        return offsets

    @property
    def judged_size(self) -> int:
        """Addresses that metrics are computed from: what comes before the durations."""
        return self.offsets["delays"]

    @property
    def live_size(self) -> int:
        """Addresses that production uses: all but `scores_by_class`."""
        return self.offsets["scores_by_class"]

    @cached_property
    def size(self) -> int:
        """All addresses."""
        return self.live_size + prod(self.shapes["scores_by_class"])
