"""What a metric family is: name, kind, labels and help. `catalog` makes one of each that there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as Prometheus sees it."""

    name: str
    """In full, with `_total` where it is a counter."""
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Of a histogram: upper ends, rising, without the infinite one."""

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of its series: a histogram has three."""
        if self.kind != "histogram":
            return (self.name,)
        return f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"


@dataclass(frozen=True, slots=True)
class Measured:
    """The families that one kind of MetricResult fills: its value and band, the folds' corridor and its n."""

    value: Metric
    lower: Metric
    upper: Metric
    baseline: Metric
    baseline_lower: Metric
    baseline_upper: Metric
    labels: Metric

    @property
    def families(self) -> tuple[Metric, ...]:
        """All of them, in this order."""
        return tuple(getattr(self, name) for name in Measured.__slots__)


def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Metric:
    """Return a gauge of ours."""
    return Metric(f"foldwatch_{name}", "gauge", labels, text)


def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Metric:
    """Return a counter of ours."""
    return Metric(f"foldwatch_{name}_total", "counter", labels, text)


def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Metric:
    """Return a histogram of ours, without labels."""
    return Metric(f"foldwatch_{name}", "histogram", (), text, buckets)
