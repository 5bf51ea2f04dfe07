"""Answers that are handed over piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PIECE: Final = 65_536


class Pieces(Response):
    """An answer that is handed over piece by piece: a slow reader holds one piece in memory, not all of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - Starlette's own
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        for at in range(0, len(body) or 1, _PIECE):
            more = at + _PIECE < len(body)
            await send({"type": "http.response.body", "body": body[at : at + _PIECE], "more_body": more})
