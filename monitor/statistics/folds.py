"""From the folds of a baseline to what every promise needs of them: their counts, and how far they stray. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.counts import Counts
from monitor.statistics.arrays import clipped

if TYPE_CHECKING:
    from monitor.statistics.arrays import Floats
    from monitor.statistics.baseline import Baseline


@dataclass(frozen=True, slots=True)
class Folds:
    """The folds that saw any row of a segment (or of everything)."""

    counts: tuple[Counts, ...]
    pooled: Counts
    """Sum over all folds of all repeats: every row is in it once per repeat."""
    repeats: int
    ratio: float
    """Mean over the folds of n_test / n_train: 1 / (k - 1) in a k-fold scheme, fold by fold in a time series."""


def folds_of(baseline: Baseline, segment: str | None = None) -> Folds | None:
    """Return the folds of a segment (`name=value`; None: of everything), or None where no fold has a row of it."""
    counts, ratios = [], []
    for fold in baseline.folds:
        rows = fold.counts if segment is None else fold.segments.get(segment)
        if rows is None or not rows.labels:
            continue
        counts.append(rows)
        # A segment is a part of its fold: what matters is how much of all data a fold's model was not fitted on.
        ratios.append(fold.counts.labels / fold.n_train if fold.n_train > 0 else np.nan)
    if not counts:
        return None
    known = [ratio for ratio in ratios if ratio == ratio]  # noqa: PLR0124 - NaN is not itself
    ratio = sum(known) / len(known) if known else 1.0 / max(len(counts) - 1, 1)
    return Folds(tuple(counts), Counts.sum(baseline.layout, counts), max(baseline.repeats, 1), ratio)


def strayed(values: Floats, ratio: float) -> Floats:
    """Return the Nadeau-Bengio variance of a mean over folds, (..., M) from (..., J, M): s^2 (1/J + n_test/n_train).

    J counts the folds of all repeats that have a value (not NaN), s^2 has n - 1 below. Fewer than two: 0.
    Source: docs/concepts.md [14]; plain s^2 / J is too small, since the folds share their training rows.
    """
    present = ~np.isnan(values)
    number = present.sum(axis=-2).astype(np.float64)
    at_least = np.maximum(number, 1.0)
    mean = np.where(present, values, 0.0).sum(axis=-2) / at_least
    deviation = np.where(present, values - mean[..., None, :], 0.0)
    variance = (deviation * deviation).sum(axis=-2) / np.maximum(number - 1.0, 1.0)
    return np.where(number > 1, variance * (1.0 / at_least + ratio), 0.0)


def design_effect(stray: Floats, closed: Floats) -> Floats:
    """Return deff_cv = max(1, Nadeau-Bengio variance / closed-form variance); 1 where the closed form has none."""
    with np.errstate(over="ignore"):
        ratio = np.divide(stray, closed, out=np.ones(np.broadcast(stray, closed).shape), where=closed > 0)
    return clipped(ratio, 1.0, 1e12)
