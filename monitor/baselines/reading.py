"""Read files of out-of-fold predictions: raw columns, and where each row stands."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from monitor.errors import InputError, Problem
from monitor.sources.logs.tables import read_table

if TYPE_CHECKING:
    from monitor.sources.logs.tables import Chunk


@dataclass(frozen=True, slots=True)
class RawTable:
    """The rows of one or several files, in the order of their names."""

    frame: pl.DataFrame
    place: str
    _starts: tuple[int, ...]
    _chunks: tuple[Chunk, ...]

    def locate(self, row: int) -> str:
        """Return `file:line` of a row, from 0."""
        at = bisect_right(self._starts, row) - 1
        return self._chunks[at].place(row - self._starts[at])


def read_out_of_fold(pattern: str) -> RawTable:
    """Return every row of a file, a glob or a directory. Raises InputError where that cannot be read."""
    chunks = tuple(chunk for chunk in read_table(pattern) if chunk.frame.height)
    if not chunks:
        raise InputError(Problem(pattern, "has no rows", "name a file with out-of-fold predictions"))
    starts = [0]
    for chunk in chunks:
        starts.append(starts[-1] + chunk.frame.height)
    frame = pl.concat([chunk.frame for chunk in chunks], how="diagonal_relaxed")
    return RawTable(frame, pattern, tuple(starts[:-1]), chunks)
