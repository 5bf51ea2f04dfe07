"""Bodies of requests: who may bring one, how large it may be, and how fast it has to come."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from monitor.serve.limits import Limits

PREFIX: Final = "/api/v1/revalidate/"
"""What follows is the name of a call."""
LARGE: Final = "hand-in"
"""The call that brings a baseline along."""
_ANY: Final = re.compile(rb"\n(?:transfer-encoding[ \t]*:|content-length[ \t]*:(?![ \t]*0+[ \t]*\r?\n))", re.IGNORECASE)
_CALL: Final = re.compile(rb"POST " + re.escape(PREFIX.encode()) + rb"([a-z-]{1,40}) HTTP/1\.1\r?\n")
_CHUNKED: Final = re.compile(rb"\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?(?=\n)", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]{1,15}")
_MIB: Final = 2**20
_END: Final = re.compile(rb"\r?\n\r?\n\Z")


class Unwanted(NamedTuple):
    """Why a body is not taken."""

    status: HTTPStatus
    text: str = ""
    """Empty: what `refused.WORDS` has."""


def length(head: bytes, limits: Limits, *, calls: bool) -> int | Unwanted:
    """Return how many bytes follow a request's head, or why they are not taken; `calls`: whether any call may be made.

    Only a call brings a body, of a length that it tells beforehand, once.
    """
    if not _ANY.search(head):
        return 0
    call = _CALL.match(head)
    if call is None or not calls:
        reading = head.startswith((b"GET ", b"HEAD "))
        return Unwanted(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if reading else HTTPStatus.METHOD_NOT_ALLOWED)
    if _CHUNKED.search(head):
        return Unwanted(HTTPStatus.LENGTH_REQUIRED)
    told = [found[1] for found in _LENGTH.finditer(head)]
    if len(told) != 1 or not _DIGITS.fullmatch(told[0]):
        return Unwanted(HTTPStatus.BAD_REQUEST)
    most = limits.large_body_bytes if call[1] == LARGE.encode() else limits.body_bytes
    if int(told[0]) > most:
        text = (
            f"the body is larger than {most // _MIB} MiB" if most >= _MIB else f"the body is larger than {most} bytes"
        )
        return Unwanted(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
    return int(told[0])


def as_last(head: bytes) -> bytes:
    """Return a request's head that asks to close the connection behind it: who has spoken at length begins anew."""
    return _END.sub(rb"\r\nConnection: close\r\n\r\n", head)


class Body:
    """One body on its way: what is still to come, and whether it comes fast enough. Times: seconds of one clock."""

    def __init__(self, expected: int, limits: Limits) -> None:
        """Expect so many bytes."""
        self.left = expected
        """Bytes that are still to come."""
        self._limits = limits
        self._until = 0.0
        self._left_then = expected

    def begin(self, now: float) -> None:
        """Let the time begin: it is read from now on."""
        self._until, self._left_then = now + self._limits.body_seconds, self.left

    def take(self, unread: bytearray) -> bytes:
        """Take from `unread` what belongs to the body."""
        piece = bytes(unread[: self.left])
        del unread[: len(piece)]
        self.left -= len(piece)
        return piece

    def late(self, now: float) -> bool:
        """Tell whether the body's time is over, or too little has come since it was asked last."""
        came, self._left_then = self._left_then - self.left, self.left
        return now >= self._until or came < self._limits.progress_bytes

    def patience(self, now: float) -> float:
        """Return when to ask again, in seconds."""
        return max(0.0, min(self._limits.progress_seconds, self._until - now))
