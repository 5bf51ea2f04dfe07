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
from monitor.errors import InputError, Problem, StateBroken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from monitor.config import ModelSettings, Settings

_FLOCK: Final = "hhqqi"
"""Linux's `struct flock`: type, whence, start, length, process."""
_MEGA: Final = 2**20
_SPARE: Final = 2**30
"""Bytes that a disk should have free; the state needs its own size once more while it is compacted."""


def state_steps(settings: Settings) -> Iterator[Step]:
    """Yield the questions to the state."""
    if settings.store is not None:
        yield Step("state", partial(_folder, settings.store, settings.models))


def _folder(folder: Path, models: Mapping[str, ModelSettings]) -> Iterator[Finding]:
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
        problems = _problems(folder, models)
        if not problems:
            yield Finding(Level.OK, "state", f"{folder} can be read and written, {_size(folder) / _MEGA:,.0f} MiB")
        for problem in problems:
            yield Finding(Level.FAILED, "state", f"{problem.place}: {problem.finding}", problem.remedy)
    yield from _space(folder)


def _problems(folder: Path, models: Mapping[str, ModelSettings]) -> Sequence[Problem]:
    """Return why a folder that is not empty cannot be gone on with under this configuration."""
    # Whoever keeps no state need not load RocksDB.
    from monitor.state.disk.checkpoint import Checkpoint  # noqa: PLC0415 - see above
    from monitor.state.disk.rocksdb import DEFAULT, Database, require_own  # noqa: PLC0415 - see above
    from monitor.state.disk.setup import Setup, misfits  # noqa: PLC0415 - see above

    try:
        require_own(folder)
        if not (folder / "CURRENT").exists():
            return ()
        database = Database(folder, read_only=True)
        try:
            with database.told():
                found = Checkpoint.read(database.family(DEFAULT), folder)
        finally:
            database.close()
    except InputError as wrong:
        return wrong.problems
    except StateBroken as wrong:
        return (Problem(str(folder), str(wrong).removeprefix(f"{folder}: "), ""),)
    if found is None:
        return ()
    stored = {name: model.setup for name, model in found.models.items()}
    return misfits(stored, {name: Setup.of(model) for name, model in models.items()}, str(folder))


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
