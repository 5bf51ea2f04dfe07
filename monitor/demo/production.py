"""The demo's production: predictions at an even pace, labels later, every hour drawn from a seed of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from monitor.clock import HOUR, MINUTE, SECOND
from monitor.demo.phases import BEGIN, CLASSES, HORIZON, PER_HOUR, PHASE_HOURS, PHASES, SEED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from monitor.demo.digits import Pool

_HOURS: Final = 4
"""Hours that are kept: whoever asks again and again asks for the same ones."""


class Columns(NamedTuple):
    """Predictions or labels in time order, n of them."""

    at: NDArray[np.int64]
    """Epoch milliseconds: when predicted, or when labelled."""
    ids: NDArray[np.object_]
    y_true: NDArray[np.int32]
    y_pred: NDArray[np.int32]
    scores: NDArray[np.float64]
    """(n, 10)"""


class Events(NamedTuple):
    """What happened in a stretch of time. Of a label only `at`, `ids` and `y_true` are known to anybody."""

    predictions: Columns
    labels: Columns


def told_in_turn(hour: int) -> int:
    """Return the phase of an hour where all of them are told one after the other, again and again."""
    return hour // PHASE_HOURS % len(PHASES)


class Production:
    """Predictions at an even pace, their labels up to the horizon later; every hour has its own seed."""

    def __init__(self, pools: tuple[Pool, ...], phase_of: Callable[[int], int] = told_in_turn) -> None:
        """Draw from these pools, one per phase; `phase_of` tells which one an hour belongs to."""
        self._pools, self._phase_of = pools, phase_of
        self._hour = lru_cache(_HOURS)(self._drawn)

    def between(self, after: int, until: int) -> Events:
        """Return what happens in (after, until]; the same however a stretch of time is cut."""
        hours = range(max(0, (after - BEGIN) // HOUR - 1), (until - BEGIN) // HOUR + 1)
        drawn = [self._hour(hour) for hour in hours]
        return Events(
            _joined([(at, columns) for at, _, columns in drawn], after, until),
            _joined([(at, columns) for _, at, columns in drawn], after, until),
        )

    def _drawn(self, hour: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Columns]:
        """Draw one hour of production: when predicted, when labelled, and what."""
        phase = self._phase_of(hour)
        pool = self._pools[phase]
        rng = np.random.default_rng([SEED, hour])
        classes = rng.choice(len(CLASSES), PER_HOUR, p=PHASES[phase].shares)
        rows = np.array(
            [
                pool.of_class[i][k % len(pool.of_class[i])]
                for i, k in zip(classes, rng.integers(0, 2**31, PER_HOUR), strict=True)
            ]
        )
        made = BEGIN + hour * HOUR + np.arange(PER_HOUR, dtype=np.int64) * (HOUR // PER_HOUR)
        known = made + np.minimum(rng.exponential(5 * MINUTE, PER_HOUR), HORIZON.millis - SECOND).astype(np.int64)
        ids = np.array([f"{hour}-{i}" for i in range(PER_HOUR)], object)
        return made, known, Columns(made, ids, pool.y_true[rows], pool.y_pred[rows], pool.scores[rows])


def _joined(parts: list[tuple[NDArray[np.int64], Columns]], after: int, until: int) -> Columns:
    """Return the rows whose moment lies in (after, until], in time order, with that moment as `at`."""
    at = np.concatenate([moment for moment, _ in parts])
    kept = np.flatnonzero((at > after) & (at <= until))
    kept = kept[np.argsort(at[kept], kind="stable")]
    columns = [np.concatenate([getattr(columns, name) for _, columns in parts])[kept] for name in Columns._fields[1:]]
    return Columns(at[kept], *columns)
