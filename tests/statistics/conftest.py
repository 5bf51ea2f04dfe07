"""Windows for the tests of the estimates: events from a seed, tallied as the stream does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from monitor.counts import Layout, tally_labelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.counts import Counts


class Events(NamedTuple):
    y: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    """(n, K)."""
    counts: Counts


def window_of(
    layout: Layout, n: int, seed: int, *, strength: float = 2.5, unscored: float = 0.0, only: tuple[int, ...] = ()
) -> Events:
    rng = np.random.default_rng(seed)
    k = layout.classes
    shares = 1 / np.arange(1, k + 1)
    y = rng.choice(only, n) if only else rng.choice(k, n, p=shares / shares.sum())
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), y] += strength
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    predicted = p.argmax(axis=1)
    if k == 2:
        scores = p[:, [layout.positive]]
    elif k <= 50:
        scores = p.copy()
    else:
        scores = np.stack((p.max(axis=1), predicted), axis=1)
    scores[rng.random(n) < unscored] = np.nan
    ones, zeros = np.ones(n, np.int64), np.zeros(n, np.int64)
    return Events(y, predicted, p, tally_labelled(layout, y, predicted, scores, ones, zeros, 1)[0])


@pytest.fixture(scope="session")
def simulated() -> Callable[..., Events]:
    """Make a window of n labelled predictions: `simulated(layout, n, seed)`."""
    return window_of
