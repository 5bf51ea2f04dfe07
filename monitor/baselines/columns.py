"""A raw table under our names: texts and numbers out of its columns, and every problem that is met on the way.

`foldwatch baseline build --help` names the columns. What is wrong with cells is one problem per column and
kind, with the number of cells and the place of the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from monitor.baselines.classes import interned
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Indexes = NDArray[np.int64]
    Floats = NDArray[np.float64]

_FIXED: Final = ("fold", "y_true", "y_pred", "score", "repeat", "split", "entity")
_PREFIXES: Final = ("score_", "segment_")
SHOWN: Final = 20
"""So many names of columns or classes are shown in a message."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read the columns."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Our name -> theirs."""
    positive: str | None = None
    threshold: float | None = None
    scheme: str | None = None


class Columns:
    """A raw table under our names, and the problems found in it so far."""

    def __init__(self, frame: pl.DataFrame, place: str, locate: Callable[[int], str], reading: Reading) -> None:
        """Take a table; `place` names it, `locate` names one of its rows (from 0)."""
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.place = place
        self.rows = frame.height
        self._frame = frame
        self._locate = locate
        self._theirs = self._renamed(reading.fields)

    def __contains__(self, name: str) -> bool:
        """Tell whether there is such a column."""
        return name in self._theirs

    def names(self, prefix: str) -> list[str]:
        """Return the columns with a prefix, in the order of the file."""
        return [name for name in self._theirs if name.startswith(prefix)]

    def require(self, name: str, why: str = "") -> bool:
        """Tell whether a column is there; a missing one is a problem."""
        if name in self._theirs:
            return True
        found = ", ".join(self._frame.columns[:SHOWN]) or "none"
        more = f" and {len(self._frame.columns) - SHOWN} more" if len(self._frame.columns) > SHOWN else ""
        remedy = f"name it with --fields {name}=THEIRS (columns found: {found}{more})"
        self.problems.append(Problem(self.place, f"has no column {name}{why}", remedy))
        return False

    def texts(self, name: str) -> tuple[Indexes, list[str | None]]:
        """Return (codes (n,), texts) of a column, None for what is empty."""
        return interned(self._frame[self._theirs[name]].to_numpy().astype(object))

    def filled(self, name: str, remedy: str) -> tuple[Indexes, list[str | None]]:
        """Return `texts` of a column; empty cells are a problem."""
        codes, texts = self.texts(name)
        empty = np.isin(codes, [at for at, text in enumerate(texts) if text is None])
        self.report(empty, name, "is empty", remedy)
        return codes, texts

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers, NaN where it is empty. What is no finite number is a problem, and NaN too."""
        raw = self._frame[self._theirs[name]]
        if raw.dtype == pl.String:
            raw = raw.str.strip_chars()
            empty = (raw.is_null() | (raw == "")).to_numpy()
        else:
            empty = raw.is_null().to_numpy()
        found = raw.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        bad = ~empty & ~np.isfinite(found)
        self.report(bad, name, "is not a finite number", "write a probability from 0 to 1, or leave the cell empty")
        return np.where(bad | empty, np.nan, found)

    def report(self, bad: NDArray[np.bool_], column: str, finding: str, remedy: str) -> None:
        """Add a problem for the rows that are bad, if any."""
        rows = np.flatnonzero(bad)
        if rows.size:
            more = f", and in {rows.size - 1} more rows" if rows.size > 1 else ""
            theirs = self._theirs.get(column, column)
            named = column if theirs == column else f"{column} (here {theirs})"
            place = self._locate(int(rows[0]))
            self.problems.append(Problem(place, f"column {named} {finding}{more}", remedy))

    def _renamed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return our name -> the table's column."""
        theirs = {}
        for ours, name in fields.items():
            if ours not in _FIXED and not ours.startswith(_PREFIXES):
                known = ", ".join((*_FIXED, "score_CLASS", "segment_NAME"))
                self.problems.append(Problem(f"--fields {ours}={name}", f"{ours} is no column of ours", f"use {known}"))
            elif name not in self._frame.columns:
                found = ", ".join(self._frame.columns[:SHOWN])
                finding = f"has no column {name} (named by --fields {ours}={name})"
                self.problems.append(Problem(self.place, finding, f"columns found: {found}"))
            else:
                theirs[ours] = name
        taken = set(theirs.values())
        for name in self._frame.columns:
            if (name in _FIXED or name.startswith(_PREFIXES)) and name not in theirs and name not in taken:
                theirs[name] = name
        return theirs
