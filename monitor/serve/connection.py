"""One client's connection: how much it may send, and how long it may keep us waiting at every step."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from monitor.serve.bodies import Body, Unwanted, as_last, length
from monitor.serve.exchange import Exchange, Outlet
from monitor.serve.refused import NOT_ENCRYPTED, WORDS, refusal
from monitor.serve.terms import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.serve.terms import Terms

_READ: Final = 8_192
"""Bytes that are read at once."""
_HELD: Final = 65_536
"""Bytes of an answer that wait in memory until the client reads them."""
_END: Final = re.compile(rb"\n\r?\n")


class Connection(asyncio.BufferedProtocol):
    """A state machine with one deadline: every phase has its own, and its end is the end of the connection.

    It is a Guest of `seats.py` and the Door of its Exchange. Everything happens in the server's loop.
    """

    def __init__(self, accepted: socket.socket, address: str, terms: Terms, gone: Callable[[Connection], None]) -> None:
        """Begin with the handshake. `gone` is told when it is over."""
        self.address: Final = address
        self.trusted = ""
        """By which authorities the client was let in; empty without client certificates."""
        self.made = False
        """Whether the handshake is over."""
        self._accepted = accepted
        self._terms, self._limits, self._gone = terms, terms.limits, gone
        self._loop = asyncio.get_running_loop()
        self._since, self._phase = self._loop.time(), Phase.HANDSHAKE
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._exchange = Exchange(terms.config, terms.state, self)
        self._buffer = bytearray()
        self._unread = bytearray()
        self._body = Body(0, self._limits)
        self._wanted = False
        self._discarded = 0

    @property
    def waits_since(self) -> float | None:
        """Since when the client keeps us waiting; None while we are at work for it."""
        at_work = self._phase is Phase.ANSWER and self._exchange.answering and not self._exchange.held_up
        return None if at_work else self._since

    def give_way(self) -> None:
        """Leave at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()
            return
        # asyncio has the descriptor by now: who closed it here might close somebody else's.
        with suppress(OSError):
            self._accepted.shutdown(socket.SHUT_RDWR)

    def retire(self) -> None:
        """Leave after the answer that is under way: the server stops, or the client is not trusted any more."""
        if self._transport is None:
            self.give_way()
        elif self._phase is Phase.ANSWER and self._exchange.answering:
            self._exchange.last()
        elif self._phase is Phase.ANSWER:
            self._close(self._limits.answer_seconds)
        elif self._phase not in {Phase.LINGER, Phase.CLOSING}:
            self._close(self._limits.linger_seconds)

    # The handshake, as encrypted.py tells of it.

    def arrived(self, transport: asyncio.Transport) -> None:
        """Expect that TLS is agreed upon."""
        self._transport = transport
        self._enter(Phase.HANDSHAKE, self._limits.handshake_seconds)

    def disagreed(self) -> None:
        """Count it, and let the client read why."""
        self._terms.refusals.count("handshake")
        self._linger()

    def not_encrypted(self) -> None:
        """Tell who speaks plain HTTP where to ask."""
        if self._transport is not None:
            self._transport.write(refusal(HTTPStatus.BAD_REQUEST, NOT_ENCRYPTED, self._terms.headers))
        self.disagreed()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request."""
        self.made, self._transport, self._buffer = True, cast("asyncio.Transport", transport), bytearray(_READ)
        self._transport.set_write_buffer_limits(high=_HELD)
        self._exchange.connection_made(Outlet(self._transport, self))
        self._enter(Phase.HEAD, self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._phase = Phase.CLOSING
        if self.made:
            self._exchange.connection_lost(exc)
        self._gone(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's own signature
        """Return where to read to: so little that no client fills the memory."""
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        if self._phase in {Phase.LINGER, Phase.CLOSING}:
            self._discarded += nbytes
            if self._discarded > self._limits.linger_bytes:
                self._abort()
            return
        self._unread += self._buffer[:nbytes]
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD, self._limits.head_seconds)
        if self._phase is Phase.HEAD:
            self._begin()
        elif self._phase is Phase.BODY and self._wanted:
            self._since = self._loop.time()
            self._feed()
        elif self._phase is Phase.ANSWER and not self._exchange.answering and self._drained:
            self._enter(Phase.HEAD, self._limits.head_seconds)
            self._begin()
        elif len(self._unread) > self._limits.head_bytes:
            self._pause(reading=False)

    def eof_received(self) -> bool:
        """Stay until a request that is under way is answered; leave otherwise."""
        self._exchange.last()
        return self._phase is Phase.ANSWER and self._exchange.answering

    def pause_writing(self) -> None:
        """Learn that the client does not read."""
        self._since = self._loop.time()
        self._exchange.pause_writing()

    def resume_writing(self) -> None:
        """Learn that it reads again."""
        self._exchange.resume_writing()

    # What the Exchange tells.

    def answered(self) -> None:
        """Go on with what the client has sent meanwhile, or wait for it."""
        if self._phase is not Phase.ANSWER:
            return
        if self._unread:
            self._loop.call_soon(self._next)
        elif self._drained:
            self._enter(Phase.IDLE, self._limits.idle_seconds)

    def not_understood(self) -> None:
        """Refuse what is not HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def leave(self) -> None:
        """Close, but let the client read first where it is still sending: closing would throw away our last words."""
        if self._phase in {Phase.LINGER, Phase.CLOSING}:
            return
        if self._unread or self._body.left:
            self._linger()
        else:
            self._close(self._limits.answer_seconds)

    def wanted(self, *, more: bool) -> None:
        """Read the body as fast as it is asked for, and no faster."""
        self._wanted = more and self._body.left > 0
        if not self._wanted:
            return
        if self._phase is Phase.ANSWER:
            self._body.begin(self._loop.time())
            self._enter(Phase.BODY, self._limits.progress_seconds)
        self._pause(reading=True)
        self._loop.call_soon(self._feed)

    # The steps.

    @property
    def _drained(self) -> bool:
        """Whether the client has taken what was said."""
        return self._transport is None or not self._transport.get_write_buffer_size()

    def _enter(self, phase: Phase, seconds: float) -> None:
        """Begin a phase, with its deadline."""
        if self._timer is not None:
            self._timer.cancel()
        self._phase, self._since = phase, self._loop.time()
        self._timer = self._loop.call_later(seconds, self._expire)

    def _next(self) -> None:
        """Begin a request that came while another one was answered."""
        if self._phase is Phase.ANSWER and not self._exchange.answering:
            self._enter(Phase.HEAD, self._limits.head_seconds)
            self._pause(reading=True)
            self._begin()

    def _begin(self) -> None:
        """Answer a request whose head is complete; refuse one that is too large."""
        end = _END.search(self._unread, 0, self._limits.head_bytes)
        if end is None:
            if len(self._unread) >= self._limits.head_bytes:
                line = self._unread.find(b"\n", 0, self._limits.head_bytes) >= 0
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if line else HTTPStatus.REQUEST_URI_TOO_LONG)
            return
        head = bytes(self._unread[: end.end()])
        del self._unread[: end.end()]
        follows = length(head, self._limits, calls=self._terms.calls)
        if isinstance(follows, Unwanted):
            self._refuse(*follows)
            return
        self._enter(Phase.ANSWER, self._limits.answer_seconds)
        if follows:
            self._body = Body(follows, self._limits)
            self._exchange.begin(as_last(head))
        else:
            self._exchange.data_received(head)

    def _feed(self) -> None:
        """Hand on what has come of the body."""
        if self._phase is not Phase.BODY or not self._wanted or not self._unread:
            return
        self._exchange.data_received(self._body.take(self._unread))
        if not self._body.left:
            self._enter(Phase.ANSWER, self._limits.call_seconds + self._limits.answer_seconds)

    def _refuse(self, status: HTTPStatus, text: str = "") -> None:
        """Say why nothing is answered, and leave."""
        words, reason = WORDS[status]
        self._terms.refusals.count(reason)
        if self._transport is not None:
            self._transport.write(refusal(status, text or words, self._terms.headers))
        self._linger()

    def _linger(self) -> None:
        self._unread.clear()
        self._enter(Phase.LINGER, self._limits.linger_seconds)
        self._pause(reading=True)

    def _close(self, seconds: float) -> None:
        """Close; a client that does not let us within `seconds` is cut off."""
        self._enter(Phase.CLOSING, seconds)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _pause(self, *, reading: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _expire(self) -> None:
        """Do what the end of the phase's time asks for."""
        now = self._loop.time()
        if self._phase is Phase.BODY and not self._body.late(now):
            self._timer = self._loop.call_later(self._body.patience(now), self._expire)
        elif self._phase is Phase.BODY or (self._phase is Phase.HEAD and self._unread):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self._phase in {Phase.IDLE, Phase.LINGER, Phase.HEAD}:
            if self._phase is Phase.HEAD:
                self._terms.refusals.count("too_slow")
            self._close(self._limits.linger_seconds)
        elif self._phase is Phase.ANSWER and not self._exchange.answering and self._drained:
            self._enter(Phase.IDLE, self._limits.idle_seconds)
        else:
            if self._phase is Phase.HANDSHAKE:
                self._terms.refusals.count("handshake")
            elif self._phase is Phase.ANSWER or not self._drained:
                self._terms.refusals.count("too_slow")
            self._abort()
