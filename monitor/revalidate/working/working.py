"""One run, from START to its end: the action works while its lease is renewed, and its result is handed in."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from monitor.errors import FoldwatchError
from monitor.revalidate.actions.action import Outcome, State, Watch
from monitor.revalidate.desk import LEASE_SECONDS, DeskAway, Ended, Progress, Result
from monitor.revalidate.working.patience import FIRST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.revalidate.actions.action import Action, Order
    from monitor.revalidate.decision import Decision
    from monitor.revalidate.desk import Desk
    from monitor.revalidate.working.ending import Ending
    from monitor.revalidate.working.patience import Patience

_RENEWED_SECONDS: Final = LEASE_SECONDS / 3


class Lease:
    """Keeps a run ours as long as it is entered; what the action tells goes to the desk with it."""

    def __init__(
        self,
        run: str,
        holder: str,
        patience: Patience,
        cancelled: threading.Event,
        say: Callable[[str], None],
        every: float = _RENEWED_SECONDS,
    ) -> None:
        """`cancelled` is set where the run is not ours any more."""
        self._run, self._holder, self._patience, self._every = run, holder, patience, every
        self._cancelled, self._say = cancelled, say
        self._text, self._reference = "", None  # type: str, str | None
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self.lost = False

    def said(self, text: str) -> None:
        """Take up how far the action is."""
        self._text = text
        self._say(text)

    def begun(self, reference: str) -> None:
        """Take up what was begun elsewhere, and have it noted at once."""
        self._reference = reference
        self._say(f"begun: {reference}")
        self._wake.set()

    def __enter__(self) -> Self:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Renew no more."""
        self._over.set()
        self._wake.set()
        self._thread.join()

    def _renew(self) -> None:
        while True:
            self._wake.wait(self._every)
            self._wake.clear()
            if self._over.is_set():
                return
            progress = Progress(self._run, self._holder, self._text, self._reference)
            try:
                ours = self._patience.ask(partial(_renewed, progress), 0.0)
            except DeskAway:
                continue  # the next time; the desk takes a run that nobody took meanwhile as ours
            except FoldwatchError as error:
                self._say(f"the lease could not be renewed: {error}")
                continue
            if not ours:
                self.lost = True
                self._cancelled.set()
                return


def _renewed(progress: Progress, desk: Desk) -> bool:
    return desk.progress(progress)


def work(
    begun: Decision,
    order: Order,
    action: Action,
    *,
    by: str,
    holder: str,
    seconds: float,
    drift_html: bytes | None,
    patience: Patience,
    ending: Ending,
    say: Callable[[str], None],
    monotonic: Callable[[], float],
) -> Decision:
    """Do what a START asks for and return the decision that ends it; `seconds`: what the action may take.

    A daemon that is away is waited for within that time. What the action raises ends the run as failed and is raised:
    it is our own fault.
    """
    at, cancelled = monotonic(), ending.of_run()

    def left() -> float:
        return max(FIRST_SECONDS, seconds - (monotonic() - at))

    with Lease(order.run, holder, patience, cancelled, say) as lease:
        try:
            outcome = action.run(order, Watch(cancelled, lease.said, lease.begun))
        except Exception as error:
            reason = f"a fault of foldwatch, not of yours: {type(error).__name__}: {error}"
            ended = Ended(order.run, by, State.FAILED.value, reason)
            patience.ask(lambda desk: desk.end(ended), left())
            raise
        if lease.lost:
            reason = "the run was taken over or ended elsewhere while this command worked on it: its result is dropped"
            return replace(begun, reasons=(*begun.reasons, reason))
        if outcome.candidate is not None and outcome.state is State.SUCCEEDED:
            result = Result(order.run, by, outcome.candidate, drift_html)
            return patience.ask(lambda desk: desk.hand_in(result), left())
        ended = _ended(order.run, by, outcome)
        return patience.ask(lambda desk: desk.end(ended), left())


def _ended(run: str, by: str, outcome: Outcome) -> Ended:
    """Return how a run ended that brought no candidate."""
    if outcome.state is State.SUCCEEDED:
        return Ended(run, by, State.FAILED.value, "the action succeeded without a candidate")
    return Ended(run, by, outcome.state.value, outcome.reason)
