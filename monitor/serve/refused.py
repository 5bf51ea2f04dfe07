"""Answers to requests that are not even looked at: too large, too slow, not HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.serve.refusals import Reason

WORDS: Final[Mapping[HTTPStatus, tuple[str, Reason]]] = {
    HTTPStatus.BAD_REQUEST: ("this is not a request that HTTP/1.1 knows", "unreadable"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method not allowed: everything here is read with GET", "too_large"),
    HTTPStatus.REQUEST_TIMEOUT: ("the request took too long", "too_slow"),
    HTTPStatus.LENGTH_REQUIRED: ("say `Content-Length`: a body comes in one piece", "too_large"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("requests have no body here: everything is read with GET", "too_large"),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("the address is too long", "too_large"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("the headers are too large", "too_large"),
}
"""What is said, and as what it counts. METHOD_NOT_ALLOWED: of a request that brings a body along."""

NOT_ENCRYPTED: Final = "this address speaks HTTPS: ask for https:// instead of http://"


def refusal(status: HTTPStatus, text: str, headers: Mapping[str, str]) -> bytes:
    """Return a whole answer in HTTP/1.1, after which the connection is closed."""
    body = f"{text}\n".encode()
    own = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        own["Allow"] = "GET, HEAD"
    lines = [f"{name}: {value}" for name, value in {**headers, **own}.items()]
    return "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *lines, "", ""]).encode() + body
