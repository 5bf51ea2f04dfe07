"""How a command is asked to end while it waits or works: one wish, heard by everything that is under way."""

from __future__ import annotations

import threading
import weakref


class Ending:
    """Whether the command was asked to end. Each run gets an event of its own, so that one alone can be cancelled."""

    def __init__(self) -> None:
        """Nobody asked yet."""
        self._asked = threading.Event()
        self._runs: weakref.WeakSet[threading.Event] = weakref.WeakSet()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask everything to end."""
        self._asked.set()
        for run in list(self._runs):
            run.set()

    def of_run(self) -> threading.Event:
        """Return an event that is set when the command is asked to end, and that whoever has it may set too."""
        run = threading.Event()
        self._runs.add(run)
        if self.asked:
            run.set()
        return run

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until somebody asks; return whether somebody did."""
        return self._asked.wait(seconds)
