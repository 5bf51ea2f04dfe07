"""Why an event is rejected or skipped: bounded names, used as metric labels and in reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not an object"
NOT_UTF8 = "not UTF-8"
MISSING_FIELD = "missing field"
BAD_ID = "bad id"
UNKNOWN_CLASS = "unknown class"
BAD_TIME = "bad time"
IMPLAUSIBLE_TIME = "implausible time"
BAD_SCORE = "bad score"
OVERSIZED = "oversized"

REASONS = (
    NOT_JSON,
    NOT_AN_OBJECT,
    NOT_UTF8,
    MISSING_FIELD,
    BAD_ID,
    UNKNOWN_CLASS,
    BAD_TIME,
    IMPLAUSIBLE_TIME,
    BAD_SCORE,
    OVERSIZED,
)
"""Every reason of a dead letter."""

UNKNOWN_MODEL = "unknown model"
TOMBSTONE = "tombstone"

SKIPPED = (UNKNOWN_MODEL, TOMBSTONE)
"""Every reason for which a codec skips an event: no dead letter."""

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which rows of a table are not valid."""

    reason: str
    detail: str
    show: Callable[[int], object] | None = None
    """Row -> the value that was found, for the detail; None where it must not or need not be shown."""

    def words(self, row: int) -> str:
        """Return the detail for this row."""
        if self.show is None:
            return self.detail
        value = str(self.show(row))
        return f"{self.detail}: {value if len(value) <= _SHOWN else value[:_SHOWN] + '…'!r}"


@dataclass(slots=True)
class Faults:
    """The first fault of each row of a table of `size` rows."""

    size: int
    faults: list[Fault] = field(default_factory=list)
    first: NDArray[np.int16] = field(init=False)
    """(size,) index into `faults`, -1: none."""

    def __post_init__(self) -> None:
        """Begin without any."""
        self.first = np.full(self.size, -1, np.int16)

    def mark(self, rows: NDArray[np.bool_], fault: Fault) -> None:
        """Give `fault` to the rows of this mask that have none yet."""
        if rows.any():
            self.first[rows & (self.first < 0)] = len(self.faults)
            self.faults.append(fault)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Where there is no fault."""
        return self.first < 0

    def each(self) -> Iterator[tuple[int, Fault]]:
        """Yield the rows that have a fault, in order."""
        for row in np.flatnonzero(self.first >= 0).tolist():
            yield row, self.faults[self.first[row]]
