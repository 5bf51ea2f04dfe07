"""Reads the first events of a log in any of its formats, for `init`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import InputError, Problem
from monitor.sources.decoding.json_lines import BYTE_ORDER_MARK
from monitor.sources.logs.patterns import Format, find_log
from monitor.sources.logs.tables import json_lines_blocks, read_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.sources.logs.patterns import Log

MOST_EVENTS = 10_000
_REMEDIES = {
    Format.CSV: "write a header and one event a line",
    Format.JSON_LINES: "write one JSON object a line",
    Format.PARQUET: "name a log with events",
}


def sample_rows(pattern: str, most: int = MOST_EVENTS) -> list[dict[str, Any]]:
    """Return the first events of a log, one mapping each: texts from CSV, typed values from JSON Lines and Parquet.

    Lines that hold no JSON object are left out, as they are dead letters later. Raises InputError where the log cannot
    be read or holds no event.
    """
    log = find_log(pattern)
    rows = list(islice((row for path in log.paths for row in _rows(log, path)), most))
    if not rows:
        raise InputError(Problem(pattern, f"holds no event ({log.format.value})", _REMEDIES[log.format]))
    return rows


def _rows(log: Log, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of one file."""
    if log.format is Format.JSON_LINES:
        yield from _objects(path)
        return
    for chunk in read_chunks(log, path, lambda _done: None, None):
        yield from chunk.frame.iter_rows(named=True)


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    for _, lines in json_lines_blocks(path, lambda _done: None):
        for line in lines.split(b"\n"):
            try:
                yield decoder.decode(line.removeprefix(BYTE_ORDER_MARK))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
