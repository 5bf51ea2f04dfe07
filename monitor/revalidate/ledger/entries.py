"""Entries of the ledger as lines: their canonical JSON, their hashes, and how the file is read. See `ledger.py`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    Entry = dict[str, Any]

NOBODY: Final = "0" * 64
"""`previous` of the first entry."""
_TEXTS: Final = ("hash", "previous", "kind", "at", "by")


class Known(NamedTuple):
    """What the state keeps of the ledger: number and hash of its last entry."""

    number: int
    hash: str


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys and no blanks, UTF-8."""
    return msgspec.json.encode(document, order="sorted")


def hash_of(entry: Mapping[str, Any]) -> str:
    """Return the hash that an entry must carry."""
    return hashlib.sha256(canonical({name: value for name, value in entry.items() if name != "hash"})).hexdigest()


def entry_of(line: bytes) -> Entry | None:
    """Return what a line holds; None where it is no entry at all. Whether its hash is right is another question."""
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(entry, dict) or type(entry.get("number")) is not int:
        return None
    return entry if all(isinstance(entry.get(name), str) for name in _TEXTS) else None


def lines_of(path: Path, end: int | None = None) -> Iterator[bytes]:
    """Yield the lines of the first `end` bytes of a ledger, None: of all; none where there is no file.

    Raises InputError where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            at = 0
            for line in file:
                at += len(line)
                if end is not None and at > end:
                    return
                yield line
    except FileNotFoundError:
        return
    except IsADirectoryError:
        raise InputError(a_folder(path)) from None
    except OSError as error:
        remedy = "check its permissions, or name another file in `ledger.path`"
        raise InputError(Problem(str(path), f"cannot be read ({error.strerror or error})", remedy)) from None


def a_folder(path: Path) -> Problem:
    """Return that a folder stands where the file should."""
    return Problem(str(path), "is a folder, not a file", "name a file in `ledger.path`")
