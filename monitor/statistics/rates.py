"""How each class is predicted: the row-normalised confusion of the folds, read at any class shares. Pure.

With R[i, j] = P(predicted j | true i) and shares pi the expected confusion is E = diag(pi) R: expected precision of j
is pi_j R_jj / sum_i pi_i R_ij, and so on (docs/concepts.md [13]). Every formula needs R only as `weights @ R` or
`R @ values`, so that a thousand classes cost what their occupied cells cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.counts import Counts
    from monitor.statistics.arrays import Floats

    Indexes = NDArray[np.int64]

_DENSE: Final = 50
"""Up to this many classes a square array is faster than its occupied cells."""
_DOUBT: Final = 0.5
"""Added to the right and, spread out, to the wrong cells of every row, as Jeffreys does: perfect folds keep a width."""


class Cells:
    """A (K, K) matrix of occupied cells on top of a constant per row."""

    __slots__ = ("classes", "column", "rest", "row", "square", "value")

    def __init__(self, classes: int, row: Indexes, column: Indexes, value: Floats, rest: Floats | None = None) -> None:
        """Take cells (row, column, value), each given once; `rest` (K,) is what every cell of a row has besides."""
        self.classes, self.row, self.column, self.value = classes, row, column, value
        self.rest = rest
        self.square: Floats | None = None
        if classes <= _DENSE:
            self.square = np.zeros((classes, classes))
            self.square[row, column] = value
            if rest is not None:
                self.square += rest[:, None]

    def mixed(self, weights: Floats) -> Floats:
        """Return weights @ self, (W, K) from (W, K), each window by itself: a batch gives what each alone gives."""
        if self.square is not None:
            return (weights[:, None, :] @ self.square)[:, 0, :]
        out = np.empty(weights.shape)
        for w, weight in enumerate(weights):
            out[w] = np.bincount(self.column, weight[self.row] * self.value, self.classes)
            if self.rest is not None:
                out[w] += (weight * self.rest).sum()
        return out

    def gathered(self, values: Floats) -> Floats:
        """Return self @ values, (W, K) from (W, K)."""
        if self.square is not None:
            return (self.square @ values[:, :, None])[:, :, 0]
        out = np.empty(values.shape)
        for w, value in enumerate(values):
            out[w] = np.bincount(self.row, value[self.column] * self.value, self.classes)
            if self.rest is not None:
                out[w] += self.rest * value.sum()
        return out


class Rates:
    """The rates of one confusion."""

    __slots__ = ("cells", "members", "right", "smooth", "smooth_right", "variance", "variance_right")

    def __init__(self, classes: int, index: Indexes, count: Floats) -> None:
        """Take the occupied cells of a confusion: addresses i K + j and (fractional) counts."""
        row, column = np.divmod(index, classes)
        self.members: Floats = np.bincount(row, count, classes).astype(np.float64)
        """(K,) cases of each true class."""
        hit = row == column
        rate = count / self.members[row]
        self.cells = Cells(classes, row, column, rate)
        self.right: Floats = np.bincount(row[hit], rate[hit], classes).astype(np.float64)
        """(K,) recall."""
        # Smoothed: half a case on the diagonal, half a case over the rest of the row. Only used for variances: as
        # values their bias would add up over the classes (measured coverage of a macro average: .1).
        least = _DOUBT / (classes - 1) / (self.members + 2.0 * _DOUBT)
        off = ~hit
        diagonal = np.arange(classes)
        at = np.concatenate((row[off], diagonal)), np.concatenate((column[off], diagonal))
        tp = np.bincount(row[hit], count[hit], classes)
        more = np.concatenate((count[off], tp + _DOUBT - _DOUBT / (classes - 1))) / (self.members + 2.0 * _DOUBT)[at[0]]
        self.smooth = Cells(classes, *at, more, least)
        self.smooth_right: Floats = more[-classes:] + least
        cases = np.maximum(self.members, 1.0)
        whole = more + least[at[0]]
        nothing = least * (1.0 - least) / cases
        varied = whole * (1.0 - whole) / cases[at[0]]
        self.variance = Cells(classes, *at, varied - nothing[at[0]], nothing)
        self.variance_right: Floats = varied[-classes:]


class FoldRates:
    """The rates of every fold; a row that a fold has not seen is the pooled one's."""

    __slots__ = ("cells", "members", "right", "square")

    def __init__(self, pooled: Rates, folds: Sequence[Counts]) -> None:
        """Take the folds' counts."""
        classes = pooled.cells.classes
        parts, members, right = [], [], []
        for fold in folds:
            index, count = fold.sparse("confusion")
            row, column = np.divmod(index, classes)
            n = np.bincount(row, count, classes)
            borrowed = n[pooled.cells.row] == 0
            row = np.concatenate((row, pooled.cells.row[borrowed]))
            column = np.concatenate((column, pooled.cells.column[borrowed]))
            rate = np.concatenate((count / n[row[: len(count)]], pooled.cells.value[borrowed]))
            hit = row == column
            parts.append(Cells(classes, row, column, rate))
            members.append(n)
            right.append(np.bincount(row[hit], rate[hit], classes))
        self.cells = parts
        squares = [part.square for part in parts if part.square is not None]
        self.square = np.stack(squares) if squares else None
        self.members: Floats = np.array(members, np.float64).reshape(len(folds), classes)
        """(J, K) cases of each true class."""
        self.right: Floats = np.array(right, np.float64).reshape(len(folds), classes)
        """(J, K) recall."""

    def mixed(self, weights: Floats) -> Floats:
        """Return weights @ rates of every fold, (W, J, K) from (W, K)."""
        if self.square is not None:
            return (weights[:, None, None, :] @ self.square)[:, :, 0, :]
        return np.stack([part.mixed(weights) for part in self.cells], axis=1)
