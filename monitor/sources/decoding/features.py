"""Features of predictions: nothing is read of them before a row is chosen for the sample that drift is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.sources.decoding.fields import dotted
from monitor.sources.decoding.json_lines import BYTE_ORDER_MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from monitor.sources.decoding.fields import Keys

Features = dict[str, str | float | bool | None]
"""Name -> value of one prediction."""
NAME: Final = "features"
LONGEST_NAME: Final = 64
"""Letters of a feature's name; one with a longer name is passed over."""
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WRONG: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class FeatureReader:
    """Reads the features of one event's bytes: an object of numbers, texts, truth values and null."""

    def __init__(self, theirs: str | Mapping[str, str]) -> None:
        """Begin with `fields.features`: where the object stands, or where each feature does."""
        self._whole = dotted(theirs) if isinstance(theirs, str) else ()
        self._each = {} if isinstance(theirs, str) else {name: dotted(place) for name, place in theirs.items()}
        places = (*self._whole, *(keys for each in self._each.values() for keys in each))
        self._marks = tuple({keys[0]: msgspec.json.encode(keys[0]) for keys in places}.values())

    def read(self, event: bytes) -> Features | None:
        """Return the features of a JSON object; None where it has none.

        What is no object, and values that are lists or objects, count as absent: no event is wrong for them.
        """
        if b"\\" not in event and not any(mark in event for mark in self._marks):
            return None
        try:
            outer = _OBJECT.decode(event.removeprefix(BYTE_ORDER_MARK))
        except _WRONG:
            return None
        if self._whole:
            found = _value(outer, self._whole)
            return _plain(found) if isinstance(found, dict) else None
        return _plain({name: _value(outer, places) for name, places in self._each.items()})


@dataclass(frozen=True, slots=True)
class Unread:
    """The features of n predictions of a batch, none of them read yet."""

    rows: NDArray[np.int64]
    """(n,) the number of each event in what was decoded."""
    read: Callable[[int], Features | None]
    """Of an event by its number."""

    def take(self, which: NDArray[np.bool_]) -> Unread:
        """Return those that are marked, (n,)."""
        return Unread(self.rows[which], self.read)

    def __getitem__(self, row: int) -> Features | None:
        """Read one of the n."""
        return self.read(int(self.rows[row]))


def _value(outer: dict[str, msgspec.Raw], places: tuple[Keys, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """Return what stands in the first of the places that the object has; UNSET where none is there."""
    for keys in places:
        inner: dict[str, msgspec.Raw] | None = outer
        for at, key in enumerate(keys):
            raw = None if inner is None else inner.get(key)
            if raw is None:
                break
            if at == len(keys) - 1:
                return _decoded(raw)
            inner = _inside(raw)
    return msgspec.UNSET


def _inside(raw: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """Return the object, None for everything else."""
    try:
        return _OBJECT.decode(raw)
    except _WRONG:
        return None


def _decoded(raw: msgspec.Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value; UNSET where no float holds a number in it."""
    try:
        return msgspec.json.decode(raw)
    except _WRONG:
        return msgspec.UNSET


def _plain(found: dict[str, Any]) -> Features | None:
    """Return the features that are numbers, texts, truth values or null; None where no one is."""
    plain: Features = {}
    for name, value in found.items():
        if len(name) > LONGEST_NAME:
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                plain[name] = float(value) if abs(value) >= 2**53 else value
            except OverflowError:
                continue
        elif value is None or isinstance(value, bool | float | str):
            plain[name] = value
    return plain or None
