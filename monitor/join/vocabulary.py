"""Texts as small numbers: a model's versions, and the values of its segments as far as they are kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.join.events import Predictions, Words

MOST_VALUES: Final = 50
"""Values of a segment that are kept apart, as they come; the others are OTHER."""
OTHER: Final = "(other)"
NONE: Final = "(none)"
"""The value of an event without that segment."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The texts that codes stand for: `versions[code]`, `segments[name][code]`. It only ever grows at the end."""

    versions: tuple[str, ...] = ()
    segments: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(name, values), in the order of the configuration."""
    fixed: frozenset[str] = frozenset()
    """Names whose values are those of the configuration."""

    @classmethod
    def of(cls, segments: Mapping[str, tuple[str, ...] | None]) -> Vocabulary:
        """Begin with the configured segments: name -> fixed values, or None for values as they come."""
        return cls(
            segments=tuple((name, values or ()) for name, values in segments.items()),
            fixed=frozenset(name for name, values in segments.items() if values is not None),
        )


def coded(predictions: Predictions, vocabulary: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.int16], Vocabulary]:
    """Return each prediction's version code (n,) and segment codes (n, S), and the vocabulary that they need.

    New texts get their codes in the order of reading, so that no split of the events changes them.
    """
    versions, version = _coded(predictions.version, predictions.order, vocabulary.versions, None)
    columns: list[NDArray[np.int32]] = []
    segments: list[tuple[str, tuple[str, ...]]] = []
    for name, values in vocabulary.segments:
        most = 0 if name in vocabulary.fixed else MOST_VALUES
        grown, codes = _coded(predictions.segments[name], predictions.order, values, most)
        segments.append((name, grown))
        columns.append(codes)
    stacked = np.stack(columns, axis=1).astype(np.int16) if columns else np.zeros((len(version), 0), np.int16)
    return version, stacked, Vocabulary(versions, tuple(segments), vocabulary.fixed)


def _coded(
    column: Words, order: NDArray[np.int64], known: tuple[str, ...], most: int | None
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return (known texts and new ones, code of each event).

    At most `most` texts besides NONE and OTHER are known in the end, beyond which OTHER stands for all; None: any
    number.
    """
    codes = {text: code for code, text in enumerate(known)}
    texts = (*column.words, NONE)  # code -1 is the last one
    code_of = np.array([codes.get(text, -1) for text in texts], np.int32)
    result = code_of[column.codes]
    if not len(result) or result.min() >= 0:
        return known, result
    grown = list(known)
    room = None if most is None else most - len(codes.keys() - {NONE, OTHER})

    def new_code(text: str) -> int:
        if text not in codes:
            codes[text] = len(grown)
            grown.append(text)
        return codes[text]

    missing = np.flatnonzero(result < 0)
    missing = missing[np.argsort(order[missing], kind="stable")]
    met, first = np.unique(column.codes[missing], return_index=True)
    for at in met[np.argsort(first)].tolist():
        text = texts[at]
        if room is None or text in (NONE, OTHER):
            code_of[at] = new_code(text)
        elif room > 0:
            room -= 1
            code_of[at] = new_code(text)
        else:
            code_of[at] = new_code(OTHER)
    return tuple(grown), code_of[column.codes]
