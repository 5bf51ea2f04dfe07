"""The cross-validation of an action, in a child of its own: whatever hangs, leaks or crashes in it can be ended whole.

It reads a pickled `Task` from its standard input, and keeps that open: when it closes, whoever asked is gone, and so is
this. It answers on the descriptor that is its argument: pickled `Said`, each behind its length.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import struct
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.config.revalidation import CrossvalAction
    from monitor.revalidate.desk import Candidate

LENGTH: Final = struct.Struct("<Q")
"""Before a pickled task or answer: its length."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to validate."""

    settings: CrossvalAction
    model: str
    version: str
    """That the candidate names."""
    positive: str | None
    started: int
    """Epoch ms."""
    folder: Path
    """Of the configuration."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the child; one of the three is set."""

    progress: str | None = None
    candidate: Candidate | None = None
    problems: tuple[tuple[str, str, str], ...] | None = None
    """Place, finding, remedy of each."""


def main() -> None:
    """Read the task, do it, answer."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only way to be called
    os.dup2(2, 1)  # what an estimator prints is no part of our output
    asking = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    (length,) = LENGTH.unpack(_exactly(asking, LENGTH.size))
    task: Task = pickle.loads(_exactly(asking, length))  # noqa: S301 - our own parent wrote it
    threading.Thread(target=_end_with, args=(asking,), daemon=True).start()
    with os.fdopen(descriptor, "wb") as answers:
        lock = threading.Lock()

        def say(said: Said) -> None:
            with lock:
                answers.write(framed(said))
                answers.flush()

        _answer(task, say)


def _answer(task: Task, say: Callable[[Said], None]) -> None:
    """Say what came of the task."""
    from monitor.errors import InputError  # noqa: PLC0415 - after the watch over our parent has begun
    from monitor.revalidate.actions.validated import validated  # noqa: PLC0415 - it imports scikit-learn

    try:
        candidate = validated(task, lambda text: say(Said(progress=text)))
    except InputError as error:
        say(Said(problems=tuple((one.place, one.finding, one.remedy) for one in error.problems)))
    else:
        say(Said(candidate=candidate))


def framed(value: Task | Said) -> bytes:
    """Return a value as it goes through a pipe."""
    pickled = pickle.dumps(value)
    return LENGTH.pack(len(pickled)) + pickled


def _exactly(asking: int, length: int) -> bytes:
    """Read so many bytes; fewer where whoever asked is gone."""
    blocks = []
    while length and (block := os.read(asking, length)):
        blocks.append(block)
        length -= len(block)
    return b"".join(blocks)


def _end_with(asking: int) -> None:
    """End with whoever asked: remove what lies in our temporary folder, and all that we started."""
    while os.read(asking, 1):
        pass
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
