"""Headers of every answer: it is not kept, not guessed at, not framed, and tells nothing about who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Not among them: Strict-Transport-Security. Browsers hold it against every port of a host, and others live there."""


class Headed:
    """An ASGI application whose answers carry `headers`; what an answer says itself, it keeps."""

    def __init__(self, application: ASGIApp, headers: Mapping[str, str]) -> None:
        """Wrap `application`."""
        self._application, self._headers = application, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                mine = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    mine.setdefault(name, value)
            await send(message)

        await self._application(scope, receive, headed)
