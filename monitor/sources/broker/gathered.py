"""The messages of one topic in one batch: from several partitions and fetches, in the order in which they were read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from monitor.sources.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.sources.broker.client import Messages, Partition


@dataclass(frozen=True, slots=True)
class Gathered:
    """Columns of n messages, one row each."""

    parts: Sequence[Messages]
    starts: NDArray[np.int64]
    """The first row of each part, and n."""
    values: Sequence[bytes | None]
    timestamps: NDArray[np.int64]
    """(n,) epoch milliseconds; negative: the message has none."""

    @classmethod
    def of(cls, parts: Sequence[Messages]) -> Gathered:
        """Return the messages of `parts`, one behind the other."""
        sizes = [len(part.values) for part in parts]
        return cls(
            parts,
            np.cumsum([0, *sizes]),
            list(chain.from_iterable(part.values for part in parts)),
            np.concatenate([np.zeros(0, np.int64), *(part.timestamps for part in parts)]),
        )

    def letter(self, row: int, reason: str, detail: str) -> Rejected:
        """Return the dead letter of a message."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        part, at = self.parts[number], row - int(self.starts[number])
        moment = int(part.timestamps[at])
        return Rejected(
            reason,
            detail,
            f"{part.partition}/{part.offsets[at]}",
            part.values[at] or b"",
            part.keys[at],
            moment if moment >= 0 else None,
        )

    def newest(self, rows: NDArray[np.int64], moments: NDArray[np.int64]) -> Mapping[Partition, int]:
        """Return the greatest of these moments in each partition; `rows`, ascending, are the messages they stand in."""
        found: dict[Partition, int] = {}
        cuts = np.searchsorted(rows, self.starts)
        for part, begin, end in zip(self.parts, cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            if begin < end:
                latest = int(moments[begin:end].max())
                found[part.partition] = max(found.get(part.partition, latest), latest)
        return found
