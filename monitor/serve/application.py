"""What is answered: /metrics, the probes, the page and its API, each read-only; 404 elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.report.page import content_security_policy
from monitor.serve.access import Guard
from monitor.serve.headers import HEADERS, Headed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from monitor.config import Auth
    from monitor.serve.refusals import Refusals
    from monitor.serve.shown import Showcase

_NOT_FOUND: Final = 404
_METHOD_NOT_ALLOWED: Final = 405
_PIECE: Final = 65_536
_EVERYWHERE: Final = "/, /metrics, /api/v1/report, /api/v1/objectives, /-/healthy and /-/ready"
_PROBES: Final = "/-/healthy and /-/ready"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probes ask, at every call: None when all is well, else the reason in plain words."""

    healthy: Callable[[], str | None]
    """Whether our own loops make progress; never whether a broker does."""
    ready: Callable[[], str | None]
    """Whether state is restored and the source is being read."""


class Pieces(Response):
    """An answer that is handed over piece by piece: a slow reader holds one piece in memory, not all of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - Starlette's own
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        for at in range(0, len(body) or 1, _PIECE):
            more = at + _PIECE < len(body)
            await send({"type": "http.response.body", "body": body[at : at + _PIECE], "more_body": more})


def application(showcase: Showcase, probes: Probes, auth: Auth | None, refusals: Refusals) -> ASGIApp:
    """Return what `listen` answers. Every path but the probes needs credentials where `auth` asks for them.

    Raises InputError where the files of `auth` cannot be used.
    """

    async def metrics(request: Request) -> Response:
        body, content_type = showcase.shown.exposition.body(request.headers.get("accept", ""))
        return Pieces(body, headers={"Content-Type": content_type})

    async def whole_page(_: Request) -> Response:
        # Rendering takes its time the first time: in a thread, so that no scrape waits for it.
        shown = showcase.shown
        body = await run_in_threadpool(lambda: shown.page)
        return Pieces(body, media_type="text/html", headers={"Content-Security-Policy": content_security_policy()})

    async def report(_: Request) -> Response:
        shown = showcase.shown
        return Pieces(await run_in_threadpool(lambda: shown.report), media_type="application/json")

    async def objectives(_: Request) -> Response:
        return Pieces(showcase.shown.objectives, media_type="application/json")

    routes = [
        Route("/metrics", metrics),
        *_probe_routes(showcase, probes),
        Route("/", whole_page),
        Route("/api/v1/report", report),
        Route("/api/v1/objectives", objectives),
    ]
    everything = _routed(routes, _EVERYWHERE)
    guarded = everything if auth is None else Guard(everything, auth, refusals)
    return Headed(ServerErrorMiddleware(guarded), HEADERS)


def probes_application(showcase: Showcase, probes: Probes) -> ASGIApp:
    """Return what `probes` answers: the two of them, to anyone, and nothing else."""
    return Headed(_routed(_probe_routes(showcase, probes), _PROBES), HEADERS)


def _probe_routes(showcase: Showcase, probes: Probes) -> list[Route]:
    async def healthy(_: Request) -> Response:
        return _probed(probes.healthy(), "healthy")

    async def ready(_: Request) -> Response:
        return _probed(showcase.shown.halted or probes.ready(), "ready")

    return [Route("/-/healthy", healthy), Route("/-/ready", ready)]


def _probed(trouble: str | None, state: str) -> Response:
    """Return 200, or 503 with the reason."""
    text = f"not {state}: {trouble}\n" if trouble else f"{state}\n"
    return PlainTextResponse(text, status_code=503 if trouble else 200)


def _routed(routes: Sequence[Route], there: str) -> ASGIApp:
    """Return an application of these routes; `there` tells in words which they are."""

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        texts = {
            _NOT_FOUND: f"not found: there are {there}\n",
            _METHOD_NOT_ALLOWED: "method not allowed: everything here is read with GET\n",
        }
        allowed = {"Allow": "GET, HEAD"} if status == _METHOD_NOT_ALLOWED else {}
        return PlainTextResponse(texts.get(status, "error\n"), status_code=status, headers=allowed)

    starlette = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    starlette.router.redirect_slashes = False
    return starlette
