"""What the folds promise for one metric in a batch of windows, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Promised(NamedTuple):
    """The corridor of one metric: (W, C), or (1, C) where the live class shares do not matter. NaN where undefined."""

    value: Floats
    """The pooled folds at the windows' class shares."""
    lower: Floats
    upper: Floats
    raw: Floats
    """The pooled folds as they are."""
