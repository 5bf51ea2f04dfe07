"""Raw columns: one field of many events as it was read, whatever its types, and how it becomes text, number or moment.

Each value is converted by itself, so that an event gives the same alone as among thousands of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from monitor.join.words import class_text
from monitor.sources.decoding.times import FAR, parse_times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.sources.decoding.fields import Keys

    Mask = NDArray[np.bool_]

_SIMPLE: dict[type, type[pl.DataType]] = {str: pl.String, bool: pl.Boolean, float: pl.Float64, int: pl.Int64}
_NOTHING = (msgspec.UnsetType, type(None))
_EXACT = 2.0**53
"""Up to here a float holds every integer."""


@dataclass(frozen=True, slots=True)
class Part:
    """Values of one type."""

    rows: NDArray[np.int64] | None
    """Where they stand in the column, ascending; None: everywhere."""
    values: pl.Series | NDArray[np.object_]
    """An array of objects for what fits no type: integers beyond 64 bits, lists, mappings."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of `size` events. Rows in no part are null, or the event has no such key (`absent`)."""

    size: int
    parts: tuple[Part, ...] = ()
    absent: Mask | None = None
    """(size,), None: nowhere."""

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> Column | None:
        """Return the column of values of JSON, `msgspec.UNSET` where the key is absent; None where all are."""
        size = len(values)
        types = set(map(type, values))
        if types == {msgspec.UnsetType}:
            return None
        absent = None
        if msgspec.UnsetType in types:
            absent = np.fromiter((value is msgspec.UNSET for value in values), np.bool_, size)
        given = types.difference(_NOTHING)
        if len(given) <= 1 and absent is None:
            return cls(size, _parts(next(iter(given), type(None)), values, None))
        parts: list[Part] = []
        for each in sorted(given, key=lambda t: t.__name__):
            rows = [row for row, value in enumerate(values) if type(value) is each]
            parts += _parts(each, [values[row] for row in rows], np.array(rows, np.int64))
        return cls(size, tuple(parts), absent)

    @classmethod
    def of_series(cls, series: pl.Series) -> Column:
        """Return the column of a typed series; it has the key everywhere."""
        return cls(len(series), (Part(None, series),))

    def given(self) -> Mask:
        """Return where there is a value: not absent, not null."""
        given = np.zeros(self.size, np.bool_)
        for part in self.parts:
            here = part.values.is_not_null().to_numpy() if isinstance(part.values, pl.Series) else True
            given[slice(None) if part.rows is None else part.rows] = here
        return given

    def take(self, rows: NDArray[np.int64]) -> Column:
        """Return these rows, ascending."""
        parts: list[Part] = []
        for part in self.parts:
            if part.rows is None:
                parts.append(Part(None, part.values[rows]))
                continue
            inside = np.isin(part.rows, rows, assume_unique=True)
            if inside.any():
                parts.append(Part(np.searchsorted(rows, part.rows[inside]), _pick(part.values, inside)))
        return Column(len(rows), tuple(parts), None if self.absent is None else self.absent[rows])

    def otherwise(self, other: Column) -> Column:
        """Return this column with what `other` holds in the rows where this one has no such key."""
        if self.absent is None:
            return self
        rows = np.flatnonzero(self.absent)
        theirs = other.take(rows)
        parts = [Part(rows if part.rows is None else rows[part.rows], part.values) for part in theirs.parts]
        absent = np.zeros(self.size, np.bool_)
        absent[rows] = False if theirs.absent is None else theirs.absent
        return Column(self.size, (*self.parts, *parts), absent if absent.any() else None)

    def filled(self, moments: NDArray[np.int64]) -> Column:
        """Return this column with these numbers, (size,), where it has nothing; a negative one is none itself."""
        rows = np.flatnonzero(~self.given() & (moments >= 0))
        if not len(rows):
            return self
        everywhere = len(rows) == self.size
        part = Part(None if everywhere else rows, pl.Series(moments[rows]))
        absent = None if self.absent is None else self.absent.copy()
        if absent is not None:
            absent[rows] = False
        return Column(self.size, (part,) if everywhere else (*self.parts, part), absent)

    def convert(
        self, how: Callable[[pl.Series | NDArray[np.object_]], pl.Series], dtype: type[pl.DataType]
    ) -> pl.Series:
        """Return what `how` makes of each part, in the order of the rows, null where a row is in no part."""
        if len(self.parts) == 1 and self.parts[0].rows is None:
            return how(self.parts[0].values)
        where = np.full(self.size, -1, np.int64)
        made, at = [], 0
        for part in self.parts:
            series = how(part.values)
            where[slice(None) if part.rows is None else part.rows] = np.arange(at, at + len(series))
            made.append(series)
            at += len(series)
        where[where < 0] = at
        return pl.concat([*made, pl.Series([None], dtype=dtype)]).gather(where)


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of `size` events that their source holds."""

    size: int
    columns: Mapping[Keys, Column]

    @classmethod
    def of_frame(cls, frame: pl.DataFrame, places: Sequence[Keys]) -> Table:
        """Return the columns of a frame that stand in one of `places`; what is nested is a struct column there."""
        columns = {}
        for keys in places:
            if keys[0] in frame.columns and (series := _inside(frame[keys[0]], keys[1:])) is not None:
                columns[keys] = Column.of_series(series)
        return cls(frame.height, columns)

    def column(self, places: Sequence[Keys]) -> Column | None:
        """Return the field that stands in one of `places`; None where no event has it."""
        found: Column | None = None
        for keys in places:
            column = self.columns.get(keys)
            if column is not None:
                found = column if found is None else found.otherwise(column)
        return found

    def take(self, rows: NDArray[np.int64]) -> Table:
        """Return these rows, ascending."""
        return Table(len(rows), {keys: column.take(rows) for keys, column in self.columns.items()})


def texts(column: Column) -> pl.Series:
    """Return ids, classes, versions or segment values as text: `class_text` of numbers and booleans, text as it is.

    Null where there is nothing, and for lists, mappings and times.
    """
    return column.convert(_text, pl.String)


def numbers(column: Column) -> pl.Series:
    """Return Float64; null where there is nothing, and for what is no number."""
    return column.convert(_number, pl.Float64)


def moments(column: Column) -> pl.Series:
    """Return Int64 epoch milliseconds; null where there is nothing, and for what is no time; `FAR` beyond 64 bits."""
    return column.convert(_moment, pl.Int64)


def without_nan(column: Column) -> Column:
    """Return the column with NaN as null: in a class, a text or a time, NaN is how a data frame writes nothing."""
    parts = tuple(
        Part(part.rows, part.values.fill_nan(None))
        if isinstance(part.values, pl.Series) and part.values.dtype.is_float()
        else part
        for part in column.parts
    )
    return Column(column.size, parts, column.absent)


def _parts(kind: type, values: Sequence[Any], rows: NDArray[np.int64] | None) -> tuple[Part, ...]:
    """Return the parts of values that are all of one type, or None."""
    if kind is type(None):
        return ()
    if kind in _SIMPLE:
        try:
            return (Part(rows, pl.Series(values, dtype=_SIMPLE[kind])),)
        except (TypeError, OverflowError):  # an integer beyond 64 bits
            small = [value is None or -(2**63) <= value < 2**63 for value in values]
            numbers = pl.Series(
                [value if fits else None for value, fits in zip(values, small, strict=True)], dtype=pl.Int64
            )
            where = np.arange(len(values)) if rows is None else rows
            inside = np.array(small)
            odd = [value for value, fits in zip(values, small, strict=True) if not fits]
            return Part(where[inside], numbers.filter(pl.Series(inside))), Part(where[~inside], _objects(odd))
    where = np.flatnonzero([value is not None for value in values])
    odd = [values[row] for row in where.tolist()]
    return (Part(where if rows is None else rows[where], _objects(odd)),)


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), np.object_)
    for row, value in enumerate(values):  # numpy would make a matrix of a list of lists
        array[row] = value
    return array


def _pick(values: pl.Series | NDArray[np.object_], inside: Mask) -> pl.Series | NDArray[np.object_]:
    return values.filter(pl.Series(inside)) if isinstance(values, pl.Series) else values[inside]


def _inside(series: pl.Series, keys: Sequence[str]) -> pl.Series | None:
    for key in keys:
        if not isinstance(series.dtype, pl.Struct) or key not in series.struct.fields:
            return None
        series = series.struct.field(key)
    return None if isinstance(series.dtype, pl.Struct) else series


def _text(values: pl.Series | NDArray[np.object_]) -> pl.Series:
    if isinstance(values, np.ndarray):
        return pl.Series([class_text(value) for value in values], dtype=pl.String)
    if values.dtype == pl.String:
        return values
    if values.dtype.is_float() or values.dtype.is_decimal():
        return _float_text(values.cast(pl.Float64) if values.dtype.is_decimal() else values)
    if values.dtype.is_integer() or values.dtype in (pl.Boolean, pl.Categorical, pl.Enum, pl.Binary):
        return values.cast(pl.String, strict=False)
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(values))


def _float_text(values: pl.Series) -> pl.Series:
    whole = (values == values.floor()) & (values.abs() < _EXACT)
    made = values.cast(pl.Int64, strict=False).cast(pl.String)
    if (~whole & values.is_not_null()).any():
        made = made.zip_with(whole, pl.Series([class_text(value) for value in values], dtype=pl.String))
    return made


def _number(values: pl.Series | NDArray[np.object_]) -> pl.Series:
    if isinstance(values, pl.Series):
        if values.dtype == pl.Float64:
            return values
        if values.dtype == pl.String:
            made = values.cast(pl.Float64, strict=False)
            return (
                made
                if made.null_count() == values.null_count()
                else made.fill_null(values.str.strip_chars().cast(pl.Float64, strict=False))
            )
        if values.dtype.is_numeric():
            return values.cast(pl.Float64)
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(values))


def _moment(values: pl.Series | NDArray[np.object_]) -> pl.Series:
    if isinstance(values, np.ndarray):
        return pl.Series([FAR if isinstance(value, int) else None for value in values], dtype=pl.Int64)
    if values.dtype == pl.String:
        return parse_times(values)
    if values.dtype in (pl.Date, pl.Datetime):
        return (values.cast(pl.Datetime("ms")) if values.dtype == pl.Date else values).dt.epoch("ms")
    if values.dtype.is_numeric():
        made = values.cast(pl.Int64, strict=False)
        known = made.is_not_null() | values.is_null()
        return made if known.all() else made.zip_with(known, pl.Series([FAR], dtype=pl.Int64))
    return pl.Series([None], dtype=pl.Int64).new_from_index(0, len(values))
