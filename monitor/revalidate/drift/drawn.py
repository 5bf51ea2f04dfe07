"""Columns to compare: the reference's drawn from its summary, today's from the sampled rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from monitor.baselines.feature_summary import NUMBER, category_of, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from monitor.baselines.feature_summary import ColumnSummary

MOST_DRAWN: Final = 5_000
"""Values of the reference: no more than its rows, so that a test takes it for no surer than it is."""
OTHER: Final = "(other)"


@dataclass(frozen=True, slots=True)
class Sides:
    """One column, then and now."""

    kind: str
    """NUMBER or CATEGORY."""
    reference: NDArray[Any]
    """Numbers or texts, as many as the reference has values, at most MOST_DRAWN."""
    now: NDArray[Any]
    missing: NDArray[np.float64]
    """(2, 2) rows with and without a value: then, now."""


def sides(column: ColumnSummary, rows: Iterable[Mapping[str, Any]], name: str) -> Sides:
    """Return one column of a summary beside the same one of sampled rows.

    A row without it, or with what is no number in a column of numbers, counts as missing; a category that the summary
    does not name as `(other)`.
    """
    given = [row.get(name) for row in rows]
    if column.kind == NUMBER:
        read: list[Any] = [number_of(value) for value in given]
        drawn: NDArray[Any] = numbers(column)
    else:
        texts = [category_of(value) for value in given]
        read = [text if text is None or text in column.counts else OTHER for text in texts]
        drawn = categories({**column.counts, OTHER: column.other}, column.n)
    there = [value for value in read if value is not None]
    missing = np.array([[column.n, column.missing], [len(there), len(read) - len(there)]], np.float64)
    return Sides(column.kind, drawn, np.array(there, drawn.dtype), missing)


def numbers(column: ColumnSummary) -> NDArray[np.float64]:
    """Return the numbers of a summary, drawn at even levels: each is a mean that the summary holds."""
    if column.kind != NUMBER or not column.means:
        return np.zeros(0)
    n = min(column.n, MOST_DRAWN)
    return np.array(column.means)[(2 * np.arange(n) + 1) * len(column.means) // (2 * n)]


def categories(counts: Mapping[str, int], n: int, most: int = MOST_DRAWN) -> NDArray[np.object_]:
    """Return texts in the shares of their counts, `n` or at most `most` of them."""
    total = sum(counts.values())
    if not total:
        return np.zeros(0, object)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    ends = np.round(np.cumsum([counts[name] for name in names]) * min(n, most) / total).astype(np.int64)
    return np.repeat(np.array(names, object), np.diff(ends, prepend=0))
