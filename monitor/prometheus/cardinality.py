"""How many series a configuration exports, before anything runs: the formula of docs/cardinality.md. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from monitor.errors import Problem
from monitor.prometheus import catalog
from monitor.prometheus.folds import LARGEST, WHOLE, exported, ratios
from monitor.prometheus.measured import VERDICTS
from monitor.report.revalidating import OUTCOMES
from monitor.sources.decoding.reasons import REASONS, SKIPPED
from monitor.statistics.budget import BudgetState
from monitor.statistics.inspection import DELAYS, LATENCIES, NAMES
from monitor.statistics.names import LOSSES, NEVER_JUDGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.prometheus.metric import Metric
    from monitor.statistics.baseline import Baseline

REFUSALS: Final = 6
"""Reasons for which a server turns somebody away."""
_LATER: Final = 1
"""Reasons for which events are skipped that show only once they happened: too old."""


@dataclass(frozen=True, slots=True)
class Used:
    """One version that predicts."""

    model: str
    folds: int = 0
    """Of its baseline, those of all repeats; 0: it has no baseline."""
    segments: Mapping[str, bool] = field(default_factory=dict)
    """`name=value` of every segment that has predictions -> whether the folds have it too."""


def expected_series(settings: Settings, used: Sequence[Used], partitions: int = 0) -> Mapping[str, int]:
    """Return name of a family -> how many series it has once every window has labels, without a cap.

    `partitions`: of all topics that are read. It is the most that there can be: what is undefined has no series, such
    as the precision of a class that is never predicted, or a data gate as long as it knows too little.
    """
    found: Counter[str] = Counter()
    for one in used:
        for metric, n in _of_version(settings, settings.models[one.model], one):
            found[metric.name] += n
    for metric, n in (
        *_fixed(settings, sum(one.folds > 0 for one in used), partitions),
        *_revalidated(settings, [one.model for one in used if one.folds]),
    ):
        found[metric.name] += n
    return found


def growing(settings: Settings, used: Iterable[Used]) -> int:
    """Return how many of them `export.max_series` caps: those of versions."""
    return sum(n for one in used for _, n in _of_version(settings, settings.models[one.model], one))


def planned(settings: Settings, baselines: Mapping[tuple[str, str], Baseline]) -> list[Used]:
    """Return what a configuration is made for: each version with a baseline, or one of a model that has none.

    Of segments whose values come from events it knows those that the folds have.
    """
    found = []
    for name, model in settings.models.items():
        fixed = {f"{key}={value}" for key, values in model.segments.items() for value in values or ()}
        fixed |= {one.segment for one in model.objectives if one.segment is not None}
        of_model = [baseline for (owner, _), baseline in sorted(baselines.items()) if owner == name]
        for baseline in of_model:
            known = {one for fold in baseline.folds for one in fold.segments if one.partition("=")[0] in model.segments}
            segments = {one: one in known for one in sorted(known | fixed)}
            found.append(Used(name, len(baseline.folds), segments))
        if not of_model:
            found.append(Used(name, 0, dict.fromkeys(sorted(fixed), False)))
    return found


def each_value(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Yield (model, segment, series of each value and version) of the exported segments whose values are not known."""
    for name, model in settings.models.items():
        for segment, values in model.segments.items():
            of_one = Used(name, 0, {f"{segment}=": False})
            if values is None and settings.export.segments:
                yield name, segment, growing(settings, [of_one]) - growing(settings, [replace(of_one, segments={})])


def crowded(settings: Settings, used: Sequence[Used]) -> Iterator[Problem]:
    """Yield a warning where so many versions and segments have more series than may be exported."""
    expected, most = growing(settings, used), settings.export.max_series
    if expected > most:
        yield Problem(
            f"{settings.path or 'configuration'}: export.max_series",
            f"is {most:,}, and about {expected:,} series are expected: segments are left out first, objectives last",
            "raise it as far as your Prometheus can bear, or name fewer `metrics` in `export`",
        )


def _of_version(settings: Settings, model: ModelSettings, used: Used) -> Iterator[tuple[Metric, int]]:
    """Yield what one version has."""
    yield catalog.PREDICTIONS, 1
    classes = len(model.classes)
    maturities = 2 if model.label_horizon.millis else 1
    cells = classes**2 if classes <= WHOLE else LARGEST
    yield catalog.CONFUSION, len(model.windows) * maturities * cells
    segments: list[tuple[str | None, bool]] = [(None, used.folds > 0), *used.segments.items()]
    for window in model.windows:
        for segment, compared in segments:
            for metric, class_ in exported(settings.export, model, segment):
                judged = compared and _judged(model, metric, class_, segment, window.text)
                for family, n in _of_result(metric, class_, compared=compared, judged=judged):
                    yield family, n * maturities
    if used.folds:
        for _, class_ in ratios(settings.export, model):
            yield catalog.OVERALL_FOLD if class_ is None else catalog.CLASS_FOLD, used.folds
        yield catalog.FOLD_SHARE, used.folds * classes


def _revalidated(settings: Settings, compared: Iterable[str]) -> Iterator[tuple[Metric, int]]:
    """Yield what re-validation has; `compared`: the model of each version with a baseline."""
    models = [model for model in settings.models.values() if model.revalidation is not None]
    for metric in (
        catalog.REVALIDATION_ASKED,
        catalog.REVALIDATION_OPEN,
        catalog.REVALIDATION_LIMIT,
        catalog.REVALIDATION_WAITS,
        catalog.REVALIDATION_FAILURES,
        catalog.GATE_PASSED,
        catalog.PROMOTED,
    ):
        yield metric, len(models)
    yield catalog.REVALIDATIONS, len(models) * len(OUTCOMES)
    limits = [model.revalidation.gate.max_fold_sd for model in models if model.revalidation is not None]
    yield catalog.FOLD_DEVIATION_LIMIT, sum(limit is not None for limit in limits)
    names = {model.name for model in models}
    yield catalog.FOLD_DEVIATION, sum(len(settings.models[name].classes) for name in compared if name in names)


def _of_result(metric: str, class_: str | None, *, compared: bool, judged: bool) -> Iterator[tuple[Metric, int]]:
    """Yield what one metric of one window has: value and n, a band, a corridor if compared, a verdict if judged."""
    to = catalog.measured(metric, class_)
    yield to.labels, 1
    if metric in NEVER_JUDGED:
        yield catalog.SUPPORT if metric == "support" else to.value, 1
        return
    for family in (to.value, to.lower, to.upper, *((to.baseline, to.baseline_lower, to.baseline_upper) * compared)):
        yield family, 1
    if judged:
        yield catalog.VERDICT, len(VERDICTS)


def _judged(model: ModelSettings, metric: str, class_: str | None, segment: str | None, window: str) -> bool:
    """Tell whether a metric has a margin, and with it a verdict: a loss only has that of an objective."""
    return metric not in LOSSES or any(
        (one.metric, one.class_, one.segment, one.window) == (metric, class_, segment, window)
        for one in model.objectives
    )


def _fixed(settings: Settings, baselines: int, partitions: int) -> Iterator[tuple[Metric, int]]:
    """Yield what does not grow with the data."""
    models = len(settings.models)
    targets = sum(one.target is not None for model in settings.models.values() for one in model.objectives)
    source = settings.source
    for metric in (catalog.SLO_EVENTS, catalog.SLO_BAD, catalog.SLO_SKIPPED, catalog.SLO_BUDGET_LEFT):
        yield metric, targets
    yield catalog.SLO_STATE, targets * len(BudgetState)
    for metric, n in (
        (catalog.LABELS, len(catalog.FINAL_OUTCOMES)),
        (catalog.LAST_PREDICTION, 1),
        (catalog.LAST_LABEL, 1),
        (catalog.DATA_GATE, len(NAMES)),
        (catalog.COMPLETENESS, 1),
        (catalog.LABEL_DELAY, len(DELAYS)),
        (catalog.PREDICTION_RATE, 1),
        (catalog.DUPLICATES, 1),
        (catalog.ORPHANS, 1),
        (catalog.LATENCY, len(LATENCIES)),
    ):
        yield metric, n * models
    yield catalog.MODEL, baselines
    yield catalog.BASELINE_AT, baselines
    yield catalog.LAG, partitions
    yield catalog.RESETS, len({one.topic for one in (source.predictions, source.labels)} - {None})
    yield catalog.DEAD_LETTERS, len(REASONS)
    yield catalog.SKIPPED, len(SKIPPED) + _LATER
    yield catalog.REFUSED, REFUSALS
    for metric in (catalog.STEP_SECONDS, catalog.EVALUATION_SECONDS):
        yield metric, len(metric.buckets) + 3  # the infinite bucket, sum and count
    yield catalog.STATE_BYTES, int(settings.store is not None)
    yield catalog.TLS_EXPIRY, int(any((source.security.ca_file, source.security.cert_file, settings.server.tls)))
    for metric in (
        catalog.WAITING_PREDICTIONS,
        catalog.WAITING_LABELS,
        catalog.HALTED,
        catalog.SOURCE_UP,
        catalog.LAST_COMMIT,
        catalog.LAST_EVALUATION,
        catalog.REJECTED,
        catalog.SERIES_SHOWN,
        catalog.SERIES_LEFT_OUT,
        catalog.BUILD,
        *catalog.FOOTPRINT,
    ):
        yield metric, 1
