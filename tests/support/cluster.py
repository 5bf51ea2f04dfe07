"""What a test does to a Kafka cluster: make topics, write messages, read them all."""

from __future__ import annotations

import itertools
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from confluent_kafka import Message

PATIENCE = 30.0
_QUIET = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 10_000}

Bytes = bytes | str | None


class Record(NamedTuple):
    """A message as it lies on the broker."""

    partition: int
    offset: int
    timestamp: int
    """Epoch milliseconds."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Cluster:
    """Topics and messages of the cluster behind an address."""

    def __init__(self, bootstrap: str) -> None:
        """`bootstrap`: HOST:PORT of a plain listener. Connects when it is first needed, and again after a restart."""
        self.bootstrap = bootstrap
        self._names = itertools.count()
        self._server = {"bootstrap.servers": bootstrap, **_QUIET}
        self.admin = AdminClient(self._server)
        self._producer = Producer({**self._server, "linger.ms": 2, "message.max.bytes": 2_000_000})

    def topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic whose name begins with this one and is nobody else's; returns the name."""
        unique = f"{name}-{next(self._names)}-{random.randrange(16**6):06x}"
        self.create(unique, partitions, config)
        return unique

    def create(self, topic: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic of exactly this name; `config` as Kafka names it (`cleanup.policy`, `retention.ms`, ...)."""
        self.admin.create_topics([NewTopic(topic, partitions, 1, config=dict(config or {}))])[topic].result(PATIENCE)
        until(lambda: self._knows(topic, partitions), f"{topic} can be read")

    def delete(self, topic: str) -> None:
        """Delete a topic; returns when it is gone."""
        self.admin.delete_topics([topic])[topic].result(PATIENCE)
        until(lambda: topic not in self.topics(), f"{topic} is gone")

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic so many partitions in all."""
        self.admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(PATIENCE)
        until(lambda: self._knows(topic, partitions), f"{topic} has {partitions} partitions")

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Change the configuration of a topic, as Kafka names it."""
        changes = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes)
        self.admin.incremental_alter_configs([resource])[resource].result(PATIENCE)

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Delete the messages of a partition before this offset, as retention does in time."""
        place = TopicPartition(topic, partition, before)
        self.admin.delete_records([place])[place].result(PATIENCE)

    def topics(self) -> Sequence[str]:
        """Return the names of all topics but Kafka's own."""
        return sorted(name for name in self.admin.list_topics(timeout=10).topics if not name.startswith("__"))

    def produce(
        self,
        topic: str,
        messages: Iterable[Bytes | tuple[Bytes, Bytes]],
        partition: int | None = None,
        timestamp: int | Sequence[int] | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write values, or pairs of key and value (None: a tombstone); returns when all are on the broker.

        `timestamp` is one for all, or one each, in epoch milliseconds; None: now.
        """
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failed.append(error)

        place = {} if partition is None else {"partition": partition}
        marks = {"headers": list(headers.items())} if headers else {}
        for n, message in enumerate(messages):
            key, value = message if isinstance(message, tuple) else (None, message)
            moment = timestamp if timestamp is None or isinstance(timestamp, int) else timestamp[n]
            when = {} if moment is None else {"timestamp": moment}
            while True:
                try:
                    self._producer.produce(topic, value, key, on_delivery=delivered, **place, **when, **marks)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        left = self._producer.flush(PATIENCE)
        assert not left, f"{left} messages were not taken within {PATIENCE:g} s"
        assert not failed, failed[:3]

    def consume(self, topic: str) -> list[Record]:
        """Return every message of a topic, by partition and offset; of transactions the committed ones."""
        reader = Consumer(
            {
                **self._server,
                "group.id": "nobody",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        records: list[Record] = []
        ends = self.ends(topic)
        unread = {number for number, end in ends.items() if end}
        deadline = time.monotonic() + PATIENCE
        try:
            reader.assign([TopicPartition(topic, number, 0) for number in ends])
            while unread:
                assert time.monotonic() < deadline, f"{topic}: partitions {sorted(unread)} could not be read to the end"
                for message in reader.consume(10_000, 0.05):
                    error = message.error()
                    if error is None:
                        records.append(_record(message))
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's own public name
                        unread.discard(message.partition())
                    else:
                        raise KafkaException(error)
        finally:
            reader.close()
        return sorted(records)

    def ends(self, topic: str) -> dict[int, int]:
        """Return each partition's next offset."""
        places = [TopicPartition(topic, number) for number in self._partitions(topic)]
        deadline = time.monotonic() + PATIENCE
        while True:
            asked = self.admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
            try:
                return {place.partition: answer.result(PATIENCE).offset for place, answer in asked.items()}
            except KafkaException:  # a broker that was just started or frozen does not know its leaders yet
                if time.monotonic() > deadline:
                    raise
                # What the client knows of the leaders may be older than the broker: it only asks again when told to.
                with suppress(KafkaException):
                    self.admin.list_topics(topic, timeout=1)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the offsets that a group has committed, by partition."""
        reader = Consumer({**self._server, "group.id": group})
        try:
            places = [TopicPartition(topic, number) for number in self._partitions(topic)]
            return {place.partition: place.offset for place in reader.committed(places, 10) if place.offset >= 0}
        finally:
            reader.close()

    def answers(self) -> bool:
        """Tell whether every partition answers; what the broker says of its leaders may be ahead of it."""
        with suppress(KafkaException):
            topics = self.admin.list_topics(timeout=1).topics
            places = [TopicPartition(name, number) for name in topics for number in topics[name].partitions]
            asked = self.admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()), request_timeout=1)
            return all(answer.result() is not None for answer in asked.values())
        return False

    def _partitions(self, topic: str) -> Sequence[int]:
        return sorted(self.admin.list_topics(topic, timeout=10).topics[topic].partitions)

    def _knows(self, topic: str, partitions: int) -> bool:
        found = self.admin.list_topics(timeout=10).topics.get(topic)
        return (
            found is not None
            and len(found.partitions) == partitions
            and all(part.leader >= 0 for part in found.partitions.values())
            and self._leads(topic)
        )

    def _leads(self, topic: str) -> bool:
        with suppress(KafkaException):
            return len(self.ends(topic)) > 0
        return False


def until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something holds, looking again and again; fail where it does not in time."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {patience:g} s"
        time.sleep(0.02)


def _record(message: Message) -> Record:
    return Record(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )
