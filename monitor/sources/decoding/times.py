"""A column of time texts becomes epoch milliseconds: RFC 3339 in numpy, the rare rest by `clock.parse_time`.

What numpy accepts is a part of what `parse_time` accepts, with the same result. Days of a date: Hinnant's
`days_from_civil`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.clock import DAY, HOUR, MINUTE, SECOND, parse_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR = 2**62
"""A moment that is no time of anything, but fits into 64 bits."""

_PREFIX = 19
"""Characters of `2026-01-31T12:00:00`."""
_LONGEST = 64
_FRACTION = 9
_FRACTION_OF_MILLISECOND = re.compile(r"(-?\d+)\.\d*")
_EPOCH_DIGITS = r"^-?[0-9]{1,18}$"
_ZERO, _DASH, _COLON, _DOT, _PLUS, _BLANK = b"0-:.+ "
_T, _Z = b"tz"
_LOWER = 0x20
_DATE = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)


def parse_times(texts: pl.Series) -> pl.Series:
    """Return Int64 epoch milliseconds of a String series; null where it is no time, `FAR` where it leaves 64 bits."""
    moments = np.zeros(len(texts), np.int64)
    known = np.zeros(len(texts), np.bool_)
    lengths = texts.str.len_bytes().fill_null(0).to_numpy()
    counts = np.bincount(np.minimum(lengths, _LONGEST))
    for length in np.flatnonzero(counts):
        if not _PREFIX <= length <= _PREFIX + 1 + _FRACTION + 6:
            continue
        rows = None if counts[length] == len(texts) else np.flatnonzero(lengths == length)
        made, right = _rfc3339(texts if rows is None else texts.gather(rows), int(length))
        moments[slice(None) if rows is None else rows] = made
        known[slice(None) if rows is None else rows] = right
    if not known.all():
        _epoch_digits(texts, moments, known)
        for row in np.flatnonzero(~known & (lengths > 0)):
            moment = _parse(texts[int(row)])
            if moment is not None:
                moments[row], known[row] = max(-FAR, min(FAR, moment)), True
    column = pl.Series(moments)
    return column if known.all() else column.set(pl.Series(~known), None)


def _parse(text: str) -> int | None:
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    match = _FRACTION_OF_MILLISECOND.fullmatch(text)  # a data frame with gaps writes 1767225600000.0
    return parse_time(match[1] if match else text)


def _epoch_digits(texts: pl.Series, moments: NDArray[np.int64], known: NDArray[np.bool_]) -> None:
    """Fill in the rows that are epoch milliseconds in digits."""
    rows = np.flatnonzero(~known)
    digits = texts.gather(rows)
    right = digits.str.contains(_EPOCH_DIGITS).fill_null(value=False).to_numpy()
    moments[rows[right]] = digits.filter(pl.Series(right)).cast(pl.Int64).to_numpy()
    known[rows[right]] = True


def _rfc3339(texts: pl.Series, length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return moments of texts that all have `length` bytes, and where they are right."""
    joined = texts.str.join("")[0].encode()
    letters = np.ascontiguousarray(np.frombuffer(joined, np.uint8).reshape(-1, length).T)
    digits = letters - np.uint8(_ZERO)
    seconds, right = _date_and_time(letters, digits)
    moments = seconds * SECOND
    shaped = np.zeros(len(texts), np.bool_)
    for zone in (1, 0, 6):
        fraction = length - _PREFIX - zone
        if fraction < 0 or fraction == 1 or fraction > 1 + _FRACTION or shaped.all():
            continue
        fits = _zone_fits(letters, digits, zone)
        if fraction:
            fits &= (letters[_PREFIX] == _DOT) & (digits[_PREFIX + 1 : _PREFIX + fraction] <= 9).all(axis=0)  # noqa: PLR2004 - a digit
        fits &= ~shaped
        shaped |= fits
        extra = np.zeros(len(texts), np.int64)
        for place, worth in enumerate((100, 10, 1)[: max(fraction - 1, 0)]):
            extra += digits[_PREFIX + 1 + place].astype(np.int64) * worth
        if zone > 1:
            offset = (
                _two(digits, length - 5).astype(np.int64) * HOUR + _two(digits, length - 2).astype(np.int64) * MINUTE
            )
            extra += np.where(letters[length - 6] == _PLUS, -offset, offset)
        moments += np.where(fits, extra, 0)
    return moments, right & shaped


def _date_and_time(
    letters: NDArray[np.uint8], digits: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return seconds since 1970 of the first 19 characters, and where they are a date and a time of day."""
    right = (letters[4] == _DASH) & (letters[7] == _DASH) & (letters[13] == _COLON) & (letters[16] == _COLON)
    right &= ((letters[10] | _LOWER) == _T) | (letters[10] == _BLANK)
    for place in _DATE:
        right &= digits[place] <= 9  # noqa: PLR2004 - a digit
    year = _two(digits, 0).astype(np.int64) * 100 + _two(digits, 2)
    month, day = _two(digits, 5).astype(np.int64), _two(digits, 8).astype(np.int64)
    hour, minute, second = _two(digits, 11).astype(np.int64), _two(digits, 14), _two(digits, 17)
    right &= (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004 - a clock
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    longest = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.minimum(month, 12)]
    right &= day <= longest + (leap & (month == 2))  # noqa: PLR2004 - February
    shifted = year - (month <= 2)  # noqa: PLR2004 - the year begins in March, so that the leap day is its last
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days * (DAY // SECOND) + hour * 3_600 + minute.astype(np.int64) * 60 + second, right


def _zone_fits(letters: NDArray[np.uint8], digits: NDArray[np.uint8], zone: int) -> NDArray[np.bool_]:
    if zone == 0:
        return np.ones(letters.shape[1], np.bool_)
    if zone == 1:
        return np.asarray((letters[-1] | _LOWER) == _Z)
    fits = (letters[-6] == _PLUS) | (letters[-6] == _DASH)
    fits &= (letters[-3] == _COLON) & (digits[[-5, -4, -2, -1]] <= 9).all(axis=0)  # noqa: PLR2004 - a digit
    return np.asarray(fits & (_two(digits, -5) < 24) & (_two(digits, -2) < 60))  # noqa: PLR2004 - hours and minutes


def _two(digits: NDArray[np.uint8], place: int) -> NDArray[np.uint8]:
    """Return the number of two digits; wrong digits give a wrong number, which `right` knows."""
    return np.asarray(digits[place] * np.uint8(10) + digits[place + 1])
