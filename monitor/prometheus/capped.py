"""What grows with the data, under one cap: everything of a version that Prometheus gets, the most important first.

Versions come from events. A producer that writes a new one into each of them must not fill Prometheus, nor push the
versions out that matter: so what is left out first are the series of versions that hardly anybody uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from monitor.prometheus import catalog
from monitor.prometheus.folds import confusion_size, of_confusion, of_folds
from monitor.prometheus.measured import of_result, rank_of, size_of
from monitor.report.newest import newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from monitor.config import ModelSettings, Settings
    from monitor.prometheus.measured import Sample
    from monitor.report.snapshot import Activity
    from monitor.statistics.fold_scores import FoldScores
    from monitor.statistics.report import WindowResult

MAIN: Final = 20
"""So many versions without a baseline, the busiest of a model, are as important as those with one."""
_SEEN, _PROMISED, _MEASURED, _FOLDS, _SEGMENTS = range(5)
"""The order in which the series of a version come: the last ones give way first."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Series that are exported or left out together."""

    order: tuple[int, int]
    """Those of lower order come first."""
    make: Callable[[], Iterable[Sample]]
    size: Callable[[], int]
    """How many `make` makes: for those that are left out, which are not made."""


def capped(
    settings: Settings,
    windows: Iterable[WindowResult],
    folds: Mapping[tuple[str, str], FoldScores],
    activity: Mapping[str, Activity],
) -> tuple[list[Sample], int]:
    """Return the samples of one moment's versions, and how many more `export.max_series` leaves out.

    Prometheus has one value of a series at a time: the newest window's. Of the versions that matter (see `places`) come
    their counters, the metrics of objectives, the other metrics of everything, folds and confusions, then segments;
    after all of that the other versions, one by one in the same order.
    """
    samples: list[Sample] = []
    left_out = 0
    for part in sorted(_parts(settings, windows, folds, activity), key=lambda part: part.order):
        if left_out:
            left_out += part.size()
            continue
        found = list(part.make())
        if len(samples) + len(found) <= settings.export.max_series:
            samples += found
        else:
            left_out = len(found)  # and all that comes after it: nothing slips past what matters more
    return samples, left_out


def places(compared: Iterable[str], predictions: Mapping[str, int], more: Iterable[str] = ()) -> Mapping[str, int]:
    """Return version -> 0 where it matters, else its place behind these, from 1.

    What matters are the versions that are `compared` with a baseline, and of the others the MAIN with the most
    predictions. `more`: versions of which there is something to show though no predictions are known.
    """
    first = dict.fromkeys(compared, 0)
    others = sorted({*predictions, *more} - first.keys(), key=lambda one: (-predictions.get(one, 0), one))
    return first | {one: max(0, at - MAIN + 1) for at, one in enumerate(others)}


def seen(model: ModelSettings, predictions: Mapping[str, int]) -> Iterator[Sample]:
    """Yield the counter of each version's predictions, the versions that matter first, from zero with a baseline."""
    order = places(model.baseline, predictions)
    for version in sorted(order, key=lambda one: (order[one], one)):
        labels = {"model": model.name, "version": version}
        yield catalog.PREDICTIONS, labels, predictions.get(version, 0)


def _parts(
    settings: Settings,
    windows: Iterable[WindowResult],
    folds: Mapping[tuple[str, str], FoldScores],
    activity: Mapping[str, Activity],
) -> Iterator[_Part]:
    """Yield all that there is."""
    shown: dict[str, list[WindowResult]] = {name: [] for name in settings.models}
    for window in newest(windows).values():
        shown[window.model].append(window)
    for name, model in settings.models.items():
        predictions = activity[name].predictions if name in activity else {}
        scored = {version: scores for (of, version), scores in folds.items() if of == name}
        at = places({*model.baseline, *scored}, predictions, (window.version for window in shown[name]))
        for sample in seen(model, predictions):
            yield _part((at[sample[1]["version"]], _SEEN), [sample])
        for window in shown[name]:
            place = at[window.version]
            for result in window.metrics:
                rank = rank_of(settings.export, model, window.segment, result.metric, result.class_)
                if rank is not None:
                    order = place, (_PROMISED, _MEASURED, _SEGMENTS)[rank]
                    yield _Part(order, partial(of_result, window, result), partial(size_of, result))
            if window.segment is None:
                yield _Part((place, _FOLDS), partial(of_confusion, window), partial(confusion_size, window))
        for version, scores in sorted(scored.items()):
            yield _part((0, _FOLDS), list(of_folds(settings, name, version, scores)))


def _part(order: tuple[int, int], found: list[Sample]) -> _Part:
    """Return a part of samples that are made already."""
    return _Part(order, partial(iter, found), partial(len, found))
