"""What a dead letter is once it is kept, and what keeps them: a file or a topic."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.sources.source import Rejected

FOREIGN: Final = "not a dead letter"
"""The reason under which a reader shows what somebody else wrote where dead letters are kept."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A rejected event as it is kept."""

    place: str
    """`TOPIC/PARTITION/OFFSET` or `file:line` of the bad event: the letter's key."""
    value: bytes
    """The event's original bytes; only the first of them where `truncated` says so."""
    reason: str
    """One of `reasons.REASONS`, or FOREIGN."""
    detail: str
    at: int | None
    """When it was rejected, in epoch milliseconds; None: that cannot be read."""
    key: bytes | None = None
    """The message's own key, where it came in a message that had one."""
    timestamp: int | None = None
    """The message's own moment, in epoch milliseconds, where it came in a message."""
    truncated: int | None = None
    """Bytes of the whole original where only the first of them could be kept."""


class DeadLetters(Protocol):
    """Keeps rejected events, at least once each: a letter may be written again, with the same key."""

    def write(self, rejected: Sequence[Rejected], at: int) -> None:
        """Keep these; `at` is the moment of reading, in epoch milliseconds. Returns when they are kept.

        Raises SourceUnavailable, with place and remedy, where that fails: the batch has to be read again then.
        """
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        ...


def each_once(letters: Iterable[Letter]) -> Iterator[Letter]:
    """Yield each letter the first time it comes.

    Letters are the same when place and bytes are: after a rotation or a topic made anew, one place may have held two
    events. Of each letter 8 bytes of its hash are remembered.
    """
    seen: set[int] = set()
    for letter in letters:
        digest = hashlib.blake2b(letter.place.encode(errors="surrogateescape") + b"\0", digest_size=8)
        digest.update(letter.value)
        identity = int.from_bytes(digest.digest(), "big")
        if identity not in seen:
            seen.add(identity)
            yield letter
