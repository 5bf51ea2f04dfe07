"""The log of entries, and the slices that a checkpoint writes: how both lie in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from monitor.counts.slices import Series
from monitor.state.disk.slice_format import Packed, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.counts.counts import Counts
    from monitor.state.disk.rocksdb import Batch, Family
    from monitor.state.disk.slice_format import Planes
    from monitor.state.slice_table import SliceTable

MOST_BYTES: Final = 8 * 2**20
"""So long a log is folded by a checkpoint: a start after a kill takes about a second to read it,"""
MOST_ENTRIES: Final = 2_000
"""or one of so many entries."""
_SIGNED: Final = 2**63
"""Moments before the epoch come first, too."""


class Log:
    """Entries under rising numbers."""

    def __init__(self, family: Family) -> None:
        """Begin where the family ends once `read` has read it."""
        self._family = family
        self._first = self._next = self._bytes = 0

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._next - self._first

    def read(self) -> Iterator[bytes]:
        """Yield every entry, the oldest first."""
        for key, record in self._family.items():
            if not self:
                self._first = number_of(key)
            self._next = number_of(key) + 1
            self._bytes += len(record)
            yield record

    def append(self, batch: Batch, record: bytes) -> None:
        """Add an entry to a batch, which must be written then."""
        batch.put(self._family, [key_of(self._next)], [record])
        self._next += 1
        self._bytes += len(record)

    @property
    def long(self) -> bool:
        """Tell whether it is time for a checkpoint."""
        return self._bytes >= MOST_BYTES or len(self) >= MOST_ENTRIES

    def fold(self, batch: Batch) -> None:
        """Take all entries away, in a batch that says what they came to."""
        batch.delete(self._family, map(key_of, range(self._first, self._next)))
        self._first, self._bytes = self._next, 0


def key_of(number: int) -> bytes:
    """Return the key of a number or a moment: keys are in the order of their numbers."""
    return (number + _SIGNED).to_bytes(8, "big")


def number_of(key: bytes) -> int:
    """Return the number of a key."""
    return int.from_bytes(key[-8:], "big") - _SIGNED


def write_slices(
    batch: Batch, family: Family, dirty: Mapping[Series, set[int]], tables: Mapping[Series, SliceTable]
) -> None:
    """Write these slices as they are now; one that is gone or has nothing in it is taken away."""
    for series, starts in dirty.items():
        name, table = msgspec.msgpack.encode(series), tables.get(series)
        for start in sorted(starts):
            counts = None if table is None else next((found for _, found in table.between(start, start + 1)), None)
            key = name + key_of(start)
            if counts is None:
                batch.delete(family, [key])
            else:
                batch.put(family, [key], [msgspec.msgpack.encode(pack([counts]))])


def read_slices(family: Family, planes: Mapping[str, Planes]) -> Iterator[tuple[Series, int, Counts]]:
    """Yield every slice: (series, start, counts)."""
    names, packed = msgspec.msgpack.Decoder(Series), msgspec.msgpack.Decoder(Packed)
    known: dict[bytes, Series] = {}
    for key, value in family.items():
        series = known.get(key[:-8])
        if series is None:
            series = known[key[:-8]] = names.decode(key[:-8])
        yield series, number_of(key), planes[series.model].unpack(packed.decode(value))[0]
