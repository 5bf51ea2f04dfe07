"""The daemon's source for `kind: kafka`: what topics, partitions and offsets mean, over any `Client`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem, SourceUnavailable
from monitor.sources.broker.client import Partition
from monitor.sources.broker.gathered import Gathered
from monitor.sources.broker.placement import Placement, identity_key, partition_of, place, topic_of
from monitor.sources.broker.progress import Progress
from monitor.sources.broker.reach import missing
from monitor.sources.decoding.codec import Codec, Kind, batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.sources.broker.client import Client, Messages
    from monitor.sources.decoding.codec import Decoded
    from monitor.sources.source import Batch

MOST: Final = 10_000
"""Messages of one batch, about."""
_LARGEST: Final = 2**24
"""Bytes of one batch, about."""
_GATHER_SECONDS: Final = 0.1
"""How long a batch is gathered once there is something,"""
_PAUSE_SECONDS: Final = 0.02
"""and for how long it has to be silent to be complete."""
_IDLE_SECONDS: Final = 0.2
"""How long a poll waits for the first message."""
_LOOK_SECONDS: Final = 10.0
"""How often topics and partitions are looked at while messages come,"""
_IDLE_LOOK_SECONDS: Final = 2.0
"""and while none do: is the broker there at all?"""
_COMMIT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
"""How long the broker is left alone after each failure in a row; then always the last."""


class Topics:
    """Reads every partition of `source.predictions.topic` and `source.labels.topic`; no group, no rebalances.

    An offset names the next message; the offsets hold each topic's identity too, so that a topic that was deleted and
    made again is noticed. Without `labels.topic` the predictions carry `y_true`.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        client: Client,
        *,
        most: int = MOST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet; the source closes the client in the end."""
        source = settings.source
        if source.predictions.topic is None:
            raise InputError(Problem("source.predictions.topic", "is missing", "name the topic of predictions"))
        self._kinds = {source.predictions.topic: Kind.LABELLED_PREDICTIONS}
        self._keys = {source.predictions.topic: "source.predictions.topic"}
        if source.labels.topic is not None:
            self._kinds = {source.predictions.topic: Kind.PREDICTIONS, source.labels.topic: Kind.LABELS}
            self._keys[source.labels.topic] = "source.labels.topic"
        self._source, self._codec, self._clock, self._client = source, Codec(settings), clock, client
        self._most, self._monotonic = most, monotonic
        self._offsets: dict[str, int] = {}
        self._begun: dict[str, int] = {}  # where partitions without an offset began: `latest` is a moment of the past
        self._young: set[str] = set()
        self._assigned = False
        self._gone: set[Partition] = set()
        self._progress = Progress()
        self._news = Placement()  # resets and notices for the next batch
        self._looked, self._committed = 0.0, monotonic()
        self._idle = True
        self._away, self._retries, self._retry_at = "", 0, 0.0

    def poll(self) -> Batch:
        """Return what is new. Raises SourceUnavailable while the broker or a topic is away."""
        if self._away and self._monotonic() < self._retry_at:
            raise SourceUnavailable(self._away)
        clean = False
        try:
            batch = self._poll()
            clean = True
        except SourceUnavailable as away:
            pause = _RETRY_SECONDS[min(self._retries, len(_RETRY_SECONDS) - 1)]
            self._away, self._retries, self._retry_at = str(away), self._retries + 1, self._monotonic() + pause
            raise
        finally:
            # What was fetched and did not get into a batch is fetched again.
            self._assigned = self._assigned and clean
        self._away, self._retries = "", 0
        return batch

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on at these offsets; a partition that is not named begins where `source.start` says."""
        self._offsets = self._begun | {name: offset for name, offset in offsets.items() if self._is_ours(name)}
        self._assigned = False
        self._gone.clear()
        self._progress, self._news = Progress(), Placement()

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Write the offsets to Kafka now and then, for tools that show lag; we never read them."""
        if offsets and self._monotonic() >= self._committed + _COMMIT_SECONDS:
            self._committed = self._monotonic()
            self._commit(offsets)

    def close(self) -> None:
        """Commit and disconnect; a second call does nothing."""
        if self._assigned:
            self._commit(self._offsets)
        self._assigned = False
        self._client.close()

    def _poll(self) -> Batch:
        every = _IDLE_LOOK_SECONDS if self._idle else _LOOK_SECONDS
        if not self._assigned or self._gone or self._monotonic() >= self._looked + every:
            self._look()
        messages = self._fetched()
        if messages and self._made_anew():
            self._look()
            messages = self._fetched()
        now = self._clock.now()
        decoded: list[Decoded] = []
        newest: dict[Partition, int] = {}
        for topic, kind in self._kinds.items():
            parts = [each for each in messages if each.partition.topic == topic]
            if parts:
                gathered = Gathered.of(parts)
                decoded.append(
                    self._codec.decode_messages(
                        kind, gathered.values, now=now, stamps=gathered.timestamps, letter=gathered.letter
                    )
                )
                for frames in decoded[-1].valid.values():
                    frame = frames.labels if kind is Kind.LABELS else frames.predictions
                    if frame is not None and frame.height:
                        moments = gathered.newest(frame["row"].to_numpy(), frame["at"].to_numpy())
                        newest |= {each: max(moment, newest.get(each, moment)) for each, moment in moments.items()}
        self._progress.saw(newest)
        self._see_ends()
        self._idle = not messages
        self._offsets |= {str(partition): offset for partition, offset in self._progress.positions.items()}
        news, self._news = self._news, Placement()
        return replace(
            batch_of(self._codec, *decoded, offsets=dict(self._offsets), notices=news.notices),
            behind=self._progress.behind(),
            lag=self._progress.lag(),
            resets=news.resets,
        )

    def _look(self) -> None:
        """Find topics and partitions, and begin to read what is new or has to begin anew."""
        topics = self._client.topics(list(self._kinds))
        for topic, key in self._keys.items():
            if topic not in topics:
                self._young.add(topic)
                raise missing(self._source, topic, f"create it or correct {key}")
        bounds = self._client.bounds([Partition(name, n) for name in self._kinds for n in topics[name].partitions])
        latest = self._source.start == "latest"
        placed = place(topics, bounds, self._offsets, latest=latest, young=self._young, gone=self._gone)
        if not self._assigned or self._gone or placed.positions != self._progress.positions:
            self._client.assign(placed.positions)
            self._assigned = True
            self._gone.clear()
        self._progress.begin(placed.positions, bounds)
        if latest:
            new = {name: at for name, at in placed.offsets.items() if name not in self._offsets}
            self._begun = {name: at for name, at in self._begun.items() if topic_of(name) not in placed.resets} | new
        self._offsets = dict(placed.offsets)
        self._young.clear()
        self._news = self._news.then(placed)
        self._looked = self._monotonic()

    def _made_anew(self) -> bool:
        """Tell whether a topic is another one by now, so that what was fetched at the old one's offsets may be its own.

        Only a look after the fetch can tell; a broker hands out the new topic's messages without a word.
        """
        topics = self._client.topics(list(self._kinds))
        return any(
            found.identity is not None and found.identity != self._offsets.get(identity_key(name), found.identity)
            for name, found in topics.items()
        )

    def _fetched(self) -> Sequence[Messages]:
        """Fetch until there is enough for a batch, or a moment of silence."""
        messages: list[Messages] = []
        n = size = 0
        until, wait = self._monotonic() + _GATHER_SECONDS, _IDLE_SECONDS
        while n < self._most and size < _LARGEST:
            try:
                fetched = self._client.fetch(self._most - n, wait)
            except SourceUnavailable:
                self._assigned = False
                if not messages:
                    raise
                break  # the next poll says so
            messages += fetched.messages
            self._progress.moved(fetched.positions, fetched.ends)
            self._gone |= set(fetched.gone)
            values = [value for part in fetched.messages for value in part.values if value is not None]
            n += sum(len(part.values) for part in fetched.messages)
            size += sum(map(len, values))
            if not fetched.messages or self._monotonic() >= until:
                break
            wait = _PAUSE_SECONDS
        return messages

    def _see_ends(self) -> None:
        """Ask where the partitions end, where that is due."""
        now = self._monotonic()
        if self._assigned and self._progress.must_ask(now):
            try:
                self._progress.asked(self._client.bounds(list(self._progress.positions)), now)
            except SourceUnavailable:
                self._assigned = False  # the next poll says so

    def _commit(self, offsets: Mapping[str, int]) -> None:
        self._client.commit(
            {where: offset for name, offset in offsets.items() if (where := partition_of(name)) is not None}
        )

    def _is_ours(self, name: str) -> bool:
        """Tell whether an entry of the offsets belongs to a topic that is read."""
        return topic_of(name) in self._kinds
