"""Events between the order of files and the order of arrival: sorted pieces, in memory while few, else on disk.

Memory is bounded by the pieces that overlap in time: two or three for files in time order, one of each chunk for files
that are shuffled.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple, Self

import msgspec
import numpy as np
import polars as pl

from monitor.sources.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PIECE_ROWS = 32_768
_REJECTED_IN_MEMORY = 10_000


class Spill:
    """Bytes put aside: the first in memory, the rest in a file that goes with the process."""

    def __init__(self, budget: int) -> None:
        """Keep up to `budget` bytes in memory."""
        self._budget = budget
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    def write(self, content: bytes) -> tuple[int, int]:
        """Return (offset, length) to read `content` again."""
        begin = len(self._memory)
        if self._file is None and begin + len(content) <= self._budget:
            self._memory += content
            return begin, len(content)
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        return begin + self._file.seek(0, io.SEEK_END), self._file.write(content)

    def read(self, offset: int, length: int) -> bytes:
        """Return what was written there."""
        if self._file is None or offset < len(self._memory):
            return bytes(memoryview(self._memory)[offset : offset + length])
        self._file.seek(offset - len(self._memory))
        return self._file.read(length)

    def close(self) -> None:
        """Give memory and disk back; a second call does nothing."""
        self._memory = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None


class Stream(NamedTuple):
    """The predictions, or the labels, of one model."""

    model: str
    labels: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows with ascending `at`."""

    first: int
    last: int
    where: tuple[int, int]
    """In the spill."""


@dataclass(slots=True)
class OpenPiece:
    """A piece that is being read."""

    frame: pl.DataFrame
    at: NDArray[np.int64]
    next: int = 0

    def reach(self, rows: int) -> int:
        """Return the arrival of the row that lies so many rows ahead, or of the last."""
        return int(self.at[min(self.next + rows, len(self.at)) - 1])


@dataclass(slots=True)
class Shelf:
    """The pieces of all streams."""

    spill: Spill
    pieces: dict[Stream, list[Piece]] = field(default_factory=dict)

    def add(self, stream: Stream, frame: pl.DataFrame) -> None:
        """Take rows in any order; the column `at` is their arrival."""
        if not frame["at"].is_sorted():
            frame = frame.sort("at", maintain_order=True)
        for begin in range(0, frame.height, PIECE_ROWS):
            rows = frame.slice(begin, PIECE_ROWS)
            content = io.BytesIO()  # a frame in memory would keep more alive than its own rows
            rows.write_ipc(content)
            where = self.spill.write(content.getvalue())
            self.pieces.setdefault(stream, []).append(Piece(int(rows["at"][0]), int(rows["at"][-1]), where))

    def open(self, piece: Piece) -> OpenPiece:
        """Return the rows of a piece."""
        frame = pl.read_ipc(io.BytesIO(self.spill.read(*piece.where)))
        return OpenPiece(frame, frame["at"].to_numpy())


@dataclass(slots=True)
class RejectedShelf:
    """Dead letters in the order in which they came: the first in memory, the rest on disk."""

    spill: Spill
    count: int = 0
    _first: list[Rejected] = field(default_factory=list)
    _rest: list[tuple[int, int]] = field(default_factory=list)

    def add(self, rejected: Sequence[Rejected]) -> None:
        """Keep these."""
        self.count += len(rejected)
        if not self._rest and len(self._first) + len(rejected) <= _REJECTED_IN_MEMORY:
            self._first += rejected
        else:
            for begin in range(0, len(rejected), _REJECTED_IN_MEMORY):
                part = rejected[begin : begin + _REJECTED_IN_MEMORY]
                self._rest.append(self.spill.write(msgspec.msgpack.encode(part)))

    def __len__(self) -> int:
        """Return in how many parts they are read."""
        return bool(self._first) + len(self._rest)

    def __getitem__(self, part: int) -> Sequence[Rejected]:
        """Return one part."""
        if self._first:
            if part == 0:
                return self._first
            part -= 1
        return msgspec.msgpack.decode(self.spill.read(*self._rest[part]), type=list[Rejected])


@dataclass(slots=True)
class Merge:
    """Reads the pieces of a shelf once, in the order of arrival."""

    shelf: Shelf
    waiting: list[tuple[Stream, Piece]] = field(default_factory=list)
    """Not opened yet, the earliest last."""
    opened: dict[Stream, list[OpenPiece]] = field(default_factory=dict)

    @classmethod
    def of(cls, shelf: Shelf) -> Self:
        """Begin at the first arrival."""
        every = [(stream, piece) for stream, pieces in shelf.pieces.items() for piece in pieces]
        return cls(shelf, sorted(every, key=lambda each: -each[1].first))

    def take(self, rows: int) -> dict[Stream, pl.DataFrame]:
        """Return the next rows of each stream, about `rows` together; empty at the end.

        No later call returns a row that arrived at or before the last of these. Rows of one moment stand in any order.
        """
        cut = self._cut(rows)
        taken: dict[Stream, pl.DataFrame] = {}
        for stream in sorted(self.opened):
            parts = []
            for piece in self.opened[stream]:
                end = int(np.searchsorted(piece.at, cut, side="right"))
                if end > piece.next:
                    parts.append(piece.frame.slice(piece.next, end - piece.next))
                piece.next = end
            self.opened[stream] = [piece for piece in self.opened[stream] if piece.next < len(piece.at)]
            if parts:
                taken[stream] = parts[0] if len(parts) == 1 else pl.concat(parts)
        return taken

    def _cut(self, rows: int) -> int:
        """Return a moment up to which about `rows` rows lie, and open every piece that begins before it."""
        if self.waiting and not any(self.opened.values()):
            self._open_next()
        count = sum(map(len, self.opened.values()))
        step = max(rows // max(count, 1), 512)
        reach = [piece.reach(step) for pieces in self.opened.values() for piece in pieces]
        cut = min(reach, default=0)
        while self.waiting and self.waiting[-1][1].first <= cut:
            cut = min(cut, self._open_next().reach(step))
        return cut

    def _open_next(self) -> OpenPiece:
        stream, piece = self.waiting.pop()
        opened = self.shelf.open(piece)
        self.opened.setdefault(stream, []).append(opened)
        return opened
