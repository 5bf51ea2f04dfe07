"""Everything that can ring, in one place: daemon and backtest hand it each evaluation.

What an evaluation says of timeslices moves the counters first; then each source is asked. Another source of alerts
(key `source` of `docs/reference/report.md`) is one more value in the tuple of sources.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.alerting.objectives import Objectives, counters
from monitor.alerting.timeslices import timeslices
from monitor.alerting.verdicts import VerdictAlerts
from monitor.report.cadence import rare_events
from monitor.state.state import Commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.alerting.alert import Alert
    from monitor.alerting.objectives import Hearer
    from monitor.alerting.source import AlertSource, Kept
    from monitor.config import Settings
    from monitor.report.snapshot import Snapshot
    from monitor.state.state import State
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import WindowResult

LOG: Final = logging.getLogger("foldwatch")


class Alarm:
    """Moves the counters of timeslices, asks every source, and tells a Snapshot what rings."""

    def __init__(
        self, settings: Settings, state: State, begun: int, *, every: int | None = None, hearer: Hearer | None = None
    ) -> None:
        """Begin at `begun` with the counters of `state`.

        every: the step of a backtest in ms, which evaluates error budgets on multiples of it; None: a daemon, at the
        cadence of its configuration. hearer: hears what every budget saw.
        """
        self._settings, self._state = settings, state
        cadence = settings.cadence if every is None else every
        self._objectives = Objectives(
            settings, cadence, begun, tallies=state.objectives(), exact=every is not None, hearer=hearer
        )
        self._sources: tuple[AlertSource, ...] = (VerdictAlerts(settings.models, every), self._objectives)
        self._said: set[tuple[str, str]] = set()

    def observe(self, now: int, results: Sequence[WindowResult]) -> None:
        """Take an evaluation: the results of the windows that were due. Raises StateBroken where the state does."""
        more = timeslices(self._settings.models, results)
        if more:
            self._state.commit(Commit(objectives=more))
        tallies = self.tallies
        for source in self._sources:
            source.observe(now, tallies, results)

    @property
    def tallies(self) -> Mapping[tuple[str, str], Tally]:
        """The counters of every objective with a target, as the state holds them now."""
        return counters(self._settings, self._state.objectives())

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with what rings, and where each objective stands, as of the last evaluation."""
        return replace(
            snapshot,
            alerts=self._rung(shadow=False),
            shadow_alerts=self._rung(shadow=True),
            objectives=self._objectives.standings(),
            tallies=self.tallies,
        )

    def warn(self) -> None:
        """Log, once of each objective, that its events come more rarely than its short windows end."""
        for standing in self._objectives.standings():
            key = (standing.model, standing.slo)
            consequence = rare_events(standing)
            if consequence is not None and key not in self._said:
                self._said.add(key)
                LOG.warning("events too rare", extra={"model": key[0], "slo": key[1], "consequence": consequence})

    @property
    def names(self) -> Sequence[str]:
        """The names of the parts."""
        return tuple(source.part for source in self._sources)

    def parts(self, since: int) -> dict[str, bytes]:
        """Return by name what a record keeps; of episodes those that last or ended at `since` or later."""
        return {source.part: source.packed(since) for source in self._sources}

    def restore(self, kept: Mapping[str, Kept], now: int) -> None:
        """Let each source go on with its own parts; one of which nothing is kept begins anew."""
        for source in self._sources:
            source.restore(kept.get(source.part, ()), now)

    def _rung(self, *, shadow: bool) -> Sequence[Alert]:
        found = [alert for source in self._sources for alert in source.alerts if alert.shadow == shadow]
        return tuple(sorted(found, key=lambda alert: (alert.at, alert.model, alert.slo, alert.severity, alert.version)))
