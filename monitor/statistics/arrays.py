"""Arithmetic that every formula here needs: division where the whole may be 0, without a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Floats: TypeAlias = NDArray[np.float64]


def floats(x: ArrayLike) -> Floats:
    """Return an array of float64, C-contiguous: a sum over its last axis does not depend on what stands beside it."""
    return np.asarray(x, np.float64, order="C")


def clipped(x: Floats, least: Floats | float, most: Floats | float) -> Floats:
    """Return x, no less than `least` and no more than `most`; numpy's own `clip` costs a small array much more."""
    inside: Floats = np.minimum(np.maximum(x, least), most)
    return inside


def ratio(part: Floats | float, whole: Floats, where_none: float = np.nan) -> Floats:
    """Return part / whole with broadcasting, and `where_none` where the whole is not positive."""
    some = np.greater(whole, 0.0)
    if some.all():
        quotient: Floats = np.divide(part, whole)
        return quotient
    out: Floats = np.full(np.broadcast(part, whole).shape, where_none)
    np.divide(part, whole, out=out, where=some)
    return out
