"""From the records of earlier evaluations to the tracks of plots: what a restarted process draws at once.

There are thousands of records with hundreds of series each, so it works on whole columns: (records, series).
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from monitor.report.history import LIMIT, SERIOUS, Point, SeriesKey, telling, thinned
from monitor.state.history import PLOTTED, SPAN, VERDICTS, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.report.history import Track
    from monitor.state.history import Frame, Record

    Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.uint8]]
    """Of one window: as_of (r,), end (r,), n (r, s), values (r, s, 6), verdicts (r, s)."""

_AT_ONCE: Final = 128
"""So many records with the same windows are unpacked together."""
_END: Final = SPAN.index("end")
_SERIOUSNESS: Final = np.array([SERIOUS.index(verdict) for verdict in VERDICTS])
"""Of the numbers of verdicts."""


class Redrawn:
    """Takes the records one after the other; `tracks` is what they show."""

    def __init__(self, wanted: Callable[[SeriesKey], bool]) -> None:
        """Begin without any; other series than the wanted ones are left out."""
        self._wanted = wanted
        self._alike: dict[bytes, list[Record]] = {}
        self._windows: dict[Frame, list[Columns]] = {}

    def add(self, record: Record) -> None:
        """Take a record. One whose parts do not fit together is passed over."""
        alike = self._alike.setdefault(record.windows, [])
        alike.append(record)
        if len(alike) == _AT_ONCE:
            self._take(self._alike.pop(record.windows))

    def tracks(self) -> Mapping[SeriesKey, Track]:
        """Return the track of each series, thinned. Nothing is kept for a second call."""
        while self._alike:
            self._take(self._alike.popitem()[1])
        tracks: dict[SeriesKey, Track] = {}
        while self._windows:
            frame, parts = self._windows.popitem()
            keys = [SeriesKey(*frame[:5], metric, class_) for metric, class_ in frame.metrics]
            for key, points in _tracks(keys, parts, self._wanted):
                known = tracks.get(key)
                tracks[key] = tuple(points) if known is None else _merged(known, points)
        return tracks

    def _take(self, alike: Sequence[Record]) -> None:
        with suppress(msgspec.MsgspecError, ValueError):
            for frame, columns in _columns(alike):
                self._windows.setdefault(frame, []).append(columns)


def _columns(group: Sequence[Record]) -> Iterable[tuple[Frame, Columns]]:
    """Return the columns of each window of records that have the same ones."""
    frames = group[0].frames()
    as_of = np.array([record.as_of for record in group], np.int64)
    spans = unpacked([record.spans for record in group], np.int64, len(SPAN))
    n = unpacked([record.n for record in group], np.int64, 1)[..., 0]
    values = unpacked([record.values for record in group], np.float32, len(PLOTTED))
    verdicts = unpacked([record.verdicts for record in group], np.uint8, 1)[..., 0]
    sizes = [len(frame.metrics) for frame in frames]
    if not (
        spans.shape[1] == len(frames) and n.shape == values.shape[:2] == verdicts.shape == (len(group), sum(sizes))
    ):
        message = "a record has more or fewer numbers than metrics"
        raise ValueError(message)
    edges = np.cumsum([0, *sizes]).tolist()
    return [
        (frame, (as_of, spans[:, at, _END], n[:, lo:hi], values[:, lo:hi], verdicts[:, lo:hi]))
        for at, (frame, (lo, hi)) in enumerate(zip(frames, pairwise(edges), strict=True))
    ]


def _tracks(
    keys: Sequence[SeriesKey], parts: Sequence[Columns], wanted: Callable[[SeriesKey], bool]
) -> Iterable[tuple[SeriesKey, list[Point]]]:
    """Yield the wanted tracks of one window, thinned."""
    as_of, end, n, values, verdicts = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((as_of, end))
    last = order[np.append(np.diff(end[order]) != 0, True)]  # what was said last of a window is what holds
    as_of, end, n, values, verdicts = as_of[last], end[last], n[last], values[last], verdicts[last]
    kept = telling(end, values[..., 0], _SERIOUSNESS[verdicts]) if len(end) > LIMIT else np.ones(n.shape, bool)
    for at, key in enumerate(keys):
        if wanted(key):
            rows = np.flatnonzero(kept[:, at])
            yield key, _points(end[rows], as_of[rows], n[rows, at], values[rows, at], verdicts[rows, at])


def _points(
    end: NDArray[np.int64],
    as_of: NDArray[np.int64],
    n: NDArray[np.int64],
    values: NDArray[np.float32],
    verdicts: NDArray[np.uint8],
) -> list[Point]:
    """Return one track from its columns."""
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    columns = (end.tolist(), as_of.tolist(), n.tolist(), plain.tolist(), verdicts.tolist())
    return [
        Point._make((*whole, *numbers, VERDICTS[verdict])) for *whole, numbers, verdict in zip(*columns, strict=True)
    ]


def _merged(known: Iterable[Point], more: Iterable[Point]) -> Track:
    """Return one track of two of the same series: its metrics were recorded in two ways."""
    points = {point.end: point for point in sorted((*known, *more), key=lambda point: point.as_of)}
    track = [points[end] for end in sorted(points)]
    return tuple(thinned(track) if len(track) > LIMIT else track)
