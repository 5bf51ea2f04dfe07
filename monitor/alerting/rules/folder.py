"""Writing a folder of which only some files are ours: those are replaced, the others are left alone.

A file is ours when its first line says so, or what else signs it. Files of ours that are not wanted any more are
removed: a model that is gone would go on ringing. Nothing is written at all where a file of somebody else stands under
a name that we need.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from monitor.alerting.rules.text import MARK
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_FIRST_LINE: Final = 300
"""Bytes that are read to know whether a file is ours."""
_PART: Final = ".part"
_WRITABLE: Final = "name a folder that you may write to, or one that does not exist yet"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a folder: paths below it, with slashes, sorted."""

    written: tuple[str, ...]
    """New, or with other bytes than before."""
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """By what a file of ours is known."""

    is_ours: Callable[[Path], bool]
    """Reads a file that exists; may raise OSError."""
    missing: str
    """What is not so about a file of somebody else, as the end of a sentence."""


def write_folder(
    folder: Path, files: Mapping[str, str], rooms: Sequence[str] = (), signature: Signature | None = None
) -> Written:
    """Make `folder` hold `files` (path below it -> text), each written whole or not at all.

    Files of ours that are not among them are removed, at the top of the folder and anywhere below the folders `rooms`
    of it. Without a `signature`, ours are those whose first line says so. Raises InputError where others' files are in
    the way or the folder cannot be written.
    """
    signature = signature or Signature(_is_ours, "its first line does not say so")
    problems = dict.fromkeys(problem for path in sorted(files) if (problem := _in_the_way(folder, path, signature)))
    if problems:
        raise InputError(*problems)
    try:
        stale = sorted(path for path in _ours(folder, rooms, signature) if path not in files)
        written = [path for path in sorted(files) if _write(folder / path, files[path].encode())]
        for path in stale:
            (folder / path).unlink()
            _remove_empty(folder, (folder / path).parent)
    except OSError as error:
        place = error.filename2 or error.filename or folder
        raise InputError(Problem(str(place), f"cannot be written ({error.strerror})", _WRITABLE)) from error
    return Written(tuple(written), tuple(sorted(set(files) - set(written))), tuple(stale))


def _in_the_way(folder: Path, path: str, signature: Signature) -> Problem | None:
    """Return what forbids to write `path`; None where nothing does."""
    for parent in (folder, *(folder / above for above in reversed(PurePosixPath(path).parents[:-1]))):
        if (parent.exists() or parent.is_symlink()) and not parent.is_dir():
            return Problem(str(parent), "is a file, and a folder is needed there", "name another folder for --output")
    file = folder / path
    if not (file.exists() or file.is_symlink()):
        return None
    if file.is_dir():
        return Problem(str(file), "is a folder, and a file is needed there", "name another folder for --output")
    try:
        ours = signature.is_ours(file)
    except OSError as error:
        return Problem(str(file), f"cannot be read ({error.strerror})", "check its permissions, or remove it")
    if ours:
        return None
    finding = f"was not written by foldwatch: {signature.missing}"
    return Problem(str(file), finding, "move it away, or name another folder for --output")


def _is_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        return MARK.encode() in opened.read(_FIRST_LINE).partition(b"\n")[0]


def _ours(folder: Path, rooms: Sequence[str], signature: Signature) -> Iterator[str]:
    """Yield the files of ours: at the top, and below `rooms`. Links are not followed into other folders."""
    below = (folder / room for room in rooms if not (folder / room).is_symlink())
    for file in chain(folder.glob("*"), *(room.rglob("*") for room in below)):
        if file.suffix != _PART and file.is_file() and not file.is_symlink() and signature.is_ours(file):
            yield file.relative_to(folder).as_posix()


def _write(file: Path, content: bytes) -> bool:
    """Write a file so that it appears whole; tell whether anything had to be written."""
    if file.is_file() and not file.is_symlink() and file.read_bytes() == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}{_PART}")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return True


def _remove_empty(folder: Path, room: Path) -> None:
    """Remove the folders that became empty, up to `folder`."""
    while room != folder and not any(room.iterdir()):
        room.rmdir()
        room = room.parent
