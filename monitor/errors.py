"""The exceptions of foldwatch: small, because faults in the events are values and not exceptions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what a person gave us: where, what, and what to do about it."""

    place: str
    """File, `file:line`, key path, option or address: where a person has to look."""
    finding: str
    remedy: str

    def __str__(self) -> str:
        """One line for stderr."""
        return f"{self.place}: {self.finding}; {self.remedy}" if self.remedy else f"{self.place}: {self.finding}"


class FoldwatchError(Exception):
    """Everything that foldwatch raises on purpose."""


class InputError(FoldwatchError):
    """Usage, configuration or input that we cannot work with. The command line prints `problems` and exits with 2."""

    def __init__(self, *problems: Problem) -> None:
        """Keep every problem found, so that a person mends them in one go."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class StateInUse(InputError):  # noqa: N818 - the state of the world, named as it is reported
    """The store belongs to another process now: the running daemon, or a second one that must not start."""


class SourceUnavailable(FoldwatchError):  # noqa: N818 - the state of the world, named as it is reported
    """The broker or file behind a source is away; the message says which and what would help. Trying again may work."""


class StateBroken(FoldwatchError):  # noqa: N818 - the state of the world, named as it is reported
    """The state cannot be written or read any more: disk full or read-only, a damaged file.

    The message names path, finding and remedy. Nothing was committed: after a restart it goes on where it stopped.
    """

    def __init__(self, problem: Problem) -> None:
        """Keep what is wrong and what a person can do about it."""
        super().__init__(str(problem))
        self.problem = problem
