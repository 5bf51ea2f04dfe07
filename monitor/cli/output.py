"""Where a command writes a report: stdout, or a file that appears only when it is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack


def output(name: str | None, option: str, stack: ExitStack) -> BinaryIO | None:
    """Open where a report goes, before anything is read; a run that fails leaves no half-written file.

    `-` is stdout; None where `name` is. Raises InputError where the file cannot be written.
    """
    from monitor.errors import InputError, Problem

    if name is None:
        return None
    if name == "-":
        return sys.stdout.buffer
    path, place = Path(name), f"{option} {name}"
    remedy = "name a file in a folder that exists and that you may write to"
    if path.is_dir():
        raise InputError(Problem(place, "cannot be written (it is a folder)", remedy))
    temporary = path.with_name(f".{path.name}.part")
    try:
        file = temporary.open("wb")
    except OSError as error:
        raise InputError(Problem(place, f"cannot be written ({error.strerror})", remedy)) from error
    stack.push(_keep_if_whole(file, temporary, path))
    return file


def _keep_if_whole(file: BinaryIO, temporary: Path, path: Path) -> Callable[..., None]:
    """Return what closes a report and puts it in its place, or removes it where something failed."""

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        file.close()
        if kind is None:
            temporary.replace(path)
        else:
            temporary.unlink()

    return leave
