"""What makes folds unfit to promise anything: found on columns, whoever split them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.baselines.schemes import HOLDOUT
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FEW = 5
"""So many are named in a message."""


def few_members(place: str, classes: Sequence[str], y_true: NDArray[np.integer], folds: int) -> list[Problem]:
    """Return the classes with fewer members than folds; `y_true` (n,) are class indexes of one repeat."""
    members = np.bincount(y_true, minlength=len(classes)).tolist()
    few = [(name, n) for name, n in zip(classes, members, strict=True) if n < folds]
    remedy = "use fewer folds, gather more rows of it, or leave the class out"
    if len(few) > _FEW:
        named = _some([name for name, _ in few])
        return [Problem(place, f"{len(few)} classes have fewer rows than the {folds} folds ({named})", remedy)]
    return [
        Problem(place, f"class {name} has {n} {'row' if n == 1 else 'rows'}, fewer than the {folds} folds", remedy)
        for name, n in few
    ]


def absent_classes(
    place: str,
    classes: Sequence[str],
    names: Sequence[str],
    y_true: NDArray[np.integer],
    fold: NDArray[np.integer],
    *,
    rows: str = "rows",
) -> list[Problem]:
    """Return the folds in which a class has no row, so that its metrics are undefined there.

    `names` are the folds' names; `y_true` and `fold` (n,) are indexes into classes and names. `rows` says which rows.
    """
    present = np.zeros((len(names), len(classes)), bool)
    present[fold, y_true] = True
    problems = []
    for at, name in enumerate(names):
        missing = [classes[k] for k in np.flatnonzero(~present[at]).tolist()]
        if missing:
            what = "class" if len(missing) == 1 else "classes"
            problems.append(
                Problem(
                    place,
                    f"fold {name} has no {rows} of {what} {_some(missing)}: the classes differ between the folds",
                    "split by a stratified scheme, or use fewer folds",
                )
            )
    return problems


def shared_groups(
    place: str, group: NDArray[np.integer], fold: NDArray[np.integer], words: Sequence[str], names: Sequence[str]
) -> list[Problem]:
    """Return one problem where groups have rows in two folds or more; columns (n,) are indexes into words and names."""
    pairs = np.unique(np.stack((group, fold)), axis=1)
    owners, folds = np.unique(pairs[0], return_counts=True)
    shared = owners[folds > 1]
    if not shared.size:
        return []
    first = int(shared[0])
    there = _some([names[f] for f in pairs[1][pairs[0] == first]])
    n = f"{shared.size} groups have" if shared.size > 1 else "1 group has"
    return [
        Problem(
            place,
            f"{n} rows in more than one fold (the first: {words[first][:40]} in folds {there})",
            "keep all rows of a group in one fold, or name another scheme",
        )
    ]


def scheme_and_folds(place: str, scheme: str, folds: int) -> list[Problem]:
    """Return what is wrong between a scheme and the number of folds found."""
    if scheme == HOLDOUT and folds > 1:
        return [Problem(place, f"has {folds} folds, and scheme holdout has one", "name the scheme they were split by")]
    if scheme != HOLDOUT and folds == 1:
        return [Problem(place, f"has one fold, and scheme {scheme} has at least two", "use --scheme holdout")]
    return []


def _some(names: Sequence[str]) -> str:
    """Return up to five names, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
