"""Valid events as columns, all of one model: what sources deliver and the join reads. No object per event but the id.

Moments are epoch milliseconds. `order` numbers the events of a batch in the order of reading, predictions and labels
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
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


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one model, (n,) each."""

    ids: NDArray[np.object_]
    order: NDArray[np.int64]
    labelled_at: NDArray[np.int64]
    y_true: NDArray[np.int32]
    """Index into the model's classes, or RETRACTED."""
