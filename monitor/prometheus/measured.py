"""From results to samples: what a scrape shows of a report, and what a replay writes of each of its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.report.newest import newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.config import Export, ModelSettings, Settings
    from monitor.prometheus.metric import Metric
    from monitor.report.snapshot import Activity
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import MetricResult, WindowResult

    Sample = tuple[Metric, dict[str, str], float]
    """Metric, labels, value."""


def measured(settings: Settings, windows: Iterable[WindowResult]) -> tuple[list[Sample], int]:
    """Return the samples of one moment's windows, and how many more `export.max_series` leaves out.

    Prometheus has one value of a series at a time: the newest window's. The most important come first, so that a cap
    leaves out segments before everything, and metrics of objectives last.
    """
    samples: list[Sample] = []
    left_out = 0
    for window, result in _exported(settings, windows):
        found = list(_of_result(window, result))
        if len(samples) + len(found) > settings.export.max_series:
            left_out += len(found)
        else:
            samples += found
    return samples, left_out


def counted(tallies: Mapping[tuple[str, str], Tally], model: ModelSettings) -> Iterator[Sample]:
    """Yield the counters of each objective of a model that has a target. They begin at zero."""
    for objective in model.objectives:
        if objective.target is not None:
            labels = {"model": model.name, "slo": objective.name}
            tally = tallies.get((model.name, objective.name))
            yield catalog.SLO_EVENTS, labels, tally.events if tally else 0
            yield catalog.SLO_BAD, labels, tally.bad if tally else 0
            yield catalog.SLO_SKIPPED, labels, tally.skipped if tally else 0


def read_of(model: ModelSettings, activity: Activity) -> Iterator[Sample]:
    """Yield what of a model was read: predictions of each version, from zero for those with a baseline, and until when.

    What became of its labels is not in it: counting that takes a visit to every row.
    """
    for version in sorted({*model.baseline, *activity.predictions}):
        labels = {"model": model.name, "version": version}
        yield catalog.PREDICTIONS, labels, activity.predictions.get(version, 0)
    for metric, at in (
        (catalog.LAST_PREDICTION, activity.last_prediction_at),
        (catalog.LAST_LABEL, activity.last_label_at),
    ):
        if at is not None:
            yield metric, {"model": model.name}, at / SECOND


def _exported(settings: Settings, windows: Iterable[WindowResult]) -> list[tuple[WindowResult, MetricResult]]:
    """Return the results that Prometheus gets, the most important first: of objectives, of everything, of segments."""
    ranked: tuple[list[tuple[WindowResult, MetricResult]], ...] = ([], [], [])
    for window in newest(windows).values():
        model = settings.models[window.model]
        for result in window.metrics:
            rank = _rank(settings.export, model, window.segment, result)
            if rank is not None:
                ranked[rank].append((window, result))
    return [pair for pairs in ranked for pair in pairs]


def _rank(export: Export, model: ModelSettings, segment: str | None, result: MetricResult) -> int | None:
    """Return 0 for a metric of an objective (there and in everything), 1 or 2 for what `export` names, else None."""
    for objective in model.objectives:
        same = (objective.metric, objective.class_) == (result.metric, result.class_)
        if same and segment in (None, objective.segment):
            return 0
    if result.metric not in export.metrics:
        return None
    if segment is None:
        return 1
    return 2 if export.segments else None


def _of_result(window: WindowResult, result: MetricResult) -> Iterator[Sample]:
    """Yield the series of one result; what is undefined has no series."""
    labels = {
        "model": window.model,
        "version": window.version,
        "segment": window.segment or "",
        "window": window.window,
        "maturity": window.maturity.value,
        "metric": result.metric,
    }
    if result.class_ is not None:
        labels["class"] = result.class_
    to = catalog.measured(result.metric, result.class_)
    values = (
        (catalog.SUPPORT if result.metric == "support" else to.value, result.value),
        (to.lower, result.lower),
        (to.upper, result.upper),
        (to.baseline, result.baseline),
        (to.baseline_lower, result.baseline_lower),
        (to.baseline_upper, result.baseline_upper),
        (to.labels, result.n),
    )
    for metric, value in values:
        if value is not None:
            yield metric, labels, value
    if result.verdict is not None:
        for verdict in ("ok", "worse", "unknown"):
            yield catalog.VERDICT, {**labels, "verdict": verdict}, float(result.verdict.value.lower() == verdict)
