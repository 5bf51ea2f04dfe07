"""Who may read: whoever shows a right token, or a user with the right password. The two probes are for everybody."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

from monitor.errors import InputError, Problem
from monitor.serve.followed import Followed, contents
from monitor.serve.logins import Logins, TooManyLogins
from monitor.serve.tokens import Tokens, read_tokens
from monitor.serve.users import MOST_PASSWORD_BYTES, Users, read_users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from monitor.config.settings import Auth
    from monitor.serve.refusals import Refusals

LOG: Final = logging.getLogger("foldwatch")
PROBES: Final = frozenset({"/-/healthy", "/-/ready"})
"""Exactly these need no authentication: a kubelet has none."""
REALM: Final = "foldwatch"
_CREDENTIALS: Final = re.compile(rb"([A-Za-z]+) +([!-~]+)")
_LONGEST: Final = 8192
"""Bytes of the header that are looked at."""
_TOLD_SECONDS: Final = 60.0
"""A log line for each wrong password would be a way to fill a disk."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PASTED: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+=_~-]{20,}")
"""What tokens look like, and names of files hardly ever."""
CREDENTIALS: Final = "foldwatch.credentials"
"""Key of a request's scope: by what it was let in, BEARER or BASIC."""
BEARER: Final = "bearer"
BASIC: Final = "basic"
_READERS: Final = (("bearer_token_file", read_tokens), ("basic_users_file", read_users))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not read: the answer, which quotes nothing that was sent."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def answer(self) -> PlainTextResponse:
        """The answer that says so."""
        answer = PlainTextResponse(self.text, self.status)
        for name, value in self.headers:
            answer.headers.append(name, value)
        return answer


class Guard:
    """An ASGI application around another one, which sees only requests that may read. Every path but PROBES."""

    def __init__(
        self,
        application: ASGIApp,
        auth: Auth,
        refusals: Refusals,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Read the files of `auth`, which are followed from now on.

        Raises InputError with everything that is wrong with them.
        """
        require(access_problems(auth))
        self._application, self._refusals, self._monotonic = application, refusals, monotonic
        self._tokens: Followed[Tokens] | None = None
        self._users: Followed[Users] | None = None
        if auth.bearer_token_file is not None:
            place = _place("bearer_token_file", auth.bearer_token_file)
            self._tokens = Followed(place, auth.bearer_token_file, read_tokens, monotonic=monotonic, wall=wall)
        if auth.basic_users_file is not None:
            place = _place("basic_users_file", auth.basic_users_file)
            self._users = Followed(place, auth.basic_users_file, read_users, monotonic=monotonic, wall=wall)
        self._logins = Logins()
        self._refused, self._told_at = 0, -_TOLD_SECONDS

    def __repr__(self) -> str:
        """Name the files, never what stands in them."""
        return f"Guard({self._tokens}, {self._users})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] == "lifespan" or scope["path"] in PROBES:
            await self._application(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        if refusal is None:
            await self._application(scope, receive, send)
            return
        self._refusals.count("unauthorized")
        self._tell(scope)
        await refusal.answer(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Refusal | None:
        """Return why a request may not read; None where it may, which the scope then tells."""
        tokens = self._tokens.current() if self._tokens else None
        users = self._users.current() if self._users else None
        shown = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        credentials = _CREDENTIALS.fullmatch(shown[0]) if len(shown) == 1 and len(shown[0]) <= _LONGEST else None
        scheme, value = (credentials[1].lower(), credentials[2]) if credentials else (b"", b"")
        if scheme == b"bearer" and tokens is not None and tokens.hold(value):
            scope[CREDENTIALS] = BEARER
            return None
        login = _login(value) if scheme == b"basic" and users is not None else None
        if login is not None and users is not None:
            try:
                if await self._logins.right(users, *login, _address(scope)):
                    scope[CREDENTIALS] = BASIC
                    return None
            except TooManyLogins:
                text = "too many logins wait for their turn: try again in a while\n"
                return Refusal(429, text, (("Retry-After", "10"),))
        return _unauthorized(bearer=tokens is not None, basic=users is not None, wrong_token=scheme == b"bearer")

    def _tell(self, scope: Scope) -> None:
        """Log that somebody was turned away: how many and the last address, at most once in a while."""
        self._refused += 1
        now = self._monotonic()
        if now - self._told_at >= _TOLD_SECONDS:
            LOG.warning("unauthorized", extra={"requests": self._refused, "address": _address(scope)})
            self._refused, self._told_at = 0, now


def access_problems(auth: Auth | None) -> list[Problem]:
    """Return everything that is wrong with the files of `auth`, without a word of what stands in them."""
    problems: list[Problem] = []
    for place, path, read in _files(auth):
        try:
            read(place, contents(place, path))
        except InputError as error:
            problems += error.problems
    return problems


def require(problems: list[Problem]) -> None:
    """Raise InputError where there is any problem."""
    if problems:
        raise InputError(*problems)


def _files(auth: Auth | None) -> Iterator[tuple[str, Path, Callable[[str, bytes], object]]]:
    """Yield (place, path, reader) of each file that is configured."""
    for key, read in _READERS:
        path = getattr(auth, key, None)
        if path is not None:
            yield _place(key, path), path, read


def _place(key: str, path: Path) -> str:
    """Return how messages name a file: its key and itself, unless the name may be the secret that belongs into it."""
    there = os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a name is too long
    pasted = _PASTED.fullmatch(path.name) and not there
    return f"server.auth.{key} {'(a name that looks like the secret itself)' if pasted else path}"


def _login(value: bytes) -> tuple[str, bytes] | None:
    """Return (name, password) of RFC 7617: base64 of UTF-8, everything behind the first colon is the password."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, colon, password = text.partition(":")
    return (name, password.encode()) if colon and not _CONTROL.search(text) else None


def _unauthorized(*, bearer: bool, basic: bool, wrong_token: bool) -> Refusal:
    """Say what is expected."""
    wanted, challenges = [], []
    if bearer:
        wanted.append("a token (`Authorization: Bearer TOKEN`)")
        challenges.append(f'Bearer realm="{REALM}"' + (', error="invalid_token"' if wrong_token else ""))
    if basic:
        wanted.append(f"a user and a password of at most {MOST_PASSWORD_BYTES} bytes (`Authorization: Basic …`, UTF-8)")
        challenges.append(f'Basic realm="{REALM}", charset="UTF-8"')
    text = f"unauthorized: this needs {' or '.join(wanted)}, in one header; /-/healthy and /-/ready need neither\n"
    return Refusal(401, text, tuple(("WWW-Authenticate", challenge) for challenge in challenges))


def _address(scope: Scope) -> str:
    """Return who asks."""
    client = scope.get("client")
    return str(client[0]) if client else ""
