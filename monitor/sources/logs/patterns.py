"""Which files a path, a glob or a directory means, and of which format they are."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from monitor.errors import InputError, Problem
from monitor.sources.logs.streams import read_bytes


class Format(Enum):
    """How a log is written."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}
_COMPRESSED = {".gz", ".zst"}
_MAGIC = b"PAR1"
_FORMATS = "CSV, JSON Lines or Parquet, also .gz and .zst"


@dataclass(frozen=True, slots=True)
class Log:
    """The files of one log, in the order of their names, all of one format."""

    pattern: str
    paths: tuple[Path, ...]
    format: Format
    size: int
    """Bytes of all files as they lie on the disk."""


def find_log(pattern: str | Path) -> Log:
    """Return the files that `pattern` means: a file, a glob or a directory.

    Raises InputError where there is none, where it is empty, or where formats are mixed.
    """
    text = str(pattern)
    paths = _paths(text)
    sizes = {path: path.stat().st_size for path in paths}
    full = [path for path in paths if sizes[path]]
    if not full:
        finding = "is empty" if len(paths) == 1 else f"all {len(paths)} files are empty"
        raise InputError(Problem(text, finding, "name a log with events"))
    formats = {path: _format(path) for path in full}
    first = full[0]
    for path in full:
        if formats[path] is not formats[first]:
            finding = f"mixes {formats[first].value} ({first.name}) and {formats[path].value} ({path.name})"
            raise InputError(Problem(text, finding, "name files of one format, for example with a glob"))
    return Log(text, tuple(full), formats[first], sum(sizes.values()))


def _paths(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.is_file() and _known(each))
        if not paths:
            raise InputError(Problem(text, "is a directory without a log in it", f"put files into it: {_FORMATS}"))
        return paths
    if path.exists():
        return [path]
    if not glob.has_magic(text):
        raise InputError(Problem(text, "there is no such file", "check the path; a glob needs quotes in the shell"))
    found = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
    paths = sorted(Path(each) for each in found if Path(each).is_file())
    if not paths:
        raise InputError(Problem(text, "no file matches this glob", "check the pattern and the directory"))
    return paths


def _ending(path: Path) -> str:
    """Return the suffix that tells the format."""
    return Path(path.stem).suffix.lower() if path.suffix in _COMPRESSED else path.suffix.lower()


def _known(path: Path) -> bool:
    return _ending(path) in _SUFFIXES and not path.name.startswith((".", "_"))


def _format(path: Path) -> Format:
    """Return the format by the file's name, else by its first bytes."""
    known = _SUFFIXES.get(_ending(path))
    if known is Format.PARQUET and path.suffix in _COMPRESSED:
        raise InputError(
            Problem(str(path), "Parquet is compressed inside", f"unpack it: {path.suffix} around it gains nothing")
        )
    if known is not None:
        return known
    head = next(read_bytes(path, lambda _done: None, size=4_096), b"").lstrip()
    if head.startswith(_MAGIC):
        return Format.PARQUET
    return Format.JSON_LINES if head.startswith((b"{", b"\xef\xbb\xbf{")) else Format.CSV
