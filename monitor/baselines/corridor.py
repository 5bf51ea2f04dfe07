"""The corridor of a baseline at its own class shares: what it would promise to a production like its folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.statistics.folds import folds_of
from monitor.statistics.promise import Promise

if TYPE_CHECKING:
    from monitor.statistics.baseline import Baseline

    Reach = tuple[float, float, float]
    """(value, lower, upper); NaN where the folds say nothing."""


def corridor(baseline: Baseline, level: float = 0.95, segment: str | None = None) -> dict[str, list[Reach]]:
    """Return metric -> (value, lower, upper) of every class, or of the whole model alone. Empty without any row.

    segment: `name=value` for its own folds, None for everything.
    """
    folds = folds_of(baseline, segment)
    if folds is None:
        return {}
    promise = Promise(baseline, folds, level)
    shares = promise.own_shares
    present = dict.fromkeys(("precision", "recall", "f1"), shares > 0)
    return {
        metric: list(zip(*(column[0].tolist() for column in promised[:3]), strict=True))
        for metric, promised in promise.at(shares, shares, present).items()
    }
