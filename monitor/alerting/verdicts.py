"""Alerts of verdicts: each change of an objective without an error budget into WORSE on mature windows is one ticket.

A verdict looks at a rolling window again and again, so it cries wolf more often than its level says: it may give
tickets, never pages. An objective with a target rings by its error budget instead.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.alerting.alert import Alert
from monitor.alerting.episodes import Episodes
from monitor.report.course import judged
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.alerting.source import Kept
    from monitor.config import ModelSettings
    from monitor.report.course import Judged
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import MetricResult, WindowResult

    EpisodeKey = tuple[str, str, str]
    """(model, version, the objective's name)."""

ALERT: Final = "FoldwatchObjectiveWorse"
PART: Final = "alerts"
"""Name of what `VerdictAlerts.packed` returns among the parts of a record."""


class VerdictAlerts:
    """Follows the verdicts of objectives without a target through time and keeps their episodes."""

    def __init__(self, models: Mapping[str, ModelSettings], every: int | None = None) -> None:
        """Begin with nothing open.

        `every`: mature windows are due at multiples of so many ms behind the label horizon, as in a backtest; None: at
        each evaluation.
        """
        self._models, self._every = models, every
        self._promised = {
            (model.name, o.name, o.metric, o.class_, o.segment)
            for model in models.values()
            for o in model.objectives
            if o.target is None
        }
        self._episodes: Episodes[EpisodeKey] = Episodes(lambda alert: (alert.model, alert.version, alert.slo))

    @property
    def part(self) -> str:
        """Name of what `packed` returns."""
        return PART

    def observe(self, now: int, tallies: Mapping[tuple[str, str], Tally], results: Sequence[WindowResult]) -> None:
        """Take an evaluation; provisional windows and counters say nothing here."""
        del tallies
        if not self._promised:
            return
        seen = set()
        for result in results:
            if result.maturity is Maturity.MATURE:
                for one in judged(self._models[result.model], result, of=lambda objective: objective.target is None):
                    seen.add(self._observe(one))
        for key in self._episodes.open():
            if key not in seen and self._are_due(key[0], now):
                self._episodes.end(key, now)  # no window of this version holds predictions any more

    def _observe(self, seen: Judged) -> EpisodeKey:
        window, result = seen.window, seen.result
        key = (window.model, window.version, seen.objective.name)
        if result.verdict is not Verdict.WORSE:
            self._episodes.end(key, window.as_of)
            return key
        if key not in self._episodes:
            self._episodes.begin(
                Alert(
                    alert=ALERT,
                    severity="ticket",
                    slo=seen.objective.name,
                    source="verdict",
                    model=window.model,
                    version=window.version,
                    segment=window.segment,
                    metric=result.metric,
                    class_=result.class_,
                    at=window.as_of,
                    resolved_at=None,
                    reason=worse_in_words(result),
                )
            )
        return key

    def _are_due(self, model: str, now: int) -> bool:
        """Tell whether an evaluation at `now` asks for the mature windows of a model."""
        return self._every is None or (now - self._models[model].label_horizon.millis) % self._every == 0

    def packed(self, since: int) -> bytes:
        """Return the episodes that last, and those that ended at `since` or later."""
        return msgspec.msgpack.encode(self._episodes.lasting(since))

    def restore(self, kept: Kept, now: int) -> None:
        """Go on with the episodes of an earlier process, as packed one evaluation after the other.

        An episode goes on as long as its objective is configured; that of an objective which is gone, or which has got
        an error budget, ends now. What cannot be read, of a newer foldwatch, is passed over.
        """
        known: list[Alert] = []
        for part in dict.fromkeys(part for _, part in kept):
            with suppress(msgspec.MsgspecError):
                known += msgspec.msgpack.decode(part, type=list[Alert])
        self._episodes.restore(
            known,
            now,
            lambda a: (a.model, a.slo, a.metric, a.class_, a.segment) in self._promised,
        )

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order."""
        return self._episodes.alerts


def worse_in_words(result: MetricResult) -> str:
    """Say how much worse than the folds' promise, with the difference's band."""
    what = f"{result.metric} of {result.class_}" if result.class_ is not None else result.metric
    return (
        f"{what} is {result.value:.3f} where the folds promise {result.baseline:.3f}: "
        f"difference {result.difference:+.3f} ({result.difference_lower:+.3f} to {result.difference_upper:+.3f}), "
        f"margin {result.margin:g}"
    )
