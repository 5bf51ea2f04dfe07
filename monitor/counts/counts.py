"""Counts: the abelian group in which everything is kept.

Laws (tests/counts/test_counts.py): (a + b) + c = a + (b + c); a + b = b + a; a + 0 = a; a - a = 0. So a whole equals
its merged parts, in any order and any split; stream, backtest and any other way of counting agree to the bit.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from monitor.counts.layout import Layout

    Sparse = tuple[NDArray[np.int64], NDArray[np.int64]]

_EMPTY: Final = np.zeros(0, np.int64)


class Counts:
    """Integer counts of one model's classes: named planes of sparse int64 vectors. Immutable.

    Planes of the layout live in one sorted address vector. A plane that this version does not know is carried by name
    and obeys the same laws; an absent plane is zero. No stored value is zero, so equal counts are equal arrays.
    """

    __slots__ = ("carried", "index", "layout", "value")

    def __init__(
        self,
        layout: Layout,
        index: NDArray[np.int64] = _EMPTY,
        value: NDArray[np.int64] = _EMPTY,
        carried: Mapping[str, Sparse] | None = None,
    ) -> None:
        """Take sorted, unique addresses with non-zero values, as `from_pairs` makes them."""
        self.layout: Final = layout
        self.index: Final = index
        self.value: Final = value
        self.carried: Final[Mapping[str, Sparse]] = carried or {}

    @classmethod
    def from_pairs(cls, layout: Layout, index: NDArray[np.int64], value: NDArray[np.int64]) -> Counts:
        """Sum the values of equal addresses; any order, any repetition."""
        return cls(layout, *_summed(index, value))

    @classmethod
    def from_dense(cls, layout: Layout, flat: NDArray[np.int64]) -> Counts:
        """Take a dense address vector, of `layout.live_size` or `layout.size` integers."""
        index = np.flatnonzero(flat)
        return cls(layout, index, flat[index])

    @classmethod
    def from_planes(cls, layout: Layout, planes: Mapping[str, Any]) -> Counts:
        """Take dense planes by name, each of the layout's shape."""
        flat = np.zeros(layout.size, np.int64)
        for name, plane in planes.items():
            at = layout.offsets[name]
            flat[at : at + prod(layout.shapes[name])] = np.asarray(plane, np.int64).ravel()
        return cls.from_dense(layout, flat)

    @classmethod
    def sum(cls, layout: Layout, parts: Iterable[Counts]) -> Counts:
        """Add many at once: one sort instead of one per part."""
        parts = list(parts)
        if len(parts) <= 1:
            return parts[0] if parts else cls(layout)
        index = np.concatenate([part.index for part in parts])
        value = np.concatenate([part.value for part in parts])
        carried: dict[str, Sparse] = {}
        for part in parts:
            carried = _added(carried, part.carried) if part.carried else carried
        # Each part is sorted, and a stable sort merges sorted runs.
        return cls(layout, *_summed(index, value, kind="stable"), carried)

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both."""
        return Counts.sum(self.layout, (self, other))

    def __neg__(self) -> Counts:
        """Return the inverse."""
        return Counts(self.layout, self.index, -self.value, {name: (i, -v) for name, (i, v) in self.carried.items()})

    def __sub__(self, other: Counts) -> Counts:
        """Return what is left of these counts without the other's."""
        return self + -other

    def __bool__(self) -> bool:
        """Tell whether anything is counted."""
        return bool(self.index.size or self.carried)

    def __eq__(self, other: object) -> bool:
        """Tell whether both count the same, plane by plane."""
        return (
            isinstance(other, Counts)
            and self.layout == other.layout
            and np.array_equal(self.index, other.index)
            and np.array_equal(self.value, other.value)
            and self.carried.keys() == other.carried.keys()
            and all(
                np.array_equal(a, b)
                for name, sparse in self.carried.items()
                for a, b in zip(sparse, other.carried[name], strict=True)
            )
        )

    def __hash__(self) -> int:
        """Equal counts have equal hashes."""
        return hash((self.layout, self.index.tobytes(), self.value.tobytes()))

    def __repr__(self) -> str:
        """Say how much is counted, not all of it."""
        return f"Counts(classes={self.layout.classes}, predictions={self.predictions}, labels={self.labels})"

    def sparse(self, name: str) -> Sparse:
        """Return (addresses inside the plane, values) of a plane of the layout."""
        start = self.layout.offsets[name]
        lo, hi = np.searchsorted(self.index, (start, start + prod(self.layout.shapes[name])))
        return self.index[lo:hi] - start, self.value[lo:hi]

    def plane(self, name: str) -> NDArray[np.int64]:
        """Return a dense copy of a plane, of the layout's shape. For many classes ask for `sparse` instead."""
        shape = self.layout.shapes[name]
        flat = np.zeros(prod(shape), np.int64)
        index, value = self.sparse(name)
        flat[index] = value
        return flat.reshape(shape)

    @property
    def predictions(self) -> int:
        """Identities counted."""
        return int(self.sparse("predicted")[1].sum())

    @property
    def labels(self) -> int:
        """Predictions that are labelled now."""
        return int(self.sparse("confusion")[1].sum())

    def to_json(self) -> dict[str, dict[str, list[int]]]:
        """Return every plane that is not zero, by name: `{"confusion": {"at": [...], "n": [...]}}`."""
        planes = {name: self.sparse(name) for name in self.layout.shapes} | dict(self.carried)
        return {name: {"at": at.tolist(), "n": n.tolist()} for name, (at, n) in sorted(planes.items()) if at.size}

    @classmethod
    def from_json(cls, layout: Layout, planes: Mapping[str, Mapping[str, list[int]]]) -> Counts:
        """Read `to_json`.

        Raises KeyError, TypeError or ValueError on another shape, and ValueError on an address out of its plane.
        """
        index, value, carried = [_EMPTY], [_EMPTY], {}
        for name, plane in planes.items():
            at, n = np.array(plane["at"], np.int64), np.array(plane["n"], np.int64)
            if at.shape != n.shape or at.ndim != 1:
                message = f"plane {name}: `at` and `n` differ in length"
                raise ValueError(message)
            if name not in layout.shapes:
                carried[name] = _summed(at, n)
                continue
            if at.size and (at.min() < 0 or at.max() >= prod(layout.shapes[name])):
                message = f"plane {name}: an address lies outside of it"
                raise ValueError(message)
            index.append(at + layout.offsets[name])
            value.append(n)
        return cls(layout, *_summed(np.concatenate(index), np.concatenate(value)), carried)


def _summed(
    index: NDArray[np.int64], value: NDArray[np.int64], kind: Literal["stable", "quicksort"] = "quicksort"
) -> Sparse:
    """Return sorted unique addresses with their summed, non-zero values. Exact: integers all the way."""
    if not index.size:
        return _EMPTY, _EMPTY
    order = np.argsort(index, kind=kind)
    index, value = index[order], value[order]
    first = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
    total = np.add.reduceat(value, first)
    kept = total != 0
    return index[first[kept]], total[kept]


def _added(a: Mapping[str, Sparse], b: Mapping[str, Sparse]) -> dict[str, Sparse]:
    """Add carried planes by name; a plane that comes to nothing is dropped."""
    planes = dict(a)
    for name, (index, value) in b.items():
        old = planes.get(name, (_EMPTY, _EMPTY))
        planes[name] = _summed(np.concatenate((old[0], index)), np.concatenate((old[1], value)))
    return {name: sparse for name, sparse in planes.items() if sparse[0].size}
