"""How the process itself fares: what its work takes in time, memory and on the disk. Values that a Snapshot carries."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values fell below each of some bounds. Immutable: a new value makes a new one."""

    bounds: tuple[float, ...]
    """Upper ends, which belong to their bucket, rising; whatever is above the last is counted too."""
    counts: tuple[int, ...]
    """Values in each bucket, the last one having no bound."""
    total: float = 0.0
    """Sum of the values."""

    @classmethod
    def over(cls, bounds: tuple[float, ...]) -> Distribution:
        """Begin with no values."""
        return cls(bounds, (0,) * (len(bounds) + 1))

    def and_(self, value: float) -> Distribution:
        """Return what it is with one value more."""
        at = bisect_left(self.bounds, value)
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return Distribution(self.bounds, counts, self.total + value)

    @property
    def cumulative(self) -> tuple[int, ...]:
        """Values at or below each bound, then all of them."""
        return tuple(accumulate(self.counts))


@dataclass(frozen=True, slots=True)
class Operation:
    """What a running daemon knows of itself. Moments are epoch milliseconds."""

    source_up: bool = False
    """Whether the last try to read the source went well."""
    evaluations: Distribution | None = None
    """Seconds of each evaluation since the process started; None where nothing runs."""
    steps: Distribution | None = None
    """Seconds of each step of the loop since the process started."""
    last_commit_at: int | None = None
    """When events were last committed to the state by this process."""
    state_bytes: int | None = None
    """What the state takes on the disk; None where it is in memory."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Reason -> requests and connections that the server turned away."""
    footprint: Mapping[str, float] = field(default_factory=dict)
    """What the process takes of the machine, under the names of the series."""
