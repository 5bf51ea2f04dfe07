"""What a Kafka client has to offer. Two libraries do: kafka.py and confluent.py, which know nothing of events.

Offsets always name the next message to read. Every method raises `SourceUnavailable`, naming the broker's address and
what would help, where the broker is away, refuses the login or lacks a right; trying again may work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from monitor.errors import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


class MessageTooLarge(SourceUnavailable):
    """The broker takes no message of this size: the same one will never be written, a shorter one may."""


class LoginRefused(SourceUnavailable):
    """The broker answers, and does not accept our login."""


class Forbidden(SourceUnavailable):
    """The broker accepts our login, which lacks a right."""


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        """`TOPIC/PARTITION`: its name in the state's offsets, in dead letters and in messages."""
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True, slots=True)
class Topic:
    """What the broker says of a topic."""

    partitions: tuple[int, ...]
    identity: int | None
    """A number of the topic's own id, in 63 bits: a topic that was deleted and made again has another one. None: this
    broker does not tell."""
    rights: Collection[str] | None = None
    """What our login may do with it, in Kafka's names (READ, WRITE, DESCRIBE_CONFIGS, ...); None: this broker does not
    tell."""


class Bounds(NamedTuple):
    """Which messages of a partition there are: offsets in [begin, end). `end` counts committed transactions alone."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one partition, in order, n of each."""

    partition: Partition
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    """Epoch milliseconds."""
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    """None: a tombstone."""
    headers: Sequence[Mapping[str, bytes]] = ()
    """Only where they were asked for; of several with one name the last."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought."""

    messages: Sequence[Messages] = ()
    positions: Mapping[Partition, int] = field(default_factory=dict)
    """Every assigned partition -> the offset to go on from. It may pass messages that are none: markers, aborted
    transactions, what compaction removed."""
    ends: Mapping[Partition, int] = field(default_factory=dict)
    """Partition -> its end, as far as the client knows without asking."""
    gone: Collection[Partition] = ()
    """Partitions whose next offset is out of range: deleted, or the topic is another one. They are not fetched until
    they are assigned anew."""


class Produced(NamedTuple):
    """A message to write."""

    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    partition: int | None = None
    """None: as the key says."""
    timestamp: int | None = None
    """None: now."""


class Client(Protocol):
    """One connection to a cluster; read-committed; no group membership."""

    def topics(self, names: Collection[str]) -> Mapping[str, Topic]:
        """Return what is known of those of these topics that exist. Never creates one. Asks the broker."""
        ...

    def settings(self, topic: str) -> Mapping[str, str]:
        """Return the topic's configuration as the broker has it (`retention.ms`, `cleanup.policy`, ...)."""
        ...

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """Return which messages there are."""
        ...

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read exactly these partitions from now on, each from this offset."""
        ...

    def fetch(self, most: int, seconds: float, *, headers: bool = False) -> Fetched:
        """Return about `most` messages; waits up to `seconds` for the first one.

        `headers`: with theirs. Events need none; dead letters carry their reason there.
        """
        ...

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Write offsets under the group's name, without waiting for the broker's answer; a failure is no error."""
        ...

    def produce(self, topic: str, messages: Sequence[Produced]) -> None:
        """Write messages; returns when all of them are on the broker's disk (`acks=all`).

        Raises MessageTooLarge where the broker or the topic takes no message of this size; some may be written then.
        """
        ...

    def create(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic with this configuration, as Kafka names it; returns when it can be read. For the demo alone."""
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing. It never takes longer than a second or two."""
        ...
