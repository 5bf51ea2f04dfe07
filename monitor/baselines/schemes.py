"""The schemes of cross-validation that foldwatch knows by name."""

from __future__ import annotations

from typing import Final

HOLDOUT: Final = "holdout"
PLAIN: Final = "plain"
TIME_SERIES: Final = "time-series"
NESTED: Final = "nested"
REPEATED: Final = "repeated-stratified"

CROSSVAL_SCHEMES: Final = ("stratified", "group", "stratified-group", TIME_SERIES, REPEATED, NESTED, PLAIN)
"""What `baseline crossval` can split by."""
SCHEMES: Final = (*CROSSVAL_SCHEMES, HOLDOUT)
"""What a baseline can say of itself."""
GROUPED: Final = ("group", "stratified-group")
"""Schemes that keep all rows of a group in one fold."""
EXCHANGEABLE: Final = ("stratified", REPEATED, NESTED, PLAIN)
"""Schemes that take rows to be independent of each other."""


def implied_n_train(scheme: str, sizes: list[int]) -> list[int]:
    """Return the rows that each fold's model was fitted on, as the scheme implies it.

    `sizes` are the folds' validation rows, in order. Time series: the folds before, and the first block, which is
    never validated and taken to be as long as the first fold. One fold alone (`holdout`) says nothing about its
    training rows: they are taken to be as many as its own, which nothing computes with, as one fold has no spread.
    Else: the rows of the other folds.
    """
    if scheme == TIME_SERIES:
        return [sizes[0] + sum(sizes[:at]) for at in range(len(sizes))]
    if len(sizes) == 1:
        return list(sizes)
    return [sum(sizes) - size for size in sizes]
