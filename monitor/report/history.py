"""History: what each plotted series was over time, in bounded memory.

A series keeps at most LIMIT points. When it is full it is thinned: time is cut into BUCKETS equal parts, and each part
keeps its lowest and highest value, its most serious verdict and a point without a value. So extremes, turns and gaps
outlive any thinning, and a year of hourly windows costs as much as a week of them.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings, Settings
    from monitor.statistics.report import MetricResult, WindowResult

LIMIT: Final = 400
"""Most points of one series."""
BUCKETS: Final = 64
"""Parts of time that a thinned series keeps; up to four points each."""
MOST_SERIES: Final = 2_000
PLOTTED_OF_CLASSES: Final = ("recall", "precision", "f1")
PLOTTED_OF_MODELS: Final = ("accuracy", "macro_f1", "roc_auc", "pr_auc", "log_loss", "brier", "ece")
SERIOUS: Final = (Verdict.WORSE, Verdict.UNKNOWN, Verdict.OK, None)
"""The most serious first."""


class SeriesKey(NamedTuple):
    """Which series."""

    model: str
    version: str
    segment: str | None
    window: str
    maturity: Maturity
    metric: str
    class_: str | None


class Point(NamedTuple):
    """One window of a series: fields as in MetricResult; moments in epoch milliseconds."""

    end: int
    as_of: int
    n: int
    value: float | None
    lower: float | None
    upper: float | None
    baseline: float | None
    baseline_lower: float | None
    baseline_upper: float | None
    verdict: Verdict | None


Track = tuple[Point, ...]
"""A series in order of `end`, no two points with the same one."""


Promised = frozenset[tuple[str | None, str, str | None]]
"""(segment, metric, class) of each objective of a model."""


def promised(model: ModelSettings) -> Promised:
    """Return which series the objectives of a model are about, whatever their windows."""
    return frozenset((objective.segment, objective.metric, objective.class_) for objective in model.objectives)


def is_plotted(objectives: Promised, segment: str | None, metric: str, class_: str | None) -> bool:
    """Tell whether a series has a plot: objectives always, else the few metrics that the page draws of everything."""
    if segment is None and metric in (PLOTTED_OF_MODELS if class_ is None else PLOTTED_OF_CLASSES):
        return True
    return (segment, metric, class_) in objectives


def thinned(points: Sequence[Point], buckets: int = BUCKETS) -> list[Point]:
    """Return at most 4 x `buckets` + 2 of the points, in order: first, last, and of each part of time its extremes."""
    if not points:
        return []
    ends = np.array([point.end for point in points], np.int64)
    values = np.array([[np.nan if point.value is None else point.value] for point in points])
    seriousness = np.array([[SERIOUS.index(point.verdict)] for point in points])
    return [points[i] for i in np.flatnonzero(telling(ends, values, seriousness, buckets)[:, 0]).tolist()]


def telling(
    ends: NDArray[np.int64], values: NDArray[np.floating], seriousness: NDArray[np.int64], buckets: int = BUCKETS
) -> NDArray[np.bool_]:
    """Return which points of series to keep, (n, s): per part of time lowest, highest and most serious, and a gap.

    ends: (n,), ascending, shared by s series. values: (n, s), not a number where there is none. seriousness: (n, s),
    places in SERIOUS. Of several equals the first is kept; the first and the last point always are.
    """
    n, size = values.shape
    part = (ends - ends[0]) * buckets // (ends[-1] - ends[0] + 1)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    lengths = np.diff(starts, append=n)
    rows, series = np.arange(n)[:, None], np.arange(size)
    valued = ~np.isnan(values)
    kept = np.zeros((n + 1, size), bool)  # the last row takes what is not there
    for rank in (values, -values, seriousness):
        ranked = np.where(valued, rank, np.inf)
        least = np.repeat(np.minimum.reduceat(ranked, starts), lengths, axis=0)
        kept[np.minimum.reduceat(np.where(valued & (ranked == least), rows, n), starts), series] = True
    kept[np.minimum.reduceat(np.where(valued, n, rows), starts), series] = True
    kept[[0, n - 1]] = True
    return kept[:n]


class History:
    """Collects windows one by one; `view` is what a Snapshot carries."""

    def __init__(self, settings: Settings, most_series: int = MOST_SERIES) -> None:
        """Keep the series that the page plots of the configured models."""
        self._objectives = {name: promised(model) for name, model in settings.models.items()}
        self._most = most_series
        self._tracks: dict[SeriesKey, list[Point]] = {}

    def add(self, window: WindowResult) -> None:
        """Take a window; one that is known already (same series, same end) is replaced by what is known of it now."""
        if len(self._tracks) >= self._most:
            self._retire(window.start)
        for result in self.plotted(window):
            key = SeriesKey(
                window.model,
                window.version,
                window.segment,
                window.window,
                window.maturity,
                result.metric,
                result.class_,
            )
            track = self._tracks.get(key)
            if track is None:
                if len(self._tracks) >= self._most:
                    continue
                track = self._tracks[key] = []
            _placed(track, _point(window, result))
            if len(track) > LIMIT:
                track[:] = thinned(track)

    def add_all(self, windows: Iterable[WindowResult]) -> None:
        """Take the windows of one report."""
        for window in windows:
            self.add(window)

    def plotted(self, window: WindowResult) -> list[MetricResult]:
        """Return the results of a window that have a plot."""
        objectives = self._objectives[window.model]
        return [r for r in window.metrics if is_plotted(objectives, window.segment, r.metric, r.class_)]

    def wanted(self, key: SeriesKey) -> bool:
        """Tell whether a series has a plot, as far as the configuration says."""
        objectives = self._objectives.get(key.model)
        return objectives is not None and is_plotted(objectives, key.segment, key.metric, key.class_)

    def restore(self, tracks: Mapping[SeriesKey, Track]) -> None:
        """Begin with what an earlier process drew: the newest tracks, where there are too many. Call it first."""
        newest = sorted(tracks.items(), key=lambda item: item[1][-1].end, reverse=True)[: self._most]
        self._tracks = {key: list(track) for key, track in newest}

    def view(self) -> Mapping[SeriesKey, Track]:
        """Return every series as it is now; later windows do not change it."""
        return {key: tuple(track) for key, track in self._tracks.items()}

    def _retire(self, before: int) -> None:
        """Forget series that ended before a moment, those of retired versions, to make room for new ones."""
        for key in [key for key, track in self._tracks.items() if track[-1].end <= before]:
            del self._tracks[key]


def _point(window: WindowResult, result: MetricResult) -> Point:
    """Return what the plots show of a result."""
    return Point(
        window.end,
        window.as_of,
        result.n,
        result.value,
        result.lower,
        result.upper,
        result.baseline,
        result.baseline_lower,
        result.baseline_upper,
        result.verdict,
    )


def _placed(track: list[Point], point: Point) -> None:
    """Put a point where its end belongs; mostly that is the end of the list."""
    if not track or point.end > track[-1].end:
        track.append(point)
        return
    at = bisect_left(track, point.end, key=lambda known: known.end)
    if track[at].end == point.end:
        track[at] = point
    else:
        track.insert(at, point)
