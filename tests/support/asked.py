"""Requests to an ASGI application without a network: exactly the bytes that a test wants, in the headers too."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list = field(default_factory=list)
    body: bytes = b""

    def all(self, name):
        """Every value of a header."""
        return [value.decode() for known, value in self.headers if known.lower() == name.encode()]


def basic(name, password):
    """The header's value for a user, as RFC 7617 has it."""
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


async def ask(application, *authorization, path="/metrics", method="GET", address="192.0.2.1"):
    """One request; `authorization`: a header each."""
    answer = Answer()

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"x"), *((b"authorization", value) for value in authorization)],
        "client": (address, 40_000),
        "server": ("127.0.0.1", 9464),
    }
    await application(scope, receive, send)
    return answer


def asked(application, *authorization, **more):
    """Do the same from a test that is not asynchronous."""
    return asyncio.run(ask(application, *authorization, **more))
