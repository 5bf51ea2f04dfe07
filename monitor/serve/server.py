"""The server: Starlette on uvicorn's HTTP, in a thread of its own. It wires the parts, and starts and stops them.

What it shows is one Snapshot; `publish` swaps it in a single assignment, so that every answer belongs to one moment.
An idle or slow client costs a socket for a while, and no other client waits for it: see `connection.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Self

import uvicorn
from uvicorn.server import ServerState

from monitor.errors import InputError
from monitor.serve.application import Taken, application, probes_application
from monitor.serve.exchange import Exchange
from monitor.serve.headers import HEADERS
from monitor.serve.limits import Limits
from monitor.serve.listener import Listener, bound
from monitor.serve.refusals import Refusals
from monitor.serve.shown import Showcase
from monitor.serve.terms import Terms
from monitor.serve.tls import Keyring

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import TypeVar

    from starlette.types import ASGIApp

    from monitor.config import ServerSettings
    from monitor.errors import Problem
    from monitor.report.snapshot import Snapshot
    from monitor.serve.application import Probes

    T = TypeVar("T")

LOG: Final = logging.getLogger("foldwatch")
_TICK_SECONDS: Final = 1.0
_LIMITS: Final = Limits()
_TAKEN: Final = Taken()
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class Server:
    """Binds its addresses when it is made, so that a port in use is found at once; answers after `start`."""

    def __init__(
        self,
        settings: ServerSettings,
        probes: Probes,
        snapshot: Snapshot,
        limits: Limits = _LIMITS,
        taken: Taken = _TAKEN,
    ) -> None:
        """Listen on `settings.listen`, port 0 for any free one, and show `snapshot` until something newer is published.

        `taken`: the calls that are answered, none unless told otherwise.
        Raises InputError with all that is wrong with the addresses and the files of `settings`.
        """
        self._limits, self._refusals, self._showcase = limits, Refusals(), Showcase(snapshot)
        problems: list[Problem] = []
        tls, second = settings.tls, settings.probes
        self._keyring = None if tls is None else _tried(problems, lambda: Keyring(tls))
        answers = _tried(problems, lambda: application(self._showcase, probes, settings, self._refusals, limits, taken))
        own = _tried(problems, lambda: bound(settings.listen, "server.listen"))
        other = None if second is None else _tried(problems, lambda: bound(second, "server.probes"))
        if problems or answers is None or own is None:
            for one in (own, other):
                if one is not None:
                    one.close()
            raise InputError(*problems)
        self._socket, self._probes_socket = own, other
        self._address, self._probes_address = _address(own), None if other is None else _address(other)
        self._scheme = "http" if tls is None else "https"
        self._terms = _terms(answers, limits, self._refusals, calls=taken.calls is not None)
        self._probe_terms = _terms(probes_application(self._showcase, probes), limits, self._refusals)
        self._stopping: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="serve", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it really listens on."""
        return self._address

    @property
    def probes_address(self) -> tuple[str, int] | None:
        """Host and port of the listener for the probes alone; None where there is none."""
        return self._probes_address

    @property
    def url(self) -> str:
        """Where a person on this machine finds the page."""
        host, port = self.address
        host = _HERE.get(host, host)
        return f"{self._scheme}://[{host}]:{port}/" if ":" in host else f"{self._scheme}://{host}:{port}/"

    def refused(self) -> Mapping[str, int]:
        """Return how many were turned away so far, for each of `refusals.REASONS`."""
        return self._refusals.counts()

    def publish(self, snapshot: Snapshot) -> None:
        """Show `snapshot` from now on. Call it from the loop that evaluated it: /metrics is rendered here."""
        self._showcase.publish(snapshot)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then release the addresses. Takes seconds at most; a second call does nothing."""
        if not self._stopping.done():
            self._stopping.set_result(None)
        if self._thread.is_alive():
            self._thread.join(self._limits.stop_seconds + 2)
        for one in (self._socket, self._probes_socket):
            if one is not None:
                one.close()

    def __enter__(self) -> Self:
        """Begin to answer."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        # asyncio's own loop, whatever else is installed: the same behaviour on every machine.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Listen until `stop`. A fault of ours ends it too, and then closes the addresses: probes must fail by that."""
        listeners = [Listener(self._socket, self._terms, self._keyring)]
        if self._probes_socket is not None:
            listeners.append(Listener(self._probes_socket, self._probe_terms, None))
        ticking = asyncio.create_task(self._tick(listeners))
        stopping = asyncio.wrap_future(self._stopping)
        ours = [ticking, *(listener.accepting for listener in listeners)]
        await asyncio.wait([stopping, *ours], return_when=asyncio.FIRST_COMPLETED)
        faults = [task.exception() for task in ours if task.done()]
        ticking.cancel()
        await asyncio.gather(*(listener.close() for listener in listeners))
        for fault in faults:
            LOG.error("stopped serving", exc_info=fault)

    async def _tick(self, listeners: Sequence[Listener]) -> None:
        """Keep the header Date right, and look at the files of TLS."""
        looked = time.monotonic()
        while True:
            date = formatdate(usegmt=True).encode()
            for terms in (self._terms, self._probe_terms):
                terms.state.default_headers = [(b"date", date)]
            if self._keyring is not None and time.monotonic() >= looked + self._limits.look_seconds:
                looked = time.monotonic()
                self._keyring.look()
                for listener in listeners:
                    listener.distrust()
            await asyncio.sleep(min(_TICK_SECONDS, self._limits.look_seconds))


def require_free(listen: tuple[str, int]) -> None:
    """Raise InputError when (host, port) cannot be had: before long work is done for nothing."""
    bound(listen, "server.listen").close()


def _tried(problems: list[Problem], make: Callable[[], T]) -> T | None:
    """Return what is made; None, with its problems noted, where the input does not let it be made."""
    try:
        return make()
    except InputError as error:
        problems += error.problems
        return None


def _address(listening: socket.socket) -> tuple[str, int]:
    host, port = listening.getsockname()[:2]
    return str(host), int(port)


def _terms(answers: ASGIApp, limits: Limits, refusals: Refusals, *, calls: bool = False) -> Terms:
    """Return what the connections of one listener have together."""
    config = uvicorn.Config(
        answers,
        http=Exchange,
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        log_level="error",  # what strangers send us is counted, not logged
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    config.load()
    return Terms(limits, refusals, HEADERS, config, ServerState(), calls)
