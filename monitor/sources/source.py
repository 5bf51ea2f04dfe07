"""Events in: what every source offers to the one loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.join.events import Labels, Predictions


@dataclass(frozen=True, slots=True)
class Rejected:
    """A dead letter: an event that is not valid, with its reason. A value, never an exception."""

    reason: str
    """One of `codec.REASONS`: bounded, used as a metric label."""
    detail: str
    """What was found, in words, without any score or secret."""
    place: str
    """`TOPIC/PARTITION/OFFSET`, or `file:line`."""
    original: bytes
    """The bytes as they were read."""
    key: bytes | None = None
    """The message's own key, where it came in a message that had one."""
    timestamp: int | None = None
    """The message's own moment, where it came in a message."""


@dataclass(frozen=True, slots=True)
class ModelEvents:
    """What a batch holds of one model; either may be None."""

    predictions: Predictions | None = None
    labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll read."""

    models: Mapping[str, ModelEvents] = field(default_factory=dict)
    rejected: Sequence[Rejected] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> events that are neither valid nor dead letters (`unknown model`, ...)."""
    read: int = 0
    """Events read, whatever became of them; blank lines are not events."""
    offsets: Mapping[str, int] = field(default_factory=dict)
    """Partition -> offset of the next event to read: what a commit of this batch makes durable."""
    passed: int | None = None
    """No event timed earlier than this will come any more, as far as the source can know; None: it cannot tell."""
    behind: int | None = None
    """Events timed from this moment on still wait to be read, as far as known; None: nothing waits. While one partition
    lags behind the others, the latter's events say nothing of what has passed.
    """
    lag: Mapping[str, int] = field(default_factory=dict)
    """Partition -> messages that wait there to be read; only where the source can tell."""
    resets: Mapping[str, int] = field(default_factory=dict)
    """Topic -> partitions that had to begin anew because what was to be read next is gone: messages may be lost."""
    notices: Sequence[str] = ()
    """What a person should know of the reading itself, in words: a file was truncated, rotated, ..."""


class Source(Protocol):
    """Delivers events in batches and can be told where to go on."""

    def poll(self) -> Batch:
        """Return what can be read now, at most one batch; an empty one where nothing is new. Never blocks for long.

        Raises `SourceUnavailable` when the world behind it is away; the next poll tries again.
        """
        ...

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on from these offsets; a partition that is not named begins where the configuration says."""
        ...

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Learn that everything before these offsets is durable in our state: a courtesy, not the truth."""
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        ...
