"""The demo's model and its production: digits that ship with scikit-learn (UCI, 1,797 images of 8 x 8 pixels).

70 % of them are cross-validated and trained on; the held-out rest is photographed again and again with a little sensor
noise, since 540 images make a short production.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from monitor.baselines.crossval import cross_validate
from monitor.demo.phases import CLASSES, DAMAGED, MODEL, PHASES, SEED, VERSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.statistics.baseline import Baseline

_BLURRED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Pool:
    """Held-out images as the deployed model sees them, (n,) each."""

    y_true: NDArray[np.int32]
    y_pred: NDArray[np.int32]
    scores: NDArray[np.float64]
    """(n, 10)"""
    of_class: tuple[NDArray[np.int64], ...]
    """Class -> its rows."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the demo starts from."""

    baseline: Baseline
    pools: tuple[Pool, ...]
    """One per phase."""


def prepare() -> Promise:
    """Cross-validate with stratified 5 folds, train on all of those rows, and photograph the held-out digits."""
    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels / 16.0
    known, held_out = train_test_split(np.arange(len(digits)), test_size=0.3, stratify=digits, random_state=9)

    def factory() -> LogisticRegression:
        return LogisticRegression(C=5.0, max_iter=500)

    baseline = cross_validate(
        pixels[known],
        digits[known],
        factory,
        model=MODEL,
        version=VERSION,
        scheme="stratified",
        folds=5,
        seed=7,
        jobs=1,
    )
    deployed = factory().fit(pixels[known], digits[known])
    rng = np.random.default_rng(SEED)
    pools = []
    for phase in PHASES:
        y_true = np.repeat(digits[held_out], 8)
        images = np.repeat(pixels[held_out], 8, axis=0)
        if phase.name == "damage":
            images = _badly_photographed(images, (y_true == DAMAGED) & (rng.random(len(y_true)) < _BLURRED_SHARE))
        scores = deployed.predict_proba(np.clip(images + rng.normal(0.0, 1 / 16, images.shape), 0.0, 1.0))
        rows = tuple(np.flatnonzero(y_true == i) for i in range(len(CLASSES)))
        pools.append(Pool(y_true.astype(np.int32), scores.argmax(axis=1).astype(np.int32), scores, rows))
    return Promise(baseline, tuple(pools))


def _badly_photographed(images: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Blur the chosen images over their neighbours and let light fall on their upper rows."""
    grid = images[which].reshape(-1, 8, 8)
    blurred = (grid + sum(np.roll(grid, step, axis) for step in (1, -1) for axis in (1, 2))) / 5
    blurred[:, :2] = 0.0
    images[which] = blurred.reshape(-1, 64)
    return images
