"""What the folds promise for the metrics of the confusion at any class shares. Pure.

Recall does not depend on the shares: Jeffreys on counts / deff_cv. The others do: delta method over the rows of the
confusion, which are independent, never less than the folds' own stray, and a Beta matched to that variance. Sources:
docs/concepts.md [3, 13, 14].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics.arrays import Floats, clipped, ratio
from monitor.statistics.folds import design_effect, strayed
from monitor.statistics.intervals import beta_matched, jeffreys
from monitor.statistics.promised import Promised
from monitor.statistics.rates import FoldRates, Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.statistics.folds import Folds

    Flags = NDArray[np.bool_]

_BINARY: Final = 2
AVERAGED: Final = ("precision", "recall", "f1")
"""Class metrics that have a macro average, in the order of every axis of three below."""
_RATES: Final = [0, 2]
"""Those of them that the class shares move."""
_FACTOR: Final = np.array([[1.0], [2.0]])
"""What a right prediction counts in their numerator."""
_POOLED, _RAW, _FOLDS = 0, 1, 2
"""Axis of readings: the pooled folds at the window's shares, at their own, and every fold at the window's."""


class Reweighted:
    """Precision, F1, specificity, accuracy and the macro averages of the folds, at class shares."""

    def __init__(self, folds: Folds, level: float) -> None:
        """Prepare what does not depend on the shares."""
        k = folds.pooled.layout.classes
        self._level, self._ratio, self._classes = level, folds.ratio, k
        index, count = folds.pooled.sparse("confusion")
        self._rates = rates = Rates(k, index, count / folds.repeats)
        self._folds = FoldRates(rates, folds.counts)
        self.known: Flags = rates.members > 0
        """(K,) classes that the folds have."""
        self.own: Floats = (rates.members / rates.members.sum())[None]
        """(1, K) class shares of the folds themselves."""
        self._right = np.vstack((rates.right, rates.right, self._folds.right))
        self._recalls = np.where(self.known, self._right, np.nan)
        self._own_mixed = rates.cells.mixed(self.own)[0]
        self.recall: Promised = self._constant_recall()
        names = ("precision", "f1", *(("specificity",) if k > _BINARY else ()))
        ends = (np.arange(len(names)) + 1) * k
        singles = ("accuracy", *(f"macro_{name}" for name in AVERAGED))
        self._place = {name: slice(end - k, end) for name, end in zip(names, ends.tolist(), strict=True)}
        self._place |= {name: slice(len(names) * k + i, len(names) * k + i + 1) for i, name in enumerate(singles)}

    def at(self, shares: Floats, present: Mapping[str, Flags]) -> dict[str, Promised]:
        """Return metric -> corridor at class shares (W, K); present: `AVERAGED` -> classes (W, K) with a value."""
        here = np.stack([present[name] for name in AVERAGED], axis=1)
        unseen = (~self.known & (shares > 0)).any(axis=-1) | ~(shares.sum(axis=-1) > 0)
        mixed = self._mixed(shares)
        single, table = self._readings(shares, mixed, here)
        value = np.where(unseen[:, None], np.nan, table[:, _POOLED])
        closed = self._variances(shares, mixed[:, _POOLED], single[:, _POOLED, _RATES], here)
        variance = np.maximum(closed, strayed(table[:, _FOLDS:], self._ratio))
        lower, upper = _matched(value, variance, self._rates.members.sum(), self._level)
        fields = (value, lower, upper, table[:, _RAW])
        promised = {name: Promised(*(x[:, place] for x in fields)) for name, place in self._place.items()}
        promised["recall"] = self.recall
        if self._classes == _BINARY:
            promised["specificity"] = Promised(*(x[:, ::-1] for x in self.recall))
        return promised

    def _constant_recall(self) -> Promised:
        """Return the promise that no class shares move."""
        n, right = self._rates.members, self._rates.right
        values = np.where(self._folds.members > 0, self._folds.right, np.nan)
        deff = design_effect(strayed(values, self._ratio), right * (1.0 - right) / np.maximum(n, 1e-9))
        lower, upper = jeffreys(right * n / deff, n / deff, self._level)
        value, lower, upper = (np.where(self.known, x, np.nan)[None] for x in (right, lower, upper))
        return Promised(value, lower, upper, value)

    def _mixed(self, shares: Floats) -> Floats:
        """Return how often each class is predicted, (W, readings, K)."""
        mixed = np.empty((len(shares), *self._right.shape))
        mixed[:, _POOLED] = self._rates.cells.mixed(shares)
        mixed[:, _RAW] = self._own_mixed
        mixed[:, _FOLDS:] = self._folds.mixed(shares)
        return mixed

    def _readings(self, shares: Floats, mixed: Floats, present: Flags) -> tuple[Floats, Floats]:
        """Return the class metrics (W, readings, 3, K) and all that depends on shares (W, readings, columns).

        A promised macro average over a class without a value is undefined; a fold's own leaves such a class out.
        """
        whole = np.empty_like(mixed)
        whole[:] = shares[:, None, :]
        whole[:, _RAW] = self.own
        hit = whole * self._right
        single = np.empty((*mixed.shape[:2], len(AVERAGED), mixed.shape[-1]))
        single[:, :, 0] = ratio(hit, mixed)
        single[:, :, 1] = self._recalls
        single[:, :, 2] = ratio(2.0 * hit, whole + mixed)
        defined = ~np.isnan(single)
        counted = defined & present[:, None]
        macro = ratio(np.where(counted, single, 0.0).sum(axis=-1), counted.sum(axis=-1))
        lacking = (present[:, None] & ~defined[:, :_FOLDS]).any(axis=-1)
        macro[:, :_FOLDS][lacking] = np.nan
        columns = [single[:, :, 0], single[:, :, 2]]
        if self._classes > _BINARY:
            columns.append(clipped(1.0 - ratio(mixed - hit, 1.0 - whole), 0.0, 1.0))
        return single, np.concatenate([*columns, hit.sum(axis=-1, keepdims=True), macro], axis=-1)

    def _variances(self, shares: Floats, mixed: Floats, rates: Floats, present: Flags) -> Floats:
        """Return the delta variance of every column, (W, columns): rows are independent multinomials, smoothed.

        rates (W, 2, K): precision and F1.
        """
        of = self._rates
        square = shares * shares
        spread, own = of.variance.mixed(square), square * of.variance_right
        value = np.where(np.isnan(rates), 0.0, rates)
        whole = np.stack((mixed, shares + mixed), axis=1)
        twist = _FACTOR * (_FACTOR - 2.0 * value)
        # Var(sum_i pi_i (f d_ij - P) R_ij) = P^2 sum_i pi_i^2 V_ij + pi_j^2 V_jj f (f - 2 P); f is 1, for F1 2.
        single = ratio(value * value * spread[:, None] + own[:, None] * twist, whole * whole, 0.0)
        # Macro: g_ij = pi_i (f d_ij - P_j) u_j; Var = sum_i (sum_j g^2 R - (sum_j g R)^2) / n_i.
        number = present.sum(axis=-1, keepdims=True)
        lever = ratio(present[:, _RATES].astype(np.float64), number[:, _RATES] * whole, 0.0)
        tilted = value * lever
        both = np.concatenate((tilted * tilted, tilted), axis=1)
        gathered = of.smooth.gathered(both.reshape(-1, both.shape[-1])).reshape(both.shape)
        second = gathered[:, :2] + of.smooth_right * lever * lever * twist
        first = _FACTOR * of.smooth_right * lever - gathered[:, 2:]
        varied = square[:, None] * np.maximum(second - first * first, 0.0) / np.maximum(of.members, 1.0)
        macro = varied.sum(axis=-1)
        recalls = ratio(present[:, 1] * of.variance_right, (number[:, 1] ** 2).astype(np.float64), 0.0)
        columns = [single.reshape(len(single), -1)]
        if self._classes > _BINARY:
            columns.append(ratio(spread - own, (1.0 - shares) ** 2, 0.0))
        accuracy, recall = (x.sum(axis=-1, keepdims=True) for x in (own, recalls))
        return np.concatenate([*columns, accuracy, macro[:, :1], recall, macro[:, 1:]], axis=-1)


def _matched(value: Floats, variance: Floats, cases: float, level: float) -> tuple[Floats, Floats]:
    """Return the band of a Beta matched to the variance; its mean is kept one deviation away from 0 and 1.

    Nearer, a Beta would put nearly all of its weight on the end, and its lower quantile with it. Where nothing varies
    the width is what all the baseline's cases together leave open.
    """
    most = np.minimum(variance, 0.2)
    deviation = np.sqrt(most)
    inner = np.where((value > 0) & (value < 1), clipped(value, deviation, 1.0 - deviation), value)
    lower, upper = beta_matched(inner, most, level, cases)
    return np.minimum(lower, value), np.maximum(upper, value)
