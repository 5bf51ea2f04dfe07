"""Dead letters in a file: rejected events as JSON lines, with the reason and the original bytes."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import msgspec

from monitor.clock import format_time
from monitor.errors import InputError, Problem, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.sources.source import Rejected


class DeadLetterFile:
    """Appends to one file: `{key, value, reason, detail, at}`.

    `key` is the place of the bad event, `value` its bytes as they were read: text, or base64 with `"encoding":
    "base64"` beside it where they are not UTF-8.
    """

    def __init__(self, path: Path) -> None:
        """Open `path` for appending, and make its directory. Raises InputError where that cannot be done."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+", buffering=0)
            self._end_last_line()
        except OSError as wrong:
            finding = f"cannot be written ({wrong.strerror or wrong})"
            raise InputError(
                Problem(str(path), finding, "change source.dead_letters.path or its permissions")
            ) from wrong

    def write(self, rejected: Sequence[Rejected], at: int) -> None:
        """Append these; `at` is the moment of reading, in epoch milliseconds.

        Raises SourceUnavailable where the disk refuses: nothing is dropped silently.
        """
        if not rejected:
            return
        lines = b"".join(msgspec.json.encode(_entry(each, at)) + b"\n" for each in rejected)
        try:
            while lines:
                lines = lines[self._file.write(lines) :]
        except OSError as wrong:
            message = f"{self._path}: dead letters cannot be written: {wrong.strerror or wrong}"
            raise SourceUnavailable(message) from wrong

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def _end_last_line(self) -> None:
        """End a line that a killed writer left unfinished."""
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")


def _entry(rejected: Rejected, at: int) -> dict[str, str]:
    about = {"reason": rejected.reason, "detail": rejected.detail, "at": format_time(at)}
    try:
        return {"key": rejected.place, "value": rejected.original.decode(), **about}
    except UnicodeDecodeError:
        value = base64.b64encode(rejected.original).decode()
        return {"key": rejected.place, "value": value, "encoding": "base64", **about}
