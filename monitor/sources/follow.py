"""Follows one growing file of lines, through rotation, truncation and a last line that is still being written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import SourceUnavailable
from monitor.sources.decoding.json_lines import LONGEST_LINE
from monitor.sources.logs.streams import LineCutter

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

_STEP = 2**20


@dataclass(frozen=True, slots=True)
class Lines:
    """What one look at the file brought."""

    content: bytes
    """Whole lines; of a line that is too long only the beginning."""
    line: int
    """Lines of the file before it."""
    notices: tuple[str, ...] = ()


class Follower:
    """One file by its name. When the name moves on to a new file, the old one is read to its end first."""

    def __init__(self, path: Path, *, latest: bool) -> None:
        """Follow `path`; `latest`: the lines that stand in it at the first look are left out."""
        self.path = path
        self.offset = 0
        """Byte at which the next line begins, in the file that is being read."""
        self._begins_late = self._latest = latest
        self._file: FileIO | None = None
        self._line = 0
        self._wanted: int | None = None
        self._cutter = LineCutter(LONGEST_LINE)

    def seek(self, offset: int | None) -> None:
        """Go on at this byte of the file that bears the name now; None: where a first look begins."""
        self.close()
        self._wanted, self._latest = offset, self._begins_late

    def read(self, most: int) -> Lines:
        """Return the next whole lines, about `most` bytes; no content where there is nothing new.

        Raises SourceUnavailable where the file is not there or cannot be read.
        """
        try:
            return self._read(most)
        except OSError as wrong:
            self._wanted = self.offset if self._file is not None else self._wanted
            self.close()
            message = f"{self.path}: {wrong.strerror or wrong}; it is looked for again"
            raise SourceUnavailable(message) from wrong

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._cutter = LineCutter(LONGEST_LINE)

    def _read(self, most: int) -> Lines:
        notices: list[str] = []
        file = self._file or self._open(notices)
        if self._cut_short(file):
            notices.append(f"{self.path}: truncated, read again from its beginning")
            self._go_to(file, 0)
        line = self._line
        content = self._lines(file, most)
        if not content and self._replaced(file):
            content = self._cutter.finish()  # nobody goes on writing in the old file
            notices.append(f"{self.path}: rotated, the old file is read to its end")
            self.close()
            self.offset, self._line, self._wanted, self._latest = 0, 0, None, False
        return Lines(content, line, tuple(notices))

    def _open(self, notices: list[str]) -> FileIO:
        try:
            file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            self._latest = False  # whatever it will hold is new
            raise
        start = self._wanted
        if start is None:
            start = _last_line(file) if self._latest else 0
        elif start > file.seek(0, os.SEEK_END) or not _begins_line(file, start):
            notices.append(f"{self.path}: is not the file it was, read from its beginning")
            start = 0
        self._go_to(file, start)
        self._file, self._wanted, self._latest = file, None, False
        return file

    def _go_to(self, file: FileIO, start: int) -> None:
        """Go on reading at `start`, and know which line that is."""
        self._cutter = LineCutter(LONGEST_LINE)
        self._line = 0
        file.seek(0)
        while (left := start - file.tell()) > 0 and (block := file.read(min(_STEP, left))):
            self._line += block.count(b"\n")
        self.offset = start

    def _cut_short(self, file: FileIO) -> bool:
        """Tell whether the file was truncated, or written anew, behind our back."""
        read = self.offset + self._cutter.waiting
        wrong = file.seek(0, os.SEEK_END) < read or not _begins_line(file, self.offset)
        file.seek(read)
        return wrong

    def _lines(self, file: FileIO, most: int) -> bytes:
        """Return whole lines from here on; the bytes of an unfinished one wait in the cutter."""
        found: list[bytes] = []
        length = 0
        while length < most and (block := file.read(_STEP)):
            before = self._cutter.waiting
            lines = self._cutter.feed(block)
            self.offset += before + len(block) - self._cutter.waiting
            self._line += lines.count(b"\n")
            length += len(lines)
            found.append(lines)
        return b"".join(found)

    def _replaced(self, file: FileIO) -> bool:
        """Tell whether the name belongs to another file now."""
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False  # moved away, and the new one is not there yet
        return not os.path.samestat(os.fstat(file.fileno()), named)


def _begins_line(file: FileIO, offset: int) -> bool:
    """Tell whether a line can begin at this byte."""
    if not offset:
        return True
    file.seek(offset - 1)
    return file.read(1) == b"\n"


def _last_line(file: FileIO) -> int:
    """Return where the last line begins that may still be unfinished: behind the last line feed."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _STEP)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
