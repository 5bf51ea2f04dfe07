"""Dead letters in a Kafka topic: the original bytes under the bad event's place, the reason in headers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.clock import format_time, parse_time
from monitor.errors import InputError, Problem, SourceUnavailable
from monitor.sources.broker.client import MessageTooLarge, Partition, Produced
from monitor.sources.broker.reach import names
from monitor.sources.dead_letters.letters import FOREIGN, Letter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Client, Messages
    from monitor.sources.source import Rejected

REASON, DETAIL, AT, KEY, TIMESTAMP, TRUNCATED = "reason", "detail", "at", "key", "timestamp", "truncated"
"""The headers. `key` and `timestamp` are those of the bad event's own message."""

_MOST: Final = 500
"""Messages of one fetch."""
_SECONDS: Final = 0.5
_PATIENCE: Final = 30.0
"""Seconds without a single message after which a reader gives up."""
_LARGE: Final = 2**16
"""Bytes from which on a message may be too large for the topic."""
_AROUND: Final = 1_024
"""Bytes of a batch that are neither key, value nor a header's value."""


class DeadLetterTopic:
    """Writes to one topic: key `TOPIC/PARTITION/OFFSET` of the bad event, value its bytes, headers the reason.

    An original that is too large for the topic is cut, with its whole length in the header `truncated`: the letter is
    never lost, and never stands in the way of what comes after it.
    """

    def __init__(self, client: Client, topic: str, source: SourceSettings) -> None:
        """Write with this client to a topic of the cluster that `source` names; it is asked at the first letter."""
        self._client, self._topic, self._source = client, topic, source
        self._written = False
        """Whether the last attempt went well."""

    def write(self, rejected: Sequence[Rejected], at: int) -> None:
        """Write these and wait until they are on the broker's disk; `at` is the moment of reading, in epoch ms.

        Raises SourceUnavailable where the broker is away, the topic is not there or the right to write lacks.
        """
        if not rejected:
            return
        missing = False
        try:
            if not self._written:  # there may be no such topic; a broker that makes topics makes it now
                missing = self._topic not in self._client.topics([self._topic])
            self._written = False
            moment = format_time(at).encode()
            messages = [_message(each, moment) for each in rejected]
            self._write([each for each in messages if not _is_large(each)])
            for message in filter(_is_large, messages):  # alone: one that is refused lets no other be sent twice
                self._write([message])
            self._written = True
        except SourceUnavailable as wrong:
            raise self._named(wrong, missing=missing) from wrong

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""
        self._client.close()

    def _write(self, messages: Sequence[Produced]) -> None:
        """Write messages, halving them where one of them is too large until that one stands alone."""
        try:
            if messages:
                self._client.produce(self._topic, messages)
        except MessageTooLarge:
            if len(messages) > 1:
                half = len(messages) // 2
                self._write(messages[:half])
                self._write(messages[half:])
            else:
                self._write_cut(messages[0])

    def _write_cut(self, message: Produced) -> None:
        """Write as much of a message that is too large as the topic takes."""
        whole = message.value or b""
        headers = {**message.headers, TRUNCATED: str(len(whole)).encode()}
        rest = _AROUND + len(message.key or b"") + sum(map(len, headers.values()))
        room = min(self._limit() - rest, len(whole) - 1)
        while room > 0:
            try:
                self._client.produce(self._topic, [message._replace(value=whole[:room], headers=headers)])
            except MessageTooLarge:
                room //= 2
            else:
                return
        headers.pop(KEY, None)  # the message's own key may be what is too large
        self._client.produce(self._topic, [message._replace(value=b"", headers=headers)])

    def _limit(self) -> int:
        """Return how many bytes a batch of the topic may have, 1 MB where we may not ask."""
        try:
            return int(self._client.settings(self._topic).get("max.message.bytes", 2**20))
        except (SourceUnavailable, ValueError):
            return 2**20

    def _named(self, wrong: SourceUnavailable, *, missing: bool) -> SourceUnavailable:
        """Return what kept letters from being written, with the topic and what helps."""
        reason = str(wrong)
        if missing:
            reason = f"it does not exist at {names(self._source)}; {making(self._topic, self._source)}"
        return SourceUnavailable(
            f"dead letters cannot be written to topic {self._topic}, and nothing is read on until they can: {reason}"
        )


def making(topic: str, source: SourceSettings) -> str:
    """Return the words that tell how to make a topic."""
    return f"create it: kafka-topics.sh --bootstrap-server {source.bootstrap_servers[0]} --create --topic {topic}"


def read_topic(client: Client, topic: str, source: SourceSettings) -> Iterator[Letter]:
    """Yield the letters that stand in a topic now, those of a partition in their order, without joining any group.

    Raises InputError where there is no such topic, SourceUnavailable where the broker is away. A message that is no
    letter comes as one whose reason is FOREIGN; a tombstone is none at all.
    """
    found = client.topics([topic]).get(topic)
    if found is None:
        raise InputError(Problem(f"topic {topic}", f"does not exist at {names(source)}", making(topic, source)))
    bounds = client.bounds([Partition(topic, number) for number in found.partitions])
    positions = {partition: each.begin for partition, each in bounds.items() if each.begin < each.end}
    client.assign(positions)
    read_last = time.monotonic()
    while positions:
        fetched = client.fetch(_MOST, _SECONDS, headers=True)
        for messages in fetched.messages:
            yield from _letters(messages, bounds[messages.partition].end)
        moved = {at: max(fetched.positions.get(at, begin), begin) for at, begin in positions.items()}
        if moved != positions:
            read_last = time.monotonic()
        elif time.monotonic() - read_last > _PATIENCE:
            message = (
                f"topic {topic} at {names(source)} sent nothing for {_PATIENCE:.0f} s; see that the broker is well"
            )
            raise SourceUnavailable(message)
        positions = {at: begin for at, begin in moved.items() if begin < bounds[at].end}
        if fetched.gone:  # retention removed what was to be read next
            positions = _begun_again(client, positions)


def _begun_again(client: Client, positions: Mapping[Partition, int]) -> dict[Partition, int]:
    """Return where to go on in partitions whose beginning has moved, and read from there."""
    bounds = client.bounds(positions)
    new = {at: max(begin, bounds[at].begin) for at, begin in positions.items() if begin < bounds[at].end}
    client.assign(new)
    return new


def _message(rejected: Rejected, at: bytes) -> Produced:
    headers = {REASON: rejected.reason.encode(), DETAIL: rejected.detail.encode(errors="replace"), AT: at}
    if rejected.key is not None:
        headers[KEY] = rejected.key
    if rejected.timestamp is not None:
        headers[TIMESTAMP] = str(rejected.timestamp).encode()
    return Produced(rejected.place.encode(), rejected.original, headers)


def _is_large(message: Produced) -> bool:
    return sum(map(len, (message.value or b"", *message.headers.values()))) > _LARGE


def _letters(messages: Messages, end: int) -> Iterator[Letter]:
    """Yield the letters among messages that stand before `end`."""
    rows = zip(
        messages.offsets.tolist(),
        messages.timestamps.tolist(),
        messages.keys,
        messages.values,
        messages.headers,
        strict=True,
    )
    for offset, timestamp, key, value, headers in rows:
        if value is None or offset >= end:
            continue
        letter = None if key is None else _letter(key, value, headers)
        yield letter or Letter(
            f"{messages.partition}/{offset}", value, FOREIGN, "the message is no letter of foldwatch", timestamp, key
        )


def _letter(key: bytes, value: bytes, headers: Mapping[str, bytes]) -> Letter | None:
    """Return the letter of a message, or None where it is none."""
    try:
        letter = Letter(
            key.decode(),
            value,
            headers[REASON].decode(),
            headers.get(DETAIL, b"").decode(),
            parse_time(headers.get(AT, b"").decode()),
            headers.get(KEY),
        )
        if TIMESTAMP in headers:
            letter = replace(letter, timestamp=int(headers[TIMESTAMP]))
        if TRUNCATED in headers:
            letter = replace(letter, truncated=int(headers[TRUNCATED]))
    except (KeyError, ValueError):
        return None
    return letter
