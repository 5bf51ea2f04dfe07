"""What can ring: `monitor.alerting.alarm` asks each source at every evaluation, and keeps it over restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.alerting.alert import Alert
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import WindowResult

    Kept = Sequence[tuple[int, bytes]]
    """(moment of the evaluation, what `AlertSource.packed` returned there), in order."""


class AlertSource(Protocol):
    """What can ring."""

    @property
    def part(self) -> str:
        """Name of what `packed` returns among the parts of a record."""
        ...

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every episode so far, in time order, those in the shadow too."""
        ...

    def observe(self, now: int, tallies: Mapping[tuple[str, str], Tally], results: Sequence[WindowResult]) -> None:
        """Take an evaluation: the counters of objectives as of `now`, and the results of the windows that were due."""
        ...

    def packed(self, since: int) -> bytes:
        """Return what a later process needs to go on; of episodes those that last or ended at `since` or later."""
        ...

    def restore(self, kept: Kept, now: int) -> None:
        """Go on where earlier processes were; what cannot be read is passed over."""
        ...
