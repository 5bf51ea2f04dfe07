"""The ten measures that a team asks of its cross-validation: M1 to M10 of `baseline show`.

The metrics are those of production (`monitor.statistics`), scored on the Counts of each fold. NaN stands for
"undefined in this fold" and leaves as null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import stdtrit

from monitor.baselines.corridor import corridor
from monitor.counts import Counts
from monitor.statistics.fold_scores import fold_values
from monitor.statistics.folds import folds_of
from monitor.statistics.names import PER_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.baselines.timings import Timings
    from monitor.statistics.baseline import Baseline

    Floats = NDArray[np.float64]
    Values = Mapping[str, Floats]

LEVEL: Final = 0.95
LIVE: Final = (
    "production against these folds: `foldwatch run` shows it on its page and in /metrics, "
    "`foldwatch backtest` in its report"
)
_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class Measures:
    """What `baseline show` prints; `document` is the same as JSON values."""

    baseline: Baseline
    by_fold: Values
    """Metric -> (J,) or, per class, (J, K), in the order of the baseline's folds."""
    document: dict[str, Any]


def measured(baseline: Baseline, timings: Timings | None) -> Measures:
    """Return the measures of a baseline; without timings M8 and M9 are null."""
    counts = [fold.counts for fold in baseline.folds]
    by_fold = fold_values(baseline.layout, counts)
    pooled = fold_values(baseline.layout, [Counts.sum(baseline.layout, counts)])
    trained = [fold.train for fold in baseline.folds if fold.train is not None]
    train = fold_values(baseline.layout, trained) if len(trained) == len(counts) else None
    document: dict[str, Any] = {
        "model": baseline.model,
        "version": baseline.version,
        "scheme": baseline.scheme,
        "seed": baseline.seed,
        "repeats": baseline.repeats,
        "classes": list(baseline.classes),
        "positive": baseline.classes[baseline.layout.positive] if baseline.layout.classes == _BINARY else None,
        "content_hash": baseline.content_hash,
        "fold_assignment": baseline.about.get("fold_assignment"),
        "about": dict(baseline.about),
        "folds": [
            {"fold": fold.fold, "repeat": fold.repeat, "rows": fold.counts.labels, "n_train": fold.n_train}
            for fold in baseline.folds
        ],
        "segments": sorted({name for fold in baseline.folds for name in fold.segments}),
        **_corridors(baseline, pooled),
        "M1": _named(baseline, {name: _deviation(found) for name, found in by_fold.items()}),
        "M2": {name: [_plain(x) for x in by_fold["f1"][:, at].tolist()] for at, name in enumerate(baseline.classes)},
        "M3": _mean_auc(baseline, by_fold),
        "M4": {name: _plain(float(pooled[name][0])) if name in pooled else None for name in ("brier", "ece")},
        "M5": None
        if train is None
        else _named(
            baseline,
            {name: _mean(train[name] - by_fold[name]) for name in by_fold if name != "support" and name in train},
        ),
        "M6": _class_counts(baseline),
        "M7": _widths(baseline, by_fold),
        "M8": None if timings is None else timings.wall_seconds,
        "M9": None
        if timings is None
        else [
            {
                "fold": timing.fold,
                "repeat": timing.repeat,
                "cpu_seconds": timing.cpu_seconds,
                "peak_memory_bytes": timing.peak_memory,
            }
            for timing in timings.folds
        ],
        "M10": LIVE,
    }
    return Measures(baseline, by_fold, document)


def _corridors(baseline: Baseline, pooled: Values) -> dict[str, Any]:
    """Return `per_class` and `overall`: the pooled value of each metric, with its corridor where there is one."""
    promised = corridor(baseline, LEVEL)
    per_class: dict[str, dict[str, Any]] = {name: {} for name in baseline.classes}
    overall: dict[str, Any] = {}
    for metric, found in pooled.items():
        reach = promised.get(metric)
        if metric == "support":
            for at, name in enumerate(baseline.classes):
                per_class[name][metric] = float(found[0, at]) / baseline.repeats
        elif metric in PER_CLASS:
            for at, name in enumerate(baseline.classes):
                per_class[name][metric] = _entry(float(found[0, at]), reach[at][1:] if reach else None)
        else:
            overall[metric] = _entry(float(found[0]), reach[0][1:] if reach else None)
    return {"per_class": per_class, "overall": overall}


def _entry(value: float, reach: tuple[float, float] | None) -> dict[str, float | None]:
    """Return one value with its corridor."""
    lower, upper = reach or (np.nan, np.nan)
    return {"value": _plain(value), "lower": _plain(lower), "upper": _plain(upper)}


def _mean_auc(baseline: Baseline, by_fold: Values) -> dict[str, Any] | None:
    """Return M3: the mean over folds of each class's AUC, one versus rest, and of their mean (two classes: the AUC)."""
    if "roc_auc" not in by_fold:
        return None
    per_class = _mean(by_fold["roc_auc"])
    means = [float(x) for x in per_class.tolist()]
    return {
        "mean": _plain(float(np.mean(means))),
        "per_class": {name: _plain(x) for name, x in zip(baseline.classes, means, strict=True)},
    }


def _class_counts(baseline: Baseline) -> dict[str, Any]:
    """Return M6: rows of each class in each fold, and in all folds of one repeat together."""
    k = baseline.layout.classes
    rows = [
        np.bincount(index // k, count, k).astype(np.int64)
        for index, count in (fold.counts.sparse("confusion") for fold in baseline.folds)
    ]
    first = [row for row, fold in zip(rows, baseline.folds, strict=True) if fold.repeat == baseline.folds[0].repeat]
    return {
        "whole": dict(zip(baseline.classes, np.sum(first, axis=0).tolist(), strict=True)),
        "folds": [
            {
                "fold": fold.fold,
                "repeat": fold.repeat,
                "counts": dict(zip(baseline.classes, row.tolist(), strict=True)),
            }
            for fold, row in zip(baseline.folds, rows, strict=True)
        ],
    }


def _widths(baseline: Baseline, by_fold: Values) -> dict[str, Any]:
    """Return M7: full widths of the 95 % interval of the mean over folds, by plain t and by Nadeau and Bengio.

    Plain: 2 t s / sqrt(J). Nadeau and Bengio 1999: 2 t s sqrt(1/J + n_test/n_train), as folds share training rows.
    """
    folds = folds_of(baseline)
    shared = folds.ratio if folds is not None else np.nan
    plain: dict[str, Floats] = {}
    corrected: dict[str, Floats] = {}
    for metric, found in by_fold.items():
        if metric == "support":
            continue
        j = (~np.isnan(found)).sum(axis=0).astype(np.float64)
        usable = np.where(j > 1, j, np.nan)
        spread = 2.0 * stdtrit(usable - 1.0, 0.5 + LEVEL / 2.0) * _deviation(found)
        plain[metric], corrected[metric] = spread / np.sqrt(usable), spread * np.sqrt(1.0 / usable + shared)
    named = _named(baseline, plain), _named(baseline, corrected)
    return {metric: _paired(named[0][metric], named[1][metric]) for metric in plain}


def _paired(plain: Any, corrected: Any) -> dict[str, Any]:  # noqa: ANN401 - a number or numbers by class
    """Return both widths under their keys, by class where there are classes."""
    if isinstance(plain, dict):
        return {name: _paired(plain[name], corrected[name]) for name in plain}
    return {"t": plain, "nadeau_bengio": corrected}


def _deviation(found: Floats) -> Floats:
    """Return the standard deviation over the folds that have a value, n - 1 below; NaN for fewer than two."""
    present = ~np.isnan(found)
    j = present.sum(axis=0).astype(np.float64)
    usable = np.where(j > 1, j, np.nan)
    mean = np.where(present, found, 0.0).sum(axis=0) / usable
    squares = np.where(present, (found - mean) ** 2, 0.0).sum(axis=0)
    return np.asarray(np.sqrt(squares / (usable - 1.0)))


def _mean(found: Floats) -> Floats:
    """Return the mean over the folds that have a value; NaN where none has."""
    present = ~np.isnan(found)
    j = present.sum(axis=0).astype(np.float64)
    return np.asarray(np.where(present, found, 0.0).sum(axis=0) / np.where(j > 0, j, np.nan))


def _named(baseline: Baseline, found: Values) -> dict[str, Any]:
    """Return numbers by metric, those of classes by class below it."""
    named: dict[str, Any] = {}
    for metric, value in found.items():
        if value.ndim:
            named[metric] = {name: _plain(x) for name, x in zip(baseline.classes, value.tolist(), strict=True)}
        else:
            named[metric] = _plain(float(value))
    return named


def _plain(value: float) -> float | None:
    """Return the number for JSON: null where it is undefined."""
    return value if np.isfinite(value) else None
