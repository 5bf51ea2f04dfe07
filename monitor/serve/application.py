"""What is answered: /metrics, the probes, the page and its API, each read-only; calls of a token; 404 elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.config import Auth
from monitor.report.page import content_security_policy
from monitor.serve.access import Guard
from monitor.serve.bodies import PREFIX
from monitor.serve.calls import Intake, Writing, own_token_file
from monitor.serve.headers import HEADERS, Headed
from monitor.serve.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from monitor.config import ServerSettings
    from monitor.serve.calls import Calls
    from monitor.serve.limits import Limits
    from monitor.serve.refusals import Refusals
    from monitor.serve.shown import Showcase

_NOT_FOUND: Final = 404
_METHOD_NOT_ALLOWED: Final = 405
_EVERYWHERE: Final = "/, /metrics, /api/v1/report, /api/v1/objectives, /api/v1/ledger, /-/healthy and /-/ready"
READ: Final = "everything here is read with GET"
_PROBES: Final = "/-/healthy and /-/ready"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probes ask, at every call: None when all is well, else the reason in plain words."""

    healthy: Callable[[], str | None]
    """Whether our own loops make progress; never whether a broker does."""
    ready: Callable[[], str | None]
    """Whether state is restored and the source is being read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What takes calls, and where; without `calls` nothing can be called."""

    calls: Calls | None = None
    folder: Path | None = None
    """The state's; None: there is none."""


def application(
    showcase: Showcase, probes: Probes, settings: ServerSettings, refusals: Refusals, limits: Limits, taken: Taken
) -> ASGIApp:
    """Return what `listen` answers. Every path but the probes needs credentials where `auth` asks for them.

    Calls need a token in any case. Raises InputError where the files of `auth`, or of that token, cannot be used.
    """
    intake = Intake(taken.calls, limits)

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
        Route("/api/v1/ledger", intake.ledger),
    ]
    if taken.calls is not None:
        routes.append(_calls_route(intake, settings, refusals, taken.folder))
    everything = _routed(routes, _EVERYWHERE)
    guarded = everything if settings.auth is None else Guard(everything, settings.auth, refusals)
    return Headed(ServerErrorMiddleware(guarded), HEADERS)


def _calls_route(intake: Intake, settings: ServerSettings, refusals: Refusals, folder: Path | None) -> Route:
    """Return where calls are made; no body is read before who sends it may write."""
    token_file = own_token_file(settings, folder)
    writing = Writing(Route(PREFIX + "{name}", intake.called, methods=["POST"]).app, settings, token_file, refusals)
    guarded = writing if token_file is None else Guard(writing, Auth(token_file), refusals)
    return Route(PREFIX + "{name}", guarded, methods=["POST"])


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

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        call = request.url.path.startswith(PREFIX)
        texts = {
            _NOT_FOUND: f"not found: there are {there}\n",
            _METHOD_NOT_ALLOWED: f"method not allowed: {'calls are made with POST' if call else READ}\n",
        }
        allowed = {"Allow": "POST" if call else "GET, HEAD"} if status == _METHOD_NOT_ALLOWED else {}
        return PlainTextResponse(texts.get(status, "error\n"), status_code=status, headers=allowed)

    starlette = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    starlette.router.redirect_slashes = False
    return starlette
