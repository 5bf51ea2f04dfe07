"""Classes with too few rows or errors to promise much, and what that does to the corridor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.baselines.corridor import corridor

if TYPE_CHECKING:
    from monitor.statistics.baseline import Baseline

FEW_ERRORS: Final = 10
FEW_MEMBERS: Final = 30
_MOST: Final = 10
"""So many classes are warned of one by one."""


def warnings(baseline: Baseline) -> list[str]:
    """Return a line for each class with under 30 members, or under 10 of them mistaken, in the folds of one repeat."""
    k = baseline.layout.classes
    members, right = np.zeros(k), np.zeros(k)
    for fold in baseline.folds:
        index, count = fold.counts.sparse("confusion")
        true, predicted = index // k, index % k
        members += np.bincount(true, count, k)
        right += np.bincount(true[true == predicted], count[true == predicted], k)
    members /= baseline.repeats
    errors = members - right / baseline.repeats
    thin = np.flatnonzero((members < FEW_MEMBERS) | (errors < FEW_ERRORS)).tolist()
    if not thin:
        return []
    lines = []
    recall = corridor(baseline)["recall"]
    for at in thin[:_MOST]:
        few = [
            _counted(found, word)
            for found, least, word in ((members[at], FEW_MEMBERS, "member"), (errors[at], FEW_ERRORS, "error"))
            if found < least
        ]
        value, lower, upper = recall[at]
        reach = f"the corridor of its recall, {value:.3f}, reaches from {lower:.3f} to {upper:.3f}"
        half = f"a half-width of {(upper - lower) / 2:.3f}"
        lines.append(f"class {baseline.classes[at]} has only {' and '.join(few)}: {reach}, {half}")
    if len(thin) > _MOST:
        lines.append(f"{len(thin) - _MOST} more classes have under {FEW_MEMBERS} members or {FEW_ERRORS} errors")
    return lines


def _counted(count: float, word: str) -> str:
    """Return a count that may be an average over repeats, with what is counted."""
    if count == 1:
        return f"1 {word}"
    return f"{count:.0f} {word}s" if float(count).is_integer() else f"{count:.1f} {word}s"
