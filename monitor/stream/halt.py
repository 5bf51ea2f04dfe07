"""When to stop reading: rejected events that are too many to be somebody's slip."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.stream.loop import Step

HALT_EVENTS: Final = 10_000
"""So many events decide whether to stop reading,"""
HALT_LEAST: Final = 1_000
"""and fewer than this never do."""


class Halt:
    """Whether so many of the last events were rejected that reading on would only hide it. For the daemon."""

    def __init__(self, halt_share: float) -> None:
        """Halt when more than this share of the last HALT_EVENTS, at least HALT_LEAST, were rejected."""
        self._share = halt_share
        self.why: Final = (
            f"more than {halt_share:.0%} of the last events were rejected; see the dead letters for the reasons "
            "(`foldwatch dead-letters list`), mend the producer or `fields`, then restart to go on where reading "
            "stopped"
        )
        """Why reading stopped and how to go on."""
        self._steps: deque[tuple[int, int]] = deque()

    def observe(self, step: Step) -> bool:
        """Take a step; return whether to stop reading. Within one batch rejected events count as evenly spread."""
        if step.read:
            self._steps.append((step.read, len(step.rejected)))
        read = sum(n for n, _ in self._steps)
        while self._steps and read - self._steps[0][0] >= HALT_EVENTS:
            read -= self._steps.popleft()[0]
        rejected: float = sum(bad for _, bad in self._steps)
        if read > HALT_EVENTS:
            oldest, bad = self._steps[0]
            rejected -= bad * (read - HALT_EVENTS) / oldest
            read = HALT_EVENTS
        return read >= HALT_LEAST and rejected > self._share * read
