"""The token in the state's folder: who may read that file on this machine may write, where no authentication is."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem
from monitor.serve.followed import contents
from monitor.serve.tokens import read_tokens

if TYPE_CHECKING:
    from pathlib import Path

LOG: Final = logging.getLogger("foldwatch")
_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def keep_own_token(path: Path) -> None:
    """Let there be a token in `path` that its owner alone can read; one that is there and sound is kept.

    Another one takes its place where others could read it, or where it is none. Raises InputError where the file
    belongs to somebody else or cannot be written.
    """
    place = f"the token {path}"
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        _write(place, path)
        return
    except OSError as error:
        raise InputError(_unwritable(place, path, error)) from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(Problem(place, "is no file of ours", "remove it: the start makes a new one"))
    if found.st_uid != os.geteuid():
        raise InputError(
            Problem(place, f"belongs to another user (uid {found.st_uid})", "remove it: the start makes a new one")
        )
    why = "others could read it" if found.st_mode & _OTHERS else _flaw(place, path)
    if why:
        _write(place, path)
        LOG.warning("token made anew", extra={"file": str(path), "why": why})


def _flaw(place: str, path: Path) -> str:
    """Return why what is there is no token; nothing where it is one."""
    try:
        read_tokens(place, contents(place, path))
    except InputError as error:
        return error.problems[0].finding
    return ""


def _write(place: str, path: Path) -> None:
    """Put a new token there in one step. Raises InputError."""
    new = path.with_name(f"{path.name}.new")
    try:
        with suppress(FileNotFoundError):
            new.unlink()  # of a start that was killed
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
            os.fchmod(descriptor, 0o600)
            file.write(f"{secrets.token_urlsafe(_BYTES)}\n")
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except OSError as error:
        raise InputError(_unwritable(place, path, error)) from None


def _unwritable(place: str, path: Path, error: OSError) -> Problem:
    finding = f"cannot be written ({(error.strerror or str(error)).lower()})"
    return Problem(place, finding, f"let the user that runs foldwatch write to {path.parent}")
