"""The ledger: what was decided and done, by whom, as JSON lines that are only ever added to.

Each entry carries its number, the hash of the one before it (`previous`) and its own: SHA-256, hex, over its canonical
JSON (sorted keys, no blanks, UTF-8) without `hash`. A line is the canonical JSON of all of it. An entry is on the disk
before anything follows from it; the last line of a file may be torn, when its writer died: nothing followed from that
one, and the next writer cuts it off. A ledger that was tampered with can be read, and nothing is added to it any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from monitor.clock import format_time
from monitor.errors import InputError, Problem, StateBroken, StateInUse
from monitor.revalidate.ledger.entries import Known, a_folder, canonical, entry_of, hash_of, lines_of
from monitor.revalidate.ledger.verify import RESTORE, verify, walked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from monitor.revalidate.ledger.entries import Entry

__all__ = ["KINDS", "Known", "Ledger", "verify"]

KINDS: Final = ("config", "baseline", "reference", "decision", "action", "approval", "promotion", "rollback")
_OWN: Final = frozenset({"number", "at", "kind", "by", "previous", "hash"})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LOST: Final = "nothing was written, and what was in force stays in force"


class Ledger:
    """One file, open to be added to; it belongs to who opened it, until it is closed.

    Public: `path`, `read_only`, `number` and `hash` of the last entry, `findings`: what `verify` said at the opening.
    """

    def __init__(self, path: Path, known: Known | None = None, *, read_only: bool = False) -> None:
        """Open the file, or make it, verify it, and take up its last entry.

        `known` is what the state keeps: a torn last line beyond it is cut off. `read_only`: nothing is made, cut or
        locked. Raises InputError where it cannot be opened, StateInUse where another one has it open.
        """
        self.path: Final = path
        self.read_only: Final = read_only
        self._file: int | None = None if read_only else _opened(path)
        try:
            walk = walked(lines_of(path), str(path), known)
            self.number, self.hash, self._end = walk.number, walk.hash, walk.end
            self.findings: Sequence[Problem] = tuple(walk.findings)
            if self._file is not None and walk.torn and not walk.findings:
                self._cut(self._file)
        except BaseException:
            self.close()
            raise

    def require_whole(self) -> None:
        """Raise InputError where the ledger was tampered with: nothing is added to it then."""
        if self.findings:
            raise InputError(*self.findings)

    def append(self, at: int, by: str, *entries: tuple[str, Mapping[str, Any]]) -> Sequence[Entry]:
        """Add entries, (kind, what it says) each, and return them as written; all are on the disk, or none.

        Raises StateBroken where that fails: disk full, read-only, the file taken away; the file is as before then.
        InputError where it was tampered with before it was opened.
        """
        self.require_whole()
        if self._file is None:
            raise StateBroken(Problem(str(self.path), "is open for reading alone", "ask whoever writes it"))
        number, last, lines, made = self.number, self.hash, [], []
        for kind, says in entries:
            if kind not in KINDS or not _OWN.isdisjoint(says):
                message = f"no entry: {kind} {sorted(says)}"
                raise ValueError(message)
            number += 1
            document = {"number": number, "at": format_time(at), "kind": kind, "by": _plain(by), **says}
            entry: Entry = msgspec.json.decode(canonical({**document, "previous": last}))
            last = entry["hash"] = hash_of(entry)
            lines.append(canonical(entry) + b"\n")
            made.append(entry)
        self._write(self._file, b"".join(lines))
        self.number, self.hash = number, last
        return made

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, the first one first; a line that is none is passed over (`verify` finds it)."""
        for line in lines_of(self.path, self._end):
            entry = entry_of(line)
            if entry is not None:
                yield entry

    def close(self) -> None:
        """Let the file go; a second call does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _write(self, file: int, content: bytes) -> None:
        """Add to the file in one call and see it on the disk; where that fails put it back as it was."""
        self._require_untouched(file)
        try:
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - the next call would say so
            os.fsync(file)
        except OSError as error:
            with suppress(StateBroken):
                self._cut(file)
            raise StateBroken(_failed(self.path, error)) from error
        self._end += len(content)

    def _require_untouched(self, file: int) -> None:
        """Raise StateBroken where somebody else took the file away or changed its length; cut off our own half line."""
        mine = os.fstat(file)
        try:
            there = self.path.stat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino) or mine.st_size < self._end:
            raise StateBroken(Problem(str(self.path), "was moved, replaced or cut while it was open", RESTORE))
        if mine.st_size > self._end:
            self._cut(file)

    def _cut(self, file: int) -> None:
        """Cut off everything behind the last entry."""
        try:
            os.ftruncate(file, self._end)
            os.fsync(file)
        except OSError as error:
            raise StateBroken(_failed(self.path, error)) from error


def _plain(text: str) -> str:
    """Return text that JSON can carry."""
    return text.encode("utf-8", "replace").decode()


def _opened(path: Path) -> int:
    """Return the file, open to be added to and locked; folder and file are made durable where they are new."""
    remedy = "make it writable, or name another file in `ledger.path`"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except IsADirectoryError:
        raise InputError(a_folder(path)) from None
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be opened ({error.strerror or error})", remedy)) from None
    try:
        _require_plain(path, file)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if new:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except BlockingIOError:
        os.close(file)
        remedy = "end that one first, or name another file in `ledger.path`"
        raise StateInUse(Problem(str(path), "is in use by another process", remedy)) from None
    except BaseException:
        os.close(file)
        raise
    return file


def _require_plain(path: Path, file: int) -> None:
    """Raise InputError where it is a pipe or a device."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise InputError(Problem(str(path), "is no plain file", "name a file in `ledger.path`"))


def _failed(path: Path, error: OSError) -> Problem:
    """Return why nothing could be added."""
    if error.errno in _FULL:
        return Problem(str(path), f"the disk is full ({error.strerror})", f"make room and ask again: {_LOST}")
    return Problem(str(path), f"cannot be written ({error.strerror})", f"make it writable and ask again: {_LOST}")
