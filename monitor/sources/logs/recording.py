"""A log, read once: its events sorted into pieces, its dead letters, and what there is to know about the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from monitor.clock import format_time
from monitor.errors import InputError, Problem
from monitor.sources.decoding.codec import Codec, Kind
from monitor.sources.logs.log_events import read_events
from monitor.sources.logs.patterns import find_log
from monitor.sources.logs.pieces import RejectedShelf, Shelf, Spill, Stream
from monitor.sources.logs.tables import Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.config import Settings
    from monitor.sources.decoding.codec import Decoded
    from monitor.sources.logs.patterns import Log

IN_MEMORY = 64 * 2**20
"""Bytes of decoded events that stay in memory; what is more lies on disk until it arrives."""
_SHOWN_FAULTS = 3
_MOST_FAULTS = 1_000


@dataclass(frozen=True, slots=True)
class Period:
    """Which arrivals are replayed: `[start, end)`, in epoch milliseconds; None: open."""

    start: int | None = None
    end: int | None = None

    def part(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the events of the period."""
        if self.start is not None:
            frame = frame.filter(pl.col("at") >= self.start)
        return frame if self.end is None else frame.filter(pl.col("at") < self.end)

    def __str__(self) -> str:
        """Return it in words."""
        start = "the beginning" if self.start is None else format_time(self.start)
        return f"[{start}, {'the end' if self.end is None else format_time(self.end)})"


WHOLE = Period()


@dataclass(slots=True)
class Recording:
    """What reading a log brought."""

    codec: Codec
    period: Period
    spill: Spill
    shelf: Shelf
    rejected: RejectedShelf
    skipped: Counter[str] = field(default_factory=Counter)
    last_predicted_at: int | None = None
    outside: int = 0
    """Valid events beyond the period."""
    _faults: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def first_arrival(self) -> int:
        """The first arrival of the period."""
        return min(piece.first for pieces in self.shelf.pieces.values() for piece in pieces)

    @property
    def last_arrival(self) -> int:
        """The last arrival of the period."""
        return max(piece.last for pieces in self.shelf.pieces.values() for piece in pieces)

    def add(self, decoded: Decoded) -> None:
        """Take what one chunk holds."""
        self.rejected.add(decoded.rejected)
        self.skipped.update(decoded.skipped)
        for each in decoded.rejected:
            key = (each.reason, each.detail)
            if key in self._faults or len(self._faults) < _MOST_FAULTS:
                self._faults[key] += 1
        for model, frames in decoded.valid.items():
            if frames.predictions is not None:
                kept = self._add(Stream(model, labels=False), frames.predictions)
                if kept.height:
                    self.last_predicted_at = max(int(kept["at"].to_numpy().max()), self.last_predicted_at or 0)
            if frames.labels is not None:
                self._add(Stream(model, labels=True), frames.labels)

    def refuse_nothing(self, place: str) -> None:
        """Raise InputError where no valid event is there."""
        if self.shelf.pieces:
            return
        if self.outside:
            remedy = "choose --start and --end inside of the log"
            raise InputError(Problem(place, f"none of its {self.outside} events arrives in {self.period}", remedy))
        read = self.rejected.count + self.skipped.total()
        if not read:
            raise InputError(Problem(place, "holds no events", "name a log with events"))
        common = sorted(self._faults.items(), key=lambda each: (-each[1], each[0]))[:_SHOWN_FAULTS]
        found = [f"{count} x {reason} ({detail})" for (reason, detail), count in common]
        found += [f"{count} x {reason}" for reason, count in sorted(self.skipped.items())]
        remedy = "compare the fields with source.predictions.fields, source.labels.fields and the models' classes"
        raise InputError(Problem(place, f"no valid event among {read}: {', '.join(found)}", remedy))

    def _add(self, stream: Stream, frame: pl.DataFrame) -> pl.DataFrame:
        kept = self.period.part(frame)
        self.outside += frame.height - kept.height
        if kept.height:
            # A backtest has no gates, and rows of different files have to have the same columns.
            self.shelf.add(stream, kept.drop("row", "latency", strict=False))
        return kept


def record(
    settings: Settings,
    predictions: str | Path,
    labels: str | Path | None,
    *,
    now: int,
    period: Period = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """Read a log in bounded memory; without `labels` the predictions carry `y_true`.

    `now` is the present in epoch milliseconds: what is timed later is a dead letter. `progress` is told bytes read and
    bytes in all. Raises InputError for files that cannot be read, and where no event is valid.
    """
    logs: list[tuple[Kind, Log]] = []
    if labels is None:
        logs.append((Kind.LABELLED_PREDICTIONS, find_log(predictions)))
    else:
        logs += [(Kind.PREDICTIONS, find_log(predictions)), (Kind.LABELS, find_log(labels))]
    spill = Spill(IN_MEMORY)
    recording = Recording(Codec(settings), period, spill, Shelf(spill), RejectedShelf(spill))
    reading = Reading(sum(log.size for _, log in logs), progress)
    try:
        for kind, log in logs:
            for decoded in read_events(recording.codec, kind, log, reading, now):
                recording.add(decoded)
        recording.refuse_nothing(", ".join(log.pattern for _, log in logs))
    except BaseException:
        spill.close()
        raise
    return recording
