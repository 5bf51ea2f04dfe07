"""Bins of durations: how long labels took, and how long models took to answer.

The edges are constants: a stored histogram means the same for ever. Bin b holds EDGES[b-1] <= duration < EDGES[b]; the
first and the last one are open. Steps are a factor of 1.3 to 3, finest between an hour and two weeks, where horizons
lie, and every usual horizon (1h, 1d, 7d, 14d, 30d) is an edge, so that "labelled within the horizon" is a sum of bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.clock import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

DELAY_EDGES: NDArray[np.int64] = np.array(
    [
        0,
        *(n * SECOND for n in (1, 3, 10, 30)),
        *(n * MINUTE for n in (1, 3, 10, 30)),
        *(n * HOUR for n in (1, 2, 3, 4, 6, 8, 12, 18)),
        *(n * DAY // 2 for n in (2, 3, 4, 6, 8, 10, 14, 20, 28, 42, 60, 90, 120)),
    ],
    np.int64,
)
"""(30,) edges in ms of `labelled_at - predicted_at`: bin 0 is the label that came first, bin 30 more than 60 days."""
DELAY_BINS = len(DELAY_EDGES) + 1

_STEPS = (1, 1.5, 2, 3, 5, 7)
LATENCY_EDGES: NDArray[np.float64] = np.array(
    [0.1, 0.2, 0.5, *(step * ten for ten in (1, 10, 100, 1_000, 10_000) for step in _STEPS)]
)
"""(33,) edges in ms of `latency_ms`."""
LATENCY_BINS = len(LATENCY_EDGES) + 1


def delay_bins(delay: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each delay (n,) in ms, (n,) in [0, DELAY_BINS)."""
    return DELAY_EDGES.searchsorted(delay, side="right")


def latency_bins(latency: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each latency (n,) in ms, none of them NaN, (n,) in [0, LATENCY_BINS)."""
    return LATENCY_EDGES.searchsorted(latency, side="right")
