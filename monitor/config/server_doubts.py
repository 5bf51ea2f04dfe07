"""What is valid of `server`, but lets more people read than somebody may think: things that `check` warns of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.server import is_loopback
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.settings import Settings


def server_doubts(settings: Settings) -> Iterator[Problem]:
    """Yield what a person should know before others can reach the address."""
    file, server = str(settings.path or "configuration"), settings.server
    host, port = server.listen
    public = not is_loopback(host)
    if server.insecure and (server.tls is not None or not public):
        why = "with `tls`" if server.tls is not None else "on a loopback address"
        yield Problem(f"{file}: server.insecure", f"is of no use {why}", "remove it, lest it hides a later mistake")
    elif public and server.tls is None and server.auth is not None:
        finding = "without `tls` tokens and passwords cross the network in clear"
        yield Problem(f"{file}: server.auth", finding, "add `tls`, unless something in front of it encrypts")
    elif public and server.tls is None:
        finding = f"whoever reaches {host}:{port} reads everything, and nothing is encrypted"
        remedy = "add `tls` and `auth`, unless a network policy lets only Prometheus through"
        yield Problem(f"{file}: server.insecure", finding, remedy)
    if public and server.tls is not None and server.auth is None and server.tls.client_ca_file is None:
        finding = f"is missing: whoever reaches {host}:{port} may read everything"
        yield Problem(f"{file}: server.auth", finding, "add `auth`, or `client_ca_file` to `tls`")
