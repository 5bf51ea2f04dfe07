"""The Kafka client `confluent-kafka` (librdkafka): the only file that knows this library."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka import admin as _admin

from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.client import Bounds, Fetched, Messages, MessageTooLarge, Partition, Topic
from monitor.sources.broker.connections import ADMIN, ANSWER_SECONDS, IDENTITY, LARGEST, READER, WRITER, Connections
from monitor.sources.broker.librdkafka import FETCH, options_of, write
from monitor.sources.broker.login import expiry_of, token_of
from monitor.sources.broker.reach import forbidden, missing, refused, silent, too_large, why

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Produced
    from monitor.sources.broker.login import Login

admin: Any = _admin
"""Its types leave out what it offers."""
_GONE: Final = (
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - the library's own public names
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.OFFSET_OUT_OF_RANGE,
)
_MISSING: Final = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
)


class Confluent:
    """`Client` with confluent-kafka. Connects when it is first asked something, and anew after each failure."""

    def __init__(self, source: SourceSettings) -> None:
        """Read what the login needs, to find its mistakes now. Raises InputError for them."""
        self._source = source
        self._open = Connections(source, {READER: Consumer.close, WRITER: _purge})
        self._refusal = ""  # why the login was refused, as long as it was
        self._positions: dict[Partition, int] = {}

    def topics(self, names: Collection[str]) -> Mapping[str, Topic]:
        """Return what is known of those of these topics that exist."""
        found: dict[str, Topic] = {}
        options = {"include_authorized_operations": True, "request_timeout": ANSWER_SECONDS}
        wanted = TopicCollection(sorted(names))
        asked = self._asked(lambda asked: asked.describe_topics(wanted, **options)) if names else {}
        for name, future in asked.items():
            with self._failures(ADMIN, name):
                try:
                    described = self._answer(future)
                except KafkaException as wrong:
                    if wrong.args[0].code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION):
                        continue
                    raise
            identity = described.topic_id.get_least_significant_bits() & IDENTITY
            rights = described.authorized_operations
            found[name] = Topic(
                tuple(sorted(each.id for each in described.partitions)),
                identity or None,
                None if rights is None else tuple(sorted(each.name for each in rights)),
            )
        return found

    def settings(self, topic: str) -> Mapping[str, str]:
        """Return the topic's configuration as the broker has it."""
        if topic not in self.topics([topic]):
            raise missing(self._source, topic)
        resource = admin.ConfigResource(admin.ResourceType.TOPIC, topic)
        asked = self._asked(lambda asked: asked.describe_configs([resource], request_timeout=ANSWER_SECONDS))
        with self._failures(ADMIN, topic):
            return {
                name: str(each.value) for name, each in self._answer(asked[resource]).items() if each.value is not None
            }

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """Return which messages there are."""
        if not partitions:
            return {}
        try:
            begins, ends = (self._offsets(partitions, spec) for spec in ("earliest", "latest"))
        except SourceUnavailable:
            topics = {each.topic for each in partitions}
            for topic in sorted(topics - self.topics(topics).keys()):  # the library only says that there is no leader
                raise missing(self._source, topic) from None
            raise
        return {each: Bounds(begins[each], ends[each]) for each in partitions}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read exactly these partitions from now on, each from this offset."""
        with self._failures(READER):
            reader = self._opened(READER, Consumer, {"group.id": self._source.group_id, **FETCH})
            self._positions = dict(positions)
            reader.assign([TopicPartition(*each, offset) for each, offset in positions.items()])

    def fetch(self, most: int, seconds: float, *, headers: bool = False) -> Fetched:
        """Return about `most` messages; waits up to `seconds` for the first one."""
        read: dict[tuple[str, int], list[Any]] = {}
        gone: list[Partition] = []
        with self._failures(READER):
            reader = self._open.get(READER)
            if reader is None:
                raise silent(self._source, 0, "nothing is assigned")
            until = time.monotonic() + seconds
            while not read and not gone:
                messages = reader.consume(most, 0)
                if not messages:
                    # `consume` would wait for as many as it may bring, `poll` waits for one.
                    first = reader.poll(max(0.0, until - time.monotonic()))
                    if first is None:
                        break
                    messages = [first, *reader.consume(most - 1, 0)] if most > 1 else [first]
                read = self._sorted(messages, gone)
            self._raise_refusal()
            fetched = [_messages(Partition(*where), found, headers=headers) for where, found in read.items()]
            for each in fetched:
                self._passed(each.partition, int(each.offsets[-1]) + 1)
            ends = {each: reader.get_watermark_offsets(TopicPartition(*each), cached=True) for each in self._positions}
        return Fetched(
            fetched,
            dict(self._positions),
            {each: bounds[1] for each, bounds in ends.items() if bounds and bounds[1] >= 0},
            gone,
        )

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Write offsets under the group's name, without waiting for the broker's answer."""
        reader = self._open.get(READER)
        if reader is not None and offsets:
            with suppress(KafkaException):
                reader.commit(offsets=[TopicPartition(*each, at) for each, at in offsets.items()], asynchronous=True)

    def produce(self, topic: str, messages: Sequence[Produced]) -> None:
        """Write messages; returns when all of them are on the broker's disk."""
        if not messages:
            return
        with self._failures(WRITER, topic):
            try:
                self._write(topic, messages)
            except KafkaException as wrong:
                if wrong.args[0].code() not in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
                    raise
                raise too_large(topic, messages) from wrong

    def create(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic; returns when it can be read."""
        wanted = admin.NewTopic(topic, partitions, config=dict(config))
        made = self._asked(lambda asked: asked.create_topics([wanted], request_timeout=ANSWER_SECONDS))[topic]
        with self._failures(ADMIN, topic):
            self._answer(made)
        until = time.monotonic() + ANSWER_SECONDS
        while True:  # it is known a moment before it has leaders
            try:
                self.bounds([Partition(topic, number) for number in range(partitions)])
            except SourceUnavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        self._open.close()

    def _write(self, topic: str, messages: Sequence[Produced]) -> None:
        options = {
            "acks": "all",
            "partitioner": "murmur2_random",  # as Java's clients and kafka-python do it
            "linger.ms": 5,
            "message.max.bytes": LARGEST,
            "message.timeout.ms": 2000 * ANSWER_SECONDS,
            "allow.auto.create.topics": True,  # where the broker makes topics by itself, it may make this one
        }
        writer = self._opened(WRITER, Producer, options)
        failed = write(writer, topic, messages, 2 * ANSWER_SECONDS + 1, lambda: bool(self._refusal))
        self._raise_refusal()
        if failed is not None:
            raise KafkaException(failed)

    def _sorted(self, messages: Sequence[Any], gone: list[Partition]) -> dict[tuple[str, int], list[Any]]:
        """Return messages by partition; what the library tells among them goes to positions and `gone`."""
        read: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        for message in messages:
            error = message.error()
            where = message.topic(), message.partition()
            if error is None:
                read[where].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's own public name
                self._passed(Partition(*where), message.offset())
            elif error.code() in _GONE and where[0] is not None:
                gone.append(Partition(*where))
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise self._words(KafkaException(error), str(where[0]))
            else:
                raise KafkaException(error)
        return read

    def _passed(self, partition: Partition, position: int) -> None:
        if partition in self._positions:
            self._positions[partition] = max(position, self._positions[partition])

    def _offsets(self, partitions: Collection[Partition], spec: str) -> Mapping[Partition, int]:
        wanted = {TopicPartition(*each): getattr(admin.OffsetSpec, spec)() for each in partitions}
        options = {"isolation_level": IsolationLevel.READ_COMMITTED, "request_timeout": ANSWER_SECONDS}
        asked = self._asked(lambda asked: asked.list_offsets(wanted, **options))
        found = {}
        for each, future in asked.items():
            with self._failures(ADMIN, each.topic):
                found[Partition(each.topic, each.partition)] = self._answer(future).offset
        return found

    def _asked(self, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - the library has no types
        with self._failures(ADMIN):
            return ask(self._opened(ADMIN, admin.AdminClient, {}))

    def _answer(self, future: Any) -> Any:  # noqa: ANN401 - the library has no types
        """Wait for an answer, and learn meanwhile whether we are let in at all."""
        until = time.monotonic() + ANSWER_SECONDS + 1
        while True:
            try:
                return future.result(0.05)
            except TimeoutError:
                self._open.get(ADMIN).poll(0)
                self._raise_refusal()
                if time.monotonic() > until:
                    raise

    def _raise_refusal(self) -> None:
        if self._refusal:
            raise refused(self._source, self._refusal)

    def _heard(self, error: KafkaError) -> None:
        """Take what the library says of connections: a refusal lasts, everything else it tries again by itself."""
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - the library's own public name
            self._refusal = error.str().rpartition("bootstrap: ")[2]

    def _opened(self, part: str, kind: Callable[..., Any], options: Mapping[str, object]) -> Any:  # noqa: ANN401 - the library has no types
        """Return what plays this part."""

        def make(login: Login) -> Any:  # noqa: ANN401 - the library has no types
            self._refusal = ""
            return kind({**options_of(self._source, login, self._token), "error_cb": self._heard, **options})

        return self._open.opened(part, make)

    def _token(self, _configuration: str) -> tuple[str, float]:
        """Return the token that the file holds now, and until when it is good."""
        try:
            token = token_of(self._source.security)
        except InputError as wrong:
            self._refusal = str(wrong)
            raise
        return token, expiry_of(token)

    @contextmanager
    def _failures(self, part: str, topic: str = "") -> Iterator[None]:
        """Turn what the library raises into SourceUnavailable; this part connects anew after it."""
        try:
            yield
        except MessageTooLarge:
            raise
        except SourceUnavailable:
            self._open.drop(part)
            raise
        except (KafkaException, TimeoutError) as wrong:
            self._open.drop(part)
            raise self._words(wrong, topic) from wrong

    def _words(self, wrong: Exception, topic: str) -> SourceUnavailable:
        error = wrong.args[0] if wrong.args else None
        if not isinstance(error, KafkaError):
            return why(self._source, ANSWER_SECONDS, "")
        if self._refusal:
            return refused(self._source, self._refusal)
        if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            return forbidden(self._source, f"use the topic {topic} (READ, DESCRIBE; WRITE for dead letters)")
        if error.code() in _MISSING and topic:
            return missing(self._source, topic)
        return why(self._source, ANSWER_SECONDS, error.str())


def _purge(writer: Any) -> None:  # noqa: ANN401 - the library has no types
    """Write nothing any more."""
    writer.purge()
    writer.flush(0.1)


def _messages(partition: Partition, messages: Sequence[Any], *, headers: bool) -> Messages:
    n = len(messages)
    return Messages(
        partition,
        np.fromiter([each.offset() for each in messages], np.int64, n),
        np.fromiter([each.timestamp()[1] for each in messages], np.int64, n),
        [each.key() for each in messages],
        [each.value() for each in messages],
        [dict(each.headers() or ()) for each in messages] if headers else (),
    )
