"""Where a daemon is found, by which token it lets us write, and whom we take for it."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.config.server import is_loopback
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Settings

_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MOST_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Door:
    """How one daemon is reached."""

    url: str
    """Without a slash at the end."""
    token_file: Path
    token_key: str
    """The key of the configuration that names the token's file; empty: the state's own."""
    configured: bool
    """Whether `daemon.url` says so; else it is `server.listen` on this machine."""
    ca_file: Path | None = None
    own_certificate: Path | None = None
    """The daemon's own certificate, where it is the only one that we take."""
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def token_place(self) -> str:
        """How messages name the token's file."""
        return f"{self.token_key} {self.token_file}".strip()

    def token(self) -> str:
        """Return the token, read anew: it may have been renewed. Raises InputError, which never shows it."""
        try:
            with self.token_file.open("rb") as file:
                text = file.read(_MOST_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            finding = f"cannot be read ({(getattr(error, 'strerror', None) or 'it is not UTF-8').lower()})"
            remedy = "name a file that holds the daemon's token in `daemon.token_file`, and let this user read it"
            raise InputError(Problem(self.token_place, finding, remedy)) from None
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("#", "sha256:"))]
        if not lines or not re.fullmatch(r"[!-~]+", lines[-1], re.ASCII):
            finding = "holds no token" if not lines else "holds something that is no token"
            remedy = "name a file that holds the token itself, not its hash, in `daemon.token_file`"
            raise InputError(Problem(self.token_place, finding, remedy))
        return lines[-1]  # of two that are right side by side, the one that was appended

    def context(self) -> ssl.SSLContext:
        """Return by whose word we take a server for the daemon. Raises InputError where the files cannot be used."""
        context = ssl.create_default_context()
        place = f"daemon.ca_file {self.ca_file}"
        try:
            if self.ca_file is not None:
                context = ssl.create_default_context(cafile=self.ca_file)
            elif self.own_certificate is not None:
                place = f"server.tls.cert_file {self.own_certificate}"
                context = _only(self.own_certificate)
            if self.cert_file is not None:
                place = f"daemon.cert_file {self.cert_file}"
                context.load_cert_chain(self.cert_file, self.key_file, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            finding = f"cannot be used ({(getattr(error, 'strerror', None) or str(error)).lower()})"
            raise InputError(Problem(place, finding, "give whole certificates, and the key, in PEM")) from None
        return context


def _only(certificate: Path) -> ssl.SSLContext:
    """Return a context that takes a server for the daemon by this very certificate, whatever its names."""
    first = _CERTIFICATE.search(certificate.read_text(encoding="ascii"))
    if first is None:
        message = "it is not a certificate in PEM"
        raise ValueError(message)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=first[0])
    return context


def door_of(settings: Settings) -> Door | None:
    """Return where the daemon of a configuration is; None where there is nothing that one could be asked with.

    Raises InputError where `daemon.url` is configured and no token is.
    """
    daemon, server = settings.daemon, settings.server
    url = daemon.url if daemon is not None else None
    named = _token(settings)
    if named is None:
        if url is None:
            return None
        remedy = "name the file of its token in `daemon.token_file`"
        raise InputError(Problem(f"{settings.path}: daemon", "says where the daemon is, and no token", remedy))
    key, token_file = named
    cert_file = None if daemon is None else daemon.cert_file
    key_file = None if daemon is None else daemon.key_file
    ca_file = None if daemon is None else daemon.ca_file
    if url is not None:
        return Door(url.rstrip("/"), token_file, key, True, ca_file, None, cert_file, key_file)  # noqa: FBT003 - in the order of the fields
    host, port = server.listen
    if not port:  # any free one: nobody knows which
        return None
    host = _HERE.get(host, host)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    own = server.tls.cert_file if server.tls is not None and ca_file is None else None
    scheme = "http" if server.tls is None else "https"
    return Door(f"{scheme}://{address}", token_file, key, False, ca_file, own, cert_file, key_file)  # noqa: FBT003 - as above


def _token(settings: Settings) -> tuple[str, Path] | None:
    """Return (key, file) of the token; the key is empty for the one in the state's folder."""
    daemon, server = settings.daemon, settings.server
    if daemon is not None and daemon.token_file is not None:
        return "daemon.token_file", daemon.token_file
    if server.auth is not None:
        token_file = server.auth.bearer_token_file
        return None if token_file is None else ("server.auth.bearer_token_file", token_file)
    if settings.store is not None and is_loopback(server.listen[0]):
        return "", settings.store / "token"
    return None
