"""Generations: rows that are forgotten together. Pure.

A generation holds the rows that are needed until some moment before its `end`; when everything before the end has
passed, all of it can go at once. A new one begins when the newest spans `width` and holds enough rows to be worth it.
So there are few of them, however slow or fast events come and however old they are, and a store that holds little
forgets nothing: a repeated id is then known however late it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.clock import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.join.rules import Rules

MOST: Final = 8
"""Generations of a model: a look for an id that is new asks each of them."""
_SHARE: Final = 2
"""Generations in the time that a prediction is needed: so much more than necessary is kept."""


def width_of(rules: Rules) -> int:
    """Return how much time a generation spans, in ms."""
    return max(HOUR, (rules.correction_window + rules.label_first_wait) // _SHARE)


class Generation(NamedTuple):
    """One generation."""

    serial: int
    """Its name: later ones have greater numbers."""
    end: int
    """Its rows are needed until some moment before this one."""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Generations:
    """The generations of one model, the oldest first. Each row is in the first one that ends after it is needed."""

    kept: tuple[Generation, ...] = ()
    forgotten: int | None = None
    """Rows that no event timed this or later can need are forgotten; None: nothing is."""

    def without(self, passed: int) -> Generations:
        """Return what is left when no event timed before `passed` is expected any more. The newest always stays."""
        gone = 0
        while gone < len(self.kept) - 1 and self.kept[gone].end <= passed:
            gone += 1
        return Generations(self.kept[gone:], self.kept[gone - 1].end) if gone else self

    def reaching(self, until: NDArray[np.int64], width: int, enough: int) -> Generations:
        """Return generations that have a place for rows needed until these moments, (n,).

        `enough`: so many rows a generation holds at least before the next one begins.
        """
        kept = list(self.kept)
        beyond = until if not kept else until[until >= kept[-1].end]
        while len(beyond):
            first, last = (int(x) // width * width + width for x in (beyond.min(), beyond.max()))
            if not kept:
                kept = [Generation(0, first)]
            elif kept[-1].rows >= enough and len(kept) < MOST:
                kept.append(Generation(kept[-1].serial + 1, first))
            else:
                kept[-1] = kept[-1]._replace(end=last)
            beyond = beyond[beyond >= kept[-1].end]
        return replace(self, kept=tuple(kept)) if len(until) else self

    def places(self, until: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the serial of the generation of each row, (n,): what is older than all of them is in the oldest."""
        ends = np.array([generation.end for generation in self.kept], np.int64)
        serials = np.array([generation.serial for generation in self.kept], np.int64)
        return serials[np.searchsorted(ends, until, side="right")]

    def grown(self, by: Mapping[int, int]) -> Generations:
        """Return them with so many more rows, by serial."""
        return replace(self, kept=tuple(g._replace(rows=g.rows + by.get(g.serial, 0)) for g in self.kept))
