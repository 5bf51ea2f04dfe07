"""From slices to the results of windows: the tick of the one loop. Daemon, demo and backtest evaluate through it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.clock import DAY, HOUR
from monitor.counts.windows import TrackKey, Windows
from monitor.statistics.evaluate import WindowCounts, evaluate
from monitor.statistics.promise import promises_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.counts.slices import Deltas, Series
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.promise import Promise
    from monitor.statistics.report import WindowResult
    from monitor.statistics.schedule import Due

    Promises = Mapping[str, Mapping[tuple[str, str | None], Promise]]
    """model -> (version, segment or None) -> promise."""


def promises_by_model(baselines: Mapping[tuple[str, str], Baseline]) -> Promises:
    """Return what the folds promise: model -> (version, segment or None) -> promise."""
    promises: dict[str, dict[tuple[str, str | None], Promise]] = {}
    for (model, _), baseline in baselines.items():
        promises.setdefault(model, {}).update(promises_of(baseline))
    return promises


class Reporter:
    """Keeps the rolling windows of every series and evaluates those whose counts have changed."""

    def __init__(self, settings: Settings, state: State, promises: Promises, *, forgets: bool = True) -> None:
        """Read slices from `state`; compare with `promises`. `forgets`: drop slices that no window needs any more."""
        self._forgets = forgets
        self._settings = settings
        self._state = state
        self._promises: Promises = dict(promises)
        self._windows = Windows(state.slices)
        self._last: dict[TrackKey, WindowResult] = {}

    def apply(self, slices: Deltas) -> None:
        """Learn what a step added to the slices. Every step comes here once, before the next `report`."""
        self._windows.apply(slices)

    def adopt(self, model: str, version: str, baseline: Baseline | None) -> None:
        """Compare a version with another baseline from the next `report` on; None: with none any more."""
        kept = {key: promise for key, promise in self._promises.get(model, {}).items() if key[0] != version}
        fresh = {} if baseline is None else promises_of(baseline)
        self._promises = {**self._promises, model: {**kept, **fresh}}
        for key in [key for key in self._last if (key.series.model, key.series.version) == (model, version)]:
            del self._last[key]

    def report(self, due: Mapping[str, Sequence[Due]]) -> list[WindowResult]:
        """Return the result of each window that is due (by model) in each series that has predictions in it.

        In the order of models, due windows and series. Slices that no window needs any more are forgotten.
        """
        results: list[WindowResult] = []
        for name, windows in due.items():
            results += self._model(self._settings.models[name], windows)
            if self._forgets:
                self._forget(self._settings.models[name], windows)
        return results

    def _model(self, model: ModelSettings, due: Iterable[Due]) -> list[WindowResult]:
        """Move the windows of one model to where they are due, and evaluate them in one batch."""
        keys: list[TrackKey] = []
        known: list[WindowResult | None] = []
        asked: list[WindowCounts] = []
        series = [one for one in self._state.series() if one.model == model.name]
        self._retire(model.name, series)
        for window in due:
            for one in series:
                key = TrackKey(one, window.window, window.maturity)
                counts = self._at(key, model, window)
                if counts is None:
                    continue
                keys.append(key)
                known.append(counts if not isinstance(counts, WindowCounts) else None)
                if isinstance(counts, WindowCounts):
                    asked.append(counts)
        fresh = iter(evaluate(model, asked, self._promises.get(model.name, {})))
        results = [result or next(fresh) for result in known]
        self._last.update(zip(keys, results, strict=True))
        for key in keys:
            self._windows.evaluated(key)
        return results

    def _forget(self, model: ModelSettings, due: Sequence[Due]) -> None:
        """Forget the slices that no window reaches any more.

        Where a window stands now it still needs its slices, to move on. One that begins later reaches back to
        `label_horizon` and its length before now; the daemon rounds its end down to an hour, its start to a slice. And
        a clock may be set back: a day more costs 24 slices and keeps its windows whole.
        """
        reach = model.label_horizon.millis + max(window.millis for window in model.windows) + 2 * HOUR + DAY
        begins = max(window.as_of for window in due) - reach
        oldest = self._windows.oldest(model.name)
        self._state.drop_slices(model.name, begins if oldest is None else min(begins, oldest))

    def _retire(self, model: str, series: Sequence[Series]) -> None:
        """Follow the windows of series without slices no longer: nothing would move them on."""
        alive = set(series)
        for key in [key for key in self._windows if key.series.model == model and key.series not in alive]:
            self._last.pop(key, None)
            self._windows.end(key.series)

    def _at(self, key: TrackKey, model: ModelSettings, due: Due) -> WindowCounts | WindowResult | None:
        """Return what is to be evaluated, or the last result where nothing changed, or None for an empty window."""
        if key in self._windows:
            self._windows.move(key, due.start, due.end)
        else:
            self._windows.begin(key, model.layout, due.start, due.end)
        last = self._last.get(key)
        if last is not None and not self._windows.changed(key):
            return replace(last, start=due.start, end=due.end, as_of=due.as_of)
        counts = self._windows.counts(key)
        if not counts.predictions:
            self._last.pop(key, None)
            return None
        series = key.series
        return WindowCounts(
            series.version, series.segment, due.window, due.start, due.end, due.as_of, due.maturity, counts
        )
