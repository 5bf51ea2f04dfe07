"""A replay as OpenMetrics text with timestamps, of which Prometheus makes blocks: history to query like the present.

`promtool tsdb create-blocks-from openmetrics FILE FOLDER` reads it. The format wants each family whole and each series
of it in one piece, while a replay goes through time: so samples wait in temporary files, and memory holds a part of one
family at a time, however long the history.
"""

from __future__ import annotations

import tempfile
from array import array
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.prometheus.capped import capped, seen
from monitor.prometheus.folds import compared_with
from monitor.prometheus.measured import counted, read_of
from monitor.statistics.fold_scores import FoldScores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO

    from numpy.typing import NDArray

    from monitor.config import Settings
    from monitor.prometheus.measured import Sample
    from monitor.prometheus.metric import Metric
    from monitor.report.snapshot import Activity
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import WindowResult

_ROW: Final = np.dtype([("series", "<u4"), ("at", "<i8"), ("value", "<f8")])
_SCRAPES: Final = 12
"""Samples of a counter in one step of the replay: so many that a window of two steps has hardly a gap at its ends."""
_BUFFERED: Final = 1 << 12
"""Samples of a family that wait in memory before they go to its file."""
_SORTED_AT_ONCE: Final = 1 << 20
"""Samples of a family that are in memory together when it is written (a longer series alone may be more)."""


class OpenMetricsWriter:
    """Hears what a replay reports, in the order of time, and writes it all in the end. Used once, in a `with`."""

    def __init__(
        self, settings: Settings, every: int, baselines: Mapping[tuple[str, str], Baseline] | None = None
    ) -> None:
        """Write the series that a daemon with these settings and baselines would export. `every`: the step, ms."""
        self._settings, self._every = settings, every
        self._apart = max(settings.slo.scrape_interval.millis, every // _SCRAPES)
        self._counted: tuple[int, list[Sample]] = (0, [])
        self._stack = ExitStack()
        self._families: dict[str, _Family] = {}
        self._windows: list[WindowResult] = []
        self._activity: Mapping[str, Activity] = {}
        self._folds = {key: FoldScores.of(baseline) for key, baseline in (baselines or {}).items()}
        self._compared = list(compared_with(settings, baselines or {}))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary files."""
        self._stack.close()

    def add(self, window: WindowResult) -> None:
        """Take a result. Its time is its `as_of`, which never goes back."""
        if self._windows and self._windows[0].as_of != window.as_of:
            self._end_moment()
        self._windows.append(window)

    def count(self, at: int, tallies: Mapping[tuple[str, str], Tally]) -> None:
        """Take the objectives' counters as of a moment. The first should be zeros: they make the first count seen.

        Up to the next step they stay what they are, and are told in between as scrapes would see them, the last time
        just before they move: rules are not evaluated on the steps of a replay, and of a window `increase` knows only
        what lies between its first and its last sample.
        """
        before, known = self._counted
        if SECOND < at - before <= self._every:
            for moment in (*range(before + self._apart, at - SECOND, self._apart), at - SECOND):
                self._take(moment, known)
        samples = [sample for model in self._settings.models.values() for sample in counted(tallies, model)]
        self._take(at, samples)
        self._counted = (at, [sample for sample in samples if sample[0] is not catalog.SLO_SKIPPED])

    def receive(self, at: int, activity: Mapping[str, Activity]) -> None:
        """Take what of each model was read as of an evaluation, or nothing, before the first one."""
        self._activity = activity
        most = self._settings.export.max_series
        for name, read in activity.items():
            self._take(at, read_of(name, read))
            self._take(at, islice(seen(self._settings.models[name], read.predictions), most))
        if any(read.predictions for read in activity.values()):
            self._take(at, [(catalog.LAST_EVALUATION, {}, at / SECOND), *self._compared])

    def finish(self, file: BinaryIO) -> None:
        """Write the text: families in the order of the catalog, each series in the order of time."""
        self._end_moment()
        for metric in catalog.CATALOG:
            if metric.name in self._families:
                self._families[metric.name].write(file)
        file.write(b"# EOF\n")

    def _end_moment(self) -> None:
        if self._windows:
            samples, _ = capped(self._settings, self._windows, self._folds, self._activity)
            # What was read is told at the steps alone, as of which it is known.
            measured = (sample for sample in samples if sample[0] is not catalog.PREDICTIONS)
            self._take(self._windows[0].as_of, measured)
            self._windows.clear()

    def _take(self, at: int, samples: Iterable[Sample]) -> None:
        for metric, labels, value in samples:
            family = self._families.get(metric.name)
            if family is None:
                spool = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
                family = self._families[metric.name] = _Family(metric, self._settings.alerting.job, spool)
            family.add(labels, at, value)


class _Family:
    """The samples of one metric."""

    def __init__(self, metric: Metric, job: str, spool: BinaryIO) -> None:
        self._metric, self._job, self._spool = metric, job, spool
        self._series: dict[tuple[tuple[str, str], ...], int] = {}
        self._samples = array("q")
        """Series -> how many it has."""
        self._ids, self._times, self._values = array("I"), array("q"), array("d")

    def add(self, labels: dict[str, str], at: int, value: float) -> None:
        """Take one sample. Of two of a series at one moment the later one counts."""
        key = tuple(sorted(labels.items()))
        number = self._series.setdefault(key, len(self._series))
        if number == len(self._samples):
            self._samples.append(0)
        self._samples[number] += 1
        self._ids.append(number)
        self._times.append(at)
        self._values.append(value)
        if len(self._ids) == _BUFFERED:
            self._flush()

    def write(self, file: BinaryIO) -> None:
        """Write type, help and every series."""
        self._flush()
        name, kind = self._metric.name, self._metric.kind
        family = name.removesuffix("_total") if kind == "counter" else name
        file.write(f"# HELP {family} {_escaped(self._metric.help)}\n# TYPE {family} {kind}\n".encode())
        labels = list(self._series)
        for first, last in self._portions():
            rows = self._rows(first, last)
            rows = rows[np.lexsort((rows["at"], rows["series"]))]  # which is stable
            again = (rows["series"][:-1] == rows["series"][1:]) & (rows["at"][:-1] == rows["at"][1:])
            rows = rows[np.append(~again, True)]
            cuts = np.flatnonzero(np.diff(rows["series"])) + 1
            for one in np.split(rows, cuts):
                series = name + _labels((("job", self._job), *labels[one["series"][0]]))
                points = zip(one["value"].tolist(), one["at"].tolist(), strict=True)
                file.write("".join(f"{series} {value!r} {_seconds(at)}\n" for value, at in points).encode())

    def _flush(self) -> None:
        """Move what waits in memory to the file."""
        rows = np.empty(len(self._ids), _ROW)
        rows["series"], rows["at"], rows["value"] = self._ids, self._times, self._values
        self._spool.write(rows.tobytes())
        for column in (self._ids, self._times, self._values):
            del column[:]

    def _portions(self) -> Iterator[tuple[int, int]]:
        """Yield ranges [first, last) of series that are not too many samples to sort in memory."""
        first = held = 0
        for number, samples in enumerate(self._samples):
            if held and held + samples > _SORTED_AT_ONCE:
                yield first, number
                first, held = number, 0
            held += samples
        yield first, len(self._samples)

    def _rows(self, first: int, last: int) -> NDArray[np.void]:
        """Return the samples of a range of series, in the order in which they came."""
        parts: list[NDArray[np.void]] = []
        self._spool.seek(0)
        while block := self._spool.read(_SORTED_AT_ONCE * _ROW.itemsize):
            rows = np.frombuffer(block, _ROW)
            parts.append(rows[(rows["series"] >= first) & (rows["series"] < last)])
        return np.concatenate(parts)


def _labels(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(pairs)) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _seconds(at: int) -> str:
    seconds, millis = divmod(at, SECOND)
    return f"{seconds}.{millis:03d}" if millis else str(seconds)
