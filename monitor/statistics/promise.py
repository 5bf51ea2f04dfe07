"""The corridor: what the folds promise at the class shares of a window. Pure.

Pooled fold counts (divided by the repeats); effective n by Nadeau and Bengio: deff_cv = max(1, their variance / the
closed form's). Sources: docs/concepts.md [13, 14].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics.folds import folds_of
from monitor.statistics.promised_confusion import Reweighted
from monitor.statistics.promised_losses import Losses
from monitor.statistics.promised_ranking import Ranking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.statistics.arrays import Floats
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.folds import Folds
    from monitor.statistics.promised import Promised

    Flags = NDArray[np.bool_]


class Promise:
    """What the folds of a baseline promise, for all or for one segment. Immutable; one `at` serves many windows."""

    def __init__(self, baseline: Baseline, folds: Folds, level: float = 0.95) -> None:
        """Prepare what does not depend on the windows. `folds`: those of `folds_of(baseline, segment)`."""
        self.classes: Final = baseline.classes
        self.level: Final = level
        self._confusion = Reweighted(folds, level)
        scored = bool(folds.pooled.sparse("losses")[0].size)
        self._ranking = Ranking(folds, level) if scored else None
        self._losses = Losses(folds, level) if scored else None

    @property
    def own_shares(self) -> Floats:
        """Class shares (1, K) of the folds themselves."""
        return self._confusion.own

    @property
    def reweights_ranking(self) -> bool:
        """Whether AUC and average precision are promised at the live shares; of many classes, at the folds' own."""
        return self._ranking is None or self._ranking.mixable

    def at(self, shares: Floats, scored: Floats, present: Mapping[str, Flags]) -> dict[str, Promised]:
        """Return metric -> corridor for a batch of windows.

        shares (W, K): class shares of the labelled predictions, scored (W, K): of those with scores; rows of 0 where
        there are none. present: for precision, recall and f1 which classes (W, K) have a value in the window; a macro
        average is promised over the same ones. Metrics that the folds cannot speak about are missing.
        """
        promised = self._confusion.at(shares, present)
        if self._ranking is not None and self._losses is not None:
            promised["roc_auc"] = self._ranking.auc(scored)
            promised["pr_auc"] = self._ranking.average_precision(scored)
            promised |= self._losses.at(scored)
        return promised

    def missing(self, metric: str, class_: int | None, shares: Floats) -> str:
        """Return why nothing is promised for a metric at shares (K,)."""
        ranked = metric in {"roc_auc", "pr_auc", "log_loss", "brier"}
        if ranked and self._ranking is None:
            return "the folds have no scores"
        known = self._ranking.members > 0 if ranked and self._ranking is not None else self._confusion.known
        unseen = np.flatnonzero(~known & (shares > 0))
        if class_ is not None and not known[class_]:
            unseen = np.array([class_])
        if metric != "recall" and unseen.size:
            return f"the folds have no class {self.classes[unseen[0]]}"
        if class_ is not None and metric == "recall":
            return f"the folds have no class {self.classes[class_]}"
        if class_ is not None and metric == "precision":
            return f"the folds never predicted class {self.classes[class_]}"
        return "the folds promise nothing for a class of this window"


def promises_of(baseline: Baseline, level: float = 0.95) -> dict[tuple[str, str | None], Promise]:
    """Return (version, segment) -> promise for everything (None) and for every segment that the folds have."""
    segments = sorted({name for fold in baseline.folds for name in fold.segments})
    found = {}
    for segment in (None, *segments):
        folds = folds_of(baseline, segment)
        if folds is not None:
            found[baseline.version, segment] = Promise(baseline, folds, level)
    return found
