"""Rehearsal: what the alerts of an error budget would have done in a replayed history, and what they were worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config import Objective
    from monitor.statistics.ladder import Level


@dataclass(frozen=True, slots=True)
class Rung:
    """The episodes of one objective and severity. Moments are epoch milliseconds."""

    severity: str
    """`page` or `ticket`."""
    guarded: bool
    """Whether a level had to hold its least number of events to ring, as in the rules."""
    episodes: int = 0
    """How often it rang."""
    false: int = 0
    """Episodes after which the budget did not burn on.

    Of what was counted in the long window after they began, no larger share was bad than the target allows, or than
    the level's own threshold where that is lower.
    """
    unclear: int = 0
    """Episodes after which nothing was counted in their long window, so that nobody can tell."""
    first_at: int | None = None
    """When the first episode began that was not false; None where there was none."""
    changed_at: int | None = None
    """When that of which the first episode told had begun.

    Timeslices: the end of the first window of the row beyond the margin that led to WORSE. Occurrences: the evaluation
    since which the share of bad events was above what the target allows, over whatever time until the alert.
    """
    first_resolved_at: int | None = None
    """When the first episode ended; None as long as it lasts."""

    @property
    def delay(self) -> int | None:
        """Milliseconds from the change to the first episode; None where either is missing."""
        return None if self.first_at is None or self.changed_at is None else self.first_at - self.changed_at


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One objective with an error budget."""

    model: str
    objective: Objective
    levels: tuple[Level, ...]
    """The levels at the step of the replay."""
    daemon_levels: tuple[Level, ...]
    """The levels in the rules: at the cadence of the configuration."""
    starved: tuple[Level, ...]
    """Of `levels` those whose long window cannot hold the least number of events at this step: they cannot ring."""
    rung: tuple[Rung, ...]
    """By severity, with the guard and without it."""
