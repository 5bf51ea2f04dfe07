"""Error budgets as values: what an objective's counters hold, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from monitor.statistics.ladder import Level


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of one objective. A group: whole = merged parts, in any order."""

    events: int = 0
    """Good and bad ones, never the skipped."""
    bad: int = 0
    skipped: int = 0
    """Evaluations that could not tell (UNKNOWN)."""

    def __add__(self, other: Tally) -> Tally:
        """Return both."""
        return Tally(self.events + other.events, self.bad + other.bad, self.skipped + other.skipped)

    def __sub__(self, other: Tally) -> Tally:
        """Return what came after `other`."""
        return Tally(self.events - other.events, self.bad - other.bad, self.skipped - other.skipped)

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.events or self.bad or self.skipped)


class BudgetState(StrEnum):
    """How an objective stands. The first that holds: EXHAUSTED, BURNING, INSUFFICIENT, OK."""

    OK = "ok"
    BURNING = "burning"
    """An alert of it is firing, or would be if it were not in the shadow."""
    EXHAUSTED = "exhausted"
    """The period's budget is spent, and enough events say so."""
    INSUFFICIENT = "insufficient"
    """No level's long window holds enough events to ring: neither good nor bad is known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one objective of one model stands as of an evaluation."""

    model: str
    slo: str
    """The objective's name."""
    kind: str
    """`timeslices` or `occurrences`."""
    target: Decimal
    routing: str
    state: BudgetState
    period: Tally
    """What the last period held."""
    budget_left: float | None
    """1: untouched, 0: spent, below 0: overspent; None without events."""
    burn: Mapping[str, float | None] = field(default_factory=dict)
    """Window (`5m`, `1h`, …) of the ladder, the shortest first -> burn rate; None without events in it."""
    event_cadence: int | None = None
    """Milliseconds between the evaluations that brought events, half of them at most: as measured; None: not known."""
    shadow_pages: int = 0
    """Would-have-paged: page episodes of an objective in the shadow that began within the period."""
    levels: tuple[Level, ...] = ()
    """The levels that it is asked by: the ladder at the cadence in force, without those that its kind and routing rule
    out."""
