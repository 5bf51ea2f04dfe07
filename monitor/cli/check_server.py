"""What `check` and `run` look at of HTTP: the files of TLS and authentication, and who may read."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import Security, ServerSettings, Settings
    from monitor.errors import Problem

_SOON: Final = 14 * DAY
"""Before a certificate expires somebody should know for so long."""


def server_problems(server: ServerSettings, now: int) -> list[Problem]:
    """Return everything that is wrong with the files of TLS and authentication, and certificates that expired by `now`.

    Times are epoch milliseconds.
    """
    from monitor.serve.access import access_problems
    from monitor.serve.tls import tls_problems

    return [*tls_problems(server.tls, now), *access_problems(server.auth)]


def require_server(server: ServerSettings) -> None:
    """Raise InputError with everything in the files of TLS and authentication that keeps `run` from starting.

    An expired certificate does not: it is warned of, and clients decide.
    """
    from monitor.errors import InputError

    problems = server_problems(server, now=0)
    if problems:
        raise InputError(*problems)


def server_line(settings: Settings) -> str:
    """Return where HTTP listens and who may read, in one line. The files are fine."""
    server = settings.server
    told = [_url(server.listen, encrypted=server.tls is not None)]
    if server.auth is not None:
        told += _credentials(server.auth.bearer_token_file, server.auth.basic_users_file)
    if server.tls is not None and server.tls.client_ca_file is not None:
        told.append("client certificates")
    if server.probes is not None:
        told.append(f"probes on {_url(server.probes, encrypted=False)}")
    return f"server     {', '.join(told)}, every {settings.evaluate_every.text}"


def file_doubts(server: ServerSettings, now: int) -> Iterator[Problem]:
    """Yield what will disappoint of files that are fine: who else may read them, what can be guessed, what expires."""
    from monitor.config import Security
    from monitor.serve.followed import contents
    from monitor.serve.tokens import token_doubts
    from monitor.serve.users import user_doubts

    auth, tls = server.auth, server.tls
    if auth is not None and auth.bearer_token_file is not None:
        place = f"server.auth.bearer_token_file {auth.bearer_token_file}"
        yield from _open_to_others(place, auth.bearer_token_file)
        yield from token_doubts(place, contents(place, auth.bearer_token_file))
    if auth is not None and auth.basic_users_file is not None:
        place = f"server.auth.basic_users_file {auth.basic_users_file}"
        yield from _open_to_others(place, auth.basic_users_file)
        yield from user_doubts(place, contents(place, auth.basic_users_file))
    if tls is not None:
        yield from _open_to_others(f"server.tls.key_file {tls.key_file}", tls.key_file)
        yield from _expires_soon(f"server.tls.cert_file {tls.cert_file}", Security(cert_file=tls.cert_file), now)
        if tls.client_ca_file is not None:
            place = f"server.tls.client_ca_file {tls.client_ca_file}"
            yield from _expires_soon(place, Security(ca_file=tls.client_ca_file), now)


def _url(address: tuple[str, int], *, encrypted: bool) -> str:
    host, port = address
    return f"{'https' if encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _credentials(token_file: Path | None, users_file: Path | None) -> Iterator[str]:
    """Yield what is asked for: tokens, users."""
    from monitor.serve.followed import contents
    from monitor.serve.tokens import read_tokens
    from monitor.serve.users import read_users

    if token_file is not None:
        tokens = len(read_tokens("", contents("", token_file)).digests)
        yield "bearer token" if tokens == 1 else f"{tokens} bearer tokens"
    if users_file is not None:
        users = len(read_users("", contents("", users_file)))
        yield "1 user" if users == 1 else f"{users} users"


def _open_to_others(place: str, path: Path) -> Iterator[Problem]:
    """Yield that everybody on this machine may read or change a file with secrets."""
    from monitor.errors import Problem

    mode = path.stat().st_mode
    may = [word for bit, word in ((stat.S_IROTH, "read"), (stat.S_IWOTH, "change")) if mode & bit]
    if may:
        finding = f"every user of this machine may {' and '.join(may)} it (mode {stat.S_IMODE(mode):04o})"
        yield Problem(place, finding, "chmod o= (of a Kubernetes secret: `defaultMode: 0440`)")


def _expires_soon(place: str, certificates: Security, now: int) -> Iterator[Problem]:
    """Yield that certificates will have expired soon."""
    from monitor.errors import Problem
    from monitor.sources.certificates import Expiry

    moment = Expiry(certificates).at(now)
    if moment is not None and moment - now < _SOON:
        remedy = "renew it: a new file is in force within a minute, without a restart"
        yield Problem(place, f"the certificate expires at {format_time(moment)}", remedy)
