"""Episodes: from when to when something rang, one after the other for each key, and over restarts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from monitor.alerting.alert import Alert

Key = TypeVar("Key", bound="Hashable")


class Episodes(Generic[Key]):
    """The alerts of one source. At most one of each key is open."""

    def __init__(self, key_of: Callable[[Alert], Key]) -> None:
        """Begin without any; `key_of` tells what an alert is an episode of."""
        self._key_of = key_of
        self._alerts: list[Alert] = []
        self._open: dict[Key, int] = {}

    def __contains__(self, key: Key) -> bool:
        """Tell whether an episode of this key is open."""
        return key in self._open

    def open(self) -> Sequence[Key]:
        """Return the keys of the open episodes, in the order in which they began."""
        return tuple(self._open)

    def begin(self, alert: Alert) -> None:
        """Open an episode; nothing happens where one of its key is open."""
        key = self._key_of(alert)
        if key not in self._open:
            self._open[key] = len(self._alerts)
            self._alerts.append(alert)

    def end(self, key: Key, now: int) -> None:
        """End the open episode of a key, if there is one."""
        at = self._open.pop(key, None)
        if at is not None:
            self._alerts[at] = replace(self._alerts[at], resolved_at=now)

    def lasting(self, since: int) -> list[Alert]:
        """Return the episodes that last, and those that ended at `since` or later."""
        return [alert for alert in self._alerts if alert.resolved_at is None or alert.resolved_at >= since]

    def restore(self, known: Iterable[Alert], now: int, goes_on: Callable[[Alert], bool]) -> None:
        """Go on with the episodes that earlier processes knew, however often each of them is told.

        One that is told as ended has ended. Open ones that do not go on end now; of two open ones of one key the older
        ended where the newer began.
        """
        merged: dict[tuple[Key, int], Alert] = {}
        for alert in known:
            key = (self._key_of(alert), alert.at)
            if alert.resolved_at is not None or key not in merged:
                merged[key] = alert
        self._alerts = sorted(merged.values(), key=lambda alert: (alert.at, alert.model, alert.version, alert.slo))
        self._open = {}
        for at, alert in enumerate(self._alerts):
            if alert.resolved_at is not None:
                continue
            key_ = self._key_of(alert)
            earlier = self._open.get(key_)
            if earlier is not None:
                self._alerts[earlier] = replace(self._alerts[earlier], resolved_at=alert.at)
            if goes_on(alert):
                self._open[key_] = at
            else:
                self._alerts[at] = replace(alert, resolved_at=now)

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order."""
        return tuple(self._alerts)
