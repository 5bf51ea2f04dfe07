"""Numbering what belongs together: from key columns to group numbers, for `tally.grouped`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELLS_PER_KEY: Final = 4
"""Keys that are spread over at most so many times their number are marked in a vector instead of being sorted."""


def numbered(keys: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (number of each key (n,), the distinct keys in order): `distinct[number] == keys`."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    low = int(keys.min())
    spread = int(keys.max()) - low + 1
    if spread > _CELLS_PER_KEY * len(keys) + 1024:
        distinct, number = np.unique(keys, return_inverse=True)
        return number.astype(np.int64), distinct.astype(np.int64)
    place = keys.astype(np.int64) - low
    met = np.zeros(spread, np.int64)
    met[place] = 1
    distinct = np.flatnonzero(met)
    met[distinct] = np.arange(len(distinct))
    return met[place], distinct + low
