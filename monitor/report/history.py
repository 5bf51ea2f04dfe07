"""History: what each plotted series was over time, in bounded memory.

A series keeps at most LIMIT points. When it is full it is thinned: time is cut into BUCKETS equal parts, and each part
keeps its lowest and highest value, its most serious verdict and a point without a value. So extremes, turns and gaps
outlive any thinning, and a year of hourly windows costs as much as a week of them.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.statistics.report import MetricResult, WindowResult

LIMIT: Final = 400
"""Most points of one series."""
BUCKETS: Final = 64
"""Parts of time that a thinned series keeps; up to four points each."""
MOST_SERIES: Final = 2_000
PLOTTED_OF_CLASSES: Final = ("recall", "precision", "f1")
PLOTTED_OF_MODELS: Final = ("accuracy", "macro_f1", "roc_auc", "pr_auc", "log_loss", "brier", "ece")
_SERIOUS: Final = (Verdict.WORSE, Verdict.UNKNOWN, Verdict.OK, None)


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
    first, span = points[0].end, points[-1].end - points[0].end + 1
    kept = {0, len(points) - 1}
    part: list[int] = []
    at = 0
    for i, point in enumerate(points):
        bucket = (point.end - first) * buckets // span
        if bucket != at:
            kept.update(_telling(points, part))
            part, at = [], bucket
        part.append(i)
    kept.update(_telling(points, part))
    return [points[i] for i in sorted(kept)]


class History:
    """Collects windows one by one; `view` is what a Snapshot carries."""

    def __init__(self, settings: Settings, most_series: int = MOST_SERIES) -> None:
        """Keep the series that the page plots of the configured models."""
        self._objectives = {name: promised(model) for name, model in settings.models.items()}
        self._most = most_series
        self._tracks: dict[SeriesKey, list[Point]] = {}

    def add(self, window: WindowResult) -> None:
        """Take a window; one that is known already (same series, same end) is replaced by what is known of it now."""
        objectives = self._objectives[window.model]
        if len(self._tracks) >= self._most:
            self._retire(window.start)
        for result in window.metrics:
            if not is_plotted(objectives, window.segment, result.metric, result.class_):
                continue
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


def _telling(points: Sequence[Point], part: Sequence[int]) -> set[int]:
    """Return the indexes in `part` to keep: lowest and highest value, the first most serious verdict, a gap."""
    kept = set()
    valued = [i for i in part if points[i].value is not None]
    if valued:
        kept |= {min(valued, key=lambda i: points[i].value or 0.0), max(valued, key=lambda i: points[i].value or 0.0)}
        kept.add(min(valued, key=lambda i: _SERIOUS.index(points[i].verdict)))
    if len(valued) < len(part):
        kept.add(next(i for i in part if points[i].value is None))
    return kept
