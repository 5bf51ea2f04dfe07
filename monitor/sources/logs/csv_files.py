"""CSV files in blocks of whole records: every cell as text, an empty one as null."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from monitor.errors import InputError, Problem
from monitor.sources.decoding.json_lines import BYTE_ORDER_MARK
from monitor.sources.logs.streams import BLOCK, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

_LONGEST_RECORD = 8 * BLOCK
_QUOTE = b'"'


@dataclass(frozen=True)
class Block:
    """Records of a CSV file."""

    path: Path
    names: Sequence[str]
    raw: bytes
    before: int
    """Line feeds of the file before this block."""
    wanted: Collection[str] | None
    """Columns to read; None: all."""

    @cached_property
    def records(self) -> Sequence[tuple[int, bytes]]:
        """Line feeds before it in the block, and bytes, of each record that is not blank."""
        records: list[tuple[int, bytes]] = []
        open_record: list[bytes] = []
        start = quotes = 0
        for number, line in enumerate(self.raw.split(b"\n")):
            if not open_record:
                start, quotes = number, 0
            open_record.append(line)
            quotes += line.count(_QUOTE)
            if quotes % 2 == 0:
                record = b"\n".join(open_record).removesuffix(b"\r")
                if record.strip():
                    records.append((start, record))
                open_record = []
        if open_record:
            records.append((start, b"\n".join(open_record)))
        return records

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The cells as text. Raises InputError where records and header do not fit."""
        columns = [number for number, name in enumerate(self.names) if self.wanted is None or name in self.wanted]
        frame = self._cells(self.raw)
        if frame.height and frame[:, 0].null_count() and self._has_blank_lines:
            frame = self._cells(b"\n".join(record for _, record in self.records))
        if self._may_be_short(frame) and (ragged := self._ragged()) is not None:
            raise InputError(ragged)
        frame = frame[:, columns]
        frame.columns = [self.names[number] for number in columns]
        return frame

    def _cells(self, records: bytes) -> pl.DataFrame:
        titles = [f"c{number}" for number in range(len(self.names))]
        if not records or records.isspace():
            return pl.DataFrame(schema=dict.fromkeys(titles, pl.String))
        try:
            frame = pl.read_csv(b"%b\n%b" % (",".join(titles).encode(), records), infer_schema=False)
        except pl.exceptions.PolarsError as wrong:
            raise InputError(self._finding(wrong)) from wrong
        return frame.with_columns(pl.col(pl.String).replace("", None)) if _QUOTE in records else frame

    def line(self, row: int) -> int:
        """Return the line of a row, from 1."""
        if self._one_line_each:
            return self.before + row + 1
        return self.before + self.records[row][0] + 1

    def original(self, row: int) -> bytes:
        """Return the bytes of a row."""
        return self.records[row][1]

    @cached_property
    def _one_line_each(self) -> bool:
        return _QUOTE not in self.raw and not self._has_blank_lines

    @cached_property
    def _has_blank_lines(self) -> bool:
        raw = self.raw
        return b"\n\n" in raw or b"\n\r\n" in raw or raw.startswith((b"\n", b"\r\n"))

    def _may_be_short(self, frame: pl.DataFrame) -> bool:
        """Tell whether a record may lack cells, which polars fills up with nulls."""
        if len(self.names) == 1 or not frame[:, -1].null_count():
            return False
        return _QUOTE in self.raw or self.raw.count(b",") != frame.height * (len(self.names) - 1)

    def _finding(self, wrong: Exception) -> Problem:
        """Return what is wrong with a block that polars does not read."""
        try:
            self.raw.decode()
        except UnicodeDecodeError as broken:
            line = self.before + self.raw.count(b"\n", 0, broken.start) + 1
            place = f"{self.path}:{line}"
            found = f"is not UTF-8 (byte 0x{self.raw[broken.start]:02X})"
            return Problem(place, found, f"convert it, for example: iconv -f LATIN1 -t UTF-8 {self.path.name}")
        ragged = self._ragged()
        if ragged is not None:
            return ragged
        place = f"{self.path}:{self.before + 1}"
        return Problem(
            place, f"is no sound CSV from here on ({str(wrong).splitlines()[0]})", "quote cells that hold quotes"
        )

    def _ragged(self) -> Problem | None:
        """Return the first record whose cells are not as many as the header's."""
        for start, record in self.records:
            place = f"{self.path}:{self.before + start + 1}"
            cells = _count_cells(record)
            if cells is None:
                return Problem(
                    place, "has a quote without its partner", "quote cells that hold quotes, and double those inside"
                )
            if cells != len(self.names):
                found = f"has {cells} cells, the header has {len(self.names)}"
                return Problem(place, found, "quote cells that hold commas, and write every cell")
        return None


def _count_cells(record: bytes) -> int | None:
    """Return how many cells a record has; None where its quotes do not match."""
    if record.count(_QUOTE) % 2:
        return None
    try:
        return len(next(csv.reader([record.decode(errors="replace")], strict=True)))
    except csv.Error:
        return None


def read_csv(
    path: Path, tell: Callable[[int], None], wanted: Collection[str] | None, size: int = BLOCK
) -> Iterator[Block]:
    """Yield the records of a CSV file block by block; at least one block, which may hold none.

    Raises InputError where the file is not UTF-8 or its records and its header do not fit.
    """
    names: Sequence[str] = ()
    pending, before, blocks = b"", 0, 0
    for piece in read_bytes(path, tell, size):
        pending += piece
        if not names:
            pending = pending if before else pending.removeprefix(BYTE_ORDER_MARK)
            end = _end_of_first(pending)
            if end:
                names = _header(path, pending[:end])
                before, pending = pending.count(b"\n", 0, end), pending[end:]
        end = _end_of_last(pending) if names else 0
        if end:
            yield Block(path, names, pending[:end], before, wanted)
            blocks += 1
            before, pending = before + pending.count(b"\n", 0, end), pending[end:]
        elif len(pending) > _LONGEST_RECORD:
            raise InputError(Problem(f"{path}:{before + 1}", "a quoted cell does not end", "close its quote"))
    if not names:
        names, pending = _header(path, pending), b""
    if pending or not blocks:
        yield Block(path, names, pending, before, wanted)


def _header(path: Path, record: bytes) -> Sequence[str]:
    try:
        names = next(csv.reader(record.decode().strip().splitlines()), [])
    except UnicodeDecodeError as wrong:
        raise InputError(Problem(f"{path}:1", "is not UTF-8", f"convert it: iconv -t UTF-8 {path.name}")) from wrong
    if not names:
        raise InputError(Problem(str(path), "is empty", "name a log with events"))
    for name in names:
        if names.count(name) > 1:
            raise InputError(Problem(f"{path}:1", f"two columns are called {name!r}", "give each its own name"))
    return names


def _end_of_first(block: bytes) -> int:
    """Return where the first record that is not blank ends, behind its line feed; 0 where it does not end."""
    end = 0
    while end := block.find(b"\n", end) + 1:
        if block.count(_QUOTE, 0, end) % 2 == 0 and block[:end].strip():
            return end
    return 0


def _end_of_last(block: bytes) -> int:
    """Return where the last whole record ends: behind a line feed with as many quotes opened as closed before it."""
    end = block.rfind(b"\n") + 1
    quotes = block.count(_QUOTE, 0, end) if _QUOTE in block else 0
    while quotes % 2:
        before = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(_QUOTE, before, end)
        end = before
    return end
