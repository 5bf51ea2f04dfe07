"""The order of arrival, down to the content of events of one moment, so that no order of rows in files matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.join.events import RETRACTED

if TYPE_CHECKING:
    from collections.abc import Sequence


def in_order(frame: pl.DataFrame, classes: Sequence[str]) -> pl.DataFrame:
    """Return predictions or labels by arrival, those of one moment by content.

    Predictions: by id, version, y_pred, scores, segments. Labels: by id, null first, then the larger text first;
    `classes` are their texts as they are compared.
    """
    if not frame["at"].is_sorted():
        frame = frame.sort("at", maintain_order=True)
    at = frame["at"].to_numpy()
    same = at[1:] == at[:-1]
    if not same.any():
        return frame
    tied = np.flatnonzero(np.concatenate((same, [False])) | np.concatenate(([False], same)))
    group = frame[tied]
    if "y_true" in group.columns:
        keys = [group["at"], group["id"], _winner_first(group["y_true"], classes)]
    else:
        keys = [group["at"], group["id"], *(group[name] for name in group.columns if name not in {"at", "id"})]
    by = pl.DataFrame([key.alias(f"key_{number}") for number, key in enumerate(keys)])
    order = np.arange(frame.height)
    order[tied] = tied[by.with_row_index("row").sort(by.columns)["row"].to_numpy()]
    return frame[order]


def _winner_first(y_true: pl.Series, classes: Sequence[str]) -> pl.Series:
    rank = np.zeros(len(classes) - RETRACTED, np.int64)
    for place, index in enumerate(sorted(range(len(classes)), key=lambda each: classes[each], reverse=True)):
        rank[index - RETRACTED] = place + 1
    return pl.Series(rank[y_true.to_numpy() - RETRACTED])
