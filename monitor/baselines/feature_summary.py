"""What the features of a cross-validation looked like, column by column: FILE.features.json beside the baseline.

Drift is judged against it. No row is kept, and no value of a single row: each number is the mean of at least five rows
that stand next to each other in the column's order, and a category that fewer rows have is part of `other`. It carries
the baseline's content hash and is no part of the baseline's identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from monitor.join.words import class_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA: Final = "foldwatch/feature-summary/1"
NUMBER: Final = "number"
CATEGORY: Final = "category"
FEWEST: Final = 5
"""Rows behind each number and each category."""
STEPS: Final = 201
"""Means of a column of numbers; 101 in a part."""
CATEGORIES: Final = 50
"""Categories that are named; the others are counted together."""
SMALLEST_PART: Final = 100
"""Rows of a predicted class or a segment, below which it has no summary of its own."""
MOST_PARTS: Final = 100
"""Predicted classes and segments together, the largest."""
LONGEST_TEXT: Final = 64
"""Letters of a category; what is longer is cut."""
_FEW_VALUES: Final = 5
"""A column of numbers with no more values than this is one of categories, as it is to Evidently."""


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column of the rows of one part."""

    kind: str
    """NUMBER or CATEGORY."""
    n: int
    """Rows with a value."""
    missing: int
    """Rows without one."""
    means: tuple[float, ...] = ()
    """Of NUMBER: the column in order, cut into pieces of equal size, and the mean of each; six digits."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of CATEGORY: the most frequent ones."""
    other: int = 0
    """Of CATEGORY: rows of all others."""


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """All columns: of all rows, and of the rows of each part that is large enough."""

    content_hash: str
    """Of the baseline."""
    columns: dict[str, ColumnSummary]
    classes: dict[str, dict[str, ColumnSummary]] = field(default_factory=dict)
    """Predicted class, out of fold -> column -> summary."""
    segments: dict[str, dict[str, ColumnSummary]] = field(default_factory=dict)
    """`name=value` -> column -> summary."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Column -> why it has no summary."""
    schema: str = SCHEMA


def summarised(
    columns: Mapping[str, NDArray[Any]],
    content_hash: str,
    predicted: NDArray[np.integer] | None = None,
    classes: tuple[str, ...] = (),
    segments: Mapping[str, NDArray[Any]] | None = None,
) -> FeatureSummary:
    """Return the summary of columns, (n,) each.

    predicted: index into `classes` of each row, out of fold, -1 where no fold predicted it, (n,). segments: name -> its
    value in each row, (n,).
    """
    read = {name: _Read.of(values) for name, values in columns.items()}
    kept = {name: column for name, column in read.items() if column is not None}
    parts = []
    if predicted is not None:
        parts += [("classes", name, np.flatnonzero(predicted == at)) for at, name in enumerate(classes)]
    for name, values in (segments or {}).items():
        texts = np.array([category_of(value) or "" for value in values.tolist()], object)
        parts += [("segments", f"{name}={text}", np.flatnonzero(texts == text)) for text in sorted(set(texts) - {""})]
    largest = sorted((part for part in parts if len(part[2]) >= SMALLEST_PART), key=lambda part: -len(part[2]))
    found: dict[str, dict[str, dict[str, ColumnSummary]]] = {"classes": {}, "segments": {}}
    for group, name, rows in largest[:MOST_PARTS]:
        found[group][name] = {at: column.summary(rows, STEPS // 2 + 1) for at, column in kept.items()}
    return FeatureSummary(
        content_hash,
        {name: column.summary(None, STEPS) for name, column in kept.items()},
        {name: found["classes"][name] for name in sorted(found["classes"])},
        {name: found["segments"][name] for name in sorted(found["segments"])},
        {name: "neither numbers, texts nor truth values" for name, column in read.items() if column is None},
    )


def encoded(summary: FeatureSummary) -> bytes:
    """Return the file: one column a line, so that a person can read it, and the same bytes for the same summary."""
    document = msgspec.to_builtins(summary, order="sorted")
    lines = [f" {_json(name)}: {_nested(document[name], 2 if name in _NESTED else 1)}" for name in sorted(document)]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def decoded(stored: bytes) -> FeatureSummary:
    """Return what `encoded` wrote. Raises ValueError where it is damaged or of another format."""
    try:
        summary = msgspec.json.decode(stored, type=FeatureSummary)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    if summary.schema != SCHEMA:
        message = f"its schema is {summary.schema}, and this foldwatch reads {SCHEMA}"
        raise ValueError(message)
    return summary


def features_path(path: Path) -> Path:
    """Return where the summary of the baseline at `path` lies."""
    return path.with_name(path.name + ".features.json")


def category_of(value: object) -> str | None:
    """Return the text of a feature that is a category; None where it has no value.

    As classes are: integral numbers lose their fraction, truth values are `true` and `false`. A long text is cut.
    """
    text = class_text(value)
    return None if text is None else text[:LONGEST_TEXT]


def number_of(value: object) -> float | None:
    """Return the number of a feature that is one, also where it is written as text; None where there is none."""
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


_NESTED: Final = frozenset({"classes", "segments"})


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _nested(value: object, depth: int) -> str:
    """Return JSON with a line for each column."""
    if not depth or not isinstance(value, dict) or not value:
        return _json(value)
    inner = [f"  {_json(name)}: {_nested(value[name], depth - 1)}" for name in sorted(value)]
    return "{\n" + ",\n".join(inner) + "}"


@dataclass(frozen=True, slots=True)
class _Read:
    """A column whose kind is known, with NaN or None where it has no value."""

    kind: str
    values: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[Any]) -> _Read | None:
        """Tell what a column is; None where it is nothing that drift can be judged of."""
        if values.dtype.kind in "iuf" and values.ndim == 1:
            numbers = values.astype(np.float64)
            numbers = np.where(np.isfinite(numbers), numbers, np.nan)
            if len(np.unique(numbers[~np.isnan(numbers)])) > _FEW_VALUES:
                return cls(NUMBER, numbers)
        elif values.dtype.kind not in "bOUST" or values.ndim != 1:
            return None
        given = [None if value is None or value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
        types = {type(value) for value in given} - {type(None)}
        if not types <= {bool, int, float, str}:
            return None
        if types and types <= {int, float}:
            numbers = np.array([np.nan if value is None else number_of(value) for value in given], np.float64)
            if len(np.unique(numbers[~np.isnan(numbers)])) > _FEW_VALUES:
                return cls(NUMBER, numbers)
        return cls(CATEGORY, np.array([category_of(value) for value in given], object))

    def summary(self, rows: NDArray[np.int64] | None, steps: int) -> ColumnSummary:
        """Return the summary of these rows; None: of all."""
        values = self.values if rows is None else self.values[rows]
        if self.kind == NUMBER:
            there = np.sort(values[~np.isnan(values)])
            return ColumnSummary(NUMBER, len(there), len(values) - len(there), _means(there, steps))
        texts, counts = np.unique([text for text in values if text is not None], return_counts=True)
        found = sorted(zip(counts.tolist(), texts.tolist(), strict=True), key=lambda each: (-each[0], each[1]))
        named = {text: count for count, text in found[:CATEGORIES] if count >= FEWEST}
        n = int(counts.sum())
        return ColumnSummary(CATEGORY, n, len(values) - n, counts=named, other=n - sum(named.values()))


def _means(there: NDArray[np.float64], steps: int) -> tuple[float, ...]:
    """Return the means of pieces of equal size (but for one row), at least FEWEST rows each, of values in order."""
    pieces = min(steps, len(there) // FEWEST)
    if not pieces:
        return ()
    starts = np.arange(pieces) * len(there) // pieces
    sizes = np.diff(starts, append=len(there))
    # Of halves, since two of the largest floats have no sum.
    means = 2 * np.add.reduceat(there / 2 / np.repeat(sizes, sizes), starts)
    return tuple(float(f"{mean:.6g}") for mean in means.tolist())
