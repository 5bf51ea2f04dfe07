"""How many predictions and labels are still open, by the minute of their moment: `expired` without looking at rows.

A state that holds millions of rows on disk cannot visit them to tell how many of them nothing can come for any more.
So it counts what is open, changes the counts with each commit, and adds up the minutes whose time is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from monitor.clock import MINUTE
from monitor.state.disk.row_facts import open_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.join.rows import Rows
    from monitor.join.rules import Rules


class Minutes(NamedTuple):
    """Numbers by minute, (n,) each."""

    minute: NDArray[np.int64]
    """Minutes since the epoch, in order, each once."""
    number: NDArray[np.int64]
    """Never 0 where it is a change."""

    @classmethod
    def between(cls, before: NDArray[np.int64], after: NDArray[np.int64]) -> Self:
        """Return by how many more of these moments (ms) there are after than before, by minute."""
        minute, where = np.unique(np.concatenate((before, after)) // MINUTE, return_inverse=True)
        number = np.bincount(where[len(before) :], minlength=len(minute))
        number -= np.bincount(where[: len(before)], minlength=len(minute))
        return cls(minute[number != 0], number[number != 0])


def changes(before: Rows, after: Rows, rules: Rules) -> tuple[Minutes, Minutes]:
    """Return by how many more predictions and labels are open after than before."""
    old_predictions, old_labels = open_moments(before, rules)
    new_predictions, new_labels = open_moments(after, rules)
    return Minutes.between(old_predictions, new_predictions), Minutes.between(old_labels, new_labels)


class OpenByMinute:
    """What is open, until its time is over: `over` counts what is over, once its whole minute is."""

    def __init__(self, wait: int, over: int = 0, until: int | None = None) -> None:
        """Begin with nothing open. What is open at t is over when t + `wait` (ms) has passed."""
        self._wait = wait
        self._open: dict[int, int] = {}
        self._until = until
        """Minutes before this one are over."""
        self.over = over

    def add(self, change: Minutes) -> None:
        """Take a change. What is over stays so, but it may still be joined: then it counts no longer."""
        until = self._until
        for minute, number in zip(change.minute.tolist(), change.number.tolist(), strict=True):
            if until is not None and minute < until:
                self.over += number
            else:
                now = self._open[minute] = self._open.get(minute, 0) + number
                if not now:
                    del self._open[minute]

    def move_to(self, passed: int) -> None:
        """Learn that no event timed before `passed` is expected any more; it never goes back."""
        until = (passed - self._wait) // MINUTE
        if self._until is not None and until <= self._until:
            return
        steps = None if self._until is None else until - self._until
        minutes = range(until - steps, until) if steps is not None and steps < len(self._open) else list(self._open)
        for minute in minutes:
            if minute < until:
                self.over += self._open.pop(minute, 0)
        self._until = until

    @property
    def until(self) -> int | None:
        """The first minute that is not over; None before anything has passed."""
        return self._until

    @property
    def by_minute(self) -> Minutes:
        """What is open now."""
        minutes = sorted(self._open)
        return Minutes(np.array(minutes, np.int64), np.array([self._open[m] for m in minutes], np.int64))
