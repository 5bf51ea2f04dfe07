"""HTTP: /metrics, the probes, the page for people and the report for programs. Read-only; nothing is evaluated here.

What it shows is one Snapshot; `publish` swaps it in a single assignment, so that every answer belongs to one moment.
Starlette on uvicorn, in a thread of its own: an idle or slow client costs a socket, and no other client waits for it.
"""

from __future__ import annotations

import errno
import socket
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.errors import InputError, Problem
from monitor.prometheus.collector import Exposition
from monitor.report.json import encoded, report_document
from monitor.report.objectives import encoded_objectives
from monitor.report.page import content_security_policy, page
from monitor.serve.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from starlette.requests import Request

    from monitor.config import ServerSettings
    from monitor.report.snapshot import Snapshot

_STOP_SECONDS: Final = 3
"""How long open answers may take when the server stops."""
_NOT_FOUND: Final = 404
_METHOD_NOT_ALLOWED: Final = 405
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probes ask, at every call: None when all is well, else the reason in plain words."""

    healthy: Callable[[], str | None]
    """Whether our own loops make progress; never whether a broker does."""
    ready: Callable[[], str | None]
    """Whether state is restored and the source is being read."""


class Shown:
    """A Snapshot and what is rendered from it: /metrics at once, page and JSON when first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Render the text of /metrics."""
        self._snapshot = snapshot
        self.exposition: Final = Exposition(snapshot)

    @property
    def halted(self) -> str | None:
        """Why reading stopped; None while events are read."""
        return self._snapshot.halted

    @cached_property
    def page(self) -> bytes:
        """The page, UTF-8."""
        return page(self._snapshot, served=True).encode()

    @cached_property
    def report(self) -> bytes:
        """The document of /api/v1/report, UTF-8."""
        return encoded(report_document(self._snapshot.report))

    @cached_property
    def objectives(self) -> bytes:
        """The document of /api/v1/objectives, UTF-8."""
        return encoded_objectives(self._snapshot)


class Server:
    """Binds its address when it is made, so that a port in use is found at once; answers after `start`."""

    def __init__(self, settings: ServerSettings, probes: Probes, snapshot: Snapshot) -> None:
        """Listen on `settings.listen`, port 0 for any free one, and show `snapshot` until something newer is published.

        Raises InputError when the address cannot be had.
        """
        self._probes = probes
        self._refusals = Refusals()
        self._shown = Shown(snapshot)
        self._socket = _bound(settings.listen)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self._application(),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="serve", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it really listens on."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """Where a person on this machine finds the page."""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def refused(self) -> dict[str, int]:
        """Return how many were turned away so far, by reason, from zero."""
        return self._refusals.counts()

    def publish(self, snapshot: Snapshot) -> None:
        """Show `snapshot` from now on. Call it from the loop that evaluated it: /metrics is rendered here."""
        self._shown = Shown(snapshot)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then release the address. Takes seconds at most; a second call does nothing."""
        self._uvicorn.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS + 2)
        self._socket.close()

    def __enter__(self) -> Self:
        """Begin to answer."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _application(self) -> Starlette:
        routes = [
            Route("/metrics", self._metrics),
            Route("/-/healthy", self._healthy),
            Route("/-/ready", self._ready),
            Route("/", self._page),
            Route("/api/v1/report", self._report),
            Route("/api/v1/objectives", self._objectives),
        ]
        application = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
        application.router.redirect_slashes = False
        return application

    async def _metrics(self, request: Request) -> Response:
        body, content_type = self._shown.exposition.body(request.headers.get("accept", ""))
        return Response(body, headers=_HEADERS | {"Content-Type": content_type})

    async def _healthy(self, _: Request) -> Response:
        return _probed(self._probes.healthy(), "healthy")

    async def _ready(self, _: Request) -> Response:
        return _probed(self._shown.halted or self._probes.ready(), "ready")

    async def _page(self, _: Request) -> Response:
        # Rendering takes its time the first time: in a thread, so that no scrape waits for it.
        shown = self._shown
        body = await run_in_threadpool(lambda: shown.page)
        headers = _HEADERS | {"Content-Security-Policy": content_security_policy()}
        return Response(body, media_type="text/html", headers=headers)

    async def _report(self, _: Request) -> Response:
        shown = self._shown
        body = await run_in_threadpool(lambda: shown.report)
        return Response(body, media_type="application/json", headers=_HEADERS)

    async def _objectives(self, _: Request) -> Response:
        return Response(self._shown.objectives, media_type="application/json", headers=_HEADERS)


def require_free(listen: tuple[str, int]) -> None:
    """Raise InputError when (host, port) cannot be had: before long work is done for nothing."""
    _bound(listen).close()


def _bound(listen: tuple[str, int]) -> socket.socket:
    """Return a socket that listens on (host, port). Raises InputError naming the address and what would help."""
    host, port = listen
    place = f"server.listen {host}:{port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "stop the other program, or choose another port (0 takes any free one)"
            raise InputError(Problem(place, "the port is in use", remedy)) from error
        remedy = "use an address of this machine, such as 127.0.0.1:9464, and a port that you may use"
        raise InputError(Problem(place, f"cannot listen there ({error.strerror or error})", remedy)) from error


def _probed(trouble: str | None, state: str) -> Response:
    """Return 200, or 503 with the reason."""
    text = f"not {state}: {trouble}\n" if trouble else f"{state}\n"
    return PlainTextResponse(text, status_code=503 if trouble else 200, headers=_HEADERS)


async def _refused(_: Request, error: Exception) -> Response:
    """Return the answer to a path or method that does not exist, in plain words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {
        _NOT_FOUND: "not found: there are /, /metrics, /api/v1/report, /api/v1/objectives, /-/healthy and /-/ready\n",
        _METHOD_NOT_ALLOWED: "method not allowed: everything here is read with GET\n",
    }
    allowed = {"Allow": "GET, HEAD"} if status == _METHOD_NOT_ALLOWED else {}
    return PlainTextResponse(texts.get(status, "error\n"), status_code=status, headers=_HEADERS | allowed)
