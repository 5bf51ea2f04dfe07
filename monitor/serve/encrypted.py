"""TLS between a socket and a Connection, over `ssl.MemoryBIO`.

asyncio's own has 256 KiB for each connection before a byte has come, closes without the alert that says why, and knows
no deadline but its own; here a client that is turned away learns the reason, and an idle one costs little.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

if TYPE_CHECKING:
    from monitor.serve.tls import Keyring

_READ: Final = 16_384
"""Bytes that are read at once: a record."""
_HELLO: Final = 0x16
"""The first byte of whoever speaks TLS."""
_TOLD: Final = ("socket", "sockname", "peername")


class Resident(Protocol):
    """Who lives behind the encryption: as asyncio's BufferedProtocol, and what concerns the handshake."""

    trusted: str

    def arrived(self, transport: asyncio.Transport) -> None:
        """Learn that a handshake begins over `transport`."""
        ...

    def disagreed(self) -> None:
        """Learn that the handshake failed; what still comes is to be thrown away."""
        ...

    def not_encrypted(self) -> None:
        """Learn that the client speaks something else."""
        ...

    def retire(self) -> None:
        """Leave, as authorities have changed meanwhile."""
        ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn that the handshake is over."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that it is over."""
        ...

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        ...

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        ...

    def eof_received(self) -> bool:
        """Learn that the client says no more."""
        ...

    def pause_writing(self) -> None:
        """Learn that the client does not read."""
        ...

    def resume_writing(self) -> None:
        """Learn that it reads again."""
        ...


class Encrypted(asyncio.BufferedProtocol):
    """Agrees upon TLS with what is in force at the client's first byte, then hands on what is said."""

    def __init__(self, resident: Resident, keyring: Keyring) -> None:
        """Stand before `resident`."""
        self._resident, self._keyring = resident, keyring
        self._buffer = bytearray(_READ)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._agreed = self._over = self._paused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's first byte."""
        self._transport = cast("asyncio.Transport", transport)
        self._resident.arrived(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._over = True
        self._resident.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's own signature
        """Return where to read to."""
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came over the wire."""
        if self._over:
            self._resident.buffer_updated(nbytes)  # which only counts what it throws away
            return
        if self._tls is None:
            if self._buffer[0] != _HELLO:
                self._over = True
                self._resident.not_encrypted()
                return
            self._resident.trusted = self._keyring.trusted
            self._tls = self._keyring.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._buffer[:nbytes])
        self._go_on()

    def eof_received(self) -> bool:
        """Close: without the client's half, TLS has ended."""
        if self._agreed and not self._over:
            self._resident.eof_received()
        return False

    def pause_writing(self) -> None:
        """Hand it on."""
        if self._agreed:
            self._resident.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        if self._agreed:
            self._resident.resume_writing()

    def say(self, words: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._tls is None or self._over:
            return
        rest = memoryview(words)
        while rest:  # OpenSSL may take a record at a time
            rest = rest[self._tls.write(rest) :]
        self._flush()

    def end(self) -> None:
        """Say that nothing follows, and close once all has been sent."""
        if self._tls is not None and not self._over:
            self._over = True
            with suppress(ssl.SSLError):  # which only says that the client has not answered yet
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def pause(self, *, paused: bool) -> None:
        """Read no more, or go on, first with what was read already."""
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Do what can be done with what has come so far."""
        if self._over or self._tls is None or self._transport.is_closing():
            return
        try:
            if not self._agreed:
                self._tls.do_handshake()
                self._flush()
                self._agreed = True
                self._resident.connection_made(Inside(self, self._transport))
                if self._resident.trusted != self._keyring.trusted:
                    self._resident.retire()
            while not self._paused and not self._over and (read := self._read(self._tls)):
                self._resident.buffer_updated(read)
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            # The alert that says why is waiting to be sent.
            self._flush()
            self._over = True
            self._resident.disagreed()

    def _read(self, tls: ssl.SSLObject) -> int:
        """Return how many bytes were put into the resident's buffer; 0 at the end, which is told."""
        buffer = self._resident.get_buffer(-1)
        read = int(tls.read(len(buffer), buffer))
        if not read:
            self._resident.eof_received()
            self.end()
        return read

    def _flush(self) -> None:
        """Send what TLS has to say."""
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())


class Inside(asyncio.Transport):
    """The connection as it looks from behind the encryption."""

    def __init__(self, encrypted: Encrypted, transport: asyncio.Transport) -> None:
        """Speak through `encrypted`, which writes to `transport`."""
        extra: dict[str, Any] = {name: transport.get_extra_info(name) for name in _TOLD}
        super().__init__(extra | {"sslcontext": True})
        self._encrypted, self._transport = encrypted, transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        self._encrypted.say(data)

    def close(self) -> None:
        """Close once everything has been sent."""
        self._encrypted.end()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether nothing more can be said."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Read no more."""
        self._encrypted.pause(paused=True)

    def resume_reading(self) -> None:
        """Go on reading."""
        self._encrypted.pause(paused=False)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say how much may wait to be sent."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be sent, bytes."""
        return self._transport.get_write_buffer_size()
