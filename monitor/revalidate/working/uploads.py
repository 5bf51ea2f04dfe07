"""Decided runs on their way to MLflow: bounded in time, tried again by the next command, and in nobody's way."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from monitor.baselines.file import of_bytes
from monitor.baselines.tracked import Kept, Tracking
from monitor.errors import FoldwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config import Settings
    from monitor.revalidate.desk import Desk, Upload
    from monitor.revalidate.working.patience import Patience

SECONDS: Final = 60.0
"""How long MLflow may take in one command, all in all."""
_IN_FORCE: Final = frozenset({"promoted", "rollback"})

Found = tuple[str, str] | Exception | None
"""Our run and MLflow's, why it could not be kept, or the end."""


def upload(
    settings: Settings,
    patience: Patience,
    say: Callable[[str], None],
    seconds: float = SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Keep what MLflow does not have yet, oldest first, and return how many runs it has now that it had not.

    MLflow that is away, slow or not installed is a line for `say`: what was decided stands, the next command tries
    again. Never raises but for our own faults.
    """
    if settings.mlflow is None:
        return 0
    try:
        waiting = patience.ask(lambda desk: desk.uploads())
    except FoldwatchError as error:
        say(f"warning: what MLflow lacks is not known ({error}); the next `foldwatch revalidate` tries again")
        return 0
    if not waiting:
        return 0
    until, kept = monotonic() + seconds, 0
    answers: SimpleQueue[Found] = SimpleQueue()
    # A thread that is left behind ends with the command: MLflow's stores know no time limit of their own.
    threading.Thread(target=_keep, args=(settings, waiting, answers), name="mlflow", daemon=True).start()
    while True:
        try:
            found = answers.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            found = TimeoutError(f"it did not answer within {seconds:g} s")
        if found is None:
            return kept
        try:
            if isinstance(found, Exception):
                raise found
            patience.ask(partial(_note, *found))
            kept += 1
        except (FoldwatchError, TimeoutError) as error:
            left = len(waiting) - kept
            say(
                f"warning: {left} re-validation{'s are' if left > 1 else ' is'} not in MLflow yet: {error}; "
                "what was decided stands, and the next `foldwatch revalidate` tries again"
            )
            return kept


def _keep(settings: Settings, waiting: Sequence[Upload], answers: SimpleQueue[Found]) -> None:
    """Keep one after the other, and stop at the first that fails: a later one would move the alias too early."""
    try:
        tracking = Tracking(settings)
        for one in waiting:
            answers.put((one.run, tracking.keep(_kept(one))))
    except Exception as error:  # noqa: BLE001 - told where somebody listens
        answers.put(error)
    else:
        answers.put(None)


def _kept(one: Upload) -> Kept:
    return Kept(
        run=one.run,
        verb=one.verb,
        baseline=of_bytes(one.document, Path(f"{one.hash}.json")),
        document=one.document,
        started=one.started,
        ended=one.ended,
        in_force=one.verb in _IN_FORCE,
        artifacts=one.artifacts,
    )


def _note(run: str, mlflow_run: str, desk: Desk) -> None:
    desk.uploaded(run, mlflow_run)
