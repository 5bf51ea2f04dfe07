"""Time: where it comes from, and how moments and durations are written.

A moment is an `int`: milliseconds since 1970-01-01T00:00:00Z. A duration is an `int` of milliseconds.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+)([smhd])", re.ASCII)
_EPOCH = re.compile(r"-?\d+", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


class Clock(Protocol):
    """The only source of the present."""

    def now(self) -> int:
        """Return the present moment in epoch milliseconds."""
        ...


class SystemClock:
    """The clock on the wall."""

    def now(self) -> int:
        """Return the present moment in epoch milliseconds."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved: for backtests, the demo and the tests."""

    def __init__(self, now: int = 0) -> None:
        """Start at `now`, in epoch milliseconds."""
        self._now = now

    def now(self) -> int:
        """Return the moment it was last moved to."""
        return self._now

    def move_to(self, moment: int) -> None:
        """Move to `moment`; it may lie in the past, as clocks do jump."""
        self._now = moment


def parse_duration(text: str) -> int | None:
    """Return the milliseconds of `90s`, `15m`, `24h` or `30d`; None for anything else, zero included only as `0s`."""
    match = _DURATION.fullmatch(text.strip())
    return int(match[1]) * _UNITS[match[2]] if match else None


def format_duration(duration: int) -> str:
    """Return the shortest text with one unit: `24h` for a day is written by who configured it, `1d` by us."""
    for unit, length in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if duration and duration % length == 0:
            return f"{duration // length}{unit}"
    return f"{duration // SECOND}s"


def parse_time(text: str) -> int | None:
    """Return epoch milliseconds of RFC 3339, or of epoch milliseconds in digits; None where the text is neither.

    A blank for `T` is fine, without zone it is UTC. Sub-millisecond digits are cut.
    """
    text = text.strip()
    if _EPOCH.fullmatch(text):
        return int(text)
    if not _RFC3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper().replace(" Z", "Z"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * SECOND + moment.microsecond // 1_000


def format_time(moment: int) -> str:
    """Return `2026-01-31T12:00:00Z`, with milliseconds only where there are any."""
    seconds, millis = divmod(moment, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"
