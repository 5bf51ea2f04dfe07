"""From ids to slots, a whole batch at a time: a hash table with open addressing in numpy.

A dictionary waits for memory once an id and takes four times as long; its keys alone take as much room as everything
else that a row needs. Only the 64-bit hash of an id is kept (Python's own: SipHash, salted anew in each process, so
that nobody can make ids that collide). Two of n ids share one with probability n^2 / 2^65: 3 in 10^8 for a million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EMPTY: Final = 0
_GONE: Final = 1
"""A key that was dropped: searches go on past it."""
_FEWEST: Final = 4_096
_MOST_FULL: Final = 0.5


def hashes(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the hash of each id, (n,): never _EMPTY or _GONE."""
    found = np.fromiter(map(hash, ids), np.int64, len(ids))
    found[(found == _EMPTY) | (found == _GONE)] += 2
    return found


class SlotIndex:
    """Hash -> slot, for slots in [0, `reserved`)."""

    def __init__(self) -> None:
        """Begin empty."""
        self._keys = np.zeros(_FEWEST, np.int64)
        self._slots = np.zeros(_FEWEST, np.int32)
        self._used = 0
        """Cells that are not _EMPTY."""
        self._free = np.zeros(0, np.int32)
        self._hashes = np.zeros(0, np.int64)
        """Slot -> its key."""

    def __len__(self) -> int:
        """Return how many slots are taken."""
        return len(self._hashes) - len(self._free)

    @property
    def reserved(self) -> int:
        """Slots there are, taken or free."""
        return len(self._hashes)

    def reserve(self, slots: int) -> None:
        """Make more slots."""
        self._free = np.concatenate((np.arange(slots - 1, self.reserved - 1, -1, dtype=np.int32), self._free))
        self._hashes = np.concatenate((self._hashes, np.zeros(slots - self.reserved, np.int64)))

    @property
    def free(self) -> int:
        """Slots that are not taken."""
        return len(self._free)

    def take(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of each key, (n,); a new key takes a free slot, of which there must be n."""
        if self._used + len(keys) > _MOST_FULL * len(self._keys):
            self._rebuild(len(self) + len(keys))
        cells, found = self._find(keys)
        if not found.all():
            new = np.flatnonzero(~found)
            at = cells[new] = self._insert(keys[new], cells[new])
            # Equal keys share a cell: whoever writes last into it stands for it.
            number = np.arange(len(new), dtype=np.int32)
            self._slots[at] = number
            taken = at[self._slots[at] == number]
            slots = self._free[len(self._free) - len(taken) :]
            self._free = self._free[: len(self._free) - len(taken)]
            self._slots[taken] = slots
            self._hashes[slots] = self._keys[taken]
            self._used += len(taken)
        return self._slots[cells].astype(np.int64)

    def drop(self, slots: NDArray[np.int64]) -> None:
        """Free slots that are taken."""
        cells, _ = self._find(self._hashes[slots])
        self._keys[cells] = _GONE
        self._free = np.concatenate((self._free, slots.astype(np.int32)))

    def _find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the cell of each key, or the empty one where the search for it ended, and whether it was found."""
        mask = len(self._keys) - 1
        cells = keys & mask
        kept = self._keys[cells]
        found = kept == keys
        at = np.flatnonzero(~found & (kept != _EMPTY))
        while len(at):
            cells[at] = (cells[at] + 1) & mask
            kept = self._keys[cells[at]]
            found[at] = kept == keys[at]
            at = at[(kept != keys[at]) & (kept != _EMPTY)]
        return cells, found

    def _insert(self, keys: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put keys into the first empty cells from these on; return where. Equal keys come to the same cell."""
        mask = len(self._keys) - 1
        at = np.arange(len(keys))
        while len(at):
            # Of several keys that write into one empty cell one is left there: the others go on searching.
            own = cells[at]
            empty = self._keys[own] == _EMPTY
            self._keys[own[empty]] = keys[at[empty]]
            at = at[self._keys[own] != keys[at]]
            cells[at] = (cells[at] + 1) & mask
        return cells

    def _rebuild(self, keys: int) -> None:
        """Make room for so many keys, without those that were dropped."""
        size = _FEWEST
        while keys > _MOST_FULL / 2 * size:
            size *= 2
        taken = (self._keys != _EMPTY) & (self._keys != _GONE)
        own, slots = self._keys[taken], self._slots[taken]
        self._keys = np.zeros(size, np.int64)
        self._slots = np.zeros(size, np.int32)
        self._slots[self._insert(own, own & (size - 1))] = slots
        self._used = len(own)
