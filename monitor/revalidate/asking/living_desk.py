"""The desk inside a daemon: its state and its baselines, what its last evaluation said, and who calls.

Everything happens in the daemon's own loop; only `inbox` is for other threads.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.errors import FoldwatchError
from monitor.revalidate.asking.calls import CALLS, LEDGER, answer, fault
from monitor.revalidate.asking.inbox import Inbox
from monitor.revalidate.desk import Ledgered
from monitor.revalidate.evidence.evidence import Seen, red_gates
from monitor.revalidate.evidence.streaks import Streaks
from monitor.revalidate.writing.state_desk import StateDesk
from monitor.revalidate.writing.writer import open_ledger
from monitor.stream.sampled import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.report.revalidating import Revalidating
    from monitor.revalidate.ledger.ledger import Ledger
    from monitor.revalidate.writing.writer import Adopt, Baselines
    from monitor.state.state import State
    from monitor.statistics.budget import Standing
    from monitor.statistics.inspection import Inspection
    from monitor.statistics.report import WindowResult

LOG: Final = logging.getLogger("foldwatch")
_KEPT_NONE: Final = msgspec.json.encode(Ledgered())


class LivingDesk:
    """Answers calls between two steps. Where neither a ledger nor a re-validation is configured it refuses them."""

    def __init__(
        self, settings: Settings, state: State, clock: Clock, baselines: Callable[[], Baselines], adopt: Adopt
    ) -> None:
        """`baselines` are those in force; `adopt` puts another one in force, in the loop that calls `work`."""
        self.inbox: Final = Inbox()
        self.samples: Final = Samples.restored(settings, state)
        self._settings, self._state, self._clock = settings, state, clock
        self._baselines, self._adopt = baselines, adopt
        self._streaks = Streaks(settings.models)
        self._seen = Seen(clock.now())
        self._desk: StateDesk | None = None
        self._ledger: bytes | None = None
        self._open: Ledger | None = None
        self._trouble = ""

    def restore(self, packed: Sequence[bytes]) -> None:
        """Go on with the streaks that earlier processes packed, the last one last."""
        for part in packed[-1:]:
            self._streaks.restore(part)

    def begin(self) -> None:
        """Open the ledger and finish what a death left undone; what stands in the way is told, and tried again."""
        if self._settings.ledger is None or self._desk is not None:
            return
        ledger = None
        try:
            ledger = open_ledger(self._settings, self._state)
            self._desk = StateDesk(
                self._settings,
                self._state,
                ledger,
                self._clock,
                see=lambda: self._seen,
                baselines=self._baselines,
                adopt=self._adopt,
                same_machine=True,
                samples=lambda: self.samples,
            )
            self._open = ledger
        except FoldwatchError as error:
            if ledger is not None:
                ledger.close()
            if str(error) != self._trouble:
                self._trouble = str(error)
                LOG.error("nothing is re-validated", extra={"why": self._trouble})  # noqa: TRY400 - not a fault of ours

    def observe(
        self, now: int, results: Sequence[WindowResult], inspection: Inspection, standings: Sequence[Standing]
    ) -> None:
        """Take an evaluation: what it said is what is decided by until the next one. Raises StateBroken."""
        self._streaks.observe(results)
        self._seen = Seen(now, tuple(results), tuple(standings), self._streaks.worse, red_gates(inspection))
        self.samples.keep(self._state)
        self.begin()

    def packed(self) -> bytes:
        """Return the streaks for the next record."""
        return self._streaks.packed()

    def work(self) -> bool:
        """Answer the call that waits longest; return whether there was one."""
        return self.inbox.work(self._answer)

    def standing(self) -> Mapping[str, Revalidating]:
        """Return how the re-validation of each model stands that has one."""
        return {} if self._desk is None else self._desk.revalidating()

    def close(self) -> None:
        """Answer whoever waits that the daemon stops, and let the ledger go."""
        self.inbox.close()
        if self._open is not None:
            self._open.close()

    def _answer(self, name: str, body: bytes) -> tuple[int, bytes]:
        """Make one call."""
        if self._desk is None:
            if self._trouble:
                return fault(HTTPStatus.SERVICE_UNAVAILABLE, self._trouble)
            if name == LEDGER:
                return HTTPStatus.OK, _KEPT_NONE
            return fault(
                HTTPStatus.CONFLICT, "this daemon keeps no ledger: configure `store`, or `revalidate:` of a model"
            )
        if name != LEDGER:
            call = CALLS.get(name)
            if call is None or call.changes:
                self._ledger = None
            return answer(self._desk, name, body)
        if self._ledger is None:  # nobody else writes it, so it is read once for all who ask
            status, content = answer(self._desk, name, body)
            if status != HTTPStatus.OK:
                return status, content
            self._ledger = content
        return HTTPStatus.OK, self._ledger
