"""A login by hand, to learn why it is refused.

A broker says why and closes the connection at once. kafka-python loses what it said (3.0.12: what comes together with
the end of a connection is dropped, and a refusal while it bootstraps is tried again until time is over), so that a
wrong password would read as a broker that does not answer. The exchange: SaslHandshake 1 and SaslAuthenticate 0 of
https://kafka.apache.org/protocol; SCRAM by RFC 5802, OAUTHBEARER by RFC 7628.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from monitor.sources.broker.login import token_of

if TYPE_CHECKING:
    import ssl

    from monitor.config import SourceSettings
    from monitor.sources.broker.login import Login

_HANDSHAKE, _AUTHENTICATE = (17, 1), (36, 0)
"""(API, version)"""
_UNSUPPORTED: Final = 33
_HEADER: Final = 4
"""Bytes before an answer's body: the number of its question."""
_LONGEST: Final = 2**16
"""Bytes of an answer: whoever sends more is no broker."""


class _RefusedError(Exception):
    """The broker's own words."""


def refused_login(source: SourceSettings, login: Login, seconds: float) -> str | None:
    """Return why the first broker that can be talked to refuses a login; None where it accepts it, or none says.

    It may take so many seconds for each broker. Raises InputError where the token cannot be read.
    """
    if login.mechanism is None:
        return None
    for server in source.bootstrap_servers:
        host, _, port = server.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        with (
            suppress(OSError, ValueError, struct.error, IndexError, KeyError),
            socket.create_connection((host, int(port)), seconds) as plain,
        ):
            if login.tls is None:
                return _tried(_Conversation(plain), login)
            with login.tls.wrap_socket(plain, server_hostname=host) as secure:
                return _tried(_Conversation(secure), login)
    return None


class _Conversation:
    """Requests and answers over one connection."""

    def __init__(self, connection: socket.socket | ssl.SSLSocket) -> None:
        self._connection, self._asked = connection, 0

    def handshake(self, mechanism: str) -> None:
        """Choose a mechanism. Raises _RefusedError where the broker does not offer it."""
        answer = self._answer(_HANDSHAKE, _short(mechanism.encode()))
        (error,) = struct.unpack_from(">h", answer)
        if error == _UNSUPPORTED:
            message = f"it offers {', '.join(_strings(answer, 2)) or 'no mechanism'}, not {mechanism}"
            raise _RefusedError(message)
        if error:
            message = f"error {error}"
            raise _RefusedError(message)

    def authenticate(self, token: bytes) -> bytes:
        """Send one message of the mechanism and return the broker's. Raises _RefusedError with its reason."""
        answer = self._answer(_AUTHENTICATE, struct.pack(">i", len(token)) + token)
        error, length = struct.unpack_from(">hh", answer)
        at = 4 + max(0, length)
        if error:
            raise _RefusedError(answer[4:at].decode(errors="replace") or f"error {error}")
        (size,) = struct.unpack_from(">i", answer, at)
        return answer[at + 4 : at + 4 + max(0, size)]

    def _answer(self, request: tuple[int, int], body: bytes) -> bytes:
        self._asked += 1
        message = struct.pack(">hhi", *request, self._asked) + _short(b"foldwatch") + body
        self._connection.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", self._read(4))
        if not _HEADER <= size <= _LONGEST:
            raise OSError
        return self._read(size)[_HEADER:]

    def _read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            some = self._connection.recv(size - len(content))
            if not some:
                raise OSError
            content += some
        return content


def _tried(conversation: _Conversation, login: Login) -> str | None:
    """Log in, and return why that was refused."""
    mechanism = login.mechanism or ""
    user, password = login.security.username or "", login.password or ""
    try:
        conversation.handshake(mechanism)
        if mechanism == "PLAIN":
            conversation.authenticate(f"\0{user}\0{password}".encode())
        elif mechanism == "OAUTHBEARER":
            told = conversation.authenticate(f"n,,\x01auth=Bearer {token_of(login.security)}\x01\x01".encode())
            if told:
                conversation.authenticate(b"\x01")  # the broker then says it in words
                return told.decode(errors="replace")
        else:
            _scram(conversation, mechanism.removeprefix("SCRAM-").replace("-", ""), user, password)
    except _RefusedError as why:
        return str(why)
    return None


def _scram(conversation: _Conversation, digest: str, user: str, password: str) -> None:
    """Prove that we know the password without sending it; whether the broker knows it too is not asked."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    challenge = conversation.authenticate(f"n,,{first}".encode()).decode()
    given = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.digest(salted, b"Client Key", digest)
    last = f"c=biws,r={given['r']}"
    signature = hmac.digest(hashlib.new(digest, key).digest(), f"{first},{challenge},{last}".encode(), digest)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    conversation.authenticate(f"{last},p={proof}".encode())


def _short(text: bytes) -> bytes:
    """Return a string as Kafka's protocol writes it."""
    return struct.pack(">h", len(text)) + text


def _strings(answer: bytes, at: int) -> list[str]:
    """Return the array of strings that begins here."""
    (n,) = struct.unpack_from(">i", answer, at)
    at += 4
    found = []
    for _ in range(n):
        (length,) = struct.unpack_from(">h", answer, at)
        found.append(answer[at + 2 : at + 2 + length].decode(errors="replace"))
        at += 2 + length
    return found
