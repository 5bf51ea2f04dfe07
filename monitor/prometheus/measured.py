"""From results to samples: what a scrape shows of a report, and what a replay writes of each of its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import Export, ModelSettings
    from monitor.prometheus.metric import Metric
    from monitor.report.snapshot import Activity
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import MetricResult, WindowResult

    Sample = tuple[Metric, dict[str, str], float]
    """Metric, labels, value."""

VERDICTS: Final = ("ok", "worse", "unknown")
"""Values of `verdict` of foldwatch_verdict."""


def counted(tallies: Mapping[tuple[str, str], Tally], model: ModelSettings) -> Iterator[Sample]:
    """Yield the counters of each objective of a model that has a target. They begin at zero."""
    for objective in model.objectives:
        if objective.target is not None:
            labels = {"model": model.name, "slo": objective.name}
            tally = tallies.get((model.name, objective.name))
            yield catalog.SLO_EVENTS, labels, tally.events if tally else 0
            yield catalog.SLO_BAD, labels, tally.bad if tally else 0
            yield catalog.SLO_SKIPPED, labels, tally.skipped if tally else 0


def read_of(model: str, activity: Activity) -> Iterator[Sample]:
    """Yield until when a model was read."""
    for metric, at in (
        (catalog.LAST_PREDICTION, activity.last_prediction_at),
        (catalog.LAST_LABEL, activity.last_label_at),
    ):
        if at is not None:
            yield metric, {"model": model}, at / SECOND


def rank_of(export: Export, model: ModelSettings, segment: str | None, metric: str, class_: str | None) -> int | None:
    """Return 0 for a metric of an objective (there and in everything), 1 or 2 for what `export` names, else None."""
    for objective in model.objectives:
        same = (objective.metric, objective.class_) == (metric, class_)
        if same and segment in (None, objective.segment):
            return 0
    if metric not in export.metrics:
        return None
    if segment is None:
        return 1
    return 2 if export.segments else None


def of_result(window: WindowResult, result: MetricResult) -> Iterator[Sample]:
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
        for verdict in VERDICTS:
            yield catalog.VERDICT, {**labels, "verdict": verdict}, float(result.verdict.value.lower() == verdict)


def size_of(result: MetricResult) -> int:
    """Return how many series `of_result` makes of a result."""
    corridor = (result.baseline, result.baseline_lower, result.baseline_upper)
    values = (result.value, result.lower, result.upper, *corridor, result.n)
    verdicts = 0 if result.verdict is None else len(VERDICTS)
    return verdicts + sum(value is not None for value in values)
