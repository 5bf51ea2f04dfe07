"""Drives the Kafka clients against a real broker, and writes what the broker's own helpers do not: transactions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Producer

from monitor.config import SourceSettings
from monitor.errors import SourceUnavailable
from monitor.sources.broker.client import Partition
from monitor.sources.broker.clients import open_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from broker import Broker

    from monitor.sources.broker.client import Client, Fetched

PATIENCE = 20.0


class Read(NamedTuple):
    """One message as a client delivers it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def client_of(library: str, *addresses: str, **more: object) -> Client:
    """Return a client that reads from these addresses."""
    return open_client(SourceSettings(kind="kafka", client=library, bootstrap_servers=addresses, **more))


class Patient:
    """A client that is asked again where the broker gave no answer in time, as the daemon asks again.

    On a loaded machine a broker may be silent for longer than a client waits.
    """

    def __init__(self, client: Client) -> None:
        """Ask this client."""
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Return the client's own, which is called again as long as there is no answer."""
        ask = getattr(self._client, name)

        def asked(*args: Any, **options: Any) -> Any:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    return ask(*args, **options)
                except SourceUnavailable as away:
                    if "no answer over" not in str(away) or time.monotonic() > deadline:
                        raise

        return asked


def read_until(client: Client, enough: Callable[[list[Read], Fetched], bool], most: int = 10_000) -> list[Read]:
    """Fetch until there is enough; fails where that takes too long."""
    found: list[Read] = []
    deadline = time.monotonic() + PATIENCE
    while True:
        fetched = client.fetch(most, 0.1)
        for part in fetched.messages:
            rows = zip(part.offsets.tolist(), part.timestamps.tolist(), part.keys, part.values, strict=True)
            found += [Read(part.partition.number, *row) for row in rows]
        if enough(found, fetched):
            return found
        assert time.monotonic() < deadline, f"{len(found)} messages, then {fetched}"


def read_all(client: Client, topic: str) -> list[Read]:
    """Read a topic from its beginning to its end, by partition and offset."""
    found = client.topics([topic])[topic]
    bounds = client.bounds([Partition(topic, number) for number in found.partitions])
    client.assign({each: there.begin for each, there in bounds.items()})
    return sorted(
        read_until(
            client, lambda _, fetched: all(fetched.positions[each] >= there.end for each, there in bounds.items())
        )
    )


def write_with(broker: Broker, topic: str, values: Iterable[bytes], options: Mapping[str, object]) -> None:
    """Write to partition 0 with librdkafka's options: `compression.type`, ..."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0, "message.max.bytes": 2**26, **options})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(PATIENCE) == 0


class Transaction:
    """Messages of partition 0 that count only when they are committed."""

    def __init__(self, broker: Broker, topic: str, values: Iterable[bytes]) -> None:
        """Write them."""
        self._producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "log_level": 0,
                "transactional.id": f"{topic}-{time.monotonic_ns()}",
            }
        )
        self._producer.init_transactions(PATIENCE)
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(topic, value, partition=0)
        self._producer.flush(PATIENCE)

    def commit(self) -> None:
        """Let them count."""
        self._producer.commit_transaction(PATIENCE)

    def abort(self) -> None:
        """Let them never count."""
        self._producer.abort_transaction(PATIENCE)
