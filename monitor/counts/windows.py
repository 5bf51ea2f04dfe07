"""Rolling windows as running sums: plus what enters, minus what leaves.

Law (tests/counts/test_windows.py): a track is always the sum of its slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.counts.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from monitor.counts.layout import Layout
    from monitor.counts.slices import Deltas, Series

    ReadSlices = Callable[[Series, int, int], Iterable[tuple[int, Counts]]]
    """(series, start, end) -> (start, counts) of the slices that begin in [start, end)."""

MOST_DENSE: Final = 65_536
"""Up to so many addresses a running sum is a dense vector."""
_MOST_PARTS: Final = 64
"""Parts of a sparse sum that are kept apart until somebody asks."""


class TrackKey(NamedTuple):
    """Which window of which series, as of when in its life."""

    series: Series
    window: str
    maturity: str


class Windows:
    """Running sums of counts, each over [start, end) of a series' slices."""

    def __init__(self, read: ReadSlices) -> None:
        """Begin without tracks; `read` reads slices as the last commit left them."""
        self._read = read
        self._tracks: dict[Series, dict[tuple[str, str], _Track]] = {}

    def begin(self, key: TrackKey, layout: Layout, start: int, end: int) -> None:
        """Follow a window from now on, whatever it was before. start and end lie on borders of slices."""
        track = _Track(layout, start, end)
        for _, counts in self._read(key.series, start, end):
            track.add(counts, 1)
        track.changed = True
        self._tracks.setdefault(key.series, {})[key.window, key.maturity] = track

    def end(self, series: Series) -> None:
        """Follow no window of this series any longer."""
        self._tracks.pop(series, None)

    def apply(self, deltas: Deltas) -> None:
        """Add what a commit changed to every track that covers it. Every commit comes here once, before any `move`."""
        for series, slices in deltas.items():
            for track in self._tracks.get(series, {}).values():
                for start, counts in slices.items():
                    if track.start <= start < track.end:
                        track.add(counts, 1)

    def move(self, key: TrackKey, start: int, end: int) -> None:
        """Make a track cover [start, end), on borders of slices; it may move either way."""
        track = self._tracks[key.series][key.window, key.maturity]
        if start >= track.end or end <= track.start:
            self.begin(key, track.layout, start, end)
            return
        old_start, old_end = track.start, track.end
        for lo, hi, sign in (
            (start, old_start, 1),
            (old_end, end, 1),
            (old_start, start, -1),
            (end, old_end, -1),
        ):
            if lo < hi:
                for _, counts in self._read(key.series, lo, hi):
                    track.add(counts, sign)
        track.start, track.end = start, end

    def counts(self, key: TrackKey) -> Counts:
        """Return the sum."""
        return self._tracks[key.series][key.window, key.maturity].total()

    def span(self, key: TrackKey) -> tuple[int, int]:
        """Return the track's [start, end)."""
        track = self._tracks[key.series][key.window, key.maturity]
        return track.start, track.end

    def changed(self, key: TrackKey) -> bool:
        """Tell whether anything was added or taken since the last `evaluated`."""
        return self._tracks[key.series][key.window, key.maturity].changed

    def evaluated(self, key: TrackKey) -> None:
        """Note that somebody has looked at the sum."""
        self._tracks[key.series][key.window, key.maturity].changed = False

    def __contains__(self, key: TrackKey) -> bool:
        """Tell whether the track is followed."""
        return (key.window, key.maturity) in self._tracks.get(key.series, {})

    def __iter__(self) -> Iterator[TrackKey]:
        """Yield the keys of all tracks, in the order in which they began."""
        for series, tracks in self._tracks.items():
            for window, maturity in tracks:
                yield TrackKey(series, window, maturity)

    def oldest(self, model: str) -> int | None:
        """Return the earliest start of the model's tracks: to move on they need their slices; None without tracks."""
        starts = (
            track.start for series, tracks in self._tracks.items() if series.model == model for track in tracks.values()
        )
        return min(starts, default=None)


class _Track:
    """One running sum: dense where the layout is small, else sparse parts that are summed when they are asked for."""

    __slots__ = ("_dense", "_parts", "changed", "end", "layout", "start")

    def __init__(self, layout: Layout, start: int, end: int) -> None:
        self.layout, self.start, self.end = layout, start, end
        self.changed = False
        self._dense = np.zeros(layout.live_size, np.int64) if layout.live_size <= MOST_DENSE else None
        self._parts: list[Counts] = []

    def add(self, counts: Counts, sign: int) -> None:
        """Add counts, or take them away with sign -1."""
        self.changed = True
        # A plane that this version does not know, or that only folds have, fits into no dense vector of the live ones.
        if self._dense is None or counts.carried or (counts.index.size and counts.index[-1] >= self._dense.size):
            self._parts.append(counts if sign > 0 else -counts)
            if len(self._parts) > _MOST_PARTS:
                self._parts = [Counts.sum(self.layout, self._parts)]
        elif sign > 0:
            self._dense[counts.index] += counts.value
        else:
            self._dense[counts.index] -= counts.value

    def total(self) -> Counts:
        """Return the sum."""
        if self._dense is None:
            self._parts = [Counts.sum(self.layout, self._parts)]
            return self._parts[0]
        dense = Counts.from_dense(self.layout, self._dense)
        return Counts.sum(self.layout, (dense, *self._parts)) if self._parts else dense
