"""Samples in promtool's short notation: `0+10x12` is a start and twelve steps of ten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

Sample = int | str
"""A value, or one of the words below."""
NAN: Final = "NaN"
"""A sample that is no number."""
NOTHING: Final = "_"
"""No sample at that step."""
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def notation(values: Sequence[Sample]) -> str:
    """Return the samples, each run of even steps in one word; they are integers, so that nothing is rounded."""
    words: list[str] = []
    begin = 0
    while begin < len(values):
        first = values[begin]
        end = begin + 1
        if isinstance(first, int):
            second = values[end] if end < len(values) else None
            rise = second - first if isinstance(second, int) else 0
            while end < len(values) and values[end] == first + rise * (end - begin):
                end += 1
            words.append(f"{first}{rise:+d}x{end - begin - 1}" if end - begin > 1 else str(first))
        else:
            while end < len(values) and values[end] == first:
                end += 1
            words.extend([f"{NOTHING}x{end - begin}"] if first == NOTHING else [first] * (end - begin))
        begin = end
    return " ".join(words)


def span(millis: int) -> str:
    """Return a duration to the millisecond as Prometheus writes it: `1h30m`."""
    words, rest = "", millis
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"
