"""One connection as uvicorn sees it: whole heads of requests go in, bodies as they are asked for, answers come out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState


class Door(Protocol):
    """Who feeds an Exchange, and decides when the connection closes."""

    def answered(self) -> None:
        """Learn that an answer is complete."""
        ...

    def not_understood(self) -> None:
        """Learn that what came is not HTTP."""
        ...

    def leave(self) -> None:
        """Learn that nothing more is to be said."""
        ...

    def wanted(self, *, more: bool) -> None:
        """Learn whether more of a request's body is asked for: never before somebody may send it."""
        ...


_TOLD: Final = ("socket", "sockname", "peername", "sslcontext")
"""What a connection tells of itself."""


class Exchange(H11Protocol):
    """uvicorn's HTTP/1.1 in Python, whatever else is installed: the same behaviour on every machine."""

    def __init__(self, config: Config, state: ServerState, door: Door) -> None:
        """Tell `door` what happens. Made inside a running loop."""
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self._door = door

    @property
    def answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def held_up(self) -> bool:
        """Whether the client does not read what there is of the answer."""
        return self.flow.write_paused

    def begin(self, head: bytes) -> None:
        """Begin a request that has a body, of which nothing is read until it is asked for."""
        self.data_received(head)
        self.flow.pause_reading()

    def last(self) -> None:
        """Close the connection after the answer that is under way."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Go on with the next request; how long it may take is not uvicorn's to say."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self._door.answered()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's name, and we have our own words
        """Refuse what is not HTTP."""
        self._door.not_understood()


class Outlet(asyncio.Transport):
    """What an Exchange writes to. It cannot close the connection: the door does, once everything has been said."""

    def __init__(self, transport: asyncio.Transport, door: Door) -> None:
        """Write to `transport`."""
        super().__init__({name: transport.get_extra_info(name) for name in _TOLD})
        self._transport, self._door, self._closing = transport, door, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Tell whether nothing more can be said."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Ask the door to close the connection."""
        if not self._closing:
            self._closing = True
            self._door.leave()

    def pause_reading(self) -> None:
        """Hand it on: enough of a body has come."""
        self._door.wanted(more=False)

    def resume_reading(self) -> None:
        """Hand it on: somebody asks for the body."""
        self._door.wanted(more=True)
