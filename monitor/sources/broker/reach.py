"""Why Kafka cannot be read now, in the same words for both clients: each names the address and what would help."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.client import Forbidden, LoginRefused, MessageTooLarge
from monitor.sources.broker.login import login_of
from monitor.sources.broker.trial import refused_login

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Produced
    from monitor.sources.broker.login import Login

CONNECT_SECONDS: Final = 1.0
"""How long a server has to take a connection."""

_LISTENING: Final = 0.15
"""Seconds that we listen after a TLS handshake: a server that refuses our certificate says so only then."""
AGAIN: Final = "it is tried again"


def reach(source: SourceSettings, login: Login, seconds: float) -> None:
    """Open a connection to the first bootstrap server that takes one, log in, and close it: about `seconds` each.

    Raises SourceUnavailable with the reasons where none does, LoginRefused where the login is not accepted. A library's
    own reason would be a time-out, after trying it again and again.
    """
    reasons = []
    for server in source.bootstrap_servers:
        reason = _reason(server, login.tls, seconds)
        if reason is None:
            refusal = refused_login(source, login, seconds)
            if refusal is not None:
                raise refused(source, refusal)
            return
        reasons.append(f"{server}: {reason}")
    remedy = "start the broker, or correct source.bootstrap_servers or source.security"
    message = f"{'; '.join(reasons)}; {remedy}; {AGAIN}"
    raise SourceUnavailable(message)


def why(source: SourceSettings, seconds: float, reason: str) -> SourceUnavailable:
    """Return the words for a question that was not answered in `seconds`, having looked what is wrong."""
    try:
        reach(source, login_of(source.security), CONNECT_SECONDS)
    except SourceUnavailable as away:
        return away
    except InputError as unreadable:
        return SourceUnavailable(str(unreadable))
    return silent(source, seconds, reason)


def silent(source: SourceSettings, seconds: float, reason: str = "") -> SourceUnavailable:
    """Return the words for a broker that takes connections and does not answer, or not as Kafka does."""
    security = source.security.protocol
    return SourceUnavailable(
        f"{names(source)}: no answer over {security} within {seconds:g} s{f' ({reason})' if reason else ''}; "
        f"see that the broker is well and that this port speaks {security} (source.security.protocol); {AGAIN}"
    )


def refused(source: SourceSettings, reason: str) -> LoginRefused:
    """Return the words for a login that the broker does not accept."""
    security = source.security
    who = f" of the user {security.username}" if security.username else ""
    keys = "token_file" if security.mechanism == "OAUTHBEARER" else "mechanism, username and password_file"
    return LoginRefused(
        f"{names(source)}: the login{who} was refused: {reason.rstrip('. ')}; correct source.security ({keys}), "
        f"or the user on the broker; {AGAIN}"
    )


def forbidden(source: SourceSettings, what: str) -> Forbidden:
    """Return the words for a right that is lacking; `what` names it: `read the topic X`."""
    who = f"the user {source.security.username}" if source.security.username else "our login"
    return Forbidden(f"{names(source)}: {who} may not {what}; grant it with kafka-acls; {AGAIN}")


def missing(
    source: SourceSettings, topic: str, remedy: str = "create it or correct the configuration"
) -> SourceUnavailable:
    """Return the words for a topic that is not there."""
    return SourceUnavailable(f"topic {topic} does not exist at {names(source)}; {remedy}; it is looked for again")


def too_large(topic: str, messages: Sequence[Produced]) -> MessageTooLarge:
    """Return the words for messages of which the topic does not take the largest."""
    largest = max(len(each.value or b"") for each in messages)
    return MessageTooLarge(f"topic {topic}: takes no message of {largest} bytes; raise its max.message.bytes")


def names(source: SourceSettings) -> str:
    """Return the addresses that are configured."""
    return ", ".join(source.bootstrap_servers)


def _reason(server: str, tls: ssl.SSLContext | None, seconds: float) -> str | None:
    """Return why this server cannot be talked to; None where it can."""
    host, _, port = server.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        with socket.create_connection((host, int(port)), seconds) as plain:
            if tls is None:
                return None
            with tls.wrap_socket(plain, server_hostname=host) as secure:
                return _refusal(secure)
    except (OSError, ValueError) as wrong:
        return _failure(wrong, seconds)


def _failure(wrong: OSError | ValueError, seconds: float) -> str:
    """Return the words for what happened on the way to a connection."""
    words = "is no HOST:PORT"
    match wrong:
        case TimeoutError():
            words = f"no connection within {seconds:g} s"
        case socket.gaierror():
            words = "the name is not known"
        case ssl.SSLCertVerificationError():
            words = f"its certificate is not trusted: {wrong.verify_message} (source.security.ca_file)"
        case ssl.SSLError():
            words = f"no TLS: {_words(wrong)}"
        case ConnectionResetError() | BrokenPipeError():
            words = "the connection was closed at once"
        case OSError():
            words = (wrong.strerror or str(wrong)).lower()
    return words


def _refusal(secure: ssl.SSLSocket) -> str | None:
    """Return what a server says against our certificate after the handshake, None where it waits for us to speak."""
    secure.settimeout(_LISTENING)
    try:
        secure.recv(1)
    except TimeoutError:
        return None
    except ssl.SSLError as wrong:
        return f"it refuses our certificate: {_words(wrong)} (source.security.cert_file)"
    return "it closed the connection after the TLS handshake"


def _words(wrong: ssl.SSLError) -> str:
    return (wrong.reason or str(wrong)).replace("_", " ").lower()
