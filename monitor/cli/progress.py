"""How far a backtest is: a bar with rate and time left on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from monitor.clock import DAY, format_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import TaskID

_MEGABYTE = 1e6


class Progress:
    """Two bars, one after the other: the files as they are read, history as it is replayed. Written to stderr."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._reading: TaskID | None = None

    def read(self, done: int, total: int) -> None:
        """Show how many bytes of the files are read."""
        if self._reading is None:
            self._reading = self._bar.add_task("reading", rate="", total=total)
        speed = self._bar.tasks[-1].speed or 0.0
        self._bar.update(self._reading, completed=done, total=total, rate=f"{speed / _MEGABYTE:,.0f} MB/s")

    def replayed(self, start: int, end: int) -> Callable[[int], None]:
        """Return what is told the moment up to which history is replayed."""
        task = self._bar.add_task("replaying", rate="", total=max(end - start, 1))

        def show(moment: int) -> None:
            days = (self._bar.tasks[-1].speed or 0.0) / DAY
            self._bar.update(
                task,
                completed=moment - start,
                description=f"replaying {format_time(moment)[:10]}",
                rate=f"{days:,.1f} d/s",
            )

        return show

    def stop(self) -> None:
        """Take the bars away."""
        self._bar.stop()

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away."""
        self._bar.stop()
