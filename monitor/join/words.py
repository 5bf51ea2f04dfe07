"""The one rule under which class texts are the same: docs/decisions/0011-classes-are-text.md."""

from __future__ import annotations

import re

_INTEGRAL = re.compile(r"(-?[0-9]+)\.0+")
_MOST_BITS = 1_024
"""Of an integer class: Python refuses to write very long ones, and nobody has them."""


def normal_class(text: str) -> str:
    """Return the text under which a class is compared: an integral number loses its fraction, all else stays as it is.

    `1.0` and `1` are the class `1`; `no`, `1_0`, `3.10`, `007` and `1e3` are themselves.
    """
    match = _INTEGRAL.fullmatch(text)
    whole = match[1] if match else text
    return "0" if whole == "-0" else whole


def class_text(value: object) -> str | None:
    """Return the normal text of a class value as JSON or a typed column gives it; None where it cannot be a class.

    Integral numbers lose their fraction, booleans are `true` and `false`, texts are held against `normal_class`.
    Null, lists, objects, infinities, integers beyond 1,024 bits and the empty text are no class.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return normal_class(value) or None
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _MOST_BITS else None
    if isinstance(value, float) and value - value == 0.0:  # false for nan and the infinities
        return str(int(value)) if value.is_integer() else repr(value)
    return None
