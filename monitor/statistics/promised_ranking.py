"""What the folds promise for AUC and average precision at any class shares. Pure.

An AUC is linear in the mix of the negatives: with A[r, i] = P(score_r of class r > score_r of class i), ties half,
and q the shares of the negatives, AUC_r = sum_i q_i A[r, i]; its DeLong variance is a quadratic form in q. So a
promise needs no histogram at run time. Average precision is not linear and comes from the mixed histograms. Sources:
docs/concepts.md [8, 9, 13].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.counts.layout import BINS, MOST_REWEIGHTED_CLASSES
from monitor.statistics.arrays import clipped, ratio
from monitor.statistics.folds import design_effect, strayed
from monitor.statistics.intervals import logit_normal, newcombe_auc
from monitor.statistics.promised import Promised
from monitor.statistics.ranking import CONTAMINATION, FEW, NEARLY_PERFECT, auc, average_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.counts import Counts
    from monitor.statistics.arrays import Floats
    from monitor.statistics.folds import Folds

_BINARY: Final = 2
_LEAST: Final = 1e-12


class _Kinds(NamedTuple):
    """The class and the rest of every class r, (W or 1, K, 512) each; from p on from the highest score down."""

    negative: Floats
    """Density of the rest, scores ascending."""
    negatives: Floats
    """(W or 1, K) how many cases of the rest that is worth."""
    p: Floats
    """Density of the class, a little contaminated."""
    n: Floats
    """That of the rest."""
    crowd: Floats
    """Of the rest against the class, how much lies at or above a bin."""
    share: Floats
    """Of the class at or above a bin, how much lies in it."""


class Ranking:
    """AUC and average precision, one versus rest, of up to 50 classes."""

    def __init__(self, folds: Folds, level: float) -> None:
        """Prepare everything that does not depend on the live class shares."""
        layout = folds.pooled.layout
        self._level, self._ratio = level, folds.ratio
        self._classes = k = layout.classes
        self.mixable = k == _BINARY or (
            k <= MOST_REWEIGHTED_CLASSES and folds.pooled.sparse("scores_by_class")[0].size > 0
        )
        """Whether a promise can be reweighted to the live shares; else it is the raw one."""
        self._own = np.arange(k) if self.mixable else np.ones(k, np.int64)
        counts = self._histograms(folds.pooled) / folds.repeats
        self._n: Floats = counts.sum(axis=-1)
        """(K, G) scored cases of each group behind class r: of each true class, or of (rest, class)."""
        self._density = ratio(counts, self._n[..., None], 0.0)
        self._others = np.ones_like(self._n)
        self._others[np.arange(k), self._own] = 0.0
        self.members: Floats = self._n[np.arange(k), self._own]
        """(K,) scored cases of each class."""
        self._pairs = self._pair_auc(counts, None)
        own = self._density[np.arange(k), self._own]
        below = self._density.cumsum(axis=-1) - 0.5 * self._density
        self._products = (below * own[:, None, :]) @ np.swapaxes(below, -1, -2)
        above = 1.0 - own.cumsum(axis=-1) + 0.5 * own
        self._s01 = np.maximum((self._density * above[:, None, :] ** 2).sum(axis=-1) - self._pairs**2, 0.0)
        histograms = [self._histograms(fold) for fold in folds.counts]
        self._fold_pairs = np.stack([self._pair_auc(fold, self._pairs) for fold in histograms])
        whole = self._n[:1] if self.mixable else self._n
        self._own_shares = ratio(whole, whole.sum(axis=-1, keepdims=True), 0.0)
        self.raw_auc = self._auc(self._own_shares[None])
        self.fixed_auc = k == _BINARY or not self.mixable
        """Whether an AUC depends on the shares at all."""
        self._cases = own * self.members[:, None]
        # With one other group its mix is itself, whatever the shares.
        self._one_mix = self._kinds(self._others[None]) if self._n.shape[-1] == _BINARY else None
        self._ap_deff = np.ones(k)
        value, _, _, variance = self._ap(self._own_shares[None])
        stray = strayed(self._fold_precision(histograms), self._ratio)
        self._ap_deff = design_effect(stray, np.nan_to_num(variance[0]))
        self.raw_ap = value
        self._ap_as_is = self._ap(self._own_shares[None])[:3]

    def auc(self, shares: Floats) -> Promised:
        """Return the promised AUC of every class at class shares (W, K)."""
        value, lower, upper = self.raw_auc if self.fixed_auc else self._auc(shares[:, None, :])
        return Promised(value, lower, upper, self.raw_auc[0])

    def average_precision(self, shares: Floats) -> Promised:
        """Return the promised average precision of every class at class shares (W, K).

        Its deff_cv is measured once, at the folds' own shares: as a ratio of two variances it hardly moves with them.
        """
        value, lower, upper = self._ap(shares[:, None, :])[:3] if self.mixable else self._ap_as_is
        return Promised(value, lower, upper, self.raw_ap)

    def _histograms(self, counts: Counts) -> Floats:
        """Return (K, G, 512): the score of class r in each group."""
        k = self._classes
        if k == _BINARY:
            positive = counts.layout.positive
            rest, own = counts.plane("scores")[0].astype(np.float64)
            whole = np.empty((2, 2, BINS))
            # The other class's score is 1 - p: its histogram is the mirror image.
            whole[positive, positive], whole[positive, 1 - positive] = own, rest
            whole[1 - positive, positive], whole[1 - positive, 1 - positive] = own[::-1], rest[::-1]
            return whole
        return counts.plane("scores_by_class" if self.mixable else "scores").astype(np.float64)

    def _pair_auc(self, counts: Floats, where_none: Floats | None) -> Floats:
        """Return A (K, G) of histograms (K, G, 512); where a fold lacks one of the two, what the pooled folds say."""
        own = counts[np.arange(self._classes), self._own]
        won = auc(np.broadcast_to(own[:, None, :], counts.shape), counts)
        missing: Floats = np.zeros_like(won) if where_none is None else where_none
        return np.where(np.isnan(won), missing, won)

    def _weights(self, shares: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return of shares (W, 1 or K, G): the negatives' q (W, K, G), the class's own (W, K), where both exist."""
        rest = shares * self._others
        total = rest.sum(axis=-1)
        own = np.broadcast_to(shares, rest.shape)[:, np.arange(self._classes), self._own]
        unseen = ((self._n <= 0) & (shares > 0)).any(axis=-1)
        return ratio(rest, total[..., None], 0.0), own, (own > 0) & ~unseen & (self.members > 0)

    def _auc(self, shares: Floats) -> tuple[Floats, Floats, Floats]:
        """Return (value, lower, upper), (W, K) each."""
        q, _, defined = self._weights(shares)
        defined = defined & (q.sum(axis=-1) > 0)
        value = clipped((q * self._pairs).sum(axis=-1), 0.0, 1.0)
        drawn = ratio(q * q, np.where(self._n > 0, self._n, np.inf), 0.0)
        negatives = ratio(np.ones_like(value), drawn.sum(axis=-1), 0.0)
        positives = np.broadcast_to(np.maximum(self.members, 1.0), value.shape)
        placed = (self._products @ q[..., None])[..., 0]
        s10 = np.maximum((q * placed).sum(axis=-1) - value * value, 0.0)
        variance = s10 / positives + (drawn * self._s01).sum(axis=-1)
        values = (q[:, None] * self._fold_pairs).sum(axis=-1)
        deff = design_effect(strayed(values, self._ratio), variance)
        extreme = np.maximum(value, 1.0 - value) > NEARLY_PERFECT
        few = (positives / deff < FEW) | (negatives / deff < FEW) | extreme
        lower, upper = newcombe_auc(value, positives / deff, np.maximum(negatives, 1e-9) / deff, self._level)
        smooth = logit_normal(value, variance * deff, self._level)
        lower, upper = np.where(few, lower, smooth[0]), np.where(few, upper, smooth[1])
        return _defined(defined, value), _defined(defined, lower), _defined(defined, upper)

    def _ap(self, shares: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return (value, lower, upper, variance without deff), (W, K) each."""
        q, own, defined = self._weights(shares)
        kinds = self._one_mix if self._one_mix is not None else self._kinds(q)
        rest = np.where(own > 0, 1.0 - own, 0.0) * (q.sum(axis=-1) > 0)
        odds = ratio(rest, own, 0.0)
        scaled = kinds.negative * (odds * self.members)[..., None]
        value = average_precision(np.broadcast_to(self._cases, scaled.shape), scaled)
        step, variance = _step_variance(kinds, np.maximum(odds, _LEAST), np.maximum(self.members, _LEAST))
        lower, upper = logit_normal(step, variance * self._ap_deff, self._level)
        bands = _defined(defined, np.minimum(lower, value)), _defined(defined, np.maximum(upper, value))
        return _defined(defined, value), *bands, _defined(defined, variance)

    def _kinds(self, q: Floats) -> _Kinds:
        """Return what average precision needs to know of the negatives' shares q (W, K, G), whatever their number."""
        positive, members = self._density[np.arange(self._classes), self._own], self.members[:, None]
        negative = (q[..., None, :] @ self._density)[..., 0, :]
        drawn = ratio(q * q, np.where(self._n > 0, self._n, np.inf), 0.0).sum(axis=-1)
        negatives = np.where(drawn > 0, ratio(np.ones_like(drawn), drawn, 0.0), np.maximum(self.members, _LEAST))
        size = negatives[..., None]
        # A quarter of a case of the one kind spread like the other, as in the live band.
        p = (positive * members + CONTAMINATION * negative) / (members + CONTAMINATION)
        n = (negative * size + CONTAMINATION * positive) / (size + CONTAMINATION)
        p, n = (np.ascontiguousarray(x[..., ::-1]) for x in (p, n))
        # Above the first positive there is no precision and nothing weighs it.
        right = np.maximum(p.cumsum(axis=-1), _LEAST)
        return _Kinds(negative, negatives, p, n, n.cumsum(axis=-1) / right, p / right)

    def _fold_precision(self, histograms: list[Floats]) -> Floats:
        """Return every fold's average precision at the pooled folds' shares, (J, K); NaN where it lacks either kind."""
        q, own, _ = self._weights(self._own_shares[None])
        k = np.arange(self._classes)
        out = np.full((len(histograms), self._classes), np.nan)
        for j, counts in enumerate(histograms):
            n = counts.sum(axis=-1)
            positive, members = counts[k, self._own], n[k, self._own]
            seen = q[0] * (n > 0)
            density = ratio(counts, n[..., None], 0.0)
            negative = ratio((seen[:, None, :] @ density)[:, 0, :], seen.sum(axis=-1)[:, None], 0.0)
            scale = ratio(members * (1.0 - own[0]), own[0], 0.0)
            value = average_precision(positive, negative * scale[:, None])
            out[j] = np.where((members > 0) & (seen.sum(axis=-1) > 0), value, np.nan)
        return out


def _step_variance(kinds: _Kinds, odds: Floats, members: Floats) -> tuple[Floats, Floats]:
    """Return (step-form average precision, its variance), (W, K), at fixed odds (W, K) of the rest against the class.

    The infinitesimal jackknife of `ranking.average_precision_variance`, but given how many cases each kind has: the
    shares are the live ones and do not vary, so that what all cases of a kind have alike is taken out.
    """
    p, n = kinds.p, kinds.n
    at = 1.0 / (1.0 + odds[..., None] * kinds.crowd)
    weight = kinds.share * at
    loss = _from_below(weight * at)
    by_p = at + _from_below(weight) - loss
    # A = sum_b p_b at_b: a change of p moves A by (at + gain) dp, one of n by -odds x loss dn.
    a = (p * at).sum(axis=-1)
    p_by_p, n_loss = p * by_p, n * loss
    varied_p = (p_by_p * by_p).sum(axis=-1) - p_by_p.sum(axis=-1) ** 2
    varied_n = (n_loss * loss).sum(axis=-1) - n_loss.sum(axis=-1) ** 2
    return a, np.maximum(varied_p, 0.0) / members + odds * odds * np.maximum(varied_n, 0.0) / kinds.negatives


def _from_below(x: Floats) -> Floats:
    """Return the sums of each element and all that follow."""
    return np.ascontiguousarray(x[..., ::-1].cumsum(axis=-1)[..., ::-1])


def _defined(defined: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the values, NaN where they are not defined."""
    return np.where(defined, values, np.nan)
