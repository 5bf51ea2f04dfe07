"""A file with secrets that is read again when it changes. What is broken, empty or half written changes nothing."""

from __future__ import annotations

import logging
import os
import stat
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
_Mark = tuple[int, int, int, int, int]

LOG: Final = logging.getLogger("foldwatch")
LOOK_SECONDS: Final = 2.0
"""How often, at most, a file is looked at."""
STILL_SECONDS: Final = 1.0
"""For so long a file has not been written to before it is believed to be whole."""
MOST_BYTES: Final = 2**20


class Followed(Generic[T]):
    """What stands in one file, always the last version that was fine.

    Whoever asks looks at the file at most every LOOK_SECONDS: no thread, and nothing that could fall behind. The path
    is followed through symbolic links, which is how Kubernetes swaps a whole volume.
    """

    def __init__(
        self,
        place: str,
        path: Path,
        read: Callable[[str, bytes], T],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Read the file at once; `place` is how messages name it, `read` takes that and the bytes.

        Raises InputError where it cannot be read, or where `read` does.
        """
        self._place, self._path, self._read = place, path, read
        self._monotonic, self._wall = monotonic, wall
        self._mark = _mark(path)
        self._value = read(place, contents(place, path))
        self._looked_at = monotonic()
        self._said = ""

    def __repr__(self) -> str:
        """Name the file, never what stands in it."""
        return f"Followed({self._path})"

    def current(self) -> T:
        """Return what is in force. Never raises: what is wrong with a new version is logged once."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return self._value

    def _look(self) -> None:
        """Take a new version, if there is one and it is fine."""
        mark = _mark(self._path)
        if mark == self._mark or (mark is not None and 0 <= self._wall() - mark[3] / 1e9 < STILL_SECONDS):
            return
        try:
            value = self._read(self._place, contents(self._place, self._path))
        except InputError as error:
            self._complain(str(error))
        else:
            if _mark(self._path) != mark:
                return  # it is being written right now
            self._value, self._said = value, ""
            LOG.info("file taken", extra={"file": self._place})
        self._mark = mark

    def _complain(self, why: str) -> None:
        """Log what is wrong, once until it is fine again or something else is wrong."""
        if why != self._said:
            self._said = why
            LOG.warning("file not taken", extra={"file": self._place, "why": f"{why} (what was there before holds on)"})


def contents(place: str, path: Path) -> bytes:
    """Return the bytes of a file of secrets. Raises InputError, naming `place`, where they cannot be had."""
    remedy = "see to the path and its permissions: the user that runs foldwatch has to read it"
    try:
        # Without O_NONBLOCK a named pipe would hold us for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(Problem(place, "is no file", "name a file"))
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(Problem(place, "is not there", "write it, or correct the path")) from None
    except (OSError, ValueError) as error:
        finding = f"cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"
        raise InputError(Problem(place, finding, remedy)) from None
    if len(raw) > MOST_BYTES:
        raise InputError(Problem(place, "is larger than 1 MiB", "a file of secrets is small: is this another one?"))
    return raw


def _mark(path: Path) -> _Mark | None:
    """Return what changes when the file does; None where it is not there. ctime: nobody can set it back."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
