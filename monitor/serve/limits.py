"""What one client may take: time, bytes and connections. Small, because we answer a scraper and a few people."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

_SHARE: Final = 4
"""Of the descriptors that this process may open, connections take at most one in so many; the store needs the rest."""
_FEWEST: Final = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, bytes and numbers; the defaults leave a scrape of 5,000 series over a slow line in peace."""

    connections: int = 256
    """Open at once on one listener, handshakes included; the newest always finds a place, see `seats.py`."""
    handshake_seconds: float = 10.0
    """From the connection until TLS is agreed upon."""
    head_seconds: float = 10.0
    """From the connection, or a later request's first byte, until the head of the request is complete."""
    head_bytes: int = 16_384
    """Request line and headers."""
    answer_seconds: float = 30.0
    """From the end of the head until the client has read the answer."""
    body_bytes: int = 8 * 2**20
    """Of a call's body."""
    large_body_bytes: int = 64 * 2**20
    """Of the one that brings a baseline along."""
    bodies_bytes: int = 128 * 2**20
    """Of all bodies that are being read or answered at the same time."""
    body_seconds: float = 60.0
    """From the moment that a body is read until it is complete."""
    progress_seconds: float = 10.0
    """In each of them `progress_bytes` come, or the rest."""
    progress_bytes: int = 65_536
    call_seconds: float = 90.0
    """From the end of the body until a call is answered; the answer is read within `answer_seconds`."""
    calls: int = 16
    """Which wait for their answer at the same time."""
    idle_seconds: float = 40.0
    """Between two requests: more than the usual 15 s and 30 s between scrapes, so that a scraper stays connected."""
    linger_seconds: float = 2.0
    """How long what a refused client still sends is thrown away, so that it can read why."""
    linger_bytes: int = 4_194_304
    stop_seconds: float = 3.0
    """How long answers that are under way may take when the server stops."""
    look_seconds: float = 5.0
    """How often the files of TLS are looked at."""

    def places(self) -> int:
        """Return how many connections a listener really takes: `connections`, or what the process may open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return self.connections
        return min(self.connections, max(_FEWEST, soft // _SHARE))
