"""How kafka-python gets its sockets: as ever, but one that does not connect is closed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka.net import KafkaNetSocket

if TYPE_CHECKING:
    import socket as sockets

ADDRESS: Final = "direct://"
"""What `proxy_url` has to be: there is no proxy, but this is how kafka-python is told whose sockets to take."""


class ClosedSockets(KafkaNetSocket):  # type: ignore[misc]  # the library has no types
    """Closes what kafka-python 3.0 leaves to the garbage collector.

    A producer knocks every second while the broker is away, and each knock would leave an open socket behind: after a
    quarter of an hour there would be no file descriptor left.
    """

    SCHEMES = ("direct",)

    def __init__(self, proxy_url: str) -> None:
        """Make no socket yet."""
        super().__init__(proxy_url)
        self._made: sockets.socket | None = None

    def socket(self, *kind: int) -> sockets.socket:
        """Make a socket."""
        self._made = super().socket(*kind)
        return self._made

    async def connect(self, *to: Any, **until: Any) -> sockets.socket:  # noqa: ANN401 - the library has no types
        """Return a socket that is connected; where it raises none is left."""
        try:
            connected: sockets.socket = await super().connect(*to, **until)
        except BaseException:
            if self._made is not None:
                self._made.close()
            raise
        return connected
