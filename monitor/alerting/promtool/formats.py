"""How Go and Prometheus write strings and numbers in templates."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.alerting.rules.promql import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_SMALL: Final = "munpfazy"
_LARGE: Final = "kMGTPEZY"
_THOUSAND: Final = 1_000


def string(words: str) -> str:
    """Return what a string in double quotes says.

    Raises:
        ValueError: it is none.
    """
    found = _STRING.fullmatch(words)
    if found is None:
        msg = f"{words!r} is no string"
        raise ValueError(msg)
    return _ESCAPED.sub(lambda one: chr(int(one[1][1:], 16)) if one[1][0] in "uU" else one[1], found[1])


def printed(template: str, texts: Sequence[str]) -> str:
    """Return what Go's printf makes of a text with `%q` and `%s` for strings, `%%` for a per cent sign."""
    left = list(texts)

    def put(verb: re.Match[str]) -> str:
        if verb[0] == "%%":
            return "%"
        return quoted(left.pop(0)) if verb[0] == "%q" else left.pop(0)

    return re.sub("%[qs%]", put, template)


def formatted(shown: str, value: float) -> str:
    """Return a number in the way `shown` says.

    Raises:
        ValueError: we do not know that way.
    """
    if not math.isfinite(value):
        word = "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
        return word + ("%" if shown == "humanizePercentage" else "")
    if shown.startswith("printf "):
        return string(shown.removeprefix("printf ")) % value
    ways = {
        "humanizePercentage": lambda number: f"{number * 100:.4g}%",
        "humanizeDuration": _duration,
        "humanizeTimestamp": lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC",
        "humanize": _humanized,
    }
    if shown not in ways:
        msg = f"promtool's tests cannot foresee {shown!r}"
        raise ValueError(msg)
    return ways[shown](value)


def _duration(seconds: float) -> str:
    """Return what humanizeDuration gives."""
    if abs(seconds) < 1:
        return _scaled_down(seconds) + "s"
    sign, whole = ("-" if seconds < 0 else ""), int(abs(seconds))
    days, hours, minutes, rest = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {rest}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {rest}s"
    return f"{sign}{minutes}m {rest}s" if minutes else f"{sign}{abs(seconds):.4g}s"


def _humanized(number: float) -> str:
    """Return what humanize gives: a unit's prefix for each thousand."""
    if abs(number) < 1:
        return _scaled_down(number)
    prefix = ""
    for larger in _LARGE:
        if abs(number) < _THOUSAND:
            break
        prefix = larger
        number /= _THOUSAND
    return f"{number:.4g}{prefix}"


def _scaled_down(number: float) -> str:
    prefix = ""
    for smaller in _SMALL if number else "":
        if abs(number) >= 1:
            break
        prefix = smaller
        number *= _THOUSAND
    return f"{number:.4g}{prefix}"
