"""History: what every evaluation said, since the start of the retention, small: counts and plotted numbers, no rows.

One record an evaluation, under its moment. Records become fewer with age: the last of each minute for a day, the last
of each hour before that. A record that cannot be read (damaged, or of a newer foldwatch) is left out with one line in
the log: history is a courtesy, never a reason not to start.

A record is one byte, its format, and msgpack squeezed by zstandard. Its numbers stand column by column, and of each
column first all first bytes, then all second ones, and so on: so they squeeze better. The numbers of plots are float32,
good for seven digits; what is exact are the counts.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import msgspec
import numpy as np
import zstandard

from monitor.clock import DAY, HOUR, MINUTE, format_time
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.state.state import State
    from monitor.statistics.report import MetricResult, WindowResult

    Recorded = tuple[WindowResult, Sequence[MetricResult]]
    """A window, and those of its metrics that are to be recorded."""

LOG: Final = logging.getLogger("foldwatch")
RETENTION: Final = 90 * DAY
"""So long records are kept."""
FORMAT: Final = 1
"""First byte of a record. Fields may be added to the end of `Record` without a new one: an older reader passes over
them.
"""
SPAN: Final = ("start", "end", "predictions", "labels")
PLOTTED: Final = ("value", "lower", "upper", "baseline", "baseline_lower", "baseline_upper")
VERDICTS: Final = (None, Verdict.OK, Verdict.WORSE, Verdict.UNKNOWN)
"""What the numbers of `Record.verdicts` stand for."""
_LEVEL: Final = 3
_MOST_BYTES: Final = 64 * 2**20
"""No record is larger: one that says so is damaged."""


class Frame(NamedTuple):
    """Which window of which series, and which of its metrics are recorded."""

    model: str
    version: str
    segment: str | None
    window: str
    maturity: Maturity
    classes: tuple[str, ...]
    metrics: tuple[tuple[str, str | None], ...]
    """(metric, class)"""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One evaluation: W windows with S metrics in all. Columns are packed; records in a row unpack best together."""

    as_of: int
    """Epoch milliseconds."""
    windows: bytes
    """(W,) `Frame`s; the same bytes from one evaluation to the next as long as no window comes or goes."""
    spans: bytes
    """(W, 4) int64: SPAN."""
    n: bytes
    """(S, 1) int64: the metrics' denominators."""
    values: bytes
    """(S, 6) float32: PLOTTED; not a number where there is none."""
    verdicts: bytes
    """(S, 1) uint8: places in VERDICTS."""
    cells: bytes
    """Per window a list of cell, count, cell, count, …; a cell is true class x K + predicted class."""
    parts: dict[str, bytes] = {}
    """What else belongs to the evaluation, by name, in the form of its owner. A name that nobody knows is no fault."""

    @classmethod
    def of(cls, as_of: int, windows: Sequence[Recorded], parts: Mapping[str, bytes] | None = None) -> Self:
        """Return what is kept of an evaluation."""
        results = [result for _, metrics in windows for result in metrics]
        spans = [[getattr(window, name) for name in SPAN] for window, _ in windows]
        values = [[getattr(result, name) for name in PLOTTED] for result in results]
        cells = [np.stack(window.counts.sparse("confusion"), axis=1).ravel().tolist() for window, _ in windows]
        return cls(
            as_of,
            msgspec.msgpack.encode([_frame(window, metrics) for window, metrics in windows]),
            packed(np.array(spans, np.int64).reshape(-1, len(SPAN))),
            packed(np.array([[result.n] for result in results], np.int64).reshape(-1, 1)),
            packed(np.array(values, np.float32).reshape(-1, len(PLOTTED))),
            packed(np.array([[VERDICTS.index(result.verdict)] for result in results], np.uint8).reshape(-1, 1)),
            msgspec.msgpack.encode(cells),
            dict(parts or {}),
        )

    def frames(self) -> tuple[Frame, ...]:
        """Return which windows there are. Raises msgspec.MsgspecError where the record is damaged."""
        return msgspec.msgpack.decode(self.windows, type=tuple[Frame, ...])

    def confusions(self) -> list[dict[int, int]]:
        """Return the counts of each window: cell -> count."""
        flat = msgspec.msgpack.decode(self.cells, type=list[list[int]])
        return [dict(zip(cells[::2], cells[1::2], strict=True)) for cells in flat]


def packed(table: NDArray[Any]) -> bytes:
    """Return the bytes of an (n, m) table: column by column, and of a column byte by byte."""
    little = np.ascontiguousarray(table.T.astype(table.dtype.newbyteorder("<"), copy=False))
    return little.reshape(-1, 1).view(np.uint8).reshape(table.shape[1], -1, table.itemsize).transpose(0, 2, 1).tobytes()


def unpacked(tables: Sequence[bytes], dtype: type[np.generic], columns: int) -> NDArray[Any]:
    """Return (r, n, m) from r tables of one size. Raises ValueError where their sizes do not agree."""
    size = np.dtype(dtype).itemsize
    rows = len(tables[0]) // (columns * size)
    if {len(table) for table in tables} != {rows * columns * size}:
        message = "the columns of a record differ in length"
        raise ValueError(message)
    flat = np.frombuffer(b"".join(tables), np.uint8).reshape(len(tables), columns, size, rows)
    little = np.dtype(dtype).newbyteorder("<")
    return np.ascontiguousarray(flat.transpose(0, 3, 1, 2)).view(little)[..., 0].astype(dtype, copy=False)


def encoded(record: Record) -> bytes:
    """Return the bytes that are stored."""
    return bytes([FORMAT]) + zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(record))


def decoded(stored: bytes, by: zstandard.ZstdDecompressor | None = None) -> Record:
    """Return what `encoded` wrote. Raises ValueError where it is damaged or of another format.

    Who reads many lends one decompressor to all of them: it costs more to make than to use.
    """
    if stored[:1] != bytes([FORMAT]):
        message = f"format {stored[0]}, and this foldwatch reads {FORMAT}" if stored else "it is empty"
        raise ValueError(message)
    try:
        plain = (by or zstandard.ZstdDecompressor()).decompress(stored[1:], max_output_size=_MOST_BYTES)
        return msgspec.msgpack.decode(plain, type=Record)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


def superfluous(moments: Sequence[int], now: int, retention: int = RETENTION) -> list[int]:
    """Return which of the moments of records (in order) need not be kept at `now`.

    What is older than the retention; of each minute, and of each hour that ended a day ago or earlier, all but the
    last; and what lies more than a day ahead, since a clock that was wrong wrote it.
    """
    aged = (now - DAY) // HOUR * HOUR
    drop = []
    for at, after in zip_longest(moments, moments[1:]):
        length = HOUR if at < aged else MINUTE
        followed = after is not None and after // length == at // length and after <= now + DAY
        if followed or at < now - retention or at > now + DAY:
            drop.append(at)
    return drop


class Archive:
    """The records in a state: appends one an evaluation and keeps them few."""

    def __init__(self, state: State) -> None:
        """Keep records in `state`. Call `restore` once, before the first `append`."""
        self._state = state
        self._moments: list[int] = []

    def restore(self, now: int) -> Iterator[Record]:
        """Yield the records that there are, in order; at the end, drop those that need not be kept at `now`.

        Those that cannot be read are left where they are: a newer foldwatch may come back to them.
        """
        broken: dict[int, ValueError] = {}
        by = zstandard.ZstdDecompressor()
        for moment, stored in self._state.history(0):
            self._moments.append(moment)
            try:
                yield decoded(stored, by)
            except ValueError as error:
                broken[moment] = error
        if broken:
            moment, why = next(iter(broken.items()))
            LOG.warning(
                "history left out", extra={"records": len(broken), "first": format_time(moment), "why": str(why)}
            )
        self._thin(now)

    def append(self, record: Record) -> None:
        """Keep an evaluation, and drop what it makes superfluous."""
        self._state.append_history(record.as_of, encoded(record))
        at = bisect_left(self._moments, record.as_of)
        if self._moments[at : at + 1] != [record.as_of]:
            self._moments.insert(at, record.as_of)
        self._thin(record.as_of)

    def _thin(self, now: int) -> None:
        """Drop what need not be kept."""
        gone = set(superfluous(self._moments, now))
        if gone:
            self._state.drop_history(sorted(gone))
            self._moments = [moment for moment in self._moments if moment not in gone]


def _frame(window: WindowResult, metrics: Iterable[MetricResult]) -> Frame:
    """Return which window it is, and which of its metrics are recorded."""
    return Frame(
        window.model,
        window.version,
        window.segment,
        window.window,
        window.maturity,
        window.classes,
        tuple((result.metric, result.class_) for result in metrics),
    )
