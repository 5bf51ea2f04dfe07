"""What the demo prints: each phase as it begins, its verdicts once all windows are its own, and what they showed."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.demo import phases
from monitor.demo.story import Story, mixed
from monitor.report.table import live

if TYPE_CHECKING:
    import threading

    from rich.console import Console

    from monitor.report.snapshot import Snapshot

_GRACE_SECONDS: Final = 3.0
"""Where events are late, the last phase is waited for so much longer than was asked for."""


class Show:
    """Watches a demo; sets `stop` when it is over."""

    def __init__(self, console: Console, stop: threading.Event, ends_at: float | None) -> None:
        """`ends_at`: of the monotonic clock; None: the phases are told again and again."""
        self._console, self._stop, self._ends_at = console, stop, ends_at
        self._story = Story()
        self._announced = ""
        self._told: set[str] = set()

    def watch(self, snapshot: Snapshot) -> None:
        """Announce each phase as it begins, and show the verdicts as soon as all its windows are its own."""
        if snapshot.report is None:
            return
        as_of, windows = snapshot.report.as_of, snapshot.report.windows
        self._story.listen(windows)
        headline = phases.announcement(as_of)
        again = self._ends_at is not None and phases.is_last_told(as_of)
        if self._announced != headline.title and not again:
            self._announced = headline.title
            self._told.clear()
            self._console.print(f"\n[bold]{headline.title}[/bold]\n{headline.text}")
        phase = phases.phase_at(as_of).name
        if phase not in self._told and not again and self._story.is_told(phase, windows):
            self._told.add(phase)
            self._console.print(live(replace(snapshot, announcement=None)))
            for line in mixed(windows):
                self._console.print(line)
        if self._ends_at is not None and (phases.is_over(as_of) or time.monotonic() > self._ends_at + _GRACE_SECONDS):
            self._stop.set()

    def tell(self) -> None:
        """Print what each phase has shown."""
        for phase in phases.PHASES:
            print(f"{phase.name:8} {self._story.outcomes.get(phase.name, 'not reached')}")
        sys.stdout.flush()
