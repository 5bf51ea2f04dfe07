"""The Kafka client `kafka-python`: the only file that knows this library."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from kafka import IsolationLevel, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.net.sasl.oauth import AbstractTokenProvider

from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.client import Bounds, Fetched, MessageTooLarge, Partition, Topic
from monitor.sources.broker.connections import (
    ADMIN,
    ANSWER_SECONDS,
    GROUP,
    IDENTITY,
    LARGEST,
    READER,
    WRITER,
    Connections,
)
from monitor.sources.broker.login import token_of
from monitor.sources.broker.reach import forbidden, missing, refused, silent, too_large, why
from monitor.sources.broker.records import messages_of
from monitor.sources.broker.sockets import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from monitor.config import Security, SourceSettings
    from monitor.sources.broker.client import Produced
    from monitor.sources.broker.login import Login

_FETCH: Final = {
    # The broker gathers: at a thousand events a second a fetch for each of them would take three times the CPU.
    "fetch_min_bytes": 2**16,
    "fetch_max_wait_ms": 100,
    # Together they bound the memory of what is fetched ahead. A single message may be larger and is delivered still.
    "fetch_max_bytes": 2**24,
    "max_partition_fetch_bytes": 2**20,
    "receive_message_max_bytes": 2**28,
}
_COMMIT_SECONDS: Final = 0.5
"""How long closing waits for the last commit."""


class KafkaPython:
    """`Client` with kafka-python. Connects when it is first asked something, and anew after each failure."""

    def __init__(self, source: SourceSettings) -> None:
        """Read what the login needs, to find its mistakes now. Raises InputError for them."""
        self._open = Connections(
            source,
            {ADMIN: KafkaAdminClient.close, READER: _close, GROUP: _close, WRITER: lambda writer: writer.close(0)},
        )
        # Its errors are ours too, in better words; and on DEBUG it prints logins.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        self._source = source
        self._positions: dict[TopicPartition, int] = {}
        self._committed: Any = None

    def topics(self, names: Collection[str]) -> Mapping[str, Topic]:
        """Return what is known of those of these topics that exist."""
        found: dict[str, Topic] = {}
        with self._failures(ADMIN):
            described = self._asked().describe_topics(sorted(names)) if names else []
            for topic in described:
                error = kafka_errors.for_code(topic["error_code"])
                if error in (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.InvalidTopicError):
                    continue
                if issubclass(error, kafka_errors.AuthorizationError):
                    raise forbidden(self._source, f"see the topic {topic['name']} (DESCRIBE)")
                if error is not kafka_errors.NoError and not topic["partitions"]:
                    raise error
                numbers = sorted(each["partition_index"] for each in topic["partitions"])
                identity = UUID(str(topic.get("topic_id") or UUID(int=0))).int & IDENTITY
                rights = topic.get("authorized_operations")
                found[topic["name"]] = Topic(
                    tuple(numbers), identity or None, None if rights is None else tuple(sorted(rights))
                )
        return found

    def settings(self, topic: str) -> Mapping[str, str]:
        """Return the topic's configuration as the broker has it."""
        if topic not in self.topics([topic]):
            raise missing(self._source, topic)
        with self._failures(ADMIN, topic):
            resource = ConfigResource(ConfigResourceType.TOPIC, topic)
            described = self._asked().describe_configs([resource], config_filter="all")
        found = described["topic"][topic].items()
        return {name: str(each["value"]) for name, each in found if each["value"] is not None}

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """Return which messages there are."""
        wanted = [TopicPartition(*each) for each in partitions]
        if not wanted:
            return {}
        with self._failures(ADMIN, ", ".join(sorted({each.topic for each in wanted}))):
            begins, ends = (
                self._asked().list_partition_offsets(
                    dict.fromkeys(wanted, spec), IsolationLevel.READ_COMMITTED, timeout_ms=1000 * ANSWER_SECONDS
                )
                for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
            )
        return {Partition(*each): Bounds(begins[each].offset, ends[each].offset) for each in wanted}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read exactly these partitions from now on, each from this offset."""
        with self._failures(READER):
            reader = self._opened(
                READER,
                KafkaConsumer,
                **_FETCH,
                group_id=None,  # else reading would depend on the group's coordinator
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
            self._positions = {TopicPartition(*each): offset for each, offset in positions.items()}
            paused = reader.paused()
            reader.assign(list(self._positions))
            for partition, offset in self._positions.items():
                reader.seek(partition, offset)
            reader.resume(*(paused & self._positions.keys()))

    def fetch(self, most: int, seconds: float, *, headers: bool = False) -> Fetched:
        """Return about `most` messages; waits up to `seconds` for the first one."""
        gone: list[TopicPartition] = []
        found: Mapping[TopicPartition, Sequence[Any]] = {}
        with self._failures(READER):
            reader = self._open.get(READER)
            if reader is None:
                raise silent(self._source, 0, "nothing is assigned")
            try:
                found = reader.poll(timeout_ms=1000 * seconds, max_records=most)
            except kafka_errors.OffsetOutOfRangeError as wrong:
                gone = list(wrong.args[0])
            except kafka_errors.LogTruncationError as wrong:
                gone = list(wrong.divergent_offsets)
            reader.pause(*gone)
            ends = {each: reader.highwater(each) for each in self._positions}
            for each, offset in self._positions.items():
                if each in found or offset < (ends[each] or 0):
                    self._positions[each] = reader.position(each, timeout_ms=0)
        return Fetched(
            [messages_of(partition, records, headers=headers) for partition, records in found.items()],
            {Partition(*each): offset for each, offset in self._positions.items()},
            {Partition(*each): end for each, end in ends.items() if end is not None},
            [Partition(*each) for each in gone],
        )

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Write offsets under the group's name, without waiting for the broker's answer."""
        with suppress(SourceUnavailable), self._failures(GROUP):
            group = self._opened(
                GROUP, KafkaConsumer, group_id=self._source.group_id, enable_auto_commit=False, metrics_enabled=False
            )
            self._committed = group.commit_async(
                {TopicPartition(*each): OffsetAndMetadata(offset, "", -1) for each, offset in offsets.items()}
            )

    def produce(self, topic: str, messages: Sequence[Produced]) -> None:
        """Write messages; returns when all of them are on the broker's disk."""
        if not messages:
            return
        with self._failures(WRITER, topic):
            try:
                self._write(topic, messages)
            except (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError) as wrong:
                raise too_large(topic, messages) from wrong

    def create(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic; returns when it can be read."""
        wanted = {"num_partitions": partitions, "configs": dict(config)}
        with self._failures(ADMIN, topic):
            self._asked().create_topics({topic: wanted}, timeout_ms=1000 * ANSWER_SECONDS, wait_for_metadata=True)

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        if self._committed is not None:
            until = time.monotonic() + _COMMIT_SECONDS
            while not self._committed.is_done and time.monotonic() < until:
                time.sleep(0.01)
        self._open.close()

    def _write(self, topic: str, messages: Sequence[Produced]) -> None:
        writer = self._opened(
            WRITER,
            KafkaProducer,
            acks="all",
            enable_idempotence=False,  # whoever reads dead letters knows them by their key
            linger_ms=5,
            max_request_size=LARGEST,
            max_block_ms=1000 * ANSWER_SECONDS,
            delivery_timeout_ms=2000 * ANSWER_SECONDS,
            request_timeout_ms=1000 * ANSWER_SECONDS,
            allow_auto_create_topics=True,  # where the broker makes topics by itself, it may make that of dead letters
            metrics_enabled=False,
        )
        try:
            writer.partitions_for(topic)
        except kafka_errors.KafkaTimeoutError as wrong:
            if topic in self.topics([topic]):
                raise
            raise missing(self._source, topic) from wrong
        sent = [
            writer.send(
                topic,
                key=each.key,
                value=each.value,
                headers=list(each.headers.items()),
                partition=each.partition,
                timestamp_ms=each.timestamp,
            )
            for each in messages
        ]
        for each in sent:
            each.get(2 * ANSWER_SECONDS)

    def _asked(self) -> Any:  # noqa: ANN401 - the library has no types
        return self._opened(ADMIN, KafkaAdminClient, request_timeout_ms=1000 * ANSWER_SECONDS)

    def _opened(self, part: str, kind: Callable[..., Any], **options: object) -> Any:  # noqa: ANN401 - the library has no types
        """Return what plays this part; where its constructor fails, nothing of it is left running."""
        return self._open.opened(part, lambda login: self._made(kind, login, options))

    def _made(self, kind: Callable[..., Any], login: Login, options: dict[str, object]) -> Any:  # noqa: ANN401 - the library has no types
        security = self._source.security
        options |= {
            "bootstrap_servers": list(self._source.bootstrap_servers),
            "bootstrap_timeout_ms": 1000 * ANSWER_SECONDS,
            "client_id": "foldwatch",
            "proxy_url": ADDRESS,
            "reconnect_backoff_ms": 200,
            "reconnect_backoff_max_ms": 1000,
            "security_protocol": security.protocol,
            "ssl_context": login.tls,
            "sasl_mechanism": login.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": login.password,
        }
        if login.mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = _Token(security)
        made: list[Any] = []

        def network(**configs: object) -> Any:  # noqa: ANN401 - the library has no types
            made.append(KafkaConsumer.DEFAULT_CONFIG["kafka_client"](**configs))
            # kafka-python 3.0 does not hand this option on: a topic that was deleted came back, since we asked for it.
            made[-1].cluster.config["allow_auto_create_topics"] = configs.get("allow_auto_create_topics", False)
            return made[-1]

        try:
            return kind(kafka_client=network, **options)
        except BaseException:
            for each in made:
                each.close()
            raise

    @contextmanager
    def _failures(self, part: str, topic: str = "") -> Iterator[None]:
        """Turn what the library raises into SourceUnavailable, and connect anew after it.

        Every part does: while the broker is away none of them shall knock in the background.
        """
        try:
            yield
        except (MessageTooLarge, SourceUnavailable):
            raise
        except kafka_errors.KafkaError as wrong:
            self._open.drop(*([GROUP] if part == GROUP else []))
            raise self._words(wrong, topic) from wrong

    def _words(self, wrong: kafka_errors.KafkaError, topic: str) -> SourceUnavailable:
        if isinstance(wrong, kafka_errors.SaslAuthenticationFailedError):
            return refused(self._source, _reason(wrong))
        if isinstance(wrong, kafka_errors.TopicAuthorizationFailedError):
            named = topic or ", ".join(sorted(map(str, wrong.args[0] if wrong.args else ())))
            return forbidden(self._source, f"use the topic {named} (READ, DESCRIBE; WRITE for dead letters)")
        if isinstance(wrong, kafka_errors.UnknownTopicOrPartitionError):
            return missing(self._source, topic or _reason(wrong))
        return why(self._source, ANSWER_SECONDS, _reason(wrong))


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # the library has no types
    """The token of OAUTHBEARER, read anew for each login."""

    def __init__(self, security: Security) -> None:
        super().__init__()
        self._security = security

    def token(self) -> str:
        """Return what the file holds now."""
        try:
            return token_of(self._security)
        except InputError as wrong:
            raise kafka_errors.SaslAuthenticationFailedError(str(wrong)) from wrong


def _close(reader: Any) -> None:  # noqa: ANN401 - the library has no types
    reader.close(autocommit=False, timeout_ms=200)


def _reason(wrong: Exception) -> str:
    """Return the library's own words, without its names of classes where there are others."""
    return str(wrong.args[0]) if wrong.args and wrong.args[0] else type(wrong).__name__
