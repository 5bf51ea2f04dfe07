"""Read a file of out-of-fold predictions, or several: raw columns, and where each row stands."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import polars as pl

from monitor.errors import InputError, Problem


@dataclass(frozen=True, slots=True)
class RawTable:
    """The rows of one or several files, in the order of their names."""

    frame: pl.DataFrame
    place: str
    files: tuple[tuple[int, str, int | None], ...]
    """(first row, file, line of that row; None where the file has no lines)."""

    def locate(self, row: int) -> str:
        """Return `file:line` of a row (from 0), or `file, row N` (from 1)."""
        first, name, line = self.files[bisect_right(self.files, row, key=lambda file: file[0]) - 1]
        return f"{name}, row {row - first + 1}" if line is None else f"{name}:{row - first + line}"


def read_out_of_fold(pattern: str) -> RawTable:
    """Return every row of the files that the pattern names."""
    paths = [Path(name) for name in sorted(glob(pattern))]
    if not paths:
        raise InputError(Problem(pattern, "there is no such file", "check the path"))
    frames, files, rows = [], [], 0
    for path in paths:
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            frame, line = pl.read_ndjson(path), 1
        elif path.suffix == ".parquet":
            frame, line = pl.read_parquet(path), None
        else:
            frame, line = pl.read_csv(path, infer_schema=False), 2
        files.append((rows, str(path), line))
        frames.append(frame)
        rows += frame.height
    return RawTable(pl.concat(frames, how="diagonal_relaxed"), pattern, tuple(files))
