"""What a Kafka client has open: parts with a connection each, made when needed and closed without long waiting."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.login import login_of
from monitor.sources.broker.reach import CONNECT_SECONDS, reach, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.config import SourceSettings
    from monitor.sources.broker.login import Login

ANSWER_SECONDS: Final = 3
"""A question that nobody answers within this time raises SourceUnavailable: the daemon's loop must go round."""
LARGEST: Final = 2**26
"""Bytes of a message that we would write: the broker has the last word."""
IDENTITY: Final = 2**63 - 1
"""What is kept of a topic's id."""
ADMIN, READER, GROUP, WRITER = "admin", "reader", "group", "writer"
"""The parts: what asks, what reads, what commits and what writes."""
_CLOSE_SECONDS: Final = 1.0


class Connections:
    """The open parts of a client. Passwords and tokens are read anew for each."""

    def __init__(self, source: SourceSettings, closings: Mapping[str, Callable[[Any], None]]) -> None:
        """Read what the login needs, to find its mistakes now: raises InputError.

        `closings` say how a part ends that does not do so by being forgotten.
        """
        login_of(source.security)
        self._source, self._closings = source, closings
        self._open: dict[str, Any] = {}
        self._closed = False

    def get(self, part: str) -> Any:  # noqa: ANN401 - the libraries have no types
        """Return a part, None where it is not open."""
        return self._open.get(part)

    def opened(self, part: str, make: Callable[[Login], Any]) -> Any:  # noqa: ANN401 - the libraries have no types
        """Return a part, made where it is not open. Raises SourceUnavailable where the broker is away or refuses us."""
        if part not in self._open:
            if self._closed:
                raise silent(self._source, 0, "closed")
            try:
                login = login_of(self._source.security)
            except InputError as wrong:  # it was fine at the start: whoever renews the file is not ready yet
                raise SourceUnavailable(str(wrong)) from wrong
            reach(self._source, login, CONNECT_SECONDS)
            self._open[part] = make(login)
        return self._open[part]

    def drop(self, *parts: str) -> None:
        """Let go of these parts, all where none is named. A part whose end waits for the broker ends by itself."""
        for part in parts or tuple(self._open):
            gone = self._open.pop(part, None)
            if gone is not None and part in self._closings:
                closing = threading.Thread(target=self._close, args=(part, gone), daemon=True)
                closing.start()
                closing.join(_CLOSE_SECONDS)

    def close(self) -> None:
        """Let go of everything, for good."""
        self._closed = True
        self.drop()

    def _close(self, part: str, gone: Any) -> None:  # noqa: ANN401 - the libraries have no types
        with suppress(Exception):  # it is not needed any more, and has been told already if it is broken
            self._closings[part](gone)
