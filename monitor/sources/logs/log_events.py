"""The events of a log: files of any format, chunk by chunk, through the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import InputError, Problem
from monitor.sources.decoding.codec import Kind, Rows
from monitor.sources.decoding.columns import Table
from monitor.sources.logs.patterns import Format
from monitor.sources.logs.tables import columns_of, json_lines_blocks, read_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from monitor.sources.decoding.codec import Codec, Decoded
    from monitor.sources.logs.patterns import Log
    from monitor.sources.logs.tables import Reading


def read_events(codec: Codec, kind: Kind, log: Log, reading: Reading, now: int) -> Iterator[Decoded]:
    """Yield what the files hold, in the order of their names. Raises InputError for files that are wrong as a whole."""
    if log.format is not Format.JSON_LINES:
        missing = [problem for path in log.paths for problem in _missing_columns(codec, kind, log, path)]
        if missing:
            raise InputError(*missing)
    for path in log.paths:
        if log.format is Format.JSON_LINES:
            yield from _of_json_lines(codec, kind, path, reading.of(path), now)
        else:
            yield from _of_table(codec, kind, log, path, reading.of(path), now)


def _of_json_lines(codec: Codec, kind: Kind, path: Path, tell: Callable[[int], None], now: int) -> Iterator[Decoded]:
    for before, lines in json_lines_blocks(path, tell):

        def place(line: int, before: int = before) -> str:
            return f"{path}:{before + line + 1}"

        yield codec.decode(kind, lines, now=now, place=place)


def _of_table(
    codec: Codec, kind: Kind, log: Log, path: Path, tell: Callable[[int], None], now: int
) -> Iterator[Decoded]:
    places = tuple(codec.paths[kind].all())
    wanted = {keys[0] for keys in places}
    for chunk in read_chunks(log, path, tell, wanted):
        table = Table.of_frame(chunk.frame, places)
        yield codec.check(kind, table, now=now, rows=Rows(chunk.place, chunk.original))


def _missing_columns(codec: Codec, kind: Kind, log: Log, path: Path) -> Iterator[Problem]:
    """Yield the fields without which no event of this file can be valid."""
    names = columns_of(log, path)
    paths = codec.paths[kind]
    found = f"its columns are {_listed(names)}"
    for field in codec.required(kind, names):
        theirs = paths.theirs(field)
        where = "labels" if kind is Kind.LABELS else "predictions"
        if theirs == field:
            remedy = f"say what it is called there: source: {{{where}: {{fields: {{{field}: THEIR_NAME}}}}}}"
            if field in {"model", "version"}:
                remedy += f", or source: {{defaults: {{{field}: NAME}}}}"
        else:
            remedy = f"mend source.{where}.fields.{field}, which says it is called {theirs}"
        if field == "y_true" and kind is not Kind.LABELS:
            remedy += ", or name the labels' own file with --labels"
        yield Problem(str(path), f"has no column for {field}; {found}", remedy)


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
