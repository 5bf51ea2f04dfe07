"""Valid events as columns, all of one model: what sources deliver and the join reads. No object per event but the id.

Moments are epoch milliseconds. `order` numbers the events of a batch in the order of reading, predictions and labels
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

NO_LABEL = -1
"""In a class column: nothing is known."""
RETRACTED = -2
"""In a class column: `y_true` was null."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of texts, interned: `words[codes[i]]` is the text of row i; code -1 is none."""

    codes: NDArray[np.int32]
    """(n,)"""
    words: tuple[str, ...]

    def take(self, which: NDArray[np.bool_]) -> Words:
        """Return the rows that are marked, (n,)."""
        return Words(self.codes[which], self.words)


class Carried(Protocol):
    """What predictions carry besides, (n,): read of few of them, and only when it is asked for."""

    def take(self, which: NDArray[np.bool_]) -> Self:
        """Return the rows that are marked, (n,)."""
        ...

    def __getitem__(self, row: int) -> Mapping[str, str | float | bool | None] | None:
        """Return what one of them carries, by name; None where that is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of one model, (n,) each."""

    ids: NDArray[np.object_]
    """`prediction_id` as str."""
    order: NDArray[np.int64]
    predicted_at: NDArray[np.int64]
    version: Words
    y_pred: NDArray[np.int32]
    """Index into the model's classes."""
    scores: NDArray[np.float64]
    """(n, layout.score_columns), a row of NaN where the event carries none."""
    segments: Mapping[str, Words]
    """Configured segment name -> its value in each event."""
    latency: NDArray[np.float64] | None = None
    """`latency_ms`, NaN where an event carries none; None: no event carries one."""
    features: Carried | None = None
    """None: nobody wants them."""

    @classmethod
    def none(cls, segments: Iterable[str], scores: int) -> Predictions:
        """Return no predictions, of a model with these segments and so many score columns."""
        nothing = Words(np.zeros(0, np.int32), ())
        moments = np.zeros(0, np.int64)
        return cls(
            np.zeros(0, np.object_),
            moments,
            moments,
            nothing,
            np.zeros(0, np.int32),
            np.zeros((0, scores)),
            dict.fromkeys(segments, nothing),
        )

    def take(self, which: NDArray[np.bool_]) -> Predictions:
        """Return the predictions that are marked, (n,)."""
        return Predictions(
            self.ids[which],
            self.order[which],
            self.predicted_at[which],
            self.version.take(which),
            self.y_pred[which],
            self.scores[which],
            {name: words.take(which) for name, words in self.segments.items()},
            None if self.latency is None else self.latency[which],
            None if self.features is None else self.features.take(which),
        )


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one model, (n,) each."""

    ids: NDArray[np.object_]
    order: NDArray[np.int64]
    labelled_at: NDArray[np.int64]
    y_true: NDArray[np.int32]
    """Index into the model's classes, or RETRACTED."""

    @classmethod
    def none(cls) -> Labels:
        """Return no labels."""
        return cls(np.zeros(0, np.object_), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))

    def take(self, which: NDArray[np.bool_]) -> Labels:
        """Return the labels that are marked, (n,)."""
        return Labels(self.ids[which], self.order[which], self.labelled_at[which], self.y_true[which])
