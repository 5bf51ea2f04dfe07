"""The demo's production as a source that is built in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.demo.phases import BEGIN, MODEL, VERSION
from monitor.demo.production import Production, told_in_turn
from monitor.join.events import Labels, Predictions, Words
from monitor.sources.source import Batch, ModelEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from monitor.clock import Clock
    from monitor.demo.digits import Pool
    from monitor.demo.production import Columns


class _Next(NamedTuple):
    """Who predicts from a moment on."""

    since: int
    version: str
    production: Production


class DemoSource:
    """Delivers what production does, up to the clock's now."""

    def __init__(self, pools: tuple[Pool, ...], clock: Clock, phase_of: Callable[[int], int] = told_in_turn) -> None:
        """Begin at BEGIN; nothing has been delivered yet. `phase_of`: the phase of an hour."""
        self._production, self._clock, self._phase_of = Production(pools, phase_of), clock, phase_of
        self._delivered = BEGIN - 1
        self._next: _Next | None = None

    def deploy(self, version: str, pools: tuple[Pool, ...]) -> int:
        """Let another version predict from now on; return the moment. Any thread may ask for it, once."""
        since = self._clock.now()
        self._next = _Next(since, version, Production(pools, self._phase_of))
        return since

    def poll(self) -> Batch:
        """Return what has happened since the last poll."""
        after, now = self._delivered, self._clock.now()
        if now <= after:
            return Batch(passed=after)
        self._delivered = now
        predictions, labels = self._production.between(after, now)
        n, m = len(predictions.at), len(labels.at)
        y_pred, scores, version = self._predicted(predictions, after, now)
        return Batch(
            models={
                MODEL: ModelEvents(
                    Predictions(
                        ids=predictions.ids,
                        order=np.arange(n),
                        predicted_at=predictions.at,
                        version=version,
                        y_pred=y_pred,
                        scores=scores,
                        segments={},
                    ),
                    Labels(ids=labels.ids, order=np.arange(n, n + m), labelled_at=labels.at, y_true=labels.y_true),
                )
            },
            read=n + m,
            offsets={"demo": now},
            passed=now,
        )

    def _predicted(self, first: Columns, after: int, now: int) -> tuple[NDArray[np.int32], NDArray[np.float64], Words]:
        """Return y_pred, scores and version of the predictions in (after, now]: the same pictures, whoever predicts."""
        late = self._next
        if late is None or now < late.since:
            return first.y_pred, first.scores, Words(np.zeros(len(first.at), np.int32), (VERSION,))
        second = late.production.between(after, now).predictions
        theirs = first.at >= late.since
        return (
            np.where(theirs, second.y_pred, first.y_pred),
            np.where(theirs[:, None], second.scores, first.scores),
            Words(theirs.astype(np.int32), (VERSION, late.version)),
        )

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on after the moment that was committed."""
        self._delivered = offsets.get("demo", BEGIN - 1)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is held."""
