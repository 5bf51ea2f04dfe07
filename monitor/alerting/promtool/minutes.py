"""Tests that go by the minute: gauges, and how long a thing must last before it rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting.names import OPERATION
from monitor.alerting.promtool.case import Case, Moment, Series
from monitor.alerting.promtool.notation import NAN
from monitor.clock import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.alerting.promtool.case import Ringing
    from monitor.alerting.promtool.notation import Sample
    from monitor.alerting.promtool.wording import Wording
    from monitor.config import Settings
    from monitor.prometheus.metric import Metric

TICK: Final = MINUTE
CROSSES: Final = 3
"""The minute at which what grows by the minute is exactly as large as it may be; a minute later it is more."""


@dataclass(frozen=True, slots=True)
class Due:
    """An alert of operation as it must ring."""

    alert: str
    value: float
    found: Mapping[str, str]
    """The labels that its expression gives."""
    more: Mapping[str, str]
    """What the rule adds, but the severity."""

    def ringing(self, wording: Wording) -> Ringing:
        """Return it with its words."""
        labels = {**self.found, **self.more, "severity": OPERATION[self.alert]}
        return wording.ringing(self.alert, labels, self.found, self.value)


@dataclass(frozen=True, slots=True)
class Look:
    """What must ring of some alerts at a minute."""

    minute: int
    alert: str
    due: Sequence[Due] = ()


def case(name: str, series: Iterable[Series], looks: Iterable[Look], wording: Wording) -> Case:
    """Return a test."""
    moments = (
        Moment(look.minute * TICK, look.alert, tuple(due.ringing(wording) for due in look.due)) for look in looks
    )
    return Case(name, TICK, tuple(series), tuple(moments))


def gauge(metric: Metric | str, labels: Mapping[str, str], *values: Sample | tuple[Sample, int]) -> Series:
    """Return a series: each value once, or so many times."""
    name = metric if isinstance(metric, str) else metric.name
    samples: list[Sample] = []
    for value in values:
        samples.extend([value[0]] * value[1] if isinstance(value, tuple) else [value])
    return Series(name, labels, tuple(samples))


def unreadable(metric: Metric | str, labels: Mapping[str, str], minutes: int) -> Series:
    """Return a series of samples that are no numbers."""
    return gauge(metric, labels, (NAN, minutes + 1))


def lasts(millis: int) -> int:
    """Return after how many minutes a thing that must last so long rings."""
    return -(-millis // TICK)


def gap(settings: Settings) -> int:
    """Return for how many ms the last sample of a gauge counts: four scrapes, five minutes at least."""
    return max(5 * MINUTE, 4 * settings.slo.scrape_interval.millis)


def seconds(millis: int) -> int:
    """Return whole seconds."""
    return millis // SECOND


def stranger(settings: Settings) -> str:
    """Return a job that is not ours."""
    return f"not {settings.alerting.job}"
