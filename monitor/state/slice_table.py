"""The slice counts of one series in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from monitor.counts.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_PARTS: Final = 4
"""Commits' parts of a slice that are kept apart until somebody reads it: most slices are written far more often than
read. Each takes half a kilobyte, and late labels write into thousands of slices.
"""


class SliceTable:
    """Counts by the start of their slice."""

    def __init__(self) -> None:
        """Begin empty."""
        self._parts: dict[int, list[Counts]] = {}
        self._starts: list[int] = []

    def __len__(self) -> int:
        """Return how many slices there are."""
        return len(self._starts)

    def add(self, start: int, counts: Counts) -> None:
        """Add counts to a slice."""
        parts = self._parts.get(start)
        if parts is None:
            self._parts[start] = [counts]
            insort(self._starts, start)
            return
        parts.append(counts)
        if len(parts) > _MOST_PARTS:
            parts[:] = [Counts.sum(counts.layout, parts)]

    def between(self, start: int, end: int) -> Iterator[tuple[int, Counts]]:
        """Yield (start, counts) of the slices that begin in [start, end), in order, those with counts alone."""
        lo, hi = bisect_left(self._starts, start), bisect_left(self._starts, end)
        for at in self._starts[lo:hi]:
            parts = self._parts[at]
            if len(parts) > 1:
                parts[:] = [Counts.sum(parts[0].layout, parts)]
            if parts[0]:
                yield at, parts[0]

    def drop(self, before: int) -> list[int]:
        """Forget the slices that begin before this moment; return their starts."""
        cut = bisect_left(self._starts, before)
        gone = self._starts[:cut]
        for at in gone:
            del self._parts[at]
        del self._starts[:cut]
        return gone
