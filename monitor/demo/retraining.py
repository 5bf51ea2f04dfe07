"""What retrains the demo's model: rows photographed as production does it now, and the model that is deployed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from monitor.demo.digits import Pool, held_out_images, known_images, photographed, predicted
from monitor.demo.phases import PHASES, SEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIXED_UP_SHARE: Final = 0.2
"""Of the first export, whose labels were joined to the wrong pictures."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model is trained on: n pictures of 64 pixels."""

    pixels: NDArray[np.float64]
    digits: NDArray[np.int64]

    def csv(self) -> str:
        """Return them as a file with a header: p0 … p63, digit."""
        names = ",".join(f"p{i}" for i in range(self.pixels.shape[1]))
        lines = (
            ",".join([*(f"{value:.4f}" for value in row), str(digit)])
            for row, digit in zip(self.pixels.tolist(), self.digits.tolist(), strict=True)
        )
        return f"{names},digit\n" + "\n".join(lines) + "\n"


def factory() -> LogisticRegression:
    """Return the estimator, unfitted, as the action names it."""
    return LogisticRegression(C=5.0, max_iter=500)


def damaged_rows() -> Rows:
    """Return rows that have the damage that production has."""
    pixels, digits = known_images()
    rng = np.random.default_rng([SEED, 1])
    return Rows(photographed(pixels, digits, "damage", rng), digits)


def mixed_up(rows: Rows) -> Rows:
    """Return the same rows with the labels of some of them on the wrong pictures."""
    rng = np.random.default_rng([SEED, 2])
    digits = rows.digits.copy()
    which = rng.random(len(digits)) < MIXED_UP_SHARE
    digits[which] = rng.permutation(digits[which])
    return replace(rows, digits=digits)


def deployed_on(rows: Rows) -> tuple[Pool, ...]:
    """Return what a model that was trained on all of these rows makes of production, one pool per phase."""
    model = factory().fit(rows.pixels, rows.digits)
    pixels, digits = held_out_images()
    rng = np.random.default_rng(SEED)
    return tuple(predicted(model, photographed(pixels, digits, phase.name, rng), digits) for phase in PHASES)
