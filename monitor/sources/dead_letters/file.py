"""Dead letters in a file: rejected events as JSON lines, with the reason and the original bytes."""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import format_time, parse_time
from monitor.errors import InputError, Problem, SourceUnavailable
from monitor.sources.dead_letters.letters import FOREIGN, Letter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.sources.source import Rejected

_BASE64: Final = "base64"


class DeadLetterFile:
    """Appends to one file: `{key, value, reason, detail, at}`.

    `key` is the place of the bad event, `value` its bytes as they were read: text, or base64 with `"encoding":
    "base64"` beside it where they are not UTF-8. An event that came in a message also has `timestamp` and, where the
    message has a key, `message_key` (with `message_key_encoding` by the same rule).
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
        lines = b"".join(msgspec.json.encode(_written(each, at)) + b"\n" for each in rejected)
        try:
            self._end_last_line()  # a disk that was full may have taken half a line
            while lines:
                lines = lines[self._file.write(lines) :]
        except OSError as wrong:
            message = (
                f"{self._path}: dead letters cannot be written: {wrong.strerror or wrong}; nothing is read on until "
                "they can: make room, or mend the permissions"
            )
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


def read_file(path: Path) -> Iterator[Letter]:
    """Yield the letters of a file in their order; it may be growing.

    Raises InputError where the file is not there or cannot be read. A line that is no letter comes as one whose reason
    is FOREIGN, but for a last line that is still being written.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.strip()
                if not text:
                    continue
                letter = _letter(text)
                if letter is not None:
                    yield letter
                elif line.endswith(b"\n"):
                    yield Letter(f"{path}:{number}", text, FOREIGN, "the line is no letter of foldwatch", None)
    except FileNotFoundError as wrong:
        remedy = "`foldwatch run` makes it when it starts: check source.dead_letters.path"
        raise InputError(Problem(str(path), "there is no such file of dead letters", remedy)) from wrong
    except OSError as wrong:
        finding = f"cannot be read ({wrong.strerror or wrong})"
        raise InputError(Problem(str(path), finding, "check the path and its permissions")) from wrong


def entry(letter: Letter) -> dict[str, str | int]:
    """Return a letter as it is written in a line of the file, and shown as JSON."""
    place = letter.place.encode(errors="backslashreplace").decode()  # a path may hold bytes that are no text
    found: dict[str, str | int] = {"key": place, **_text("value", "encoding", letter.value)}
    found |= {"reason": letter.reason, "detail": letter.detail}
    if letter.at is not None:
        found["at"] = format_time(letter.at)
    if letter.key is not None:
        found |= _text("message_key", "message_key_encoding", letter.key)
    if letter.timestamp is not None:
        found["timestamp"] = letter.timestamp
    if letter.truncated is not None:
        found["truncated"] = letter.truncated
    return found


def _written(rejected: Rejected, at: int) -> dict[str, str | int]:
    return entry(
        Letter(
            rejected.place,
            rejected.original,
            rejected.reason,
            rejected.detail,
            at,
            rejected.key,
            rejected.timestamp,
        )
    )


def _text(name: str, encoding: str, value: bytes) -> dict[str, str]:
    """Return bytes as text under `name`, or as base64 with `encoding` beside it where they are not UTF-8."""
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {name: base64.b64encode(value).decode(), encoding: _BASE64}


class _Line(msgspec.Struct):
    """A line of the file."""

    key: str
    value: str
    reason: str
    detail: str = ""
    at: str = ""
    encoding: str | None = None
    message_key: str | None = None
    message_key_encoding: str | None = None
    timestamp: int | None = None
    truncated: int | None = None


def _letter(line: bytes) -> Letter | None:
    """Return the letter of a line, or None where it is none."""
    try:
        read = msgspec.json.decode(line, type=_Line)
        return Letter(
            read.key,
            _bytes(read.value, read.encoding),
            read.reason,
            read.detail,
            parse_time(read.at),
            None if read.message_key is None else _bytes(read.message_key, read.message_key_encoding),
            read.timestamp,
            read.truncated,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error):
        return None


def _bytes(text: str, encoding: str | None) -> bytes:
    return base64.b64decode(text, validate=True) if encoding == _BASE64 else text.encode()
