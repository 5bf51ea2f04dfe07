"""How often somebody was turned away, by reason: for the metric, and for whoever wonders why a scrape failed."""

from __future__ import annotations

import threading
from typing import Final, Literal, get_args

Reason = Literal[
    "unauthorized",
    "handshake",
    "too_large",
    "too_many_connections",
    "too_slow",
    "unreadable",
]
"""`unauthorized`: no credentials, or wrong ones. `handshake`: TLS was not agreed upon, or not in time. `too_large`: the
head of a request, or that it has a body. `too_many_connections`: one had to give way to a newer one. `too_slow`: the
head of a request, or the reading of its answer, took too long. `unreadable`: not HTTP."""

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


class Refusals:
    """Counters that every thread may advance. They only grow, and their reasons are fixed: no client names a series."""

    def __init__(self) -> None:
        """Begin at zero for every reason."""
        self._lock = threading.Lock()
        self._counts: dict[str, int] = dict.fromkeys(REASONS, 0)

    def count(self, reason: Reason) -> None:
        """Note that one was turned away."""
        with self._lock:
            self._counts[reason] += 1

    def counts(self) -> dict[str, int]:
        """Return a copy: how many for each of REASONS, in their order, from zero."""
        with self._lock:
            return dict(self._counts)
