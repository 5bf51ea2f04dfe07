"""Alerts of verdicts: each change of an objective into WORSE on mature windows is one ticket.

A verdict looks at a rolling window again and again, so it cries wolf more often than its level says: it may give
tickets, never pages.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.alerting.alert import Alert
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings
    from monitor.report.course import Judged
    from monitor.statistics.report import MetricResult

ALERT: Final = "FoldwatchObjectiveWorse"
PART: Final = "alerts"
"""Name of what `VerdictAlerts.packed` returns among the parts of a record."""


class VerdictAlerts:
    """Follows the objectives' verdicts through time and keeps their episodes."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        self._episodes: list[Alert] = []
        self._open: dict[tuple[str, str, str], int] = {}

    def observe(self, seen: Judged) -> None:
        """Take the verdicts in the order of `as_of`; provisional windows say nothing here."""
        window, result = seen.window, seen.result
        if window.maturity is not Maturity.MATURE:
            return
        key = (window.model, window.version, seen.objective.name)
        if result.verdict is Verdict.WORSE and key not in self._open:
            self._open[key] = len(self._episodes)
            self._episodes.append(
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
        elif result.verdict is not Verdict.WORSE and key in self._open:
            at = self._open.pop(key)
            self._episodes[at] = replace(self._episodes[at], resolved_at=window.as_of)

    def packed(self, since: int) -> bytes:
        """Return the episodes that last, and those that ended at `since` or later."""
        return msgspec.msgpack.encode(
            [alert for alert in self._episodes if alert.resolved_at is None or alert.resolved_at >= since]
        )

    def restore(self, packed: Iterable[bytes], models: Mapping[str, ModelSettings], now: int) -> None:
        """Go on with the episodes of an earlier process, as packed one evaluation after the other.

        An episode goes on as long as its objective is configured; that of an objective which is gone ends now. What
        cannot be read, of a newer foldwatch, is passed over.
        """
        known: dict[tuple[str, str, str, int], Alert] = {}
        for part in packed:
            with suppress(msgspec.MsgspecError):
                for alert in msgspec.msgpack.decode(part, type=list[Alert]):
                    known[alert.model, alert.version, alert.slo, alert.at] = alert
        promised = {
            (model.name, o.name, o.metric, o.class_, o.segment) for model in models.values() for o in model.objectives
        }
        self._episodes = sorted(known.values(), key=lambda alert: (alert.at, alert.model, alert.version, alert.slo))
        for at, alert in enumerate(self._episodes):
            if alert.resolved_at is not None:
                continue
            key = (alert.model, alert.version, alert.slo)
            earlier = self._open.get(key)
            if earlier is not None:
                self._episodes[earlier] = replace(self._episodes[earlier], resolved_at=alert.at)
            if (alert.model, alert.slo, alert.metric, alert.class_, alert.segment) in promised:
                self._open[key] = at
            else:
                self._episodes[at] = replace(alert, resolved_at=now)

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order."""
        return tuple(self._episodes)


def worse_in_words(result: MetricResult) -> str:
    """Say how much worse than the folds' promise, with the difference's band."""
    what = f"{result.metric} of {result.class_}" if result.class_ is not None else result.metric
    return (
        f"{what} is {result.value:.3f} where the folds promise {result.baseline:.3f}: "
        f"difference {result.difference:+.3f} ({result.difference_lower:+.3f} to {result.difference_upper:+.3f}), "
        f"margin {result.margin:g}"
    )
