"""Kinds of values that only alerts know: links, and annotations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from monitor.config.kinds import TEXT, Kind, entries, scalar, shown
from monitor.config.nodes import Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.kinds import At

RUNBOOK = "runbook"
"""The annotation that is a link."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")
_EXAMPLE = "write an address such as `https://grafana.example.com`"


def _address(at: At) -> str | None:
    """Read an address that others are built on; a slash at its end is removed."""
    text = _link(at)
    if text is None:
        return None
    if "?" in text or "#" in text:
        at.report(f"{shown(text)} has a `?` or `#`", "write the address alone: what comes behind it is added by us")
        return None
    return text.rstrip("/")


def _link(at: At) -> str | None:
    """Read an http(s) address with a host."""
    text = scalar(at, "an address such as `https://grafana.example.com`")
    if text is None:
        return None
    text = text.strip()
    parts = _parts(text)
    if _BLANK.search(text):
        at.report(f"{shown(text)} is no address: it has a blank in it", "write `%20` for a blank")
    elif parts is None:
        at.report(f"{shown(text)} is no address", _EXAMPLE)
    elif parts.scheme not in ("http", "https"):
        missing = "://" not in text
        found = "does not say http or https" if missing else f"is {parts.scheme}, and not http or https"
        at.report(f"{shown(text)} {found}", f"write {shown(f'https://{text}')}" if missing and text else _EXAMPLE)
    elif not parts.hostname or not _HOST.fullmatch(parts.hostname):
        at.report(f"{shown(text)} names no host", _EXAMPLE)
    elif parts.username is not None or parts.password is not None:
        at.report("has a login in it, which everybody would read who gets an alert", "write the address without it")
    else:
        return text
    return None


def _parts(text: str) -> SplitResult | None:
    """Return the parts of an address; None where it cannot be taken apart, or names a port that is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _annotations(at: At) -> Mapping[str, str] | None:
    """Read name -> text. Names are those that Prometheus takes; `runbook` is a link."""
    before = len(at.problems)
    read: dict[str, str] = {}
    for name, value in entries(at):
        if not _LABEL.fullmatch(name):
            remedy = "use letters, digits and `_` alone, and no digit in front, such as `escalation`"
            value.report(f"{shown(name)} cannot name an annotation", remedy)
        text = LINK.read(value) if name == RUNBOOK else TEXT.read(value)
        if text is not None:
            read[name] = text
    return read if len(at.problems) == before else None


def _channel(at: At) -> str | None:
    """Read a channel; what begins with `#` is a comment where it is not quoted."""
    if isinstance(at.node, Scalar) and at.node.nothing:
        at.report("has no value: an unquoted `#` begins a comment", 'write it in quotes: `"#ml-alerts"`')
        return None
    return TEXT.read(at)


ADDRESS: Kind[str] = Kind("http or https address", _address)
LINK: Kind[str] = Kind("http or https address", _link)
ANNOTATIONS: Kind[Mapping[str, str]] = Kind("mapping of texts", _annotations)
CHANNEL: Kind[str] = Kind("text", _channel)
