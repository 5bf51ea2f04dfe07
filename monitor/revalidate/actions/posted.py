"""One POST and its answer: certificates verified, no redirect followed, nothing of it longer than it has time for."""

from __future__ import annotations

import email.utils
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST: Final = 64 * 1024
"""Bytes of an answer that are read; a longer one is cut."""
PATIENCE: Final = 15.0
"""Seconds that one try waits for a connection, and then for each piece of the answer."""
_LOOPBACK: Final = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes = field(repr=False, default=b"")
    location: str | None = None
    retry_after: str | None = None
    """As it was sent: seconds, or a date."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, or not all of it."""

    finding: str
    for_good: bool = False
    """Whether another try would end the same way: a certificate that is not trusted."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], seconds: float, monotonic: Callable[[], float] = time.monotonic
) -> Answer | NoAnswer:
    """Send `body`, and return the answer, whatever its status. `seconds`: all that it may take."""
    end = monotonic() + seconds
    patience = urllib3.Timeout(connect=min(PATIENCE, seconds), read=min(PATIENCE, seconds))
    try:
        with _pool(url) as pool:
            answer = pool.request(
                *("POST", url, body),
                headers=dict(headers),
                timeout=patience,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = _read(answer, end, monotonic)
                told = answer.headers
                return Answer(answer.status, content, told.get("Location"), told.get("Retry-After"))
            finally:
                answer.close()
    except (HTTPError, OSError) as error:
        return _failed(error)


def retry_after(text: str | None, now: int) -> float | None:
    """Return the seconds that `Retry-After` asks for, at least 0; None without one, or where it says neither."""
    if text is None:
        return None
    if text.strip().isdecimal() and text.strip().isascii():
        return float(text.strip()[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now / 1_000)


def origin(url: str) -> str:
    """Return `https://host:port` of a URL: the rest of it may be a secret, and is never shown."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _pool(url: str) -> urllib3.PoolManager:
    """Return a pool that verifies certificates with the system's authorities, or SSL_CERT_FILE's.

    By way of the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name; on loopback never.
    """
    host = (urlsplit(url).hostname or "").lower()
    proxy = getproxies().get(urlsplit(url).scheme)
    verifying = ssl.create_default_context()
    if proxy is None or host.startswith(_LOOPBACK) or proxy_bypass(host):
        return urllib3.PoolManager(num_pools=1, ssl_context=verifying)
    return urllib3.ProxyManager(proxy, num_pools=1, ssl_context=verifying)


def _read(answer: urllib3.BaseHTTPResponse, end: float, monotonic: Callable[[], float]) -> bytes:
    """Read an answer piece by piece, so that one that comes drop by drop has its end too."""
    pieces: list[bytes] = []
    left = LARGEST
    while left > 0 and (piece := answer.read1(left)):
        pieces.append(piece)
        left -= len(piece)
        if monotonic() > end:
            break
    return b"".join(pieces)


def _failed(error: BaseException) -> NoAnswer:
    """Say why there is no answer, in words that hold no address but the one that was configured."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NoAnswer(f"its certificate is not trusted ({cause.verify_message})", for_good=True)
        if isinstance(cause, ConnectionRefusedError):
            return NoAnswer("the connection was refused")
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
        cause = cause if isinstance(cause, BaseException) else None
    words = {
        urllib3.exceptions.NameResolutionError: "its name cannot be looked up",
        urllib3.exceptions.ConnectTimeoutError: "no connection came about in time",
        urllib3.exceptions.ReadTimeoutError: "it did not answer in time",
        urllib3.exceptions.ProxyError: "the proxy did not let us through",
    }
    said = next((text for kind, text in words.items() if isinstance(error, kind)), "the connection broke off")
    return NoAnswer(said)
