"""Fit and score one fold. Runs in a child; knows estimators by their methods only.

What the estimator raises is told with its fold, by who started the child.
"""

from __future__ import annotations

import random
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from monitor.baselines import fingerprints
from monitor.baselines.classes import SUM_TOLERANCE, coded, interned, score_rows
from monitor.counts import Counts, Layout, tally_labelled
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Split:
    """One fold: which rows are fitted on and which are validated."""

    fold: str
    repeat: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Work:
    """What every fold needs; pickled once."""

    x: Any
    y: NDArray[Any]
    codes: NDArray[np.int64]
    classes: tuple[str, ...]
    layout: Layout
    splits: tuple[Split, ...]
    factory: Callable[[], Any]
    seed: int


@dataclass(frozen=True, slots=True)
class ScoredFold:
    """What a fold comes back with."""

    validation: Counts
    train: Counts
    warned: tuple[str, ...]
    y_pred: NDArray[np.int64]
    """(m,) the class of each validation row, as the fold predicts it."""


def described_estimator(factory: Callable[[], Any], seed: int, name: str, *, search: bool) -> dict[str, str]:
    """Return class path, parameters and fingerprint of what the factory makes.

    `name` names the factory in messages. Raises InputError where it makes no estimator, or none that searches though
    it should (`search`).
    """
    try:
        estimator = factory()
    except Exception as error:
        finding = f"raised {type(error).__name__}: {error}"
        raise InputError(Problem(name, finding, "the factory takes no arguments and returns an estimator")) from error
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        finding = f"returned {type(estimator).__name__}, which has no fit and predict"
        raise InputError(Problem(name, finding, "return an unfitted scikit-learn estimator"))
    estimator = seeded(estimator, seed)
    if search and not hasattr(estimator, "cv"):
        finding = f"returned {type(estimator).__name__}, which searches nothing, and scheme nested validates a search"
        raise InputError(Problem(name, finding, "return a search such as GridSearchCV, or use --scheme stratified"))
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    text = _ADDRESS.sub("", repr(estimator))
    return {"class": kind, "parameters": text, "sha256": fingerprints.of_text(f"{kind}\n{text}")}


def validate_fold(work: Work, at: int) -> ScoredFold:
    """Fit and score fold `at`. Runs in a child; whatever it raises is told with the fold."""
    fold = work.splits[at]
    random.seed(work.seed)
    np.random.seed(work.seed)  # noqa: NPY002 - for estimators that draw from numpy's global generator
    with warnings.catch_warnings(record=True) as caught, joblib.parallel_config(backend="sequential"):
        warnings.simplefilter("default")
        estimator = seeded(work.factory(), work.seed)
        estimator.fit(_rows(work.x, fold.train), work.y[fold.train])
        validation, y_pred = _scored_rows(work, estimator, fold.validation, by_class=True)
        train, _ = _scored_rows(work, estimator, fold.train, by_class=False)
    warned = sorted(
        {f"{one.category.__name__}: {str(one.message).strip().splitlines()[0].rstrip(':')}" for one in caught}
    )
    return ScoredFold(validation, train, tuple(warned), y_pred)


def _scored_rows(
    work: Work,
    estimator: Any,  # noqa: ANN401 - any
    rows: NDArray[np.int64],
    *,
    by_class: bool,
) -> tuple[Counts, NDArray[np.int64]]:
    """Return the Counts of these rows as the fitted estimator sees them, and the class of each (m,)."""
    x, n = _rows(work.x, rows), len(rows)
    found, texts = interned(np.asarray(estimator.predict(x)))
    y_pred = coded(found, texts, work.classes)
    if (y_pred < 0).any():
        strange = next(text for text in texts if text not in work.classes)
        message = f"predict returned {strange!r}, which is none of the classes"
        raise ValueError(message)
    scores = np.full((n, work.layout.score_columns), np.nan)
    if hasattr(estimator, "predict_proba"):
        scores = score_rows(work.layout, _probabilities(work, estimator, x))
    one = np.ones(n, np.int64)
    counts = tally_labelled(work.layout, work.codes[rows], y_pred, scores, one, one - 1, 1, by_class=by_class)
    return counts[0], y_pred


def _probabilities(work: Work, estimator: Any, x: Any) -> NDArray[np.float64]:  # noqa: ANN401 - any estimator
    """Return (n, K): predict_proba with its columns in our order of the classes."""
    proba = np.asarray(estimator.predict_proba(x), np.float64)
    columns = coded(*interned(np.asarray(estimator.classes_)), work.classes)
    if proba.shape[1:] != (len(columns),):
        message = f"predict_proba returned an array of shape {proba.shape} for {len(columns)} classes"
        raise ValueError(message)
    by_class = np.zeros((len(proba), len(work.classes)))
    by_class[:, columns] = proba
    if not np.isfinite(by_class).all():
        message = "predict_proba returned values that are not finite"
        raise ValueError(message)
    if by_class.min() < 0 or by_class.max() > 1 or np.abs(by_class.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        message = "predict_proba returned values that are no probabilities (outside [0, 1], or not summing to 1)"
        raise ValueError(message)
    return by_class


def seeded(estimator: Any, seed: int) -> Any:  # noqa: ANN401 - any estimator
    """Give the seed to every `random_state` that is left open, nested ones too: the same seed, the same file."""
    if hasattr(estimator, "get_params"):
        open_ones = {
            name: seed
            for name, value in sorted(estimator.get_params(deep=True).items())
            if value is None and (name == "random_state" or name.endswith("__random_state"))
        }
        if open_ones:
            estimator.set_params(**open_ones)
    return estimator


def _rows(x: Any, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401 - an array or a frame
    """Return these rows."""
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]
