"""The demo's scheduled job and its pipeline: what a CronJob and a deployment are in earnest, as a thread each asks.

The job asks again and again, as a timer would. The first export of training rows is faulty, so that its candidate
deserves to be rejected; whoever exports them mends that after the gate has said so. Who deploys waits until
`on_promote` has told it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from monitor.demo.circle import RETRAINED
from monitor.demo.retraining import damaged_rows, deployed_on, mixed_up
from monitor.errors import FoldwatchError
from monitor.revalidate.decision import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.demo.circle import Place
    from monitor.demo.source import DemoSource
    from monitor.revalidate.decision import Decision

_EVERY_SECONDS: Final = 1.0


class Timer:
    """Asks for a re-validation every second until one was promoted and is deployed. A thread of its own."""

    def __init__(
        self,
        place: Place,
        source: DemoSource,
        revalidate: Callable[[], Iterator[Decision]],
        tell: Callable[[str | Decision], None],
        failed: Callable[[str], None],
    ) -> None:
        """`revalidate` is one call of the job; `tell` hears what happens; `failed` that it cannot go on."""
        self._place, self._source, self._revalidate = place, source, revalidate
        self._tell, self._failed = tell, failed
        self._rows = damaged_rows()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timer", daemon=True)
        self.decisions: list[Decision] = []
        """Those that began or ended a run."""
        self.deployed_at: int | None = None
        """When production began to carry the retrained model, in the demo's time."""
        place.training.write_text(mixed_up(self._rows).csv(), encoding="utf-8")

    def start(self) -> None:
        """Begin to ask: the daemon has to serve by then."""
        self._thread.start()

    @property
    def started(self) -> bool:
        """Whether it has begun to ask."""
        return self._thread.ident is not None

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ask no more, and wait for what is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while self.deployed_at is None and not self._stop.wait(_EVERY_SECONDS):
                self._ask()
        except FoldwatchError as error:
            self._failed(str(error))

    def _ask(self) -> None:
        for decision in self._revalidate():
            if decision.decision is Verb.NONE:
                continue
            self.decisions.append(decision)
            self._tell(decision)
            if decision.decision is Verb.REJECTED:
                self._place.training.write_text(self._rows.csv(), encoding="utf-8")
                self._tell(
                    "Whoever exports the training rows joins the labels to the right pictures and exports again."
                )
        if self._place.deployed.exists():
            self._deploy()

    def _deploy(self) -> None:
        """Do what a pipeline does when it is told: train on all rows, and let production carry the model."""
        self.deployed_at = self._source.deploy(RETRAINED, deployed_on(self._rows))
        self._tell(f"`on_promote` told the pipeline: production carries version {RETRAINED} from now on.")
