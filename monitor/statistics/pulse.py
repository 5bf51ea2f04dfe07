"""Pulse: the running sums that gates read: the last hour, the day before it, the newest mature stretch. Pure.

They are kept like the windows of the report: plus what enters, minus what leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts.counts import Counts
from monitor.counts.windows import TrackKey, Windows
from monitor.statistics.flow_gates import LEAST_DAY, Rates
from monitor.statistics.schedule import slice_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.counts import Layout
    from monitor.counts.slices import Deltas, Series
    from monitor.counts.windows import ReadSlices

DAYS: Final = 7
"""So many earlier days are looked at for the same hour."""
_LAST: Final = "last hour"
_BEFORE: Final = "day before"
_MATURE: Final = "mature"
_SINCE_EVER: Final = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is to be known of a model. Milliseconds."""

    name: str
    layout: Layout
    horizon: int
    """`label_horizon`."""
    block: int
    """Length of the mature stretches that are compared with each other: whole hours."""
    window: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What the slices of one model hold as of a moment, all versions together. Moments are epoch ms."""

    last: Counts
    """Of the last hour."""
    elapsed: int
    """Its length, ms."""
    before: Counts
    """Of the day before it."""
    mature: Counts
    """Of the newest mature block."""
    mature_end: int
    rates: Rates


class Pulse:
    """Follows the series of everything of each model; segments are left out."""

    def __init__(self, read: ReadSlices) -> None:
        """Begin with nothing; `read` reads slices as the last commit left them."""
        self._read = read
        self._windows = Windows(read)
        self._hours: dict[tuple[str, int], int] = {}

    def apply(self, deltas: Deltas) -> None:
        """Learn what a commit added to the slices. Every commit comes here once, before the next `move`."""
        self._windows.apply(deltas)

    def move(self, model: Watched, series: Sequence[Series], now: int, minutes_since: int) -> None:
        """Move the sums of one model to `now`, whose slices are minutes from `minutes_since` on, hours before.

        Call it before slices are dropped or compacted.
        """
        for one in series:
            for name, (start, end) in _spans(model, now, minutes_since).items():
                key = TrackKey(one, name, "")
                if key in self._windows:
                    self._windows.move(key, start, end)
                else:
                    self._windows.begin(key, model.layout, start, end)
        alive = set(series)
        for gone in {key.series for key in self._windows if key.series.model == model.name} - alive:
            self._windows.end(gone)

    def beat(self, model: Watched, series: Sequence[Series], now: int, minutes_since: int) -> Beat:
        """Return what the sums hold, after `move` with the same arguments."""
        spans = _spans(model, now, minutes_since)
        last, before, mature = (
            Counts.sum(model.layout, [self._windows.counts(TrackKey(one, name, "")) for one in series])
            for name in (_LAST, _BEFORE, _MATURE)
        )
        since = self.first_slice(series, now)
        elapsed = now - spans[_LAST][0]
        day = spans[_LAST][0] - max(spans[_BEFORE][0], since if since is not None else now)
        rates = Rates(
            *self._same_hour(model, series, now, since),
            before.predictions * HOUR / day if day >= LEAST_DAY * HOUR else None,
        )
        return Beat(last, elapsed, before, mature, spans[_MATURE][1], rates)

    def first_slice(self, series: Sequence[Series], now: int) -> int | None:
        """Return the hour of the earliest slice of these series; None where there is none.

        An hour, because that is what its minutes become.
        """
        firsts = (next(iter(self._read(one, _SINCE_EVER, now + DAY)), None) for one in series)
        return min((first[0] // HOUR * HOUR for first in firsts if first is not None), default=None)

    def stretch(self, layout: Layout, series: Sequence[Series], start: int, end: int) -> Counts:
        """Return the counts of [start, end), on borders of slices, read anew."""
        return Counts.sum(layout, [counts for one in series for _, counts in self._read(one, start, end)])

    def _same_hour(
        self, model: Watched, series: Sequence[Series], now: int, since: int | None
    ) -> tuple[list[float], float | None]:
        """Return the predictions of this hour on earlier days, and of a week ago, from two full hours each."""
        hour, into = now // HOUR * HOUR, now % HOUR / HOUR
        wanted = {
            days: (hour - days * DAY - HOUR, hour - days * DAY)
            for days in range(1, DAYS + 1)
            if since is not None and hour - days * DAY - HOUR >= since
        }
        needed = {(model.name, at) for pair in wanted.values() for at in pair}
        for key in [key for key in self._hours if key[0] == model.name and key not in needed]:
            del self._hours[key]
        for name, at in sorted(needed - self._hours.keys()):
            self._hours[name, at] = self.stretch(model.layout, series, at, at + HOUR).predictions
        rates = {
            days: (1 - into) * self._hours[model.name, first] + into * self._hours[model.name, second]
            for days, (first, second) in wanted.items()
        }
        return list(rates.values()), rates.get(DAYS)


def _spans(model: Watched, now: int, minutes_since: int) -> dict[str, tuple[int, int]]:
    """Return [start, end) of each sum."""
    newest = -(-now // MINUTE) * MINUTE
    mature = (newest - model.horizon) // HOUR * HOUR
    last = newest - HOUR
    return {
        _LAST: (last, newest),
        _BEFORE: (slice_start(last - DAY, minutes_since), last),
        _MATURE: (slice_start(mature - model.block, minutes_since), mature),
    }
