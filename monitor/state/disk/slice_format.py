"""Slice counts as bytes, and back.

Addresses are those of the planes that the model had when its store was written (`Planes`). A foldwatch whose planes lie
elsewhere translates; a plane that it does not know is carried by name, one that the store does not know is zero.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from monitor.counts.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.counts.layout import Layout

    Carried = Mapping[str, tuple[bytes, bytes]]

_INTEGERS: Final = ("<i1", "<u2", "<i4", "<i8")


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """The counts of n slices, one after the other."""

    lengths: bytes
    """How many addresses each slice has."""
    index: bytes
    value: bytes
    carried: dict[int, dict[str, tuple[bytes, bytes]]] = {}
    """Slice -> plane -> (addresses, values), where there are such planes."""


class Planes:
    """Where a store has its planes, against where the layout has them now."""

    def __init__(self, layout: Layout, stored: Mapping[str, Sequence[int]] | None = None) -> None:
        """Read what was written with the planes `stored`, name -> shape; None: as the layout has them.

        Raises ValueError where a plane has another shape now.
        """
        self._layout = layout
        planes = {name: tuple(shape) for name, shape in (stored or layout.shapes).items()}
        changed = sorted(name for name, shape in planes.items() if layout.shapes.get(name, shape) != shape)
        if changed:
            message = f"the plane {changed[0]} has another shape"
            raise ValueError(message)
        self._names = list(planes)
        self._starts = np.cumsum([0, *(prod(shape) for shape in planes.values())])
        self._moves = np.array([layout.offsets.get(name, 0) for name in planes], np.int64) - self._starts[:-1]
        self._known = np.array([name in layout.shapes for name in planes], np.bool_)
        self.same = planes == dict(layout.shapes) and self._names == list(layout.shapes)
        """The addresses are those of the layout."""

    def unpack(self, packed: Packed) -> list[Counts]:
        """Return the counts of each slice."""
        index, value, lengths = (_integers(column) for column in (packed.index, packed.value, packed.lengths))
        ends = np.cumsum(lengths).tolist()
        found: list[Counts] = []
        for slice_, (start, end) in enumerate(zip([0, *ends][:-1], ends, strict=True)):
            carried = {name: (_integers(at), _integers(n)) for name, (at, n) in packed.carried.get(slice_, {}).items()}
            if self.same and not carried:
                # Copies: a piece of a column would keep all of it in memory.
                found.append(Counts(self._layout, index[start:end].copy(), value[start:end].copy()))
            else:
                found.append(self._moved(index[start:end], value[start:end], carried))
        return found

    def _moved(self, index: NDArray[np.int64], value: NDArray[np.int64], carried: Mapping[str, Any]) -> Counts:
        """Return counts whose planes lie elsewhere now."""
        plane = np.searchsorted(self._starts, index, side="right") - 1
        known = self._known[plane]
        planes = dict(carried)
        for unknown in np.unique(plane[~known]).tolist():
            own = plane == unknown
            planes[self._names[unknown]] = (index[own] - self._starts[unknown], value[own])
        counts = Counts.from_pairs(self._layout, (index + self._moves[plane])[known], value[known])
        # What an older foldwatch carried this one may know.
        at = [name for name in planes if name in self._layout.shapes]
        parts = [Counts.from_pairs(self._layout, planes[n][0] + self._layout.offsets[n], planes[n][1]) for n in at]
        rest = Counts(self._layout, carried={name: planes[name] for name in sorted(planes.keys() - set(at))})
        return Counts.sum(self._layout, (counts, *parts, rest))


def pack(slices: Iterable[Counts]) -> Packed:
    """Return the counts of slices in the addresses of their layout."""
    slices = list(slices)
    empty = np.zeros(0, np.int64)
    return Packed(
        _bytes(np.fromiter((len(counts.index) for counts in slices), np.int64, len(slices))),
        _bytes(np.concatenate([empty, *(counts.index for counts in slices)])),
        _bytes(np.concatenate([empty, *(counts.value for counts in slices)])),
        {
            at: {name: (_bytes(index), _bytes(value)) for name, (index, value) in counts.carried.items()}
            for at, counts in enumerate(slices)
            if counts.carried
        },
    )


def _bytes(column: NDArray[np.int64]) -> bytes:
    """Return the narrowest integers that hold all of a column, with a first byte that says which."""
    lo, hi = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    for kind, name in enumerate(_INTEGERS):
        span = np.iinfo(name)
        if span.min <= lo and hi <= span.max:
            return bytes([kind]) + column.astype(name).tobytes()
    raise AssertionError  # int64 holds every int64


def _integers(column: bytes) -> NDArray[np.int64]:
    """Return the integers of a column."""
    return np.frombuffer(column, _INTEGERS[column[0]], offset=1).astype(np.int64)
