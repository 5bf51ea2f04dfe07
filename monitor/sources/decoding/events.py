"""From checked frames to the columns that the join reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.join.events import Labels, Predictions, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def predictions_of(frame: pl.DataFrame, order: NDArray[np.int64], segments: Sequence[str]) -> Predictions:
    """Return the predictions of a frame as `checks.check` makes it; `segments` are the model's, in its order."""
    scores = [frame[name].to_numpy() for name in frame.columns if name.startswith("score_")]
    return Predictions(
        ids=frame["id"].to_numpy(),
        order=order,
        predicted_at=frame["at"].to_numpy(),
        version=words_of(frame["version"]),
        y_pred=frame["y_pred"].to_numpy(),
        scores=np.column_stack(scores) if len(scores) > 1 else scores[0].reshape(-1, 1),
        segments={name: words_of(frame[f"segment_{number}"]) for number, name in enumerate(segments)},
        latency=frame["latency"].to_numpy() if "latency" in frame.columns else None,
    )


def labels_of(frame: pl.DataFrame, order: NDArray[np.int64]) -> Labels:
    """Return the labels of a frame as `checks.check` makes it."""
    return Labels(
        ids=frame["id"].to_numpy(),
        order=order,
        labelled_at=frame["at"].to_numpy(),
        y_true=frame["y_true"].to_numpy(),
    )


def words_of(texts: pl.Series) -> Words:
    """Return texts as codes into their sorted words."""
    words = texts.drop_nulls().unique().sort()
    if not len(words):
        return Words(np.full(len(texts), -1, np.int32), ())
    codes = texts.cast(pl.Enum(words)).to_physical().cast(pl.Int32).fill_null(-1)
    return Words(codes.to_numpy(), tuple(words.to_list()))
