"""Kinds of values that only Kafka knows: addresses of brokers, and names of topics."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from monitor.config.kinds import TEXT, TEXTS, At, Kind, host_port, item_at, shown
from monitor.config.nodes import Scalar

_HOST = re.compile(r"[\w.-]+")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)
_LONGEST_TOPIC = 249
_EXAMPLES = "write an address such as `kafka-1:9092` or `[::1]:9092`"


def _servers(at: At) -> tuple[str, ...] | None:
    """Read a list of addresses; a single text may hold several with commas between, as Kafka's own tools take them."""
    if isinstance(at.node, Scalar) and not at.node.nothing:
        texts: tuple[str, ...] | None = tuple(at.node.text.split(","))
        places = [at] * len(texts or ())
    else:
        texts = TEXTS.read(at)
        places = [item_at(at, i) for i in range(len(texts or ()))]
    if texts is None:
        return None
    if not texts:
        at.report("is empty", "name a broker such as `localhost:9092`")
        return None
    servers = [_server(text, place) for text, place in zip(texts, places, strict=True)]
    for i, (server, place) in enumerate(zip(servers, places, strict=True)):
        if server is not None and server in servers[:i]:
            place.report(f"{shown(server)} stands there twice", "name each broker once")
            return None
    fine = tuple(server for server in servers if server is not None)
    return fine if len(fine) == len(servers) else None


def _server(text: str, at: At) -> str | None:
    """Return HOST:PORT as it was written, where it is one."""
    text = text.strip()
    found = host_port(text)
    if "://" in text:
        at.report(f"{shown(text)} begins like a URL", f"leave `{text.partition('://')[0][:20]}://` out; {_EXAMPLES}")
    elif found is None and _HOST.fullmatch(text):
        at.report(
            f"{shown(text)} has no port", f"write {shown(f'{text}:9092')}, or the port that the broker listens on"
        )
    elif found is None or not _is_host(found[0], bracketed=text.startswith("[")):
        at.report(f"{shown(text)} is not HOST:PORT", _EXAMPLES)
    elif not found[1]:
        at.report(f"{shown(text)} names port 0", "write the port that the broker listens on")
    else:
        return text
    return None


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Tell whether this is a name or an IPv4 address, or in brackets an IPv6 address."""
    if not bracketed:
        return _HOST.fullmatch(host) is not None
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _topic(at: At) -> str | None:
    """Read the name of a topic: what Kafka itself would take."""
    name = TEXT.read(at)
    if name is None:
        return None
    if not _TOPIC.fullmatch(name):
        at.report(f"{shown(name)} cannot name a topic", "use letters, digits, `.`, `_` and `-` alone")
    elif name in (".", ".."):
        at.report(f"{shown(name)} cannot name a topic", "write the topic's name")
    elif len(name) > _LONGEST_TOPIC:
        at.report(f"the name has {len(name)} characters", f"Kafka takes up to {_LONGEST_TOPIC}")
    else:
        return name
    return None


SERVERS: Kind[tuple[str, ...]] = Kind("list of HOST:PORT", _servers)
TOPIC: Kind[str] = Kind("name of a topic", _topic)
