"""Logs as tables: CSV, JSON Lines and Parquet, also `.gz` and `.zst`, chunk by chunk, with raw columns.

A CSV file's cells are text, as they are written: `no`, `1_0`, `3.10` and `007` survive. An empty cell is null. A file
that cannot be read as what it is named raises InputError with the line, where there is one; what its rows mean is not
judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from monitor.errors import InputError, Problem
from monitor.sources.decoding.json_lines import BYTE_ORDER_MARK, LONGEST_LINE, Lines
from monitor.sources.logs.csv_files import read_csv
from monitor.sources.logs.patterns import Format, find_log
from monitor.sources.logs.streams import LineCutter, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from monitor.sources.logs.patterns import Log

    Progress = Callable[[int, int], None]

_CELLS = 2_000_000
"""Values in a chunk of a Parquet file."""
_MOST_ROWS = 131_072
_MAGIC = b"PAR1"
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one file."""

    frame: pl.DataFrame
    path: Path
    line: Callable[[int], int]
    """Row of the frame -> line of the file, from 1; in Parquet the row, from 1."""
    original: Callable[[int], bytes]
    """Row of the frame -> its bytes; where a file has no lines, the row as JSON."""

    @property
    def first(self) -> int:
        """Line of the first row, from 1; in Parquet its row, from 1."""
        return self.line(0)

    def place(self, row: int) -> str:
        """Return `file:line` of a row of the frame."""
        return f"{self.path}:{self.line(row)}"


@dataclass(slots=True)
class Reading:
    """How far a log is read."""

    total: int
    progress: Progress | None = None
    _done: int = 0

    def of(self, path: Path) -> Callable[[int], None]:
        """Return what is told how many bytes of this file are read."""
        before, size = self._done, path.stat().st_size
        self._done += size

        def tell(done: int) -> None:
            if self.progress is not None:
                self.progress(min(before + done, self.total), self.total)

        return tell


def read_table(pattern: str | Path, progress: Progress | None = None) -> Iterator[Chunk]:
    """Yield the chunks of a log with all columns, in the order of file names and rows.

    `pattern` is a file, a glob or a directory. JSON Lines become columns of the type that holds all values of the
    chunk; nested objects become struct columns. `progress` is told bytes read and bytes in all.
    """
    log = find_log(pattern)
    reading = Reading(log.size, progress)
    for path in log.paths:
        if log.format is Format.JSON_LINES:
            yield from _json_chunks(path, reading.of(path))
        else:
            yield from read_chunks(log, path, reading.of(path), None)


def read_chunks(log: Log, path: Path, tell: Callable[[int], None], wanted: Collection[str] | None) -> Iterator[Chunk]:
    """Yield the chunks of one file of a CSV or Parquet log, with the columns of `wanted` that it has; None: all."""
    if log.format is Format.PARQUET:
        yield from _parquet_chunks(path, tell, wanted)
        return
    for block in read_csv(path, tell, wanted):
        yield Chunk(block.frame, path, block.line, block.original)


def columns_of(log: Log, path: Path) -> Sequence[str]:
    """Return the column names of one file of a CSV or Parquet log."""
    if log.format is Format.PARQUET:
        return _schema(path).names()
    return next(iter(read_csv(path, lambda _done: None, None, size=2**16))).frame.columns


def json_lines_blocks(path: Path, tell: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """Yield (line feeds before it, whole lines) of a JSON Lines file; of a line above the limit only its beginning."""
    cutter = LineCutter(LONGEST_LINE)
    before, held = 0, b""
    for block in read_bytes(path, tell):
        lines = cutter.feed(block)
        if lines:
            if held:
                yield before, held
            before, held = before + held.count(b"\n"), lines
    if held := held + cutter.finish():
        yield before, held


def _json_chunks(path: Path, tell: Callable[[int], None]) -> Iterator[Chunk]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    for before, block in json_lines_blocks(path, tell):
        lines = Lines.of(block)
        rows = []
        for row in range(len(lines)):
            line = lines[row].removeprefix(BYTE_ORDER_MARK)
            try:
                rows.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                place = f"{path}:{before + lines.number(row) + 1}"
                raise InputError(
                    Problem(place, f"is no JSON object ({wrong})", "write one object on each line")
                ) from wrong
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False)

        def line_of(row: int, before: int = before, lines: Lines = lines) -> int:
            return before + lines.number(row) + 1

        if rows:
            yield Chunk(frame, path, line_of, lines.__getitem__)


def _schema(path: Path) -> pl.Schema:
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        file.seek(max(-len(_MAGIC), -path.stat().st_size), 2)
        tail = file.read()
    if head != _MAGIC:
        raise InputError(Problem(str(path), "is no Parquet file", "name it by what it holds: .csv, .jsonl"))
    if tail != _MAGIC:
        raise InputError(
            Problem(str(path), "ends before its Parquet footer", "copy or write the file again; it was cut")
        )
    try:
        return pl.Schema(pl.read_parquet_schema(path))
    except _UNREADABLE as wrong:
        raise InputError(_broken(path, wrong)) from wrong


def _parquet_chunks(path: Path, tell: Callable[[int], None], wanted: Collection[str] | None) -> Iterator[Chunk]:
    names = [name for name in _schema(path).names() if wanted is None or name in wanted]
    rows = max(1_024, min(_MOST_ROWS, _CELLS // max(len(names), 1)))
    try:
        scan = pl.scan_parquet(path).select(names)
        total = pl.scan_parquet(path).select(pl.len()).collect().item()
        size, done = path.stat().st_size, 0
        for frame in scan.collect_batches(chunk_size=rows):
            if frame.height:
                yield _parquet_chunk(frame, path, done)
            done += frame.height
            tell(size * done // max(total, 1))
    except _UNREADABLE as wrong:
        raise InputError(_broken(path, wrong)) from wrong


def _parquet_chunk(frame: pl.DataFrame, path: Path, before: int) -> Chunk:
    return Chunk(
        frame,
        path,
        lambda row: before + row + 1,
        lambda row: msgspec.json.encode(frame.row(row, named=True), enc_hook=str),
    )


def _broken(path: Path, wrong: Exception) -> Problem:
    return Problem(
        str(path), f"cannot be read as Parquet ({str(wrong).splitlines()[0]})", "copy or write the file again"
    )
