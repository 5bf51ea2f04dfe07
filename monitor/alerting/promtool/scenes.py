"""What Prometheus knows of an objective while its counters take their course: recorded series by our own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from monitor.alerting.promtool import rates
from monitor.alerting.promtool.answers import matching
from monitor.alerting.rules import names
from monitor.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.alerting.promtool.answers import Matchers, Row
    from monitor.alerting.promtool.case import Series
    from monitor.alerting.promtool.counters import Counters
    from monitor.alerting.promtool.notation import Sample
    from monitor.alerting.promtool.promised import Promised


@dataclass(frozen=True, slots=True)
class ObjectiveScene:
    """One moment of an objective's course: what annotations and alerts may ask."""

    one: Promised
    counted: Counters
    tick: int
    """Milliseconds between two evaluations."""
    now: int
    alert: str
    since: int | None
    """When the alert began to be active, where Prometheus has recorded that already; ms."""
    gauges: Sequence[Series] = ()
    """Of the live metric: each has one value, always the same."""

    def instant(self, name: str, matchers: Matchers) -> list[Row]:
        """Return the series that a selector finds."""
        ours = {"model": self.one.model.name, "slo": self.one.objective.name}
        if name == "ALERTS_FOR_STATE":
            labels = {"alertname": self.alert, **self.one.labels(self.alert)}
            value = None if self.since is None else self.since / SECOND
        else:
            labels = ours | self.one.sloth
            value = self._recorded().get(name, lambda: None)()
        found = [(labels, value)] if value is not None and matching(labels, matchers) else []
        given = (gauge for gauge in self.gauges if gauge.name == name and matching(gauge.labels, matchers))
        return found + [(gauge.labels, float(gauge.values[-1])) for gauge in given]

    def _recorded(self) -> dict[str, Callable[[], float | None]]:
        """Return the recorded series of this objective: name -> value."""
        found: dict[str, Callable[[], float | None]] = {names.BUDGET_LEFT: self.left}
        for window in (*self.one.windows, self.one.period):
            found[names.ratio(window)] = partial(self.share, window)
            found[names.events(window)] = partial(self.events, window)
        return found

    def events(self, window: int) -> float | None:
        """Return how many events a window of the ladder, or the period, holds."""
        return self._increase(self.counted.events, window)

    def share(self, window: int) -> float | None:
        """Return their share of bad ones; None without events."""
        bad, events = self._increase(self.counted.bad, window), self.events(window)
        return None if bad is None or events is None or not events > 0 else bad / events

    def left(self) -> float | None:
        """Return the share of the period's budget that is left."""
        share = self.share(self.one.period)
        return None if share is None else 1 - share / float(1 - self.one.target)

    def _increase(self, values: Sequence[Sample], window: int) -> float | None:
        """Return an increase: over the period of what was recorded at each tick, else of what was scraped."""
        begin, apart = self.now - window, self.tick if window == self.one.period else self.counted.step
        return rates.increase(_seen(values, self.counted.step, apart, begin, self.now), begin, self.now)


def _seen(values: Sequence[Sample], step: int, apart: int, begin: int, end: int) -> list[tuple[int, float]]:
    """Return the samples of a window, both ends in it, that lie so far `apart`."""
    first = max(0, -(-begin // apart)) * apart
    return [(at, float(values[at // step])) for at in range(first, min(end, (len(values) - 1) * step) + 1, apart)]
