"""A sample of a log as columns: what `init` looks at. Nested fields become dotted names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from monitor.clock import SECOND, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_EARLIEST = 31_536_000_000
"""1971: earlier moments are seconds read as milliseconds."""
_LATEST = 4_102_444_800_000
"""2100, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the sampled events; None where an event does not have it."""

    name: str
    values: tuple[Any, ...]

    @property
    def given(self) -> list[Any]:
        """The values that are there; an empty text is none."""
        return [value for value in self.values if value is not None and value != ""]

    @property
    def distinct(self) -> list[Any]:
        """Each value once, in the order of the sample; lists and mappings as text."""
        return list(dict.fromkeys(value if _hashable(value) else str(value) for value in self.given))

    def numbers(self) -> list[float] | None:
        """Return the values as numbers; None where one is none, or where there is nothing."""
        numbers = [_number(value) for value in self.given]
        return [n for n in numbers if n is not None] if numbers and None not in numbers else None

    def moments(self) -> list[int | None] | None:
        """Return each value as epoch milliseconds, None in its place where there is none; None where it is no time."""
        moments = [None if value is None or value == "" else moment(value) for value in self.values]
        known = [each for each in moments if each is not None]
        return moments if known and len(known) == len(self.given) else None

    def seconds(self) -> bool:
        """Tell whether the values look like epoch seconds, which are read as milliseconds of January 1970."""
        numbers = self.numbers()
        return numbers is not None and all(_EARLIEST <= n * SECOND <= _LATEST and n > SECOND**3 / 2 for n in numbers)

    def shares(self) -> bool:
        """Tell whether the values are numbers in [0, 1] that are not all 0 and 1."""
        numbers = self.numbers()
        return numbers is not None and all(0 <= n <= 1 for n in numbers) and not set(numbers) <= {0.0, 1.0}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Return the rows as columns by dotted name, in the order in which the names first come."""
    flat = [dict(_flattened(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: Column(name, tuple(row.get(name) for row in flat)) for name in names}


def moment(value: object) -> int | None:
    """Return plausible epoch milliseconds of RFC 3339, epoch milliseconds or a typed time; None for anything else."""
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=UTC)
        found: int | None = int(known.timestamp() * SECOND)
    elif isinstance(value, date):
        found = int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()) * SECOND
    elif isinstance(value, bool) or not isinstance(value, int | str):
        found = None
    else:
        found = parse_time(str(value)) if len(str(value)) <= 40 else None  # noqa: PLR2004 - longer than any time
    return found if found is not None and _EARLIEST <= found <= _LATEST else None


def _flattened(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value)."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _number(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number - number == 0.0 else None


def _hashable(value: object) -> bool:
    return not isinstance(value, list | dict)
