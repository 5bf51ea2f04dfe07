"""The corridor: what the folds promise at the class shares of a window. Pure.

Pooled fold counts (divided by the repeats); effective n by Nadeau and Bengio: deff_cv = max(1, their variance / the
closed form's); recall by Jeffreys on counts / deff_cv; what depends on the class shares by the delta method over the
rows of the confusion, which are independent, and a Beta matched to that variance. Sources: statistics.md sections 4
and 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.statistics.arrays import Floats, ratio
from monitor.statistics.folds import design_effect, folds_of, strayed
from monitor.statistics.intervals import beta_matched, jeffreys
from monitor.statistics.promised import Promised
from monitor.statistics.promised_ranking import Losses, Ranking
from monitor.statistics.rates import FoldRates, Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.statistics.baseline import Baseline
    from monitor.statistics.folds import Folds

    Flags = NDArray[np.bool_]

_BINARY: Final = 2
_MACRO: Final = ("precision", "recall", "f1")


class Promise:
    """What the folds of a baseline promise, for all or for one segment. Immutable; one `at` serves many windows."""

    def __init__(self, baseline: Baseline, folds: Folds, level: float = 0.95) -> None:
        """Prepare what does not depend on the windows. `folds`: those of `folds_of(baseline, segment)`."""
        self.classes: Final = baseline.classes
        self.level: Final = level
        layout = baseline.layout
        self.positive: Final = layout.positive
        self._ratio = folds.ratio
        index, count = folds.pooled.sparse("confusion")
        self._rates = rates = Rates(layout.classes, index, count / folds.repeats)
        self._folds = FoldRates(rates, folds.counts)
        self._known = rates.members > 0
        self._own = rates.members / rates.members.sum()
        self._own_mixed = rates.cells.mixed(self._own[None])
        self._recall = self._constant_recall()
        scored = bool(folds.pooled.sparse("losses")[0].size)
        self._ranking = Ranking(folds, level) if scored else None
        self._losses = Losses(folds, level) if scored else None

    @property
    def own_shares(self) -> Floats:
        """Class shares (1, K) of the folds themselves."""
        own: Floats = self._own[None]
        return own

    @property
    def reweights_ranking(self) -> bool:
        """Whether AUC and average precision are promised at the live shares; of many classes, at the folds' own."""
        return self._ranking is None or self._ranking.mixable

    def at(self, shares: Floats, scored: Floats, present: Mapping[str, Flags]) -> dict[str, Promised]:
        """Return metric -> corridor for a batch of windows.

        shares (W, K): class shares of the labelled predictions, scored (W, K): of those with scores; rows of 0 where
        there are none. present: for precision, recall and f1 which classes (W, K) have a value in the window; a macro
        average is promised over the same ones. Metrics that the folds cannot speak about are missing.
        """
        promised = {"recall": self._recall} | self._reweighted(shares, present)
        if self._ranking is not None and self._losses is not None:
            promised["roc_auc"] = self._ranking.auc(scored)
            promised["pr_auc"] = self._ranking.average_precision(scored)
            for loss in ("log_loss", "brier"):
                promised[loss] = self._losses.at(loss, scored)
        return promised

    def missing(self, metric: str, class_: int | None, shares: Floats) -> str:
        """Return why nothing is promised for a metric at shares (K,)."""
        ranked = metric in {"roc_auc", "pr_auc", "log_loss", "brier"}
        if ranked and self._ranking is None:
            return "the folds have no scores"
        known = self._ranking.members > 0 if ranked and self._ranking is not None else self._known
        unseen = np.flatnonzero(~known & (shares > 0))
        if class_ is not None and not known[class_]:
            unseen = np.array([class_])
        if metric != "recall" and unseen.size:
            return f"the folds have no class {self.classes[unseen[0]]}"
        if class_ is not None and metric == "recall":
            return f"the folds have no class {self.classes[class_]}"
        if class_ is not None and metric == "precision":
            return f"the folds never predicted class {self.classes[class_]}"
        return "the folds promise nothing for a class of this window"

    def _constant_recall(self) -> Promised:
        """Return the promise that no class shares move."""
        rates, folds = self._rates, self._folds
        n = rates.members
        values = np.where(folds.members > 0, folds.right, np.nan)
        closed = rates.right * (1.0 - rates.right) / np.maximum(n, 1e-9)
        deff = design_effect(strayed(values, self._ratio), closed)
        lower, upper = jeffreys(rates.right * n / deff, n / deff, self.level)
        value, lower, upper = (np.where(self._known, x, np.nan)[None] for x in (rates.right, lower, upper))
        return Promised(value, lower, upper, value)

    def _reweighted(self, shares: Floats, present: Mapping[str, Flags]) -> dict[str, Promised]:
        """Return the promises that the class shares move: all but recall of the confusion."""
        rates = self._rates
        unseen = (~self._known & (shares > 0)).any(axis=-1) | ~(shares.sum(axis=-1) > 0)
        values = _values(shares, rates.cells.mixed(shares), rates.right, present)
        closed = self._variances(shares, values, present)
        by_fold = _values(
            shares[:, None, :],
            self._folds.mixed(shares),
            self._folds.right,
            {name: flags[:, None, :] for name, flags in present.items()},
            partly=True,
        )
        names = list(values)
        cuts = np.cumsum([values[name].shape[-1] for name in names])[:-1]
        value = np.where(unseen[:, None], np.nan, np.concatenate([values[name] for name in names], axis=-1))
        variance = np.concatenate([closed[name] for name in names], axis=-1)
        stray = strayed(np.concatenate([by_fold[name] for name in names], axis=-1), self._ratio)
        lower, upper = _matched(value, np.maximum(variance, stray), rates.members.sum(), self.level)
        raws = _values(self.own_shares, self._own_mixed, rates.right, present)
        split = ([*np.split(x, cuts, axis=-1)] for x in (value, lower, upper))
        promised = {name: Promised(v, lo, hi, raws[name]) for name, v, lo, hi in zip(names, *split, strict=True)}
        if len(self.classes) == _BINARY:
            promised["specificity"] = Promised(*(x[:, ::-1] for x in self._recall))
        return promised

    def _variances(
        self, shares: Floats, values: Mapping[str, Floats], present: Mapping[str, Flags]
    ) -> dict[str, Floats]:
        """Return the delta variance of every value: rows are independent multinomials with cases n_i, smoothed."""
        rates = self._rates
        square = shares * shares
        spread = rates.variance.mixed(square)
        own = square * rates.variance_right
        mixed = rates.cells.mixed(shares)
        precision, f1 = (_or_zero(values[name]) for name in ("precision", "f1"))
        # Var(sum_i pi_i (d_ij - P) R_ij) = P^2 sum_i pi_i^2 V_ij + pi_j^2 V_jj (1 - 2 P), and alike with 2 d_ij for F1.
        variances = {
            "precision": ratio(precision * precision * spread + own * (1.0 - 2.0 * precision), mixed * mixed, 0.0),
            "f1": ratio(f1 * f1 * spread + own * 4.0 * (1.0 - f1), (shares + mixed) ** 2, 0.0),
            "accuracy": own.sum(axis=-1, keepdims=True),
        }
        if "specificity" in values:
            variances["specificity"] = ratio(spread - own, (1.0 - shares) ** 2, 0.0)
        recalls = ratio(present["recall"] * rates.variance_right, _number(present["recall"]) ** 2, 0.0)
        variances["macro_recall"] = recalls.sum(axis=-1, keepdims=True)
        for name, value, whole, factor in (("precision", precision, mixed, 1.0), ("f1", f1, shares + mixed, 2.0)):
            # g_ij = pi_i (factor d_ij - value_j) u_j; Var = sum_i (sum_j g^2 R - (sum_j g R)^2) / n_i
            lever = ratio(present[name].astype(np.float64), _number(present[name]) * whole, 0.0)
            tilted = value * lever
            second = rates.smooth.gathered(tilted * tilted)
            second += rates.smooth_right * lever * lever * factor * (factor - 2.0 * value)
            first = factor * rates.smooth_right * lever - rates.smooth.gathered(tilted)
            varied = square * np.maximum(second - first * first, 0.0) / np.maximum(rates.members, 1.0)
            variances[f"macro_{name}"] = varied.sum(axis=-1, keepdims=True)
        return variances


def promises_of(baseline: Baseline, level: float = 0.95) -> dict[tuple[str, str | None], Promise]:
    """Return (version, segment) -> promise for everything (None) and for every segment that the folds have."""
    segments = sorted({name for fold in baseline.folds for name in fold.segments})
    found = {}
    for segment in (None, *segments):
        folds = folds_of(baseline, segment)
        if folds is not None:
            found[baseline.version, segment] = Promise(baseline, folds, level)
    return found


def baseline_width(promise: Promise, metric: str, class_: str | None) -> float | None:
    """Return how far the corridor reaches on the side that decides for OK, at the folds' own class shares.

    What `check` compares with a margin before there is any label: where it is larger, no number of labels can give an
    OK. None where nothing is promised.
    """
    k = len(promise.classes)
    shares = promise.own_shares
    promised = promise.at(shares, shares, dict.fromkeys(_MACRO, shares > 0)).get(metric)
    if promised is None:
        return None
    column = 0
    if promised.value.shape[-1] == k:
        column = promise.classes.index(class_) if class_ is not None else promise.positive
    value, lower, upper = (float(x[0, column]) for x in promised[:3])
    width = value - lower if metric in {"log_loss", "brier"} else upper - value
    return width if width == width else None  # noqa: PLR0124 - NaN is not itself


def _values(
    shares: Floats, mixed: Floats, right: Floats, present: Mapping[str, Flags], *, partly: bool = False
) -> dict[str, Floats]:
    """Return every reweighted metric at shares (..., K) from mixed = shares @ R, right = diag R; NaN where undefined.

    A macro average over a class without a value is undefined; `partly` (for the stray of folds) leaves such a class
    out.
    """
    hit = shares * right
    precision = ratio(hit, mixed)
    f1 = ratio(2.0 * hit, shares + mixed)
    values = {"precision": precision, "f1": f1, "accuracy": hit.sum(axis=-1, keepdims=True)}
    if shares.shape[-1] > _BINARY:
        values["specificity"] = np.clip(1.0 - ratio(mixed - hit, 1.0 - shares), 0.0, 1.0)
    for name, value in (("precision", precision), ("recall", right), ("f1", f1)):
        flags = present[name] & ~np.isnan(value) if partly else present[name]
        total = np.where(flags, value, 0.0).sum(axis=-1, keepdims=True)
        values[f"macro_{name}"] = ratio(total, _number(flags))
    return values


def _matched(value: Floats, variance: Floats, cases: float, level: float) -> tuple[Floats, Floats]:
    """Return the band of a Beta matched to the variance; its mean is kept one deviation away from 0 and 1.

    Nearer, a Beta would put nearly all of its weight on the end, and its lower quantile with it. Where nothing varies
    the width is what all the baseline's cases together leave open.
    """
    most = np.minimum(variance, 0.2)
    deviation = np.sqrt(most)
    inner = np.where((value > 0) & (value < 1), np.clip(value, deviation, 1.0 - deviation), value)
    lower, upper = beta_matched(inner, most, level, cases)
    return np.minimum(lower, value), np.maximum(upper, value)


def _or_zero(values: Floats) -> Floats:
    """Return the values, 0 where undefined."""
    return np.where(np.isnan(values), 0.0, values)


def _number(flags: Flags) -> Floats:
    """Return how many classes are present, (..., 1)."""
    number: Floats = flags.sum(axis=-1, keepdims=True).astype(np.float64)
    return number
