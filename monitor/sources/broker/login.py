"""How to log in to Kafka: what `source.security` names, with secrets read from their files. Both clients use it."""

from __future__ import annotations

import base64
import json
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Security

_KEYS: Final = "source.security"
_TOKEN_SECONDS: Final = 300
"""How long a token is taken to be good that does not say it itself."""


class Secret(str):
    """A text that does not show itself where a library prints what it was configured with."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "'***'"


@dataclass(frozen=True, slots=True)
class Login:
    """`source.security` as it is needed to connect now: files are read anew for each connection."""

    security: Security
    password: Secret | None = None
    key_password: Secret | None = None
    tls: ssl.SSLContext | None = None
    """None: the protocol is not encrypted."""

    @property
    def mechanism(self) -> str | None:
        """The SASL mechanism; None without SASL."""
        return self.security.mechanism if self.security.protocol.startswith("SASL") else None


def login_of(security: Security) -> Login:
    """Read what `security` names. Raises InputError with every file that is missing, empty or of no use."""
    wrong: list[Problem] = []
    password = key_password = None
    sasl = security.protocol.startswith("SASL")
    encrypted = security.protocol.endswith("SSL")
    if sasl and security.password_file is not None:
        password = _secret(security.password_file, f"{_KEYS}.password_file", wrong)
    if sasl and security.token_file is not None:
        _secret(security.token_file, f"{_KEYS}.token_file", wrong)
    if encrypted and security.key_password_file is not None:
        key_password = _secret(security.key_password_file, f"{_KEYS}.key_password_file", wrong)
    tls = _tls(security, key_password, wrong) if encrypted else None
    if wrong:
        raise InputError(*wrong)
    return Login(security, password, key_password, tls)


def token_of(security: Security) -> Secret:
    """Read the token of OAUTHBEARER. Raises InputError where the file is missing, empty or not set."""
    wrong: list[Problem] = []
    place = f"{_KEYS}.token_file"
    if security.token_file is None:
        raise InputError(Problem(place, "is missing", "name the file that holds the token"))
    token = _secret(security.token_file, place, wrong)
    if token is None:
        raise InputError(*wrong)
    return token


def expiry_of(token: str) -> float:
    """Return until when a token is good, in epoch seconds: as it says itself, where it is a JSON Web Token."""
    soon = time.time() + _TOKEN_SECONDS
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return soon


def _secret(path: Path, place: str, wrong: list[Problem]) -> Secret | None:
    """Return what the file holds without one line feed at its end; what is wrong with it is added to `wrong`."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        wrong.append(Problem(place, f"{path} cannot be read: {error.strerror}", "put the secret into this file"))
        return None
    except UnicodeDecodeError:
        wrong.append(Problem(place, f"{path} is not UTF-8", "write the secret as plain text"))
        return None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        wrong.append(Problem(place, f"{path} is empty", "put the secret there"))
        return None
    return Secret(text)


def _tls(security: Security, key_password: Secret | None, wrong: list[Problem]) -> ssl.SSLContext | None:
    """Return what verifies the broker, and ourselves where there is a client certificate."""
    context = ssl.create_default_context()
    if security.ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=str(security.ca_file))
        except (OSError, ssl.SSLError) as error:
            finding = f"{security.ca_file} cannot be used: {_words(error)}"
            wrong.append(Problem(f"{_KEYS}.ca_file", finding, "name the certificate of your authority, as PEM"))
    if security.cert_file is not None:
        try:
            # Without a password OpenSSL would ask for one at the terminal: an empty one fails at once.
            context.load_cert_chain(
                str(security.cert_file),
                None if security.key_file is None else str(security.key_file),
                password=key_password or "",
            )
        except (OSError, ssl.SSLError) as error:
            files = security.cert_file if security.key_file is None else f"{security.cert_file}, {security.key_file}"
            finding = f"{files} cannot be used: {_words(error)}"
            remedy = "name the client's certificate and its key, as PEM, and key_password_file where the key has one"
            wrong.append(Problem(f"{_KEYS}.cert_file", finding, remedy))
    return None if wrong else context


def _words(error: OSError) -> str:
    """Return what went wrong, without OpenSSL's line numbers."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or str(error)
