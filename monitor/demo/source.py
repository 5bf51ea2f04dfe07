"""Production as a source: predictions at an even pace, labels later, every hour drawn from a seed of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.clock import HOUR, MINUTE, SECOND
from monitor.demo.phases import BEGIN, CLASSES, HORIZON, MODEL, PER_HOUR, PHASE_HOURS, PHASES, SEED, VERSION
from monitor.join.events import Labels, Predictions, Words
from monitor.sources.source import Batch, ModelEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.clock import Clock
    from monitor.demo.digits import Pool


class DemoSource:
    """Production: predictions at an even pace, their labels up to the horizon later; every hour has its own seed."""

    def __init__(self, pools: tuple[Pool, ...], clock: Clock) -> None:
        """Begin at BEGIN; nothing has been delivered yet."""
        self._pools, self._clock = pools, clock
        self._delivered = BEGIN - 1

    def poll(self) -> Batch:
        """Return what has happened since the last poll."""
        after, now = self._delivered, self._clock.now()
        if now <= after:
            return Batch(passed=after)
        self._delivered = now
        hours = range(max(0, (after - BEGIN) // HOUR - 1), (now - BEGIN) // HOUR + 1)
        drawn = [self._hour(hour) for hour in hours]
        predictions = _joined([(at, columns) for at, _, columns in drawn], after, now)
        labels = _joined([(at, columns) for _, at, columns in drawn], after, now)
        n, m = len(predictions.at), len(labels.at)
        made = predictions.at
        return Batch(
            models={
                MODEL: ModelEvents(
                    Predictions(
                        ids=predictions.ids,
                        order=np.arange(n),
                        predicted_at=made,
                        version=Words(np.zeros(n, np.int32), (VERSION,)),
                        y_pred=predictions.y_pred,
                        scores=predictions.scores,
                        segments={},
                    ),
                    Labels(ids=labels.ids, order=np.arange(n, n + m), labelled_at=labels.at, y_true=labels.y_true),
                )
            },
            read=n + m,
            offsets={"demo": now},
            passed=now,
        )

    def _hour(self, hour: int) -> tuple[NDArray[np.int64], NDArray[np.int64], _Columns]:
        """Draw one hour of production: when predicted, when labelled, and what."""
        phase = hour // PHASE_HOURS % len(PHASES)
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
        return made, known, _Columns(made, ids, pool.y_true[rows], pool.y_pred[rows], pool.scores[rows])

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on after the moment that was committed."""
        self._delivered = offsets.get("demo", BEGIN - 1)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is held."""


class _Columns(NamedTuple):
    at: NDArray[np.int64]
    ids: NDArray[np.object_]
    y_true: NDArray[np.int32]
    y_pred: NDArray[np.int32]
    scores: NDArray[np.float64]


def _joined(parts: list[tuple[NDArray[np.int64], _Columns]], after: int, until: int) -> _Columns:
    """Return the rows whose moment lies in (after, until], in time order, with that moment as `at`."""
    at = np.concatenate([moment for moment, _ in parts])
    kept = np.flatnonzero((at > after) & (at <= until))
    kept = kept[np.argsort(at[kept], kind="stable")]
    columns = [np.concatenate([getattr(columns, name) for _, columns in parts])[kept] for name in _Columns._fields[1:]]
    return _Columns(at[kept], *columns)
