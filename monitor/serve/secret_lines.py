"""The lines of a file with secrets: what is looked at, and how a message names one without showing it."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Flaw(NamedTuple):
    """What is wrong with one line, or will disappoint. It never quotes the line."""

    line: int
    """1-based."""
    finding: str
    remedy: str

    def at(self, place: str) -> Problem:
        """Return it as a problem of the file that `place` names."""
        return Problem(f"{place}:{self.line}", self.finding, self.remedy)


def secret_lines(place: str, raw: bytes) -> list[tuple[int, str]]:
    """Return (number, text) of every line that is neither blank nor a comment (`#`), without blanks around it.

    Raises InputError where the file is not UTF-8 or holds no such line.
    """
    if raw.startswith(_UTF16):
        raise InputError(Problem(place, "is UTF-16", "save it as UTF-8"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(Problem(f"{place}:{line}", "is not UTF-8", "save it as UTF-8")) from None
    stripped = [(i, line.strip()) for i, line in enumerate(text.split("\n"), 1)]
    return [(i, line) for i, line in stripped if line and not line.startswith("#")]


def refuse(place: str, flaws: Sequence[Flaw]) -> None:
    """Raise InputError with every flaw, where there is any."""
    if flaws:
        raise InputError(*(flaw.at(place) for flaw in flaws))
