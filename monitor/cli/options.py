"""Values of options that several commands take."""

from __future__ import annotations

from monitor.clock import format_time, parse_duration, parse_time
from monitor.config.kinds import host_port
from monitor.errors import InputError, Problem


def address(text: str, option: str) -> tuple[str, int]:
    """Return (host, port) of `HOST:PORT`, where an IPv6 host stands in brackets. Raises InputError."""
    found = host_port(text)
    if found is None:
        raise InputError(Problem(option, f"`{text}` is no address", "write HOST:PORT, such as 127.0.0.1:9464"))
    return found


def duration(text: str, option: str) -> int:
    """Return the milliseconds of a positive duration. Raises InputError."""
    found = parse_duration(text)
    if not found:
        remedy = "write a number and a unit, such as 90s, 15m, 24h or 30d"
        raise InputError(Problem(option, f"`{text}` is no positive duration", remedy))
    return found


def moment(text: str, option: str) -> int:
    """Return the epoch milliseconds of a time. Raises InputError."""
    found = parse_time(text)
    if found is None:
        remedy = f"write RFC 3339, such as {format_time(1_767_225_600_000)}, or epoch milliseconds"
        raise InputError(Problem(option, f"`{text}` is no time", remedy))
    return found
