"""How gates write shares, rates and durations: short, and never 0 % or 100 % of what is not."""

from __future__ import annotations

from typing import Final

from monitor.clock import DAY, HOUR, MINUTE, SECOND, format_time

_UNITS: Final = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))
_WHOLE: Final = 10
"""From here on decimals say nothing."""
_EDGE: Final = 0.01
_LEAST: Final = 0.0001
_FROM: Final = 1.5
"""So many of a unit are written in it: 80 min, but 1.6 h."""


def percent(share: float) -> str:
    """Return `91 %`, with decimals next to 0 and 1 so that nothing else is 0 % or 100 %."""
    if 0.0 < share < _EDGE:
        return f"{100 * max(share, _LEAST):.2g} %"
    if 1.0 - _EDGE < share < 1.0:
        return f"{100 * min(share, 1.0 - _LEAST):.2f} %"
    return f"{100 * share:.0f} %"


def per_minute(hourly: float) -> str:
    """Return an hourly rate as the number of a minute."""
    rate = hourly * MINUTE / HOUR
    return f"{rate:,.0f}" if rate >= _WHOLE else f"{rate:.2g}"


def span(ms: float) -> str:
    """Return a duration in the unit that suits it: `42 s`, `5.2 h`."""
    for unit, length in _UNITS:
        if ms >= _FROM * length:
            return f"{ms / length:.2g} {unit}" if ms < _WHOLE * length else f"{ms / length:,.0f} {unit}"
    return f"{ms:.2g} ms" if ms < _WHOLE else f"{ms:,.0f} ms"


def moment_in_words(moment: int) -> str:
    """Return a moment as the page writes it: `2026-01-31 12:00Z`."""
    return format_time(moment // MINUTE * MINUTE).replace("T", " ").replace(":00Z", "Z")


def needs(least: int, known: int, what: str) -> str:
    """Say what history is missing."""
    return f"not known yet: needs {least} {what}, has {known}"
