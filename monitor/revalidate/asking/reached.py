"""The desk, wherever it is: a daemon's, or the state's own where no daemon runs."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final

from monitor.baselines.in_force import load_baselines
from monitor.clock import SystemClock
from monitor.errors import StateInUse
from monitor.revalidate.asking.daemon_desk import DaemonDesk
from monitor.revalidate.asking.daemon_door import door_of
from monitor.revalidate.desk import DeskAway
from monitor.revalidate.evidence.offline import seen_offline
from monitor.revalidate.writing.state_desk import StateDesk
from monitor.revalidate.writing.writer import open_ledger
from monitor.state.opened import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.revalidate.asking.daemon_door import Door
    from monitor.revalidate.desk import Desk
    from monitor.revalidate.evidence.evidence import Seen
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline

_PAUSE_SECONDS: Final = 0.1


@contextmanager
def reached(
    settings: Settings,
    wait: float,
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Desk]:
    """Yield the daemon's desk; where no daemon listens, that of the state, whose lock is held meanwhile.

    Where somebody else holds it both are tried again for `wait` seconds; then DeskAway. `read_only`: without a daemon
    nothing at all is written, and no lock is held. Raises InputError where what is configured does not work.
    """
    door, until = door_of(settings), monotonic() + wait
    with ExitStack() as stack:
        while True:
            desk = _opened(settings, door, stack, clock or SystemClock(), read_only=read_only)
            if not isinstance(desk, str):
                break
            if monotonic() >= until:
                raise DeskAway(desk)
            sleep(_PAUSE_SECONDS)
        yield desk


def _opened(settings: Settings, door: Door | None, stack: ExitStack, clock: Clock, *, read_only: bool) -> Desk | str:
    """Return the desk, which `stack` closes, or why there is none just now."""
    why = ""
    if door is not None and (door.token_key or door.token_file.exists()):  # a daemon makes the token of its own folder
        try:
            daemon = stack.enter_context(DaemonDesk(door))
            daemon.require()
        except DeskAway as away:
            stack.pop_all().close()
            why = str(away)
        else:
            return daemon
    if door is not None and door.configured and (settings.store is None or not settings.store.exists()):
        return why  # the daemon's folder is elsewhere: a new one here would know nothing
    try:
        return _of_state(settings, stack, clock, read_only=read_only)
    except StateInUse as used:
        stack.pop_all().close()
        return f"{used}; {why or 'no daemon can be asked: configure `server.auth.bearer_token_file`'}"


def _of_state(settings: Settings, stack: ExitStack, clock: Clock, *, read_only: bool) -> Desk:
    """Return the desk of the state. Raises StateInUse, InputError and StateBroken."""
    state = stack.enter_context(closing(open_state(settings, read_only=read_only)))
    ledger = open_ledger(settings, state, read_only=read_only)
    if ledger is not None:
        stack.enter_context(ledger)
    baselines = load_baselines(settings)

    def adopt(model: str, version: str, baseline: Baseline | None) -> None:
        baselines.pop((model, version), None) if baseline is None else baselines.update({(model, version): baseline})

    return StateDesk(
        settings,
        state,
        ledger,
        clock,
        see=_Seeing(settings, state, baselines, clock),
        baselines=lambda: baselines,
        adopt=adopt,
        same_machine=True,
    )


class _Seeing:
    """What a daemon would have seen: looked at when it is first asked for, which takes its time."""

    def __init__(
        self, settings: Settings, state: State, baselines: dict[tuple[str, str], Baseline], clock: Clock
    ) -> None:
        """Look at nothing yet."""
        self._settings, self._state, self._baselines, self._clock = settings, state, baselines, clock
        self._seen: Seen | None = None

    def __call__(self) -> Seen:
        """Look, once."""
        if self._seen is None:
            self._seen = seen_offline(self._settings, self._state, self._baselines, self._clock.now())
        return self._seen
