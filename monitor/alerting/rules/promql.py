"""Writing PromQL: strings, selectors, numbers and durations exactly as Prometheus reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.clock import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.prometheus.metric import Metric

_LAST_OF_PLANE = 0xFFFF


def quoted(text: str) -> str:
    r"""Return `text` as a string in double quotes, for PromQL and for Go's templates, which read strings alike.

    Backslash and quote are escaped, and so is whatever cannot be printed: a newline would end the string.
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= _LAST_OF_PLANE else f"\\U{code:08x}"


def selector(series: Metric | str, **labels: str) -> str:
    """Return `series{label="value", ...}` in the order given; `class_` is the label `class`."""
    name = series if isinstance(series, str) else series.name
    matchers = ", ".join(f"{label.removesuffix('_')}={quoted(value)}" for label, value in labels.items())
    return f"{name}{{{matchers}}}" if matchers else name


def exact(number: Decimal | int) -> str:
    """Return a number in plain digits, without zeros at its end: `0.999` and never `0.9990000000000001`."""
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(millis: int) -> str:
    """Return a duration as Prometheus writes it: `5m`, `28d`."""
    return format_duration(millis)


def indented(text: str) -> str:
    """Return a text with every line two blanks further in."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def any_of(expressions: Iterable[str]) -> str:
    """Return expressions joined by `or`, each in brackets where there are several."""
    parts = list(expressions)
    return parts[0] if len(parts) == 1 else "\nor\n".join(f"(\n{indented(part)}\n)" for part in parts)
