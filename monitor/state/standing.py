"""What `check --connect` finds of the state. It reads, and changes nothing."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from monitor.config.finding import Finding, Level, Step
from monitor.config.places import unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import Settings

_FLOCK: Final = "hhqqi"
"""Linux's `struct flock`: type, whence, start, length, process."""
_MEGA: Final = 2**20
_SPARE: Final = 2**30
"""Bytes that a disk should have free; the state needs its own size once more while it is compacted."""


def state_steps(settings: Settings) -> Iterator[Step]:
    """Yield the questions to the state."""
    if settings.store is not None:
        yield Step("state", partial(_folder, settings.store))


def _folder(folder: Path) -> Iterator[Finding]:
    """Look at the folder of the state."""
    holder = _holder(folder)
    if holder is not None:
        who = f" (its process is {holder})" if holder else ""
        yield Finding(Level.OK, "state", f"{folder} is in use by a running daemon{who}")
        yield from _space(folder)
        return
    wrong = unusable(folder)
    if wrong:
        yield Finding(Level.FAILED, "state", f"{folder} {wrong}", "correct store.path, or its permissions")
        return
    if not folder.exists():
        yield Finding(Level.OK, "state", f"{folder} is not there yet and can be made: the first start begins anew")
    elif not any(folder.iterdir()):
        yield Finding(Level.OK, "state", f"{folder} is empty and can be written: the first start begins anew")
    else:
        yield Finding(Level.OK, "state", f"{folder} can be written, {_size(folder) / _MEGA:,.0f} MiB")
    yield from _space(folder)


def _holder(folder: Path) -> int | None:
    """Return the process that has RocksDB's lock, 0 where the system does not name it, None where nobody has it.

    It is asked, not tried: a daemon that starts at this moment finds its lock free.
    """
    with suppress(OSError), (folder / "LOCK").open("rb") as lock:
        answer = fcntl.fcntl(lock, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        kind, _, _, _, holder = struct.unpack(_FLOCK, answer)
        return None if kind == fcntl.F_UNLCK else max(0, int(holder))
    return None


def _space(folder: Path) -> Iterator[Finding]:
    """Warn where the disk is about to be full."""
    there = folder
    while not there.exists():
        there = there.parent
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    size = _size(folder) if folder.is_dir() else 0
    if free < max(_SPARE, size):
        found = f"{folder}: {free / _MEGA:,.0f} MiB are free on its disk, the state itself has {size / _MEGA:,.0f}"
        yield Finding(Level.WARNING, "state", found, "make room: on a full disk the daemon stops")


def _size(folder: Path) -> int:
    """Return the bytes of a folder's files; some may go while they are looked at."""
    size = 0
    for each in folder.iterdir():
        with suppress(FileNotFoundError):
            size += each.stat().st_size
    return size
