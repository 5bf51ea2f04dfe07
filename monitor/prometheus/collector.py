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
from monitor.prometheus.capped import capped
from monitor.prometheus.folds import compared_with
from monitor.prometheus.measured import counted, read_of
from monitor.prometheus.own import buckets, durations, of_operation
from monitor.prometheus.revalidation import of_revalidation
from monitor.report.snapshot import Activity
from monitor.sources.decoding.reasons import REASONS, SKIPPED
from monitor.statistics.budget import BudgetState
from monitor.statistics.gates import GateState
from monitor.statistics.inspection import DELAYS, LATENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.prometheus.measured import Sample
    from monitor.prometheus.metric import Metric
    from monitor.report.snapshot import Snapshot
    from monitor.statistics.inspection import Inspection

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
        for metric, found in durations(self._snapshot.operation):
            for name, labels, value in buckets(metric, found):
                families[metric.name].add_sample(name, labels, value)
        shown = sum(len(family.samples) for family in families.values())
        families[catalog.SERIES_SHOWN.name].add_sample(catalog.SERIES_SHOWN.name, {}, shown + 1)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """Yield the families without samples, so that a registry knows the names without collecting."""
        return map(_family, catalog.CATALOG)

    def _samples(self) -> Iterator[Sample]:
        snapshot = self._snapshot
        windows = snapshot.report.windows if snapshot.report else ()
        samples, left_out = capped(snapshot.settings, windows, snapshot.folds, snapshot.activity)
        yield from samples
        yield catalog.SERIES_LEFT_OUT, {}, left_out
        yield from _received(snapshot)
        if snapshot.report and snapshot.report.inspection:
            yield from _inspected(snapshot.report.inspection)
        yield from _promised(snapshot)
        yield from _read(snapshot)
        yield from _about(snapshot)
        yield from of_revalidation(snapshot.revalidation)
        yield from of_operation(snapshot.operation)


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


def _received(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield what came in. Counters of what is configured begin at zero, so that their first increase is seen."""
    for name in snapshot.settings.models:
        activity = snapshot.activity.get(name, Activity())
        yield from read_of(name, activity)
        for outcome in catalog.FINAL_OUTCOMES:
            yield catalog.LABELS, {"model": name, "outcome": outcome}, getattr(activity.totals, outcome)
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
    for model in snapshot.settings.models.values():
        yield from counted(snapshot.tallies, model)
    for standing in snapshot.objectives:
        labels = {"model": standing.model, "slo": standing.slo}
        for state in BudgetState:
            yield catalog.SLO_STATE, {**labels, "state": state.value}, float(state is standing.state)
        if standing.budget_left is not None:
            yield catalog.SLO_BUDGET_LEFT, labels, standing.budget_left


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
    yield from compared_with(snapshot.settings, snapshot.baselines)
    if snapshot.tls_expiry is not None:
        yield catalog.TLS_EXPIRY, {}, snapshot.tls_expiry / SECOND


def _family(metric: Metric) -> Family:
    """Return an empty family; prometheus_client names a counter without its `_total`."""
    return Family(
        metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name, metric.help, metric.kind
    )
