"""Classes as they are found in columns: their texts, their order, and scores by class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.counts import Layout
from monitor.join.words import class_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DIGITS = re.compile(r"([0-9]+)")
SUM_TOLERANCE = 0.02
"""Scores of all classes may miss the sum of 1 by this much: docs/concepts.md section 1."""


def natural_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts, each once, as people order them: 2 before 10, `c2` before `c10`, numbers first."""
    return tuple(sorted(set(texts), key=_natural))


def _natural(text: str) -> tuple[int, float, tuple[tuple[int, int, str], ...], str]:
    """Return the sort key of one text."""
    if _NUMBER.fullmatch(text):
        return 0, float(text), (), text
    chunks = ((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(text) if part)
    return 1, 0.0, tuple(chunks), text


def interned(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[str | None]]:
    """Return (codes (n,), texts): row i has the class text `texts[codes[i]]`, None where the value can be no class."""
    words: dict[Any, int] = {}
    texts: list[str | None] = []
    codes = np.empty(len(column), np.int64)
    for row, value in enumerate(column.tolist()):
        key = (type(value), value)
        at = words.get(key, -1)
        if at < 0:
            at = words[key] = len(texts)
            texts.append(class_text(value))
        codes[row] = at
    return codes, texts


def coded(codes: NDArray[np.int64], texts: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index (n,) of each row, -1 where its text is none of the classes."""
    at = {name: index for index, name in enumerate(classes)}
    return np.array([at.get(text, -1) if text is not None else -1 for text in texts], np.int64)[codes]


def layout_of(classes: Sequence[str], positive: str | None) -> Layout:
    """Return the layout; of two classes without `positive` the last is positive."""
    return Layout(len(classes)) if positive is None else Layout(len(classes), classes.index(positive))


def score_rows(layout: Layout, by_class: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores (n, layout.score_columns) that a row keeps, of one probability per class (n, K)."""
    if layout.score_columns == 1:
        return by_class[:, [layout.positive]]
    if layout.ranked:
        return by_class
    top = by_class.argmax(axis=1)
    return np.stack((by_class[np.arange(len(top)), top], top.astype(np.float64)), axis=1)
