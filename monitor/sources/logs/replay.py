"""History as a source: the events of a log, delivered in the order in which they arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.sources.logs.blocks import blocks
from monitor.sources.logs.recording import WHOLE, Period, record
from monitor.sources.source import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from monitor.config import Settings
    from monitor.sources.logs.blocks import Block

PARTITION = "replay"


class Replay:
    """A log in the order of arrival: a prediction arrives when it is made, a label when it is given.

    In one moment predictions come before labels, and the content of events decides about the rest, so that neither the
    order of rows nor the number of files shows.
    """

    def __init__(
        self,
        settings: Settings,
        predictions: str | Path,
        labels: str | Path | None = None,
        *,
        now: int,
        period: Period = WHOLE,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Read the files once, in bounded memory; without `labels` the predictions carry `y_true`.

        `now` is the present in epoch milliseconds: what is timed later is a dead letter. `progress` is told bytes read
        and bytes in all. Raises InputError for files that cannot be read, and where no event is valid.
        """
        self._recording = record(settings, predictions, labels, now=now, period=period, progress=progress)
        self._blocks: Iterator[Block] = iter(())
        self._block: Block | None = None
        self._next = self._delivered = self._parts = 0
        self._skipped_told = False
        self.seek({})

    @property
    def first_arrival(self) -> int:
        """The first arrival of the period, in epoch milliseconds."""
        return self._recording.first_arrival

    @property
    def last_arrival(self) -> int:
        """The last arrival of the period: where the log ends."""
        return self._recording.last_arrival

    @property
    def last_predicted_at(self) -> int | None:
        """The last prediction of the period; None where it holds labels alone."""
        return self._recording.last_predicted_at

    @property
    def next_arrival(self) -> int | None:
        """When the next event arrives that is not delivered yet; None behind the last one."""
        block = self._current()
        return None if block is None else int(block.at[self._next])

    def poll(self) -> Batch:
        """Return the next events, at most one batch."""
        return self.poll_until(self.last_arrival)

    def poll_until(self, moment: int) -> Batch:
        """Return the next events that arrived at or before `moment`, at most one batch; empty once all are delivered.

        Dead letters and skipped events have no arrival: they come first.
        """
        rejected = self._recording.rejected[self._parts] if self._parts < len(self._recording.rejected) else ()
        self._parts += bool(rejected)
        skipped = {} if self._skipped_told else dict(self._recording.skipped)
        self._skipped_told = True
        block = self._current()
        if block is None:
            models, count, passed = {}, 0, moment
        else:
            end = int(np.searchsorted(block.at, moment, side="right"))
            count = max(end - self._next, 0)
            models = block.part(self._next, end) if count else {}
            passed = moment if end < len(block.at) else int(block.at[-1])
            self._next += count
            self._delivered += count
        read = count + len(rejected) + sum(skipped.values())
        return Batch(models, rejected, skipped, read, {PARTITION: self._delivered}, passed)

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on behind so many events; dead letters come again only where this is the beginning."""
        wanted = offsets.get(PARTITION, 0)
        self._blocks = blocks(self._recording.shelf, self._recording.codec)
        self._block = None
        self._next = self._delivered = 0
        self._parts = len(self._recording.rejected) if wanted else 0
        self._skipped_told = bool(wanted)
        while self._delivered < wanted and (block := self._current()) is not None:
            step = min(wanted - self._delivered, len(block.at) - self._next)
            self._next += step
            self._delivered += step

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing: a log does not care."""

    def close(self) -> None:
        """Give the disk back; a second call does nothing."""
        self._blocks = iter(())
        self._recording.spill.close()

    def _current(self) -> Block | None:
        """Return the block with the next event; None behind the last one."""
        if self._block is None or self._next >= len(self._block.at):
            self._block, self._next = next(self._blocks, None), 0
        return self._block
