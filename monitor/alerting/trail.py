"""Trail: what the counters of objectives were at each evaluation, so that increases over windows can be told.

It is kept as records of evaluations are (`monitor.state.history`): of the last day the last of each minute, of earlier
days the last of each hour. So a process that reads the records of an earlier one knows exactly what that one knew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE
from monitor.state.history import RETENTION, superfluous

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.statistics.budget import Tally

    ObjectiveKey = tuple[str, str]
    """(model, the objective's name)."""

_SPARE: Final = 256
"""A trail that keeps everything is cut when it has so many samples too many: cutting moves the rest."""


class Trail:
    """Counters over time. Samples share their moments; each objective has a column of tallies."""

    def __init__(self, origin: Mapping[ObjectiveKey, Tally], whole: int | None = None) -> None:
        """Begin empty. origin: the objectives, and where their counters stood before the first sample.

        whole: keep every sample of the last so many ms, and little that is older; None: as records are.
        """
        self._whole = whole
        self._moments: list[int] = []
        self._origin = dict(origin)
        self._columns: dict[ObjectiveKey, list[Tally]] = {key: [] for key in origin}
        self._aged = 0
        """What is before this moment is thinned to hours."""

    def begin(
        self,
        moments: Sequence[int],
        samples: Sequence[Mapping[ObjectiveKey, Tally]],
        origin: Mapping[ObjectiveKey, Tally],
        now: int,
    ) -> None:
        """Take the samples of earlier processes, in order, and where they say that counters began.

        An objective that a sample lacks stood where it last did; before its first one it stood at its origin.
        """
        self._moments = list(moments)
        self._origin = {key: origin.get(key, begun) for key, begun in self._origin.items()}
        for key, column in self._columns.items():
            known = self._origin[key]
            column.clear()
            for sample in samples:
                known = sample.get(key, known)
                column.append(known)
        self._thin_all(now)

    def add(self, now: int, tallies: Mapping[ObjectiveKey, Tally]) -> None:
        """Take what the counters of all objectives are now.

        A moment that lies before others, since a clock was set back, comes among them.
        """
        moments = self._moments
        latest = moments[-1] if moments else None
        if latest is None or now > latest:
            if latest is not None and now // MINUTE == latest // MINUTE:
                self._drop(len(moments) - 1, len(moments))
            self._insert(len(moments), now, tallies)
            self._thin(now)
            return
        at = bisect_left(moments, now)
        if moments[at] == now:
            self._drop(at, at + 1)
        self._insert(at, now, tallies)
        self._thin_all(now)

    def place(self, moment: int) -> int:
        """Return the place of the last sample at or before a moment; -1 where there is none."""
        return bisect_right(self._moments, moment) - 1

    def at(self, key: ObjectiveKey, place: int) -> Tally:
        """Return the counters of an objective at a place."""
        return self._columns[key][place] if place >= 0 else self._origin[key]

    def course(self, key: ObjectiveKey) -> tuple[Sequence[int], Sequence[Tally]]:
        """Return (moments, counters) of an objective, sample by sample."""
        return self._moments, self._columns[key]

    @property
    def origin(self) -> Mapping[ObjectiveKey, Tally]:
        """Where the counters stood before the first sample."""
        return self._origin

    def _insert(self, at: int, now: int, tallies: Mapping[ObjectiveKey, Tally]) -> None:
        self._moments.insert(at, now)
        for key, column in self._columns.items():
            column.insert(at, tallies[key])

    def _drop(self, start: int, end: int) -> None:
        del self._moments[start:end]
        for column in self._columns.values():
            del column[start:end]

    def _forget(self, n: int) -> None:
        """Drop the first n samples: the last of them is where counters begin from now on."""
        if n > 0:
            self._origin = {key: column[n - 1] for key, column in self._columns.items()}
            self._drop(0, n)

    def _thin(self, now: int) -> None:
        """Drop what the newest sample, at `now`, makes superfluous: looks only at what has changed since the last."""
        if self._whole is not None:
            spare = self.place(now - self._whole)
            if spare > _SPARE:
                self._forget(spare)
            return
        aged = (now - DAY) // HOUR * HOUR
        if aged > self._aged:
            start, end = bisect_left(self._moments, self._aged), bisect_left(self._moments, aged)
            for at in range(end - 2, start - 1, -1):
                if self._moments[at] // HOUR == self._moments[at + 1] // HOUR:
                    self._drop(at, at + 1)
            self._aged = aged
        self._forget(bisect_left(self._moments, now - RETENTION))

    def _thin_all(self, now: int) -> None:
        """Drop what is superfluous at `now`, wherever it is."""
        if self._whole is not None:
            return
        self._forget(bisect_left(self._moments, now - RETENTION))
        gone = set(superfluous(self._moments, now))
        kept = [at for at, moment in enumerate(self._moments) if moment not in gone]
        self._moments = [self._moments[at] for at in kept]
        self._columns = {key: [column[at] for at in kept] for key, column in self._columns.items()}
        self._aged = (now - DAY) // HOUR * HOUR
