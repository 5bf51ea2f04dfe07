"""What foldwatch tells of itself: how long its work takes, what it takes of the machine, whom it turned away."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

from prometheus_client.process_collector import ProcessCollector

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.report.operation import Distribution, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.prometheus.measured import Sample
    from monitor.prometheus.metric import Metric


class Meter:
    """Measures the daemon's work while it is done. It belongs to one loop."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Time with a clock in seconds that never goes back."""
        self._monotonic = monotonic
        self._steps = Distribution.over(catalog.STEP_SECONDS.buckets)
        self._evaluations = Distribution.over(catalog.EVALUATION_SECONDS.buckets)
        self._last_commit_at: int | None = None
        self._state_bytes: int | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time one step of the loop; one that raises is none."""
        begun = self._monotonic()
        yield
        self._steps = self._steps.and_(self._monotonic() - begun)

    def committed(self, now: int) -> None:
        """Take that something was committed just now."""
        self._last_commit_at = now

    def evaluated(self, seconds: float, state_bytes: int | None) -> None:
        """Take how long an evaluation took, and what the state takes by now."""
        self._evaluations = self._evaluations.and_(seconds)
        self._state_bytes = state_bytes

    def read(self, *, source_up: bool, refused: Mapping[str, int]) -> Operation:
        """Return how the process fares now, beside what the caller knows."""
        known = (self._evaluations, self._steps, self._last_commit_at, self._state_bytes)
        return Operation(source_up, *known, refused, footprint())


def footprint() -> Mapping[str, float]:
    """Return what this process takes of the machine now, by series; nothing where the system does not tell (/proc)."""
    try:
        families = list(ProcessCollector(registry=None).collect())
    except ValueError:  # a limit that is no number
        return {}
    return {sample.name: sample.value for family in families for sample in family.samples}


def of_operation(operation: Operation) -> Iterator[Sample]:
    """Yield what a process knows of itself, but for its histograms."""
    yield catalog.SOURCE_UP, {}, float(operation.source_up)
    if operation.last_commit_at is not None:
        yield catalog.LAST_COMMIT, {}, operation.last_commit_at / SECOND
    if operation.state_bytes is not None:
        yield catalog.STATE_BYTES, {}, operation.state_bytes
    for reason, n in sorted(operation.refused.items()):
        yield catalog.REFUSED, {"reason": reason}, n
    for metric in catalog.FOOTPRINT:
        if metric.name in operation.footprint:
            yield metric, {}, operation.footprint[metric.name]


def durations(operation: Operation) -> Iterator[tuple[Metric, Distribution]]:
    """Yield each histogram with its values: without any where nothing runs, so that it is there from the start."""
    for metric, found in (
        (catalog.STEP_SECONDS, operation.steps),
        (catalog.EVALUATION_SECONDS, operation.evaluations),
    ):
        yield metric, found or Distribution.over(metric.buckets)


def buckets(metric: Metric, found: Distribution) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, labels and value of the samples of a histogram: each bucket holds those below it too."""
    bucket, total, count = metric.samples
    for bound, n in zip((*found.bounds, inf), found.cumulative, strict=True):
        yield bucket, {"le": "+Inf" if bound == inf else repr(bound)}, n
    yield count, {}, found.cumulative[-1]
    yield total, {}, found.total
