"""What every action offers, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from monitor.revalidate.desk import Candidate


class State(StrEnum):
    """How an action ended; all but the first two are outcomes with a reason."""

    SUCCEEDED = "succeeded"
    """With a candidate."""
    HANDED_OVER = "handed over"
    """Done, and the configuration names no `result` to wait for."""
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done. The same order again (same `run`) starts nothing twice, wherever that can be seen to."""

    run: str
    """The idempotency key."""
    model: str
    version: str
    """The version that is judged."""
    candidate_version: str
    """The version that the candidate must name."""
    started: int
    """Epoch ms, of the run: a `result` older than this is not its result."""
    folder: Path
    """Of the configuration."""
    baseline: Path | None = None
    """The file in force, where it lies on this machine."""
    positive: str | None = None
    """Of two classes."""
    decision: Mapping[str, Any] = field(default_factory=dict)
    """The decision that started it, as `--json` shows it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How an action talks while it works."""

    cancelled: threading.Event
    """Set when the command is asked to end: what was begun elsewhere is cancelled where that is possible."""
    say: Callable[[str], None]
    """Progress, one line for a person: `fold 3 of 6`."""
    begun: Callable[[str], None]
    """What was begun elsewhere, once: a Job's name, a run's URL."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    state: State
    reason: str = ""
    """A sentence with place, finding and remedy; empty where it succeeded."""
    candidate: Candidate | None = None


class Action(Protocol):
    """One way to do it, made from its settings."""

    def run(self, order: Order, watch: Watch) -> Outcome:
        """Do it, to its end or its time limit. What goes wrong is an Outcome; only our own faults raise."""
        ...
