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
    pixels, digits = known_images()

    def factory() -> LogisticRegression:
        return LogisticRegression(C=5.0, max_iter=500)

    baseline = cross_validate(
        pixels,
        digits,
        factory,
        model=MODEL,
        version=VERSION,
        scheme="stratified",
        folds=5,
        seed=7,
        jobs=1,
    )
    deployed = factory().fit(pixels, digits)
    rng = np.random.default_rng(SEED)
    held_out, y_true = held_out_images()
    return Promise(
        baseline,
        tuple(predicted(deployed, photographed(held_out, y_true, phase.name, rng), y_true) for phase in PHASES),
    )


def known_images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return pixels (n, 64) in [0, 1] and digits (n,) of what models are trained on."""
    pixels, digits, known, _ = _split()
    return pixels[known], digits[known]


def held_out_images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return pixels (n, 64) in [0, 1] and digits (n,) of what production sees, each of them eight times."""
    pixels, digits, _, held_out = _split()
    return np.repeat(pixels[held_out], 8, axis=0), np.repeat(digits[held_out], 8)


def photographed(
    pixels: NDArray[np.float64], digits: NDArray[np.int64], phase: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the images as they are photographed in a phase, with a little sensor noise: (n, 64) in [0, 1]."""
    images = pixels.copy()
    if phase == "damage":
        images = _badly_photographed(images, (digits == DAMAGED) & (rng.random(len(digits)) < _BLURRED_SHARE))
    return np.clip(images + rng.normal(0.0, 1 / 16, images.shape), 0.0, 1.0)


def predicted(model: LogisticRegression, images: NDArray[np.float64], digits: NDArray[np.int64]) -> Pool:
    """Return images and their digits as a deployed model sees them."""
    scores = model.predict_proba(images)
    rows = tuple(np.flatnonzero(digits == i) for i in range(len(CLASSES)))
    return Pool(digits.astype(np.int32), scores.argmax(axis=1).astype(np.int32), scores, rows)


def _split() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return pixels, digits, and which rows are known and held out."""
    pixels, digits = load_digits(return_X_y=True)
    known, held_out = train_test_split(np.arange(len(digits)), test_size=0.3, stratify=digits, random_state=9)
    return pixels / 16.0, digits, known, held_out


def _badly_photographed(images: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Blur the chosen images over their neighbours and let light fall on their upper rows."""
    grid = images[which].reshape(-1, 8, 8)
    blurred = (grid + sum(np.roll(grid, step, axis) for step in (1, -1) for axis in (1, 2))) / 5
    blurred[:, :2] = 0.0
    images[which] = blurred.reshape(-1, 64)
    return images
