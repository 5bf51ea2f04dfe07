"""Calls on their way from the server's thread into the daemon's own loop, which answers them between two steps."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from monitor.revalidate.asking.calls import fault

if TYPE_CHECKING:
    from collections.abc import Callable

LOG: Final = logging.getLogger("foldwatch")
PLACES: Final = 32
"""Calls that wait."""
SECONDS: Final = 60.0
"""A call that waited longer is not made any more: whoever made it has given up, or will ask again."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One call that waits."""

    name: str
    body: bytes
    by: str
    until: float
    reply: Future[tuple[int, bytes]]


class Inbox:
    """What was asked and is not answered yet. `answer` is for any thread, the rest for the loop's own."""

    def __init__(
        self, places: int = PLACES, seconds: float = SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Take so many calls at a time, each for so long."""
        self._places, self._seconds, self._monotonic = places, seconds, monotonic
        self._lock = threading.Lock()
        self._letters: deque[Letter] = deque()
        self._closed = False

    def answer(self, name: str, body: bytes, by: str) -> Future[tuple[int, bytes]]:
        """Return what will be the answer to a call: status and JSON. Too many, or too late: 503."""
        reply: Future[tuple[int, bytes]] = Future()
        with self._lock:
            full = len(self._letters) >= self._places
            if not full and not self._closed:
                self._letters.append(Letter(name, body, by, self._monotonic() + self._seconds, reply))
                return reply
        reply.set_result(_away("the daemon stops" if self._closed else "too many calls wait: try again"))
        return reply

    def work(self, make: Callable[[str, bytes], tuple[int, bytes]]) -> bool:
        """Have the oldest call made by `make`; return whether there was one."""
        with self._lock:
            letter = self._letters.popleft() if self._letters else None
        if letter is None:
            return False
        if not letter.reply.set_running_or_notify_cancel():
            return True
        if self._monotonic() > letter.until:
            letter.reply.set_result(_away("busy: the call waited too long, try again"))
            return True
        begun = self._monotonic()
        status, content = make(letter.name, letter.body)
        letter.reply.set_result((status, content))
        seconds = round(self._monotonic() - begun, 3)
        LOG.info("called", extra={"call": letter.name, "address": letter.by, "status": int(status), "seconds": seconds})
        return True

    def close(self) -> None:
        """Answer whoever still waits that there is nobody any more; and whoever comes."""
        with self._lock:
            self._closed = True
            left = list(self._letters)
            self._letters.clear()
        for letter in left:
            if letter.reply.set_running_or_notify_cancel():
                letter.reply.set_result(_away("the daemon stops"))


def _away(why: str) -> tuple[int, bytes]:
    return fault(HTTPStatus.SERVICE_UNAVAILABLE, why)
