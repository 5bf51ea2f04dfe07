"""TLS: what is agreed upon with clients, and files that are followed as they change."""

from __future__ import annotations

import hashlib
import logging
import re
import ssl
from typing import TYPE_CHECKING, Final

from monitor.clock import SystemClock, format_time
from monitor.errors import InputError, Problem
from monitor.sources.certificates import expiries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config.settings import Tls

LOG: Final = logging.getLogger("foldwatch")
_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_RENEW: Final = "renew it; a new file is in force within a minute, without a restart"


def tls_problems(tls: Tls | None, now: int | None = None) -> list[Problem]:
    """Return everything that is wrong with the files of `server.tls`, expired certificates too.

    `now`: epoch milliseconds; None: the wall's clock. No secret is in what is returned.
    """
    if tls is None:
        return []
    return _unusable(tls) or _expired(tls, SystemClock().now() if now is None else now)


class Keyring:
    """The context of TLS that is in force. A connection keeps the one with which it began."""

    def __init__(self, tls: Tls) -> None:
        """Read the files. Raises InputError where they cannot be used; an expired certificate can, with a warning."""
        self._tls, self._left_out = tls, ""
        self._marks = _marks(tls)
        self._context, self._trusted = _first(tls)
        self._warn()

    @property
    def context(self) -> ssl.SSLContext:
        """For a connection that begins now."""
        return self._context

    @property
    def trusted(self) -> str:
        """A digest of the authorities in force; empty where clients need no certificate."""
        return self._trusted

    def look(self) -> None:
        """Take what is in the files by now. What is broken, half written or does not match changes nothing."""
        marks = _marks(self._tls)
        if marks == self._marks and not self._left_out:
            return
        try:
            context, trusted = _agreed(self._tls)
        except (OSError, ValueError):
            problems = _unusable(self._tls)
            why = "; ".join(f"{one.place}: {one.finding}" for one in problems)
            if why and why != self._left_out:
                LOG.warning("certificates left out, those before stay in force", extra={"why": why})
            self._left_out = why or self._left_out or "changing"
            return
        self._context, self._trusted, self._marks, self._left_out = context, trusted, marks, ""
        LOG.info("certificates in force", extra={"cert_file": str(self._tls.cert_file)})
        self._warn()

    def _warn(self) -> None:
        for problem in _expired(self._tls, SystemClock().now()):
            LOG.warning("certificate expired", extra={"why": str(problem)})


def _first(tls: Tls) -> tuple[ssl.SSLContext, str]:
    """Return what `_agreed` does, also where the files are just being replaced. Raises InputError."""
    while True:
        try:
            return _agreed(tls)
        except (OSError, ValueError):
            problems = _unusable(tls)
        if problems:
            raise InputError(*problems)


def _agreed(tls: Tls) -> tuple[ssl.SSLContext, str]:
    """Return a context of these files, and a digest of its authorities. Raises OSError or ValueError.

    Versions, ciphers and sizes of keys are OpenSSL's own default level of security, from TLS 1.2 on.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    # A session that is taken up again asks for no certificate: an expired one would go on for hours.
    context.num_tickets = 0
    if tls.client_ca_file is None:
        trusted = ""
    else:
        authorities = tls.client_ca_file.read_bytes()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authorities.decode("ascii"))
        trusted = hashlib.sha256(authorities).hexdigest()
    # An empty password: an encrypted key fails instead of asking on the terminal.
    context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    return context, trusted


def _marks(tls: Tls) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what tells that a file has changed, links followed; None for one that is not there."""
    return tuple(_mark(path) for _, path in _files(tls))


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _files(tls: Tls) -> Iterator[tuple[str, Path]]:
    """Yield the place and the path of each file."""
    yield _place("cert_file", tls.cert_file), tls.cert_file
    yield _place("key_file", tls.key_file), tls.key_file
    if tls.client_ca_file is not None:
        yield _place("client_ca_file", tls.client_ca_file), tls.client_ca_file


def _place(key: str, path: Path) -> str:
    return f"server.tls.{key} {path}"


def _unusable(tls: Tls) -> list[Problem]:
    """Return why these files cannot be used, each as far as it can be told; empty when they can."""
    problems = [*_wrong_certificates("cert_file", tls.cert_file), *_wrong_key(tls.key_file)]
    if tls.client_ca_file is not None:
        problems += _wrong_certificates("client_ca_file", tls.client_ca_file)
    if problems:
        return problems
    try:
        _agreed(tls)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            finding = f"the key does not belong to the certificate in {tls.cert_file}"
            return [Problem(_place("key_file", tls.key_file), finding, "give both files of the same renewal")]
        finding = f"OpenSSL refuses it ({(error.reason or 'no reason').lower().replace('_', ' ')})"
        remedy = f"give a certificate and its key ({tls.key_file}) in PEM, RSA from 2048 bits or EC"
        return [Problem(_place("cert_file", tls.cert_file), finding, remedy)]
    except (OSError, ValueError) as error:
        return [Problem(_place("cert_file", tls.cert_file), f"cannot be used ({error})", "try again")]
    return []


def _read(key: str, path: Path) -> bytes | Problem:
    try:
        return path.read_bytes()
    except OSError as error:
        remedy = "give the path of a file that this user may read"
        return Problem(_place(key, path), f"cannot be read ({error.strerror or error})", remedy)


def _wrong_certificates(key: str, path: Path) -> list[Problem]:
    """Return what is wrong with a file of certificates."""
    found = _read(key, path)
    if isinstance(found, Problem):
        return [found]
    try:
        expiries(found)
        if key == "client_ca_file":
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=found.decode("ascii"))
    except (ValueError, ssl.SSLError):
        return [Problem(_place(key, path), "is not a certificate in PEM", "give whole certificates in PEM")]
    return []


def _wrong_key(path: Path) -> list[Problem]:
    """Return what is wrong with a file of a key, but for whether it belongs to the certificate."""
    found, place = _read("key_file", path), _place("key_file", path)
    if isinstance(found, Problem):
        return [found]
    if b"ENCRYPTED" in found:
        remedy = "give it unencrypted, readable by this user alone: `openssl pkey -in KEY -out PLAIN`"
        return [Problem(place, "the key is encrypted", remedy)]
    if not _KEY.search(found):
        return [Problem(place, "is not a private key in PEM", "give the certificate's private key in PEM")]
    return []


def _expired(tls: Tls, now: int) -> list[Problem]:
    """Return which certificates have expired: any of our own, or all of the authorities."""
    problems = []
    for key, path, ends in (("cert_file", tls.cert_file, min), ("client_ca_file", tls.client_ca_file, max)):
        try:
            moment = ends(expiries(path.read_bytes())) if path is not None else now + 1
        except (OSError, ValueError):
            continue
        if path is not None and moment <= now:
            problems.append(Problem(_place(key, path), f"the certificate expired at {format_time(moment)}", _RENEW))
    return problems
