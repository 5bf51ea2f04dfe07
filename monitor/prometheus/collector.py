"""From a Snapshot to samples and text. Nothing is evaluated here, and nothing lives longer than its snapshot.

A snapshot is rendered once, when it is published; a scrape sends the bytes. So a scrape costs the same however much is
exported, two parallel scrapes see one evaluation, and the series of a retired version are gone with the next report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.report.newest import newest
from monitor.report.snapshot import Activity
from monitor.sources.decoding.reasons import REASONS, SKIPPED
from monitor.statistics.budget import BudgetState, Tally
from monitor.statistics.gates import GateState
from monitor.statistics.inspection import DELAYS, LATENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config import Export, ModelSettings
    from monitor.report.snapshot import Snapshot
    from monitor.statistics.inspection import Inspection
    from monitor.statistics.report import MetricResult, WindowResult

    Sample = tuple[catalog.Metric, dict[str, str], float]

_OPENMETRICS: Final = "application/openmetrics-text"


class SnapshotCollector(Collector):
    """A prometheus_client collector over one Snapshot: every family of the catalog, fresh at every call."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Collect from `snapshot`, which never changes."""
        self._snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        """Yield the families in the catalog's order; one without samples still shows its name, type and help."""
        families = {metric.name: _family(metric) for metric in catalog.CATALOG}
        for metric, labels, value in self._samples():
            families[metric.name].add_sample(metric.name, labels, value)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """Yield the families without samples, so that a registry knows the names without collecting."""
        return map(_family, catalog.CATALOG)

    def _samples(self) -> Iterator[Sample]:
        snapshot = self._snapshot
        left_out = 0
        room = snapshot.settings.export.max_series
        for window, result in exported(snapshot):
            samples = list(_measured(window, result))
            if len(samples) > room:
                left_out += len(samples)
            else:
                room -= len(samples)
                yield from samples
        yield catalog.SERIES_LEFT_OUT, {}, left_out
        yield from _received(snapshot)
        if snapshot.report and snapshot.report.inspection:
            yield from _inspected(snapshot.report.inspection)
        yield from _promised(snapshot)
        yield from _read(snapshot)
        yield from _about(snapshot)


class Exposition:
    """The text of one Snapshot, rendered once per format."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Render Prometheus' text format now; OpenMetrics at the first scrape that asks for it."""
        self._collector = SnapshotCollector(snapshot)
        self._text = generate_latest(self._collector)
        self._openmetrics = b""

    def body(self, accept: str) -> tuple[bytes, str]:
        """Return the text in the format that the scraper's Accept header asks for, and its content type."""
        if not choose_encoder(accept)[1].startswith(_OPENMETRICS):
            return self._text, CONTENT_TYPE_PLAIN_0_0_4
        encode, content_type = choose_encoder(_OPENMETRICS)
        # Two scrapes at once may both render: the bytes are the same, so the later one does no harm.
        self._openmetrics = self._openmetrics or encode(self._collector)
        return self._openmetrics, content_type


def exported(snapshot: Snapshot) -> list[tuple[WindowResult, MetricResult]]:
    """Return the results that Prometheus gets, the most important first: of objectives, of everything, of segments."""
    ranked: tuple[list[tuple[WindowResult, MetricResult]], ...] = ([], [], [])
    # Prometheus has one value of a series at a time.
    for window in newest(snapshot.report.windows if snapshot.report else ()).values():
        model = snapshot.settings.models[window.model]
        for result in window.metrics:
            rank = _rank(snapshot.settings.export, model, window.segment, result)
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


def _measured(window: WindowResult, result: MetricResult) -> Iterator[Sample]:
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


def _received(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield what came in. Counters of what is configured begin at zero, so that their first increase is seen."""
    for name, model in snapshot.settings.models.items():
        activity = snapshot.activity.get(name, Activity())
        for version in sorted({*model.baseline, *activity.predictions}):
            labels = {"model": name, "version": version}
            yield catalog.PREDICTIONS, labels, activity.predictions.get(version, 0)
        for outcome in catalog.FINAL_OUTCOMES:
            yield catalog.LABELS, {"model": name, "outcome": outcome}, getattr(activity.totals, outcome)
        for metric, at in (
            (catalog.LAST_PREDICTION, activity.last_prediction_at),
            (catalog.LAST_LABEL, activity.last_label_at),
        ):
            if at is not None:
                yield metric, {"model": name}, at / SECOND
    totals = snapshot.totals
    yield catalog.WAITING_PREDICTIONS, {}, totals.waiting
    yield catalog.WAITING_LABELS, {}, totals.labels_waiting
    for metric, known, reasons in (
        (catalog.DEAD_LETTERS, REASONS, totals.dead_letters),
        (catalog.SKIPPED, SKIPPED, totals.skipped),
    ):
        for reason in sorted({*known, *reasons}):
            yield metric, {"reason": reason}, reasons.get(reason, 0)


def _inspected(inspection: Inspection) -> Iterator[Sample]:
    """Yield what the data gates say and measure; what is not known has no series."""
    for name, vitals in inspection.models.items():
        model = {"model": name}
        for gate in vitals.gates:
            if gate.state is not GateState.UNKNOWN:
                yield catalog.DATA_GATE, {**model, "gate": gate.name}, float(gate.state is GateState.BAD)
        for metric, value in (
            (catalog.COMPLETENESS, vitals.completeness),
            (catalog.PREDICTION_RATE, vitals.rate),
            (catalog.DUPLICATES, vitals.duplicates),
            (catalog.ORPHANS, vitals.orphans),
        ):
            if value is not None:
                yield metric, model, value
        for metric, at, values in (
            (catalog.LABEL_DELAY, DELAYS, vitals.delays),
            (catalog.LATENCY, LATENCIES, vitals.latencies),
        ):
            for q, value in zip(at, values, strict=True):
                if value is not None:
                    yield metric, {**model, "percentile": f"{100 * q:g}"}, value
    if inspection.rejected is not None:
        yield catalog.REJECTED, {}, inspection.rejected


def _promised(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield the counters of each objective with a target, which begin at zero, and where it stands."""
    for name, model in snapshot.settings.models.items():
        for objective in model.objectives:
            if objective.target is not None:
                yield from counted(name, objective.name, snapshot.tallies.get((name, objective.name), Tally()))
    for standing in snapshot.objectives:
        labels = {"model": standing.model, "slo": standing.slo}
        for state in BudgetState:
            yield catalog.SLO_STATE, {**labels, "state": state.value}, float(state is standing.state)
        if standing.budget_left is not None:
            yield catalog.SLO_BUDGET_LEFT, labels, standing.budget_left


def counted(model: str, slo: str, tally: Tally) -> Iterator[Sample]:
    """Yield the counters of one objective."""
    labels = {"model": model, "slo": slo}
    yield catalog.SLO_EVENTS, labels, tally.events
    yield catalog.SLO_BAD, labels, tally.bad
    yield catalog.SLO_SKIPPED, labels, tally.skipped


def _read(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield how the source is being read. Each topic that is read has its counter from the start."""
    reading, source = snapshot.reading, snapshot.settings.source
    for name, lag in sorted(reading.lag.items()):
        topic, _, partition = name.rpartition("/")
        yield catalog.LAG, {"topic": topic, "partition": partition}, lag
    topics = {one.topic for one in (source.predictions, source.labels) if one.topic is not None}
    for topic in sorted({*topics, *reading.resets}):
        yield catalog.RESETS, {"topic": topic}, reading.resets.get(topic, 0)


def _about(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield what runs, whether it reads, and what it compares with."""
    yield catalog.HALTED, {}, float(snapshot.halted is not None)
    if snapshot.report:
        yield catalog.LAST_EVALUATION, {}, snapshot.report.as_of / SECOND
    yield catalog.BUILD, {"version": snapshot.build}, 1
    for (name, version), baseline in sorted(snapshot.baselines.items()):
        labels = {
            "model": name,
            "version": version,
            "owner": snapshot.settings.models[name].owner,
            "baseline_sha256": baseline.content_hash,
            "scheme": baseline.scheme,
            "folds": str(len(baseline.folds) // baseline.repeats),
        }
        yield catalog.MODEL, labels, 1
        if baseline.written_at is not None:
            yield catalog.BASELINE_AT, {"model": name, "version": version}, baseline.written_at / SECOND
    if snapshot.tls_expiry is not None:
        yield catalog.TLS_EXPIRY, {}, snapshot.tls_expiry / SECOND


def _family(metric: catalog.Metric) -> Family:
    """Return an empty family; prometheus_client names a counter without its `_total`."""
    return Family(
        metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name, metric.help, metric.kind
    )
