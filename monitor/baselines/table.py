"""Out-of-fold predictions, parsed: from raw columns to class indexes, scores and folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.baselines.classes import coded, layout_of, natural_order
from monitor.baselines.columns import Columns
from monitor.baselines.schemes import HOLDOUT
from monitor.baselines.scores import from_threshold, kept_scores, positive_class, probabilities
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from numpy.typing import NDArray

    from monitor.baselines.columns import Reading
    from monitor.counts import Layout

    Indexes = NDArray[np.int64]
    Floats = NDArray[np.float64]

_MOST_SEGMENT_VALUES: Final = 50
_NO_VALUE: Final = "(none)"
_OTHER: Final = "(other)"
_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment column."""

    name: str
    codes: Indexes
    """(n,) indexes into `values`."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Valid columns, (n,) each."""

    classes: tuple[str, ...]
    layout: Layout
    y_true: Indexes
    y_pred: Indexes
    scores: Floats
    """(n, layout.score_columns)"""
    fold: Indexes
    """Index into `folds`."""
    folds: tuple[tuple[int, str], ...]
    """(repeat from 0, fold), in natural order."""
    train: NDArray[np.bool_]
    entity: Indexes | None
    """Index into `entities`."""
    entities: tuple[str, ...]
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...]
    """What is wrong with the scores; all else was raised."""


def parse(frame: pl.DataFrame, place: str, locate: Callable[[int], str], reading: Reading) -> OutOfFold:
    """Return the valid columns of a raw table. Raises InputError where folds and classes cannot be told.

    Classes are the texts of `y_true` and `y_pred`, numbers first and in their order, then words in natural order.
    """
    columns = Columns(frame, place, locate, reading)
    derived = "y_pred" not in columns and reading.threshold is not None and reading.positive is not None
    needed = [columns.require("y_true")]
    if reading.scheme != HOLDOUT:
        needed.append(columns.require("fold"))
    if not derived:
        needed.append(columns.require("y_pred", " (it may be left out with --positive and --threshold)"))
    _stop(columns, all(needed))
    if reading.threshold is not None and not derived:
        columns.warnings.append("--threshold is not used: the predictions have a column y_pred")
    true = columns.filled("y_true", "leave out rows without a label")
    pred = None if derived else columns.filled("y_pred", "write the predicted class")
    train = _train(columns)
    fold, folds = _folds(columns)
    entity = columns.texts("entity") if "entity" in columns else None
    segments = tuple(_segment(columns, name) for name in columns.names("segment_"))
    found = {text for part in (true, pred) if part for text in part[1] if text is not None}
    classes = natural_order(found)
    if not columns.problems and len(classes) < _BINARY:
        found_classes = f"holds only the class {classes[0]}" if classes else "holds no rows"
        columns.problems.append(Problem(place, found_classes, "a classifier needs at least two classes"))
    whole = not columns.problems
    _stop(columns, len(classes) >= _BINARY)
    layout = layout_of(classes, positive_class(columns, classes, reading))
    by_class = probabilities(columns, classes, layout)
    _stop(columns, whole)
    y_true = coded(*true, classes)
    y_pred = coded(*pred, classes) if pred else from_threshold(columns, by_class, layout, reading.threshold or 0.0)
    return OutOfFold(
        classes=classes,
        layout=layout,
        y_true=y_true,
        y_pred=y_pred,
        scores=np.full((columns.rows, layout.score_columns), np.nan)
        if by_class is None
        else kept_scores(layout, by_class),
        fold=fold,
        folds=folds,
        train=train,
        entity=None if entity is None else entity[0],
        entities=() if entity is None else tuple(text if text is not None else "" for text in entity[1]),
        segments=segments,
        warnings=tuple(columns.warnings),
        problems=tuple(columns.problems),
    )


def _stop(columns: Columns, go_on: bool) -> None:  # noqa: FBT001 - the one thing it asks
    """Raise what was found where going on makes no sense."""
    if not go_on:
        raise InputError(*columns.problems)


def _train(columns: Columns) -> NDArray[np.bool_]:
    """Return which rows are training rows; `split` is `validation` where it is empty or absent."""
    if "split" not in columns:
        return np.zeros(columns.rows, bool)
    codes, texts = columns.texts("split")
    kinds = [{"validation": 0, "train": 1, None: 0}.get(text, -1) for text in texts]
    kind = np.array(kinds, np.int64)[codes] if kinds else codes
    columns.report(kind < 0, "split", "is neither validation nor train", "write one of the two")
    return np.asarray(kind == 1)


def _folds(columns: Columns) -> tuple[Indexes, tuple[tuple[int, str], ...]]:
    """Return (index into folds (n,), the folds in natural order)."""
    one: tuple[Indexes, list[str | None]] = (np.zeros(columns.rows, np.int64), ["0"])
    fold_codes, fold_texts = columns.filled("fold", "name the fold of the row") if "fold" in columns else one
    repeat_codes, repeat_texts = columns.filled("repeat", "number the repeat") if "repeat" in columns else one
    fold_names = natural_order(text for text in fold_texts if text is not None)
    repeat_names = natural_order(text for text in repeat_texts if text is not None)
    fold, repeat = coded(fold_codes, fold_texts, fold_names), coded(repeat_codes, repeat_texts, repeat_names)
    address = repeat * max(len(fold_names), 1) + fold
    there, index = np.unique(address, return_inverse=True)
    named = tuple(
        (int(at) // max(len(fold_names), 1), fold_names[int(at) % len(fold_names)]) for at in there if fold_names
    )
    return index.astype(np.int64), named


def _segment(columns: Columns, name: str) -> Segment:
    """Return a segment column; after 50 values, as they come, the rest are `(other)`."""
    codes, texts = columns.texts(name)
    values = [text if text is not None else _NO_VALUE for text in texts]
    kept = tuple(dict.fromkeys(value for value in values if value != _NO_VALUE))[:_MOST_SEGMENT_VALUES]
    every = (*kept, _NO_VALUE, _OTHER)
    at = {value: index for index, value in enumerate(every)}
    lookup = np.array([at.get(value, at[_OTHER]) for value in values], np.int64)
    return Segment(name.removeprefix("segment_"), lookup[codes], every)
