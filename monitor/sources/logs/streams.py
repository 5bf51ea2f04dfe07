"""Bytes of log files: decompressed where they are compressed, cut into blocks of whole lines, in bounded memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BLOCK = 8 * 2**20
"""Bytes that are decoded at once."""

_COMPRESSED = {".gz", ".zst"}
_COMPRESSED_BLOCK = 64 * 2**10
"""Small: a block of zeros grows a thousandfold."""
_GZIP = 16 + zlib.MAX_WBITS
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LOOKED_AT = 64


@dataclass(slots=True)
class LineCutter:
    """Turns bytes as they come into whole lines; of a line that is too long only the beginning is kept."""

    limit: int
    """Bytes of a line that are kept; one more tells that it was longer."""
    _pending: list[bytes] = field(default_factory=list)
    _kept: int = 0
    _seen: int = 0

    @property
    def waiting(self) -> int:
        """Bytes of a line whose line feed has not come yet."""
        return self._seen

    def feed(self, block: bytes) -> bytes:
        """Return the whole lines that `block` completes."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._keep(block)
            return b""
        first = block.find(b"\n") + 1
        self._keep(block[: first - 1])
        lines = b"".join((*self._pending, b"\n", memoryview(block)[first:end]))
        self._pending, self._kept, self._seen = [], 0, 0
        self._keep(block[end:])
        return lines

    def finish(self) -> bytes:
        """Return the last line, which has no line feed."""
        line = b"".join(self._pending)
        self._pending, self._kept, self._seen = [], 0, 0
        return line

    def _keep(self, block: bytes) -> None:
        room = self.limit + 1 - self._kept
        self._seen += len(block)
        if room > 0 and block:
            self._pending.append(block[:room])
            self._kept += min(room, len(block))


def read_bytes(path: Path, progress: Callable[[int], None], size: int = BLOCK) -> Iterator[bytes]:
    """Yield the content of a file, decompressed where its name ends in `.gz` or `.zst`.

    `progress` is told after each block how many bytes of the file itself are read. Raises InputError where the file
    cannot be read, is cut, or is UTF-16.
    """
    try:
        with path.open("rb") as stream:
            blocks = (
                _decompressed(path, stream, progress)
                if path.suffix in {".gz", ".zst"}
                else _plain(stream, progress, size)
            )
            for number, block in enumerate(blocks):
                if number == 0:
                    _refuse_utf16(path, block)
                yield block
    except OSError as wrong:
        raise InputError(Problem(str(path), wrong.strerror or str(wrong), "name a readable file")) from wrong


def _plain(stream: BinaryIO, progress: Callable[[int], None], size: int) -> Iterator[bytes]:
    while block := stream.read(size):
        progress(stream.tell())
        yield block


def _gathered(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield pieces put together to blocks of at least `size` bytes."""
    waiting: list[bytes] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def _decompressed(path: Path, stream: BinaryIO, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield what members or frames in a row hold."""
    gzip = path.suffix == ".gz"
    reading = None
    while compressed := stream.read(_COMPRESSED_BLOCK):
        progress(stream.tell())
        while compressed:
            if reading is None or reading.eof:
                reading = zlib.decompressobj(_GZIP) if gzip else zstandard.ZstdDecompressor().decompressobj()
            try:
                block = reading.decompress(compressed)
            except (zlib.error, zstandard.ZstdError) as wrong:
                raise InputError(_broken(path, f"is no sound {path.suffix[1:]} file ({wrong})")) from wrong
            compressed = reading.unused_data if reading.eof else b""
            if gzip and reading.eof and not compressed.strip(b"\0"):
                compressed = b""  # gzip files may be padded with zeros
            if block:
                yield block
    if reading is not None and not reading.eof:
        raise InputError(_broken(path, f"ends in the middle of its {path.suffix[1:]} stream"))


def _broken(path: Path, finding: str) -> Problem:
    return Problem(str(path), finding, "copy or write the file again; it was probably cut on the way")


def _refuse_utf16(path: Path, block: bytes) -> None:
    head = block[:_LOOKED_AT]
    if head.startswith(_UTF16) or (b"\0" in head[:2] and head[2:].replace(b"\0", b"").isascii()):
        raise InputError(Problem(str(path), "is UTF-16", f"convert it: iconv -f UTF-16 -t UTF-8 {path.name}"))
