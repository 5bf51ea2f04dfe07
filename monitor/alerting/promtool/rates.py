"""Prometheus' `increase` as its documentation and source (promql/functions.go, extrapolatedRate) define it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKBACK: Final = 300_000
"""Milliseconds for which a sample stands for its series."""
_SECOND: Final = 1_000
_NEAR: Final = 1.1
"""In mean distances of samples: an end of the window that is nearer is taken to be covered."""


def increase(points: Sequence[tuple[int, float]], begin: int, end: int) -> float | None:
    """Return the increase of a counter over the window [begin, end] (ms) that holds the points (ms, value).

    None with fewer than two points. A fall means a new start from 0; the ends are extrapolated, to 0 at most.
    """
    few = 2
    if len(points) < few:
        return None
    values = [value for _, value in points]
    grown = values[-1] - values[0] + sum(old for old, new in pairwise(values) if new < old)
    covered = (points[-1][0] - points[0][0]) / _SECOND
    mean = covered / (len(points) - 1)
    before, after = (points[0][0] - begin) / _SECOND, (end - points[-1][0]) / _SECOND
    if grown > 0 and values[0] >= 0:
        before = min(before, covered * (values[0] / grown))
    whole = covered + sum(gap if gap < mean * _NEAR else mean / 2 for gap in (before, after))
    return math.nan if math.isnan(grown) else grown * (whole / covered)
