"""The desk, reached anew for each call: no lock is held between two calls, and a daemon that is away is waited for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from monitor.revalidate.desk import DeskAway

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from monitor.revalidate.desk import Desk
    from monitor.revalidate.working.ending import Ending

T = TypeVar("T")

FIRST_SECONDS: Final = 30.0
"""How long a daemon is waited for before there is a run that could be lost."""
LAST_SECONDS: Final = 5.0
"""How long it is still waited for by a command that was asked to end."""
_STEP_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.5


class Reach(Protocol):
    """Opens the daemon's desk, or the state's own where no daemon runs."""

    def __call__(self, wait: float) -> AbstractContextManager[Desk]:
        """Return the desk; raises DeskAway where there is none within `wait` seconds."""
        ...


class Patience:
    """Asks the desk, again and again where it is away. Threads take turns."""

    def __init__(
        self,
        reach: Reach,
        ending: Ending,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`say` hears that somebody is waited for."""
        self._reach, self._ending, self._say, self._monotonic = reach, ending, say, monotonic
        self._turn = threading.Lock()

    def ask(self, call: Callable[[Desk], T], seconds: float = FIRST_SECONDS) -> T:
        """Return what `call` makes of a desk. Raises DeskAway after `seconds`, and whatever `call` raises.

        Calls are idempotent, so that one whose answer was lost is asked again.
        """
        begun, said = self._monotonic(), False
        while True:
            # Once asked to end, nobody waits for a daemon for an hour.
            until = begun + (min(seconds, LAST_SECONDS) if self._ending.asked else seconds)
            try:
                with self._turn, self._reach(max(0.0, min(_STEP_SECONDS, until - self._monotonic()))) as desk:
                    return call(desk)
            except DeskAway as away:
                if self._monotonic() >= until:
                    raise
                if not said:
                    said = True
                    self._say(f"waiting: {away}")
            time.sleep(_PAUSE_SECONDS) if self._ending.asked else self._ending.wait(_PAUSE_SECONDS)
