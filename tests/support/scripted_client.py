"""A Kafka client over messages in memory, which delivers its partitions at the speeds of a script.

It stands for a real one where a law has to hold for every interleaving; the real ones are held against
tests/contracts/test_client_contract.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.sources.broker.client import Bounds, Fetched, Messages, Partition, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence


class ScriptedClient:
    """Partitions whose messages are written in rounds; each fetch brings what the script says."""

    def __init__(
        self, rounds: Sequence[Mapping[Partition, Sequence[bytes]]], script: Iterator[tuple[int, int, bool]]
    ) -> None:
        """Begin with nothing written. `script` yields (number of the partition, most messages, write a round first)."""
        self._rounds, self._script = list(rounds), script
        self._written: dict[Partition, list[bytes]] = {each: [] for one in rounds for each in one}
        self._positions: dict[Partition, int] = {}

    @property
    def done(self) -> bool:
        """Whether all that will ever be written has been delivered."""
        return not self._rounds and all(at == len(self._written[each]) for each, at in self._positions.items())

    def topics(self, names: Collection[str]) -> Mapping[str, Topic]:
        return {
            name: Topic(tuple(sorted(each.number for each in self._written if each.topic == name)), 1) for name in names
        }

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        return {each: Bounds(0, len(self._written[each])) for each in partitions}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        self._positions = dict(positions)

    def fetch(self, most: int, seconds: float, *, headers: bool = False) -> Fetched:  # noqa: ARG002 - as the protocol
        number, wanted, write = next(self._script)
        if write and self._rounds:
            for each, values in self._rounds.pop(0).items():
                self._written[each] += values
        part = sorted(self._positions)[number % len(self._positions)]
        begin = self._positions[part]
        values = self._written[part][begin : begin + min(most, wanted)]
        self._positions[part] += len(values)
        messages = Messages(
            part,
            np.arange(begin, begin + len(values)),
            np.full(len(values), -1, np.int64),
            [None] * len(values),
            values,
        )
        return Fetched([messages] if values else [], dict(self._positions), {part: len(self._written[part])})

    def settings(self, topic: str) -> Mapping[str, str]:
        raise NotImplementedError

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        pass

    def produce(self, topic: str, messages: Sequence[object]) -> None:
        raise NotImplementedError

    def create(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def ticking(step: float = 0.06) -> Callable[[], float]:
    """Return a clock that goes on by `step` seconds each time it is looked at."""
    now = 0.0

    def look() -> float:
        nonlocal now
        now += step
        return now

    return look
