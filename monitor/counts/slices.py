"""Slices: the pieces of time in which counts are kept. A slice is named by its start; its moments are `predicted_at`.

A backtest keeps slices of one length. The daemon keeps minutes for the last day and hours before: `AgingSlices` has a
boundary, always on a full hour, that moves on with time, and what it passes is compacted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Deltas = Mapping["Series", Mapping[int, Counts]]
    """Series -> start of a slice -> what is to be added to it."""


class Series(NamedTuple):
    """Whose slices they are."""

    model: str
    version: str
    segment: str | None
    """None for everything, or `name=value`."""


class Slices(Protocol):
    """How time is cut."""

    def starts(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the start of the slice of each moment, in epoch milliseconds."""
        ...

    def start(self, moment: int) -> int:
        """Return the same of one moment: the moment rounded down to a slice."""
        ...


@dataclass(frozen=True, slots=True)
class FixedSlices:
    """Slices of one length since the epoch."""

    length: int
    """Milliseconds."""

    def starts(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the start of the slice of each moment, in epoch milliseconds."""
        return moments - moments % self.length

    def start(self, moment: int) -> int:
        """Return the same of one moment."""
        return moment - moment % self.length


@dataclass(frozen=True, slots=True)
class AgingSlices:
    """Minutes from the boundary on, hours before it."""

    boundary: int
    """A full hour, at most a day and an hour ago."""

    @classmethod
    def at(cls, now: int, before: int | None = None) -> AgingSlices:
        """Cut time as it is cut at `now`: a window of 24h that ends now starts on a minute.

        `before` is the boundary so far. It does not go back where the clock did, since what has become hours stays
        hours; but no further ahead than to the end of this hour, where the clock had been wrong by more than a day.
        """
        boundary = (now - DAY) // HOUR * HOUR
        if before is None:
            return cls(boundary)
        return cls(max(boundary, min(before, -(-now // HOUR) * HOUR)))

    def starts(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the start of the slice of each moment, in epoch milliseconds."""
        return moments - moments % np.where(moments < self.boundary, HOUR, MINUTE)

    def start(self, moment: int) -> int:
        """Return the same of one moment."""
        return moment - moment % (HOUR if moment < self.boundary else MINUTE)


def slice_length(lengths: Iterable[int]) -> int:
    """Return the longest slice of which all these lengths (windows, steps; ms) are multiples."""
    return gcd(*lengths)


def compaction(minutes: Iterable[tuple[int, Counts]]) -> dict[int, Counts]:
    """Return what turns slices of minutes into slices of hours: (start, counts) in, changes by start out.

    The slice of an hour has the name of its first minute, so that nothing moves where only that one holds anything.
    """
    hours: dict[int, list[tuple[int, Counts]]] = {}
    for start, counts in minutes:
        if start % HOUR:
            hours.setdefault(start - start % HOUR, []).append((start, counts))
    changes: dict[int, Counts] = {}
    for hour, slices in hours.items():
        changes[hour] = Counts.sum(slices[0][1].layout, (counts for _, counts in slices))
        changes.update((start, -counts) for start, counts in slices)
    return changes
