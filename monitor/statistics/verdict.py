"""The verdict: does a window agree with what the folds promise, within a margin? Pure.

Difference = value - baseline with its band by MOVER from the closed forms of both sides. WORSE if the whole band lies
below -margin, OK if it lies above, else UNKNOWN (docs/concepts.md section 6). For losses everything is turned round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.statistics.arrays import Floats, ratio
from monitor.statistics.intervals import mover_difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

NONE: Final = 0
OK: Final = 1
WORSE: Final = 2
FEW: Final = 3
"""UNKNOWN: more labels decide it."""
EDGE: Final = 4
"""UNKNOWN: more labels decide it, but the difference is about the margin."""
SMALL: Final = 5
"""UNKNOWN: the baseline alone is too wide for the margin."""
STUCK: Final = 6
"""UNKNOWN: the difference is so near to the margin that the baseline alone is too wide for what is left."""

_MOST: Final = 1e12
"""More labels than this are no answer."""


class Decision(NamedTuple):
    """Verdicts of any shape of comparisons."""

    code: Codes
    difference: Floats
    lower: Floats
    upper: Floats
    needed: Floats
    """Total n of the metric at which the verdict can be decided; NaN where it is, or where no number is enough."""
    width: Floats
    """Half-width of the baseline on the deciding side."""


def decide(
    value: Floats,
    band: tuple[Floats, Floats],
    baseline: Floats,
    corridor: tuple[Floats, Floats],
    margin: Floats,
    n: Floats,
) -> Decision:
    """Compare value (with the closed form's band) and baseline (with its corridor); more is better.

    All arrays broadcast; NaN in value or baseline: code NONE; NaN in margin: a difference without a verdict. n: the
    metric's denominator. The live half-width is taken to shrink with 1 / sqrt(n).
    """
    lower, upper = mover_difference(value, band, baseline, corridor)
    difference = value - baseline
    worse, fine = upper < -margin, lower > -margin
    rising = difference >= -margin
    live = np.where(rising, value - band[0], band[1] - value)
    width = np.where(rising, corridor[1] - baseline, baseline - corridor[0])
    gap = np.abs(difference + margin)
    room, near = margin * margin - width * width, gap * gap - width * width
    cost = n * live * live
    by_margin, by_gap = ratio(cost, room), ratio(cost, near)
    # With a point below -margin, room for the margin is not what is missing: WORSE needs the gap alone.
    fits = (room > 0) & (by_margin > n)
    reachable = (near > 0) & ((room > 0) | ~rising)
    needed = np.where(fits, by_margin, np.where(reachable, by_gap, np.inf))
    decidable = needed <= _MOST
    few = np.where(fits | (room <= 0), FEW, EDGE)
    unknown = np.where(decidable, few, np.where((room > 0) & ~fits, STUCK, SMALL))
    compared = ~np.isnan(difference + margin)
    code = np.where(compared, np.where(worse, WORSE, np.where(fine, OK, unknown)), NONE)
    needed = np.where((code == FEW) | (code == EDGE), np.maximum(np.ceil(needed), n + 1.0), np.nan)
    return Decision(code, difference, lower, upper, needed, width)


def reason(code: int, *, width: float, margin: float, difference: float, least: float) -> str | None:
    """Return the words for a code. `least`: how far below the promise the window is at the least (WORSE)."""
    if code == WORSE:
        return f"at least {least:.2g} worse than promised"
    if code == FEW:
        return "too few labels"
    if code == EDGE:
        return f"too few labels for a difference of {difference:.2g} against margin {margin:g}"
    if code == SMALL:
        return too_small(width, margin)
    if code == STUCK:
        return f"the difference {difference:.2g} is too close to the margin {margin:g} for a baseline of +-{width:.2g}"
    return None


def mix(baseline: float, raw: float) -> str:
    """Return the words for a promise that the live class shares have moved."""
    return f"mix: the folds promise {baseline:.2f} at these class shares, {raw:.2f} at their own"


def too_small(width: float, margin: float) -> str:
    """Return the words for a corridor that is too wide for a margin."""
    return f"baseline too small: +-{width:.2g} against margin {margin:g}"
