"""Rows and what the join reads and writes, as columns.

Nearly every id has one prediction and one label and never becomes an object. All codes are those of the model's
`Vocabulary`; moments are epoch milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from monitor.join.events import NO_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.join.history import History

NO_PREDICTION = -1
"""In a version column: the id has no prediction."""
IN_HISTORY = -2
"""In a version column: everything about the id stands in its History, the other columns mean nothing and `y_true` is
NO_LABEL.
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of n ids of one model, (n,) each: at most one prediction and one label, or a History."""

    version: NDArray[np.int32]
    """Code of the version, NO_PREDICTION or IN_HISTORY."""
    predicted_at: NDArray[np.int64]
    y_pred: NDArray[np.int32]
    segments: NDArray[np.int16]
    """(n, S): the code of each segment's value."""
    scores: NDArray[np.float64]
    """(n, C): of NaN where the prediction carries none."""
    labelled_at: NDArray[np.int64]
    y_true: NDArray[np.int32]
    """A class, RETRACTED or NO_LABEL."""
    histories: dict[int, History] = field(default_factory=dict)
    """Row -> History, for ids with several predictions or labels."""

    def __len__(self) -> int:
        """Return n."""
        return len(self.version)

    @classmethod
    def absent(cls, n: int, segments: int, scores: int) -> Rows:
        """Return rows of n ids of which nothing is known, with S segments and C score columns."""
        return cls(
            np.full(n, NO_PREDICTION, np.int32),
            np.zeros(n, np.int64),
            np.zeros(n, np.int32),
            np.zeros((n, segments), np.int16),
            np.full((n, scores), np.nan),
            np.zeros(n, np.int64),
            np.full(n, NO_LABEL, np.int32),
        )

    def copy(self) -> Rows:
        """Return rows whose columns can be written without touching these."""
        return Rows(
            self.version.copy(),
            self.predicted_at.copy(),
            self.y_pred.copy(),
            self.segments.copy(),
            self.scores.copy(),
            self.labelled_at.copy(),
            self.y_true.copy(),
            dict(self.histories),
        )


@dataclass(frozen=True, slots=True)
class CodedPredictions:
    """Predictions whose texts have become codes, (n,) each."""

    row: NDArray[np.int64]
    """Whose it is: an index into Rows."""
    order: NDArray[np.int64]
    """Order of reading, in one count with the labels."""
    version: NDArray[np.int32]
    predicted_at: NDArray[np.int64]
    y_pred: NDArray[np.int32]
    segments: NDArray[np.int16]
    scores: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_]) -> CodedPredictions:
        """Return those that are marked, (n,)."""
        return CodedPredictions(*(getattr(self, column.name)[which] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class CodedLabels:
    """Labels whose ids have become rows, (n,) each."""

    row: NDArray[np.int64]
    order: NDArray[np.int64]
    labelled_at: NDArray[np.int64]
    y_true: NDArray[np.int32]
    """A class or RETRACTED."""

    def take(self, which: NDArray[np.bool_]) -> CodedLabels:
        """Return those that are marked, (n,)."""
        return CodedLabels(*(getattr(self, column.name)[which] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be counted, (n,) each: a correction is the old with -1 and the new with +1."""

    sign: NDArray[np.int8]
    version: NDArray[np.int32]
    segments: NDArray[np.int16]
    predicted_at: NDArray[np.int64]
    y_pred: NDArray[np.int32]
    y_true: NDArray[np.int32]
    """The class; NO_LABEL throughout where identities are counted."""
    labelled_at: NDArray[np.int64]
    """Of the label that counts; means nothing where identities are counted."""
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        """Return n."""
        return len(self.sign)

    def __add__(self, other: Changes) -> Changes:
        """Return both."""
        if not len(other):
            return self
        return Changes(
            *(np.concatenate((getattr(self, column.name), getattr(other, column.name))) for column in fields(self))
        )
