"""What is usual: robust middles and spreads of earlier values, and quantiles of durations from their bins. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_SIGMA: Final = 1.4826
"""The median distance from the median, times this, is the standard deviation where values are normal."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Where earlier values lay. An outage moves neither number as long as it fills less than half of them."""

    middle: float
    """Their median."""
    spread: float
    """Their median distance from it, in standard deviations' units."""
    values: int
    """How many there were."""

    @classmethod
    def of(cls, values: Sequence[float], least: int) -> Self | None:
        """Return what is usual, or None where fewer than `least` values are known."""
        if len(values) < least:
            return None
        known = np.asarray(values, np.float64)
        middle = float(np.median(known))
        return cls(middle, _SIGMA * float(np.median(np.abs(known - middle))), len(known))


def share_noise(share: float, n: float) -> float:
    """Return the standard deviation of a share of n events by counting alone.

    The share is first moved to (share n + 1/2) / (n + 1), so that one of 0 or 1 is not certain after n events.
    """
    moved = (share * n + 0.5) / (n + 1)
    return math.sqrt(moved * (1 - moved) / max(n, 1))


def quantile(bins: ArrayLike, edges: NDArray[Any], q: float) -> float | None:
    """Return the q quantile of durations counted in bins, in the unit of the edges; None of none.

    bins: (len(edges) + 1,) counts; the first bin ends at edges[0] and counts as that, the last one begins at edges[-1]
    and counts as that. Inside of a bin durations count as evenly spread over the logarithm, from 0 on evenly.
    """
    counts = np.asarray(bins, np.float64)
    total = counts.sum()
    if total <= 0:
        return None
    upto = np.cumsum(counts)
    at = min(int(np.searchsorted(upto, q * total, side="left")), len(counts) - 1)
    if at == 0:
        return float(edges[0])
    low = float(edges[at - 1])
    if at == len(edges):
        return low
    high, inside = float(edges[at]), float((q * total - upto[at - 1]) / counts[at])
    return low * (high / low) ** inside if low > 0 else high * inside
