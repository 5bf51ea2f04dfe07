"""The demo's production as a source that is built in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.demo.phases import BEGIN, MODEL, VERSION
from monitor.demo.production import Production
from monitor.join.events import Labels, Predictions, Words
from monitor.sources.source import Batch, ModelEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.clock import Clock
    from monitor.demo.digits import Pool


class DemoSource:
    """Delivers what production does, up to the clock's now."""

    def __init__(self, pools: tuple[Pool, ...], clock: Clock) -> None:
        """Begin at BEGIN; nothing has been delivered yet."""
        self._production, self._clock = Production(pools), clock
        self._delivered = BEGIN - 1

    def poll(self) -> Batch:
        """Return what has happened since the last poll."""
        after, now = self._delivered, self._clock.now()
        if now <= after:
            return Batch(passed=after)
        self._delivered = now
        predictions, labels = self._production.between(after, now)
        n, m = len(predictions.at), len(labels.at)
        return Batch(
            models={
                MODEL: ModelEvents(
                    Predictions(
                        ids=predictions.ids,
                        order=np.arange(n),
                        predicted_at=predictions.at,
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

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on after the moment that was committed."""
        self._delivered = offsets.get("demo", BEGIN - 1)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is held."""
