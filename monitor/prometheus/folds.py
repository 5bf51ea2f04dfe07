"""From folds and confusions to samples: what each fold said by itself, and which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.prometheus.measured import rank_of
from monitor.statistics.confusion import cells
from monitor.statistics.names import OVERALL, OVERALL_BINARY, PER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import Export, ModelSettings, Settings
    from monitor.prometheus.measured import Sample
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.fold_scores import FoldScores
    from monitor.statistics.report import WindowResult

WHOLE: Final = 10
"""Up to so many classes every cell of a confusion is a series."""
LARGEST: Final = 20
"""Of more classes so many wrong cells are."""
NO_RATIO: Final = frozenset({"log_loss", "support"})
_BINARY: Final = 2


def of_folds(settings: Settings, model: str, version: str, scores: FoldScores) -> Iterator[Sample]:
    """Yield the value of each exported ratio in each fold, and each fold's class shares; what is undefined is missing.

    For two classes the whole model's AUC and average precision are those of the positive class, as in a report.
    """
    of = settings.models[model]
    labels = {"model": model, "version": version}
    for metric, class_ in ratios(settings.export, of):
        found = scores.metrics.get(metric)
        if found is None:
            continue
        if class_ is not None:
            column, to, more = found[:, scores.classes.index(class_)], catalog.CLASS_FOLD, {"class": class_}
        elif found.ndim == _BINARY:
            column, to, more = found[:, of.layout.positive], catalog.OVERALL_FOLD, {}
        else:
            column, to, more = found, catalog.OVERALL_FOLD, {}
        for fold, value in zip(scores.folds, column.tolist(), strict=True):
            if np.isfinite(value):
                yield to, {**labels, "metric": metric, **more, "fold": fold}, value
    for fold, shares in zip(scores.folds, scores.shares.tolist(), strict=True):
        for class_, share in zip(scores.classes, shares, strict=True):
            if np.isfinite(share):
                yield catalog.FOLD_SHARE, {**labels, "fold": fold, "class": class_}, share


def compared_with(settings: Settings, baselines: Mapping[tuple[str, str], Baseline]) -> Iterator[Sample]:
    """Yield which baseline each version is compared with, and when its file was written."""
    for (name, version), baseline in sorted(baselines.items()):
        labels = {
            "model": name,
            "version": version,
            "owner": settings.models[name].owner,
            "baseline_sha256": baseline.content_hash,
            "scheme": baseline.scheme,
            "folds": str(len(baseline.folds) // baseline.repeats),
        }
        yield catalog.MODEL, labels, 1
        if baseline.written_at is not None:
            yield catalog.BASELINE_AT, {"model": name, "version": version}, baseline.written_at / SECOND


def ratios(export: Export, model: ModelSettings) -> list[tuple[str, str | None]]:
    """Return (metric, class or None) of what a fold has a series of, in a fixed order."""
    found = [pair for pair in exported(export, model, None) if pair[0] not in NO_RATIO]
    return sorted(found, key=lambda pair: (pair[0], pair[1] or ""))


def exported(export: Export, model: ModelSettings, segment: str | None) -> list[tuple[str, str | None]]:
    """Return (metric, class or None) of what Prometheus gets of a segment (None: of everything).

    It is what `measured.rank_of` says of every metric that there is.
    """
    overall = (*OVERALL, *(OVERALL_BINARY if len(model.classes) == _BINARY else ()))
    every = [(metric, one) for metric in PER_CLASS for one in model.classes] + [(metric, None) for metric in overall]
    return [pair for pair in every if rank_of(export, model, segment, *pair) is not None]


def of_confusion(window: WindowResult) -> Iterator[Sample]:
    """Yield the cells of a window that is of everything. Of many classes: the largest wrong ones, none empty."""
    labels = {
        "model": window.model,
        "version": window.version,
        "window": window.window,
        "maturity": window.maturity.value,
    }
    for true, predicted, n in _cells(window):
        pair = {"true_class": window.classes[true], "predicted_class": window.classes[predicted]}
        yield catalog.CONFUSION, labels | pair, n


def confusion_size(window: WindowResult) -> int:
    """Return how many series `of_confusion` makes of a window."""
    k = len(window.classes)
    return k * k if k <= WHOLE else len(list(_cells(window)))


def _cells(window: WindowResult) -> Iterator[tuple[int, int, float]]:
    """Yield (true class, predicted class, n) of the cells that are shown, in the order of the classes."""
    k = len(window.classes)
    if k <= WHOLE:
        for at, n in enumerate(window.counts.plane("confusion").ravel().tolist()):
            yield at // k, at % k, n
        return
    found = cells(*window.counts.sparse("confusion"), k)
    wrong = np.flatnonzero(found.true != found.predicted)
    largest = np.sort(wrong[np.argsort(-found.n[wrong], kind="stable")[:LARGEST]])
    for at in largest.tolist():
        yield int(found.true[at]), int(found.predicted[at]), float(found.n[at])
