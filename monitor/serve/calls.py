"""Calls: the only requests that change something. They need a token, whatever may be read without one."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from starlette.requests import ClientDisconnect

from monitor.config.server import is_loopback
from monitor.serve.access import BEARER, CREDENTIALS, Refusal
from monitor.serve.own_token import keep_own_token
from monitor.serve.pieces import Pieces

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from monitor.config import ServerSettings
    from monitor.serve.limits import Limits
    from monitor.serve.refusals import Refusals

LEDGER: Final = "ledger"
"""The call that is read, with GET."""
KNOCK: Final = "knock"
"""The call that only tells whether the token is right; it is answered here."""
EMPTY_LEDGER: Final = b'{"entries":[],"number":0,"hash":""}'
"""Where nobody keeps one."""
_JSON: Final = "application/json"


class Calls(Protocol):
    """Who answers calls. Its methods may be called from any thread."""

    def answer(self, name: str, body: bytes, by: str) -> Future[tuple[int, bytes]]:
        """Return what will be the status and the JSON of the answer to the call `name`; `by`: address of who asks."""
        ...


def own_token_file(settings: ServerSettings, folder: Path | None) -> Path | None:
    """Return the file whose token lets somebody of this machine write; None where authentication, or nobody, does.

    It is made in `folder` where it is not there. Raises InputError where it cannot be had.
    """
    if folder is None or settings.auth is not None or not is_loopback(settings.listen[0]):
        return None
    path = folder / "token"
    keep_own_token(path)
    return path


def may_write(settings: ServerSettings, credentials: str | None, token_file: Path | None) -> Refusal | None:
    """Return why who was let in by `credentials` may not write; None where he may. Reading is another matter."""
    auth = settings.auth
    if auth is not None and auth.bearer_token_file is None:
        text = "users may only read; writing needs a token: configure `server.auth.bearer_token_file`\n"
    elif auth is None and token_file is None:
        loopback = "" if not is_loopback(settings.listen[0]) else ", or `store.path`, whose folder then holds one"
        text = f"nobody may write here: configure `server.auth.bearer_token_file`{loopback}\n"
    elif credentials != BEARER:
        text = "users may only read: write with a token (`Authorization: Bearer TOKEN`)\n"
    else:
        return None
    return Refusal(HTTPStatus.FORBIDDEN, text)


class Writing:
    """An ASGI application around another one, which sees only requests that may write."""

    def __init__(
        self, application: ASGIApp, settings: ServerSettings, token_file: Path | None, refusals: Refusals
    ) -> None:
        """Stand behind a Guard, where there is one: it says what a request was let in by."""
        self._application, self._refusals = application, refusals
        self._settings, self._token_file = settings, token_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        refusal = may_write(self._settings, scope.get(CREDENTIALS), self._token_file)
        if refusal is not None:
            self._refusals.count("unauthorized")
        await (self._application if refusal is None else refusal.answer)(scope, receive, send)


class Intake:
    """Where calls come in: bodies are read within bounds, and few wait at the same time."""

    def __init__(self, calls: Calls | None, limits: Limits) -> None:
        """Hand on to `calls`; None: there are none to be made."""
        self._calls, self._limits = calls, limits
        self._bytes = self._called = self._reading = 0
        self._ledger: asyncio.Future[tuple[int, bytes]] | None = None

    async def called(self, request: Request) -> Response:
        """Read the body of a call and answer it. Who asks may."""
        told = request.headers.get("content-length", "")
        if not told.isdecimal():
            return said(HTTPStatus.LENGTH_REQUIRED, "say `Content-Length`: a body comes in one piece")
        expected = int(told)
        if self._bytes + expected > self._limits.bodies_bytes or self._called >= self._limits.calls:
            return said(HTTPStatus.SERVICE_UNAVAILABLE, "too many calls at the same time: try again")
        self._bytes += expected
        self._called += 1
        try:
            body = await request.body()
            return await self._answered(request.path_params["name"], body, _address(request))
        except ClientDisconnect:
            return said(HTTPStatus.BAD_REQUEST, "the body did not come")
        finally:
            self._bytes -= expected
            self._called -= 1

    async def ledger(self, request: Request) -> Response:
        """Show the ledger: all who ask at the same time get the same answer, and it is fetched once."""
        if self._calls is None:
            return answered(HTTPStatus.OK, EMPTY_LEDGER)
        if self._reading >= self._limits.calls:
            return said(HTTPStatus.SERVICE_UNAVAILABLE, "too many read it at the same time: try again")
        if self._ledger is None or self._ledger.done():
            self._ledger = asyncio.wrap_future(self._calls.answer(LEDGER, b"", _address(request)))
        self._reading += 1
        try:
            return await self._waited(asyncio.shield(self._ledger), self._limits.answer_seconds / 2)
        finally:
            self._reading -= 1

    async def _answered(self, name: str, body: bytes, by: str) -> Response:
        if name == KNOCK:
            return answered(HTTPStatus.OK, b"{}")
        if self._calls is None:
            return said(HTTPStatus.NOT_FOUND, "there is nothing to call here")
        return await self._waited(asyncio.wrap_future(self._calls.answer(name, body, by)), self._limits.call_seconds)

    async def _waited(self, answer: asyncio.Future[tuple[int, bytes]], seconds: float) -> Response:
        try:
            status, content = await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return said(HTTPStatus.SERVICE_UNAVAILABLE, "busy: no answer in time, try again")
        return answered(status, content)


def said(status: HTTPStatus, error: str) -> Response:
    """Return an answer that only says what is wrong."""
    return answered(status, json.dumps({"error": error}).encode())


def answered(status: int, content: bytes) -> Response:
    """Return an answer in JSON."""
    again = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Pieces(content, status, again, _JSON)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""
