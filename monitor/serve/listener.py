"""A listener: takes connections in, and knows who is connected."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem
from monitor.serve.connection import Connection
from monitor.serve.encrypted import Encrypted
from monitor.serve.seats import Seats

if TYPE_CHECKING:
    from monitor.serve.terms import Terms
    from monitor.serve.tls import Keyring

_BACKLOG: Final = 512
_REST_SECONDS: Final = 0.1
"""After a connection could not be accepted."""
_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The system cannot give us another descriptor."""


def bound(listen: tuple[str, int], key: str) -> socket.socket:
    """Return a socket that listens on (host, port). Raises InputError naming `key`, address and remedy."""
    host, port = listen
    place = f"{key} {host}:{port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "stop the other program, or choose another port (0 takes any free one)"
            raise InputError(Problem(place, "the port is in use", remedy)) from error
        remedy = "use an address of this machine, such as 127.0.0.1:9464, and a port that you may use"
        raise InputError(Problem(place, f"cannot listen there ({error.strerror or error})", remedy)) from error


class Listener:
    """Everything that is connected to one socket. Lives in the server's loop."""

    def __init__(self, listening: socket.socket, terms: Terms, keyring: Keyring | None) -> None:
        """Listen on `listening`, with TLS where there is a `keyring`."""
        self._socket, self._terms, self._keyring = listening, terms, keyring
        self._seats: Seats[Connection] = Seats(terms.limits.places(), terms.refusals)
        self._left = asyncio.Event()
        self._socket.setblocking(False)  # noqa: FBT003 - the library's own signature
        self.accepting: Final = asyncio.get_running_loop().create_task(self._accept())
        """Ends only with `close`, or with a fault of ours."""

    def distrust(self) -> None:
        """Let those go whom authorities let in that are not in force any more."""
        for guest in self._seats.guests():
            if self._keyring is not None and guest.made and guest.trusted != self._keyring.trusted:
                guest.retire()

    async def close(self) -> None:
        """Accept nobody any more, let answers that are under way be read, and end within `stop_seconds`."""
        self.accepting.cancel()
        await asyncio.wait([self.accepting])
        self._socket.close()
        for guest in self._seats.guests():
            guest.retire()
        await self._empty(self._terms.limits.stop_seconds)
        for guest in self._seats.guests():
            guest.give_way()
        await self._empty(1.0)

    async def _empty(self, seconds: float) -> None:
        """Wait until nobody is connected, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self._seats):
                    self._left.clear()
                    await self._left.wait()

    def _leave(self, guest: Connection) -> None:
        self._seats.release(guest)
        self._left.set()

    async def _accept(self) -> None:
        """Take connections in, forever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(self._socket)
            except OSError as error:
                if error.errno in _FULL:  # the oldest that only waits gives us its descriptor
                    self._seats.vacate()
                await asyncio.sleep(_REST_SECONDS)
                continue
            guest = Connection(accepted, str(peer[0]), self._terms, self._leave)
            if self._seats.admit(guest):
                await self._let_in(guest, accepted)
            else:
                accepted.close()
            await asyncio.sleep(0)  # a crowd at the door does not keep those inside waiting

    async def _let_in(self, guest: Connection, accepted: socket.socket) -> None:
        """Hand over to asyncio, which closes the descriptor from now on."""
        protocol = guest if self._keyring is None else Encrypted(guest, self._keyring)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, accepted)
        except OSError:  # the client is gone
            accepted.close()
            self._leave(guest)
