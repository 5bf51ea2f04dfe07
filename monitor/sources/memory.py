"""A source that is fed by hand: for tests, and for whoever makes events instead of reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.sources.decoding.codec import Codec, Kind, Rows, batch_of
from monitor.sources.decoding.columns import Table
from monitor.sources.source import Batch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.sources.decoding.codec import Decoded

PARTITION = "memory"


@dataclass(frozen=True, slots=True)
class _Fed:
    """One feeding."""

    decoded: tuple[Decoded, ...]
    passed: int | None


class Memory:
    """Delivers each feeding as one batch, in the order of feeding; an offset counts feedings."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Hold nothing; `clock` tells which times are plausible."""
        self._codec, self._clock = Codec(settings), clock
        self._fed: list[_Fed] = []
        self._next = 0

    def feed(self, *, predictions: bytes = b"", labels: bytes = b"", passed: int | None = None) -> None:
        """Take JSON Lines; `passed` as in `Batch`."""
        self._take({Kind.PREDICTIONS: predictions, Kind.LABELS: labels}, passed)

    def feed_labelled(self, predictions: bytes, passed: int | None = None) -> None:
        """Take JSON Lines of predictions that carry `y_true`."""
        self._take({Kind.LABELLED_PREDICTIONS: predictions}, passed)

    def feed_columns(self, kind: Kind, frame: pl.DataFrame, passed: int | None = None) -> None:
        """Take raw columns, under the names that events have."""
        table = Table.of_frame(frame, tuple(self._codec.paths[kind].all()))
        rows = Rows(lambda row: f"{PARTITION}:{row + 1}", lambda row: repr(frame.row(row, named=True)).encode())
        decoded = self._codec.check(kind, table, now=self._clock.now(), rows=rows)
        self._fed.append(_Fed((decoded,), passed))

    def poll(self) -> Batch:
        """Return the next feeding; an empty batch where there is none."""
        if self._next == len(self._fed):
            return Batch(offsets={PARTITION: self._next})
        fed = self._fed[self._next]
        self._next += 1
        return batch_of(self._codec, *fed.decoded, offsets={PARTITION: self._next}, passed=fed.passed)

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on with this feeding; without an offset with the first."""
        self._next = min(offsets.get(PARTITION, 0), len(self._fed))

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing: what was fed stays."""

    def close(self) -> None:
        """Nothing: there is nothing outside to let go."""

    def _take(self, buffers: Mapping[Kind, bytes], passed: int | None) -> None:
        now = self._clock.now()

        def place(line: int) -> str:
            return f"{PARTITION}:{line + 1}"

        decoded = [self._codec.decode(kind, buffer, now=now, place=place) for kind, buffer in buffers.items() if buffer]
        self._fed.append(_Fed(tuple(decoded), passed))
