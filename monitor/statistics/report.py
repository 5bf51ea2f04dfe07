"""The Report as a value: what docs/reference/report.md writes down, before anybody writes it down."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.counts import Counts
    from monitor.statistics.inspection import Inspection


class Verdict(StrEnum):
    """Does production agree with what cross-validation promised?"""

    OK = "OK"
    WORSE = "WORSE"
    UNKNOWN = "UNKNOWN"


class Maturity(StrEnum):
    """Whether every label that the horizon allows has had the time to come."""

    PROVISIONAL = "provisional"
    MATURE = "mature"


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric of one window: its band, the folds' corridor and the verdict. Keys as in docs/reference/report.md."""

    metric: str
    """Name of the metric: `recall`, `log_loss`, ..."""
    class_: str | None
    """The class, one versus rest; None for a metric of the whole model."""
    value: float | None
    """What production delivers; None where it is undefined."""
    lower: float | None
    """Lower end of the band around the value; None where there is no band."""
    upper: float | None
    """Upper end of the band around the value."""
    level: float
    """Confidence level of all bands: 0.95."""
    method: str
    """How the band was made; `none` where there is none."""
    n: int
    """The metric's denominator in labelled predictions.

    Recall: the true ones of the class; precision: the predicted ones; F1: TP + FP + FN; else all.
    """
    deff: float
    """Design effect: every formula works on counts / deff. 1 until it is estimated."""
    undefined: str | None
    """Why there is no value, in words; None where there is one."""
    baseline: float | None = None
    """What the pooled folds promise at the window's class shares."""
    baseline_lower: float | None = None
    """Lower end of the corridor around the promise."""
    baseline_upper: float | None = None
    """Upper end of the corridor around the promise."""
    baseline_raw: float | None = None
    """The pooled folds at their own class shares."""
    difference: float | None = None
    """value - baseline."""
    difference_lower: float | None = None
    """Lower end of the difference's band, from the closed forms of both sides."""
    difference_upper: float | None = None
    """Upper end of the difference's band."""
    margin: float | None = None
    """By how much production may fall short of the promise before anybody cares; None where no verdict is asked for."""
    verdict: Verdict | None = None
    """WORSE if `difference_upper` < -margin, OK if `difference_lower` > -margin, else UNKNOWN; losses: signs turned.

    None where there is nothing to compare.
    """
    reason: str | None = None
    """Why the verdict is not OK or WORSE, or why there is none; None where there is nothing to explain.

    Where data gates are bad the report says so behind it.
    """
    labels_needed: int | None = None
    """The metric's total n at which UNKNOWN can be decided.

    None where it is decided, or where no number of labels is enough.
    """
    doubt: str | None = None
    """What is wrong with the data that the verdict rests on, in words; it is said after the reason."""


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window `[start, end)` of one series, as of a moment. Moments are epoch milliseconds."""

    model: str
    """The model, as events name it."""
    version: str
    """The model's version, as events name it."""
    segment: str | None
    """None for everything, or `name=value`."""
    window: str
    """As configured: `24h`."""
    start: int
    """First `predicted_at` that is in the window."""
    end: int
    """First `predicted_at` after the window."""
    as_of: int
    """What arrived at or before this moment is counted, and nothing else."""
    maturity: Maturity
    """`mature` once `label_horizon` has passed since the end, `provisional` before."""
    classes: tuple[str, ...]
    """The model's classes, in the order of the confusion."""
    counts: Counts
    """Everything counted of the window."""
    metrics: tuple[MetricResult, ...]
    """Every metric of the window."""
    gates: tuple[str, ...] = ()
    """Names of the bad data gates that concern it; in the daemon alone."""

    @property
    def predictions(self) -> int:
        """Identities in the window."""
        return self.counts.predictions

    @property
    def labels(self) -> int:
        """Predictions in the window that are labelled now."""
        return self.counts.labels


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of every event read: docs/concepts.md section 1. Laws: see `check` in the tests of the join."""

    predictions: int = 0
    """Identities: (model, prediction_id, version). predictions = matched + waiting + expired."""
    matched: int = 0
    """Had a class at least once."""
    waiting: int = 0
    """No class yet, and one may still come."""
    expired: int = 0
    """No class, and none can come any more."""
    duplicate: int = 0
    """Further predictions of a known identity; the one with the earliest `predicted_at` counts."""
    label_first: int = 0
    """Of the matched, those whose label was `labelled_at` before `predicted_at`."""
    labels: int = 0
    """Valid label events. labels = applied + corrected + retracted + repeated + orphan + labels_waiting."""
    applied: int = 0
    """Gave a prediction its first class."""
    corrected: int = 0
    """Put another class in the place of an earlier label."""
    retracted: int = 0
    """Took the class back: `y_true` was null."""
    repeated: int = 0
    """Changed nothing: the same again, or older than what is known."""
    orphan: int = 0
    """Belong to no prediction, and none can come any more."""
    labels_waiting: int = 0
    """Wait for their prediction."""
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Reason -> events rejected as invalid."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> valid events that are not ours to count."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was true as of one moment. Immutable; every face shows this and computes nothing."""

    as_of: int
    """The moment of evaluation, in epoch milliseconds."""
    windows: tuple[WindowResult, ...] = ()
    """By model, version, segment, window, end and maturity."""
    totals: Totals = field(default_factory=Totals)
    """What became of every event so far."""
    inspection: Inspection | None = None
    """What the data gates say; in the daemon alone."""
