"""The Report as a value: what CONTRACT section 5 writes down, before anybody writes it down."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.counts import Counts


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
    """One metric of one window: its band, the folds' corridor and the verdict. Fields as in CONTRACT section 5."""

    metric: str
    class_: str | None
    value: float | None
    lower: float | None
    upper: float | None
    level: float
    method: str
    n: int
    deff: float
    undefined: str | None
    baseline: float | None = None
    baseline_lower: float | None = None
    baseline_upper: float | None = None
    baseline_raw: float | None = None
    difference: float | None = None
    difference_lower: float | None = None
    difference_upper: float | None = None
    margin: float | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    labels_needed: int | None = None


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window `[start, end)` of one series, as of a moment."""

    model: str
    version: str
    segment: str | None
    """None for everything, or `name=value`."""
    window: str
    """As configured: `24h`."""
    start: int
    end: int
    as_of: int
    maturity: Maturity
    classes: tuple[str, ...]
    counts: Counts
    metrics: tuple[MetricResult, ...]

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
    """What became of every event read: CONTRACT section 3. Laws: see `check` in the tests of the join."""

    predictions: int = 0
    matched: int = 0
    waiting: int = 0
    expired: int = 0
    duplicate: int = 0
    label_first: int = 0
    labels: int = 0
    applied: int = 0
    corrected: int = 0
    retracted: int = 0
    repeated: int = 0
    orphan: int = 0
    labels_waiting: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was true as of one moment. Immutable; every face of foldwatch shows this and computes nothing."""

    as_of: int
    windows: tuple[WindowResult, ...] = ()
    totals: Totals = field(default_factory=Totals)
