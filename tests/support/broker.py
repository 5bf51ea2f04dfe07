"""A real Kafka broker for tests: its own ports, its own folder, and it dies with the test.

    broker = Broker(folder)            # the fixture `broker` of conftest.py starts one per pytest worker
    topic = broker.topic("labels", 2)  # created, with a name that no other test has
    broker.produce(topic, [("id-1", b"{...}"), ("id-2", None)])
    broker.consume(topic)
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SCRIPT = Path(__file__).parents[2] / "scripts" / "kafka-broker"
_PATIENCE = 30.0
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections: a broker that is down for a while gets its port again."""
_QUIET = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 10_000}

type_of_event = bytes | str | None


class Record(NamedTuple):
    """A message as it lies on the broker."""

    partition: int
    offset: int
    timestamp: int
    """Epoch milliseconds."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Broker:
    """One node of Apache Kafka that is all the cluster."""

    def __init__(self, folder: Path, properties: Mapping[str, str] | None = None, *, jvm: str | None = None) -> None:
        """Start; `folder` keeps topics and messages, `properties` are further settings, `jvm` Java's own options."""
        self.folder = folder
        self._properties, self._jvm = dict(properties or {}), jvm
        self.port, self._controller = free_ports(2)
        self._names = itertools.count()
        self._running: subprocess.Popen[bytes] | None = None
        self._paused = False
        self.start()

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:PORT` of the plain listener; the same after each start."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's own process id."""
        assert self._running is not None, "the broker is not running"
        return self._running.pid

    @property
    def log(self) -> str:
        """What the broker has complained of so far."""
        return (self.folder / "broker.log").read_text()

    # Life and death

    def start(self) -> None:
        """Start, again too: on the same ports, with the same messages. Returns once every partition can be read."""
        if self._running is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        further = self.folder / "further.properties"
        further.write_text("".join(f"{key}={value}\n" for key, value in self._properties.items()))
        command = [sys.executable, "-S", "-E", str(SCRIPT), "run", "--with-parent", f"--port={self.port}"]
        command += [f"--controller-port={self._controller}", f"--folder={self.folder}", f"--properties={further}"]
        environment = dict(os.environ) | ({"KAFKA_BROKER_JVM": self._jvm} if self._jvm is not None else {})
        with (self.folder / "broker.log").open("ab") as log:
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._until(self._listens, "the broker listens")
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, **_QUIET})
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 2, "message.max.bytes": 2_000_000, **_QUIET}
        )
        self._until(self._leads, "every partition has its leader")

    def stop(self) -> None:
        """End it as an operator would; messages stay. A second call does nothing."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL; messages stay. A second call does nothing."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: connections stay open, nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        if self._paused:
            self.resume()
        self._running.send_signal(number)
        try:
            self._running.wait(_PATIENCE)
        finally:
            self._running.kill()
            self._running.wait()
            self._running = None

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            assert self._running is not None
            if self._running.poll() is not None:
                self._running = None
                raise AssertionError(f"the broker ended by itself:\n{self.log[-3000:]}")
            assert time.monotonic() < deadline, f"{what}: not within {_PATIENCE:g} s\n{self.log[-3000:]}"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False

    def _leads(self) -> bool:
        """Tell whether every partition answers; what the broker says of its leaders may be ahead of it."""
        with suppress(KafkaException):
            topics = self._admin.list_topics(timeout=1).topics
            places = [TopicPartition(name, number) for name in topics for number in topics[name].partitions]
            asked = self._admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()), request_timeout=1)
            return all(answer.result() is not None for answer in asked.values())
        return False

    # Topics

    def topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic whose name begins with this one and is nobody else's; returns the name."""
        unique = f"{name}-{next(self._names)}-{random.randrange(16**6):06x}"
        self.create(unique, partitions, config)
        return unique

    def create(self, topic: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic of exactly this name; `config` as Kafka names it (`cleanup.policy`, `retention.ms`, ...)."""
        self._admin.create_topics([NewTopic(topic, partitions, 1, config=dict(config or {}))])[topic].result(_PATIENCE)
        self._until(lambda: self._knows(topic, partitions), f"{topic} can be read")

    def delete(self, topic: str) -> None:
        """Delete a topic; returns when it is gone."""
        self._admin.delete_topics([topic])[topic].result(_PATIENCE)
        self._until(lambda: topic not in self.topics(), f"{topic} is gone")

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic so many partitions in all."""
        self._admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(_PATIENCE)
        self._until(lambda: self._knows(topic, partitions), f"{topic} has {partitions} partitions")

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Replace the configuration of a topic."""
        resource = ConfigResource(ResourceType.TOPIC, topic, set_config=dict(config))
        self._admin.alter_configs([resource])[resource].result(_PATIENCE)

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Delete the messages of a partition before this offset, as retention does in time."""
        place = TopicPartition(topic, partition, before)
        self._admin.delete_records([place])[place].result(_PATIENCE)

    def topics(self) -> Sequence[str]:
        """Return the names of all topics but Kafka's own."""
        return sorted(name for name in self._admin.list_topics(timeout=10).topics if not name.startswith("__"))

    def _knows(self, topic: str, partitions: int) -> bool:
        found = self._admin.list_topics(timeout=10).topics.get(topic)
        return (
            found is not None
            and len(found.partitions) == partitions
            and all(part.leader >= 0 for part in found.partitions.values())
        )

    # Messages

    def produce(
        self,
        topic: str,
        messages: Iterable[type_of_event | tuple[type_of_event, type_of_event]],
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
        for n, message in enumerate(messages):
            key, value = message if isinstance(message, tuple) else (None, message)
            moment = timestamp if timestamp is None or isinstance(timestamp, int) else timestamp[n]
            when = {} if moment is None else {"timestamp": moment}
            marks = {"headers": list(headers.items())} if headers else {}
            while True:
                try:
                    self._producer.produce(topic, value, key, on_delivery=delivered, **place, **when, **marks)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        left = self._producer.flush(_PATIENCE)
        assert not left, f"{left} messages were not taken within {_PATIENCE:g} s"
        assert not failed, failed[:3]

    def consume(self, topic: str) -> list[Record]:
        """Return every message of a topic, by partition and offset; committed ones where it was written in transactions."""
        ends = self.ends(topic)
        reader = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "nobody",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                **_QUIET,
            }
        )
        records: list[Record] = []
        try:
            reader.assign([TopicPartition(topic, number, 0) for number in ends])
            unread = {number for number, end in ends.items() if end}
            deadline = time.monotonic() + _PATIENCE
            while unread:
                assert time.monotonic() < deadline, f"{topic}: partitions {sorted(unread)} could not be read to the end"
                for message in reader.consume(10_000, 0.2):
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
        numbers = sorted(self._admin.list_topics(topic, timeout=10).topics[topic].partitions)
        places = [TopicPartition(topic, number) for number in numbers]
        asked = self._admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
        return {place.partition: answer.result(_PATIENCE).offset for place, answer in asked.items()}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the offsets that a group has committed, by partition."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, **_QUIET})
        try:
            places = [TopicPartition(topic, number) for number in self.ends(topic)]
            return {place.partition: place.offset for place in reader.committed(places, 10) if place.offset >= 0}
        finally:
            reader.close()


def free_ports(n: int) -> list[int]:
    """Return so many ports of loopback that nobody listens on."""
    found: list[int] = []
    while len(found) < n:
        port = random.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _record(message: object) -> Record:
    return Record(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )
