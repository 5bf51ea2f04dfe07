"""Rows as bytes, and back, exactly: of a two-class row with a score and a segment 23 bytes, key apart.

The first byte says which parts a row has. Numbers that hardly differ from row to row come first, the greatest digit
first, so that what stands in front of a row in its block says most of them again: that squeezes best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.history import History
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Rows
from monitor.join.vocabulary import MOST_VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings

PREDICTION: Final = 1
LABEL: Final = 2
SCORES: Final = 4
HISTORY: Final = 8
"""All about the id, in msgpack; nothing else is there."""


class RowFormat:
    """Encodes the rows of one model. Rows with the same parts have the same length."""

    def __init__(self, model: ModelSettings) -> None:
        """Choose the narrowest numbers that hold every class and every segment's value."""
        self._segments, self._scores = len(model.segments), model.layout.score_columns
        label = np.min_scalar_type(model.layout.classes - RETRACTED)
        values = max((len(fixed) for fixed in model.segments.values() if fixed is not None), default=0)
        segment = np.min_scalar_type(max(values, MOST_VALUES) + 2)
        prediction: list[Any] = [
            ("version", ">u4"),
            ("predicted_at", ">i8"),
            ("y_pred", label),
            ("segments", segment, (self._segments,)),
        ]
        parts: dict[int, list[Any]] = {
            PREDICTION: prediction,
            SCORES: [("scores", "<f8", (self._scores,))],
            LABEL: [("labelled_at", ">i8"), ("y_true", label)],
        }
        self._dtypes = {
            kind: np.dtype([("kind", "u1"), *(field for part in parts if kind & part for field in parts[part])])
            for kind in (PREDICTION, PREDICTION | SCORES, LABEL, PREDICTION | LABEL, PREDICTION | LABEL | SCORES)
        }
        self._histories = msgspec.msgpack.Decoder(History)

    def encode(self, rows: Rows) -> NDArray[np.object_]:
        """Return the bytes of each row, (n,); None where it says nothing."""
        kinds = np.where(rows.version >= 0, PREDICTION, 0) | np.where(rows.y_true != NO_LABEL, LABEL, 0)
        kinds |= np.where((kinds & PREDICTION > 0) & ~np.isnan(rows.scores).all(axis=1), SCORES, 0)
        kinds[rows.version == IN_HISTORY] = HISTORY
        values = np.full(len(rows), None, np.object_)
        for kind, dtype in self._dtypes.items():
            at = np.flatnonzero(kinds == kind)
            if len(at):
                values[at] = _cut(self._table(rows, at, kind).tobytes(), dtype.itemsize)
        for row, history in rows.histories.items():
            values[row] = bytes([HISTORY]) + msgspec.msgpack.encode(history)
        return values

    def decode(self, values: Sequence[bytes | None]) -> Rows:
        """Return the rows that these bytes were made of, absent for None.

        Raises ValueError where the bytes are no row of this model.
        """
        rows = Rows.absent(len(values), self._segments, self._scores)
        kinds = np.fromiter((value[0] if value else 0 for value in values), np.uint8, len(values))
        for kind in np.unique(kinds[kinds > 0]).tolist():
            at = np.flatnonzero(kinds == kind)
            found = [value for i in at.tolist() if (value := values[i])]
            if kind == HISTORY:
                rows.version[at] = IN_HISTORY
                rows.histories.update(
                    (row, self._histories.decode(value[1:])) for row, value in zip(at.tolist(), found, strict=True)
                )
            elif kind in self._dtypes:
                self._fill(rows, at, kind, np.frombuffer(b"".join(found), self._dtypes[kind]))
            else:
                message = f"a row of kind {kind}"
                raise ValueError(message)
        return rows

    def _table(self, rows: Rows, at: NDArray[np.int64], kind: int) -> NDArray[np.void]:
        """Return rows that have the parts of `kind`, as records."""
        table = np.empty(len(at), self._dtypes[kind])
        table["kind"] = kind
        if kind & PREDICTION:
            table["version"] = rows.version[at]
            table["predicted_at"] = rows.predicted_at[at]
            table["y_pred"] = rows.y_pred[at]
            table["segments"] = rows.segments[at]
        if kind & SCORES:
            table["scores"] = rows.scores[at]
        if kind & LABEL:
            table["labelled_at"] = rows.labelled_at[at]
            table["y_true"] = rows.y_true[at] - RETRACTED
        return table

    @staticmethod
    def _fill(rows: Rows, at: NDArray[np.int64], kind: int, table: NDArray[np.void]) -> None:
        """Put records into the columns."""
        rows.version[at] = table["version"] if kind & PREDICTION else NO_PREDICTION
        if kind & PREDICTION:
            rows.predicted_at[at] = table["predicted_at"]
            rows.y_pred[at] = table["y_pred"]
            rows.segments[at] = table["segments"]
        if kind & SCORES:
            rows.scores[at] = table["scores"]
        if kind & LABEL:
            rows.labelled_at[at] = table["labelled_at"]
            rows.y_true[at] = table["y_true"].astype(np.int32) + RETRACTED


def _cut(joined: bytes, length: int) -> list[bytes]:
    """Return the pieces of this length."""
    return [joined[at : at + length] for at in range(0, len(joined), length)]
