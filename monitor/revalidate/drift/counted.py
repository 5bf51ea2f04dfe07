"""Tests and distances that need counts alone, and the correction for many tests. Formulas: docs/drift.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import chdtrc
from scipy.stats import kstwo

from monitor.counts.layout import BIN_EDGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_EXPECTED: Final = 5.0
"""Rarer categories are tested together, as is usual for chi-square."""
MIDDLES: Final[Floats] = np.concatenate(([0.0], BIN_EDGES, [1.0]))[:-1] / 2 + np.concatenate((BIN_EDGES, [1.0])) / 2
"""(512,) the middle of each bin of a score histogram."""


def paired(reference: Mapping[str, int], now: Mapping[str, int]) -> Floats:
    """Return the counts of the categories of either side, (2, k), in the order of their names."""
    names = sorted({**reference, **now})
    return np.array([[float(side.get(name, 0)) for name in names] for side in (reference, now)]).reshape(2, -1)


def chi_square(table: Floats) -> float:
    """Return the p value of two samples of categories, (2, k): both sides are counted, none is taken for the truth.

    Categories that are expected fewer than five times on either side are tested as one.
    """
    table = table[:, table.sum(axis=0) > 0]
    totals = table.sum(axis=1, keepdims=True)
    if table.shape[1] < 2 or not totals.all():  # noqa: PLR2004 - one category is no distribution
        return 1.0
    rare = totals.min() / totals.sum() * table.sum(axis=0) < FEWEST_EXPECTED
    if rare.any():
        table = np.column_stack((table[:, ~rare], table[:, rare].sum(axis=1)))
    expected = totals * table.sum(axis=0) / totals.sum()
    return float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum())) if table.shape[1] > 1 else 1.0


def category_distance(table: Floats) -> float:
    """Return the Jensen-Shannon distance of two samples of categories, (2, k), in nats: 0 to 0.83, as Evidently's."""
    shares = table / table.sum(axis=1, keepdims=True)
    return float(np.nan_to_num(jensenshannon(shares[0], shares[1])))


def kolmogorov_smirnov(table: Floats) -> float:
    """Return the p value of two histograms over the same bins, (2, k): that of large samples, as scipy has it."""
    n = table.sum(axis=1, keepdims=True)
    gap = np.abs(np.diff(np.cumsum(table / n, axis=1), axis=0)).max()
    return float(kstwo.sf(gap, np.round(n.prod() / n.sum())))


def histogram_distance(table: Floats, middles: Floats) -> float:
    """Return the Wasserstein distance of two histograms, (2, k), over the reference's standard deviation.

    As Evidently's: the deviation is taken to be at least 0.001.
    """
    shares = table / table.sum(axis=1, keepdims=True)
    mean = shares[0] @ middles
    deviation = np.sqrt(max(0.0, float(shares[0] @ (middles - mean) ** 2)))
    gap = np.abs(np.diff(np.cumsum(shares, axis=1), axis=0))[0, :-1]
    return float((gap * np.diff(middles)).sum() / max(deviation, 0.001))


def corrected(p: Sequence[float]) -> list[float]:
    """Return p values corrected for their number after Benjamini and Hochberg (1995), in the same order."""
    values = np.asarray(p, np.float64)
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum.accumulate(values[order] * len(values) / ranks) if len(values) else values
    return [float(value) for value in np.minimum(adjusted, 1.0)]
