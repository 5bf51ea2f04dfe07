"""How far each partition has been read, and what that says about the events that are still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.sources.broker.client import Bounds, Partition

_STEP: Final = 10 * SECOND
"""When the events have come on by so much of their own time, the ends are asked for."""
_ASK_SECONDS: Final = 1.0
"""And not more often than this."""


class Progress:
    """Positions, ends and the newest event of each partition.

    While one partition lags behind the others, what these show has not passed yet. A client learns of a partition's
    end only when it fetches from it: so before the newest event counts, the ends are asked for once more.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.positions: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._newest: dict[Partition, int] = {}
        self._sure = 0  # up to here the ends are known: what was produced before is read, or counts as waiting
        self._asked = -_ASK_SECONDS

    def begin(self, positions: Mapping[Partition, int], bounds: Mapping[Partition, Bounds]) -> None:
        """Go on from these positions; what was seen of a partition that begins elsewhere is forgotten."""
        self._newest = {
            each: newest for each, newest in self._newest.items() if self.positions.get(each) == positions.get(each)
        }
        self.positions = dict(positions)
        self._ends = {each: there.end for each, there in bounds.items()}

    def moved(self, positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """Learn what a fetch says of where it is, and of where the partitions end."""
        self.positions |= positions
        for each, end in ends.items():
            self._ends[each] = max(end, self._ends.get(each, end))

    def saw(self, newest: Mapping[Partition, int]) -> None:
        """Learn the newest event that was read from partitions."""
        for each, moment in newest.items():
            self._newest[each] = max(moment, self._newest.get(each, moment))

    def must_ask(self, now: float) -> bool:
        """Tell whether to ask for the ends; `now` in seconds of a clock that only rises."""
        return self._ahead() and now >= self._asked + _ASK_SECONDS

    def asked(self, bounds: Mapping[Partition, Bounds], now: float) -> None:
        """Learn the ends, asked for at `now`, after everything was read that `saw` told of."""
        self.moved({}, {each: there.end for each, there in bounds.items()})
        self._sure, self._asked = max(self._newest.values(), default=0), now

    def lag(self) -> Mapping[str, int]:
        """Return how many messages wait in each partition."""
        return {str(each): max(0, self._ends.get(each, at) - at) for each, at in self.positions.items()}

    def behind(self) -> int | None:
        """Return the moment from which on events may still wait to be read; None: nothing waits."""
        waiting = [self._newest.get(each, 0) for each, at in self.positions.items() if at < self._ends.get(each, at)]
        if self._ahead():
            waiting.append(self._sure)
        return min(waiting, default=None)

    def _ahead(self) -> bool:
        return max(self._newest.values(), default=0) > self._sure + _STEP
