"""Every metric of a batch of windows beside what the folds promise, with its verdict. Pure.

All metrics of all windows stand in one matrix (windows, columns), so that a comparison costs the same few array
operations whatever the number of metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from monitor.statistics import verdict
from monitor.statistics.names import LOSSES, NEVER_JUDGED, OVERALL, OVERALL_BINARY, PER_CLASS, RANKED
from monitor.statistics.report import Verdict
from monitor.statistics.table import blocks
from monitor.statistics.verdict import FEW, NONE, OK, WORSE, decide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.counts import Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.promise import Promise
    from monitor.statistics.promised import Promised
    from monitor.statistics.verdict import Decision

NO_BASELINE: Final = "no baseline for this version"
NO_FOLDS: Final = "no folds for this segment"
IMMATURE: Final = "immature"
RAW: Final = "compared at the folds' own class shares"
"""Said of an AUC of so many classes that the folds do not keep what a reweighting needs."""
_BINARY: Final = 2
_WORDS: Final = (None, Verdict.OK, Verdict.WORSE, *[Verdict.UNKNOWN] * 4)
"""Code of a decision -> verdict."""


class Columns:
    """The metrics of a model in the order of a report: all of the first class, ..., all of the whole model."""

    def __init__(self, layout: Layout) -> None:
        """Lay them out."""
        k = layout.classes
        overall = OVERALL + (OVERALL_BINARY if k == _BINARY else ())
        self.metric: Final = [*PER_CLASS * k, *overall]
        """Names, (columns,)."""
        self.class_: Final[list[int | None]] = [c for c in range(k) for _ in PER_CLASS] + [None] * len(overall)
        self.turned: Final = np.array([metric in LOSSES for metric in self.metric])
        """Where less is better."""
        self.never_judged: Final = np.array([metric in NEVER_JUDGED for metric in self.metric])
        self._blocks = blocks(layout)
        keys = [f"overall_{metric}" if metric in OVERALL_BINARY else metric for metric in overall]
        starts = [self._blocks[key].columns.start for key in keys]
        within = [self._blocks[metric].columns.start + c for c in range(k) for metric in PER_CLASS]
        self._source = np.array(within + starts)

    def ordered(self, table: NDArray[Any]) -> NDArray[Any]:
        """Return (..., columns) from a field of a table."""
        return table[..., self._source]

    def laid_out(self, promised: Mapping[str, Promised], windows: int) -> Floats:
        """Return value, lower, upper and raw of promises, (4, windows, columns); NaN where there is none."""
        out = np.full((4, windows, self._source.max() + 1), np.nan)
        for metric, corridor in promised.items():
            place = self._blocks[metric].columns
            for field, values in zip(out, corridor, strict=True):
                field[:, place] = values
        return out[:, :, self._source]


class Comparison(NamedTuple):
    """What a batch of windows is compared with, (W, columns) each."""

    numbers: list[Floats]
    """Of a MetricResult, in its order: baseline, its lower and upper end, the raw one, the difference, its two ends."""
    verdict: NDArray[np.object_]
    reason: NDArray[np.object_]
    needed: Floats
    """Where there is none: NaN."""


class Live(NamedTuple):
    """A batch of windows as the comparison needs it: (W, columns) unless it says otherwise."""

    value: Floats
    lower: Floats
    """Of the closed form."""
    upper: Floats
    n: Floats
    margin: Floats
    shares: Floats
    """(W, K) class shares of the labelled predictions."""
    scored: Floats
    """(W, K) class shares of those with scores."""
    present: Mapping[str, NDArray[np.bool_]]
    """precision, recall, f1 -> which classes (W, K) have a value."""
    unlabelled: Floats
    """(W, 1) predictions without a label in provisional windows; 0 in mature ones."""


def compare(columns: Columns, live: Live, owners: Sequence[Promise | str]) -> Comparison:
    """Return the comparison of every window with its promise, or with none for the reason that stands in its place."""
    promised = _promised(columns, live, owners)
    baseline, lower, upper, _ = promised
    # Losses are turned round, so that more is better everywhere.
    turned = columns.turned
    sign = np.where(turned, -1.0, 1.0)
    band = np.where(turned, -live.upper, live.lower), np.where(turned, -live.lower, live.upper)
    corridor = np.where(turned, -upper, lower), np.where(turned, -lower, upper)
    decision = decide(live.value * sign, band, baseline * sign, corridor, live.margin, live.n)
    compared = np.array([[not isinstance(owner, str)] for owner in owners])
    unpromised = compared & np.isnan(baseline) & ~np.isnan(live.value) & ~np.isnan(live.margin)
    judged = (decision.code != NONE) | unpromised
    immature = judged & (live.unlabelled > live.margin * live.n)
    reasons = _reasons(columns, live, decision, promised)
    for w, m in np.argwhere(unpromised).tolist():
        reasons[w, m] = _missing(owners[w], columns, live, w, m)
    for w, owner in enumerate(owners):
        if isinstance(owner, str):
            reasons[w, ~columns.never_judged] = owner
    reasons[immature] = IMMATURE
    _note(columns, owners, judged, reasons)
    verdicts = np.array(_WORDS, object)[np.where(immature | unpromised, FEW, decision.code)]
    ends = np.where(turned, -decision.upper, decision.lower), np.where(turned, -decision.lower, decision.upper)
    return Comparison(
        numbers=[*promised, live.value - baseline, *ends],
        verdict=verdicts,
        reason=reasons,
        needed=np.where(immature, np.nan, decision.needed),
    )


def _promised(columns: Columns, live: Live, owners: Sequence[Promise | str]) -> Floats:
    """Return value, lower, upper and raw of every promise, (4, W, columns); windows of one promise go together."""
    promised = np.full((4, *live.value.shape), np.nan)
    members: dict[int, list[int]] = {}
    for w, owner in enumerate(owners):
        members.setdefault(id(owner), []).append(w)
    for windows in members.values():
        owner = owners[windows[0]]
        if isinstance(owner, str):
            continue
        whole = len(windows) == len(owners)
        rows = slice(None) if whole else np.array(windows)
        present = {name: flags[rows] for name, flags in live.present.items()}
        found = owner.at(live.shares[rows], live.scored[rows], present)
        promised[:, rows] = columns.laid_out(found, len(windows))
    return promised


def _reasons(columns: Columns, live: Live, decision: Decision, promised: Floats) -> NDArray[np.object_]:
    """Return the words for every decision, None where there is nothing to explain."""
    code, margin = decision.code, live.margin
    reasons = np.full(code.shape, None, object)
    reasons[code == FEW] = verdict.reason(FEW, width=0.0, margin=0.0, difference=0.0, least=0.0)
    for w, m in np.argwhere((code == WORSE) | (code > FEW)).tolist():
        reasons[w, m] = verdict.reason(
            int(code[w, m]),
            width=float(decision.width[w, m]),
            margin=float(margin[w, m]),
            difference=float(decision.difference[w, m]) * (-1.0 if columns.turned[m] else 1.0),
            least=-float(decision.upper[w, m]),
        )
    baseline, _, _, raw = promised
    for w, m in np.argwhere((code == OK) & (np.abs(baseline - raw) > 0.5 * margin)).tolist():
        reasons[w, m] = verdict.mix(float(baseline[w, m]), float(raw[w, m]))
    return reasons


def _missing(owner: Promise | str, columns: Columns, live: Live, window: int, column: int) -> str:
    """Return why a promise has nothing to say about one column of a window."""
    if isinstance(owner, str):
        return owner
    metric = columns.metric[column]
    shares = live.scored if metric in RANKED else live.shares
    return owner.missing(metric, columns.class_[column], shares[window])


def _note(
    columns: Columns, owners: Sequence[Promise | str], judged: NDArray[np.bool_], reasons: NDArray[np.object_]
) -> None:
    """Add to the reasons what a reader of a comparison should know besides."""
    for w, owner in enumerate(owners):
        if isinstance(owner, str) or owner.reweights_ranking:
            continue
        for m in np.flatnonzero(judged[w]).tolist():
            if columns.metric[m] in OVERALL_BINARY:
                reasons[w, m] = "; ".join(filter(None, (reasons[w, m], RAW)))
