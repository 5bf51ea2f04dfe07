"""What `check --connect` finds: one line a finding, with its remedy where it is not fine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, with a consequence that the finding names."""
    FAILED = "failed"
    """`run` cannot work with it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found in the world."""

    level: Level
    subject: str
    """What was looked at, in a word or two: `broker`, `predictions`, `state`."""
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One question to the world. Its answer may take a while, or never come."""

    subject: str
    ask: Callable[[], Iterable[Finding]]
