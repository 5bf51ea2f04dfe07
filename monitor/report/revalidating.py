"""How re-validation stands, as page, metrics and dashboards show it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTCOMES = ("promoted", "rejected", "failed", "timed out", "cancelled", "handed over")
"""How a run can end."""


@dataclass(frozen=True, slots=True)
class Revalidating:
    """One model that is re-validated. Moments are epoch ms."""

    model: str
    asked_at: int | None = None
    """When a decision was last asked for; None: never."""
    configured_at: int | None = None
    """Since when anybody could ask: when the configuration was first read as it is."""
    decided_at: int | None = None
    """When the last run was started or ended."""
    decision: str | None = None
    """Its word: start, promoted, rejected, failed; None: there was no run yet."""
    version: str | None = None
    triggered: Sequence[str] = ()
    held_back_by: Sequence[str] = ()
    """Of the last time that it was asked."""
    reasons: Sequence[str] = ()
    run: str | None = None
    """Of an open run."""
    open_since: int | None = None
    time_limit: int | None = None
    """ms that a run may take."""
    progress: str = ""
    waits_for_approval: bool = False
    failures: int = 0
    """Runs in a row that failed, timed out or were cancelled."""
    promoted_at: int | None = None
    """The last promotion or rollback."""
    baseline: str | None = None
    """Content hash that it put in force."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Outcome -> runs ever."""
    gate_passed: bool | None = None
    """What the gate said last; None: it was not asked yet."""
    max_fold_sd: float | None = None
    """As configured."""
    fold_sd: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Version in force -> class -> standard deviation of its F1 between the folds of the baseline in force."""
