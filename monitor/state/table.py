"""The rows of one model in memory: id -> slot, and one growing column for each part of a row.

A row with two classes, a score and one segment takes about 100 bytes, the way to it included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.clock import MINUTE
from monitor.join.events import NO_LABEL
from monitor.join.history import without_old
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Rows
from monitor.state.index import SlotIndex, hashes
from monitor.state.state import Fetched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.join.history import History
    from monitor.join.rules import Rules

ALWAYS_KEPT: Final = 2**18
"""As long as there are no more rows than this none is forgotten: a repeated id is then known however late it comes."""
_GROWTH: Final = 1.5
_FEWEST: Final = 1_024
_LOOKS: Final = 32
"""Looks for rows to forget while the time goes by that a row may be needed: so much more than necessary is kept."""


class RowTable:
    """Rows by id."""

    def __init__(self, segments: int, scores: int, rules: Rules, always_kept: int = ALWAYS_KEPT) -> None:
        """Begin empty, with S segments and C score columns a row."""
        self._rules = rules
        self._always_kept = always_kept
        self._index = SlotIndex()
        self._rows = Rows.absent(0, segments, scores)
        self._seen = np.zeros(0, np.int32)
        self._expired = self._orphans = 0
        self.forgotten: int | None = None
        """Rows that no event timed this or later can need are forgotten."""

    def __len__(self) -> int:
        """Return how many ids have a row."""
        return len(self._index)

    def fetch(self, predictions: NDArray[np.object_], labels: NDArray[np.object_]) -> Fetched:
        """Return the rows of these ids. An id that is new gets its slot at once, with nothing known in it."""
        n, m = len(predictions), len(labels)
        self._reserve(n + m)
        slots = self._index.take(hashes([*predictions.tolist(), *labels.tolist()]))
        # Number the slots without sorting them: whoever writes last into a slot's own place stands for the slot.
        event = np.arange(n + m, dtype=np.int32)
        self._seen[slots] = event
        last = self._seen[slots]
        stands = last == event
        number = np.cumsum(stands) - 1
        row, places = number[last], slots[stands]
        return Fetched(self._read(places), row[:n], row[n:], places)

    def write(self, places: NDArray[np.int64], rows: Rows) -> None:
        """Put rows in the place of those fetched."""
        own = self._rows
        if own.histories:
            for row in np.flatnonzero(own.version[places] == IN_HISTORY).tolist():
                del own.histories[int(places[row])]
        own.version[places] = rows.version
        own.predicted_at[places] = rows.predicted_at
        own.y_pred[places] = rows.y_pred
        own.segments[places] = rows.segments
        own.scores[places] = rows.scores
        own.labelled_at[places] = rows.labelled_at
        own.y_true[places] = rows.y_true
        for row, history in rows.histories.items():
            own.histories[int(places[row])] = history

    def past(self, passed: int | None) -> tuple[int, int]:
        """Return (expired predictions, orphans among the labels) as of `passed`, forgotten ones included."""
        if passed is None:
            return self._expired, self._orphans
        own, rules = self._rows, self._rules
        predicted, labelled = own.version >= 0, own.y_true >= 0
        delay = own.labelled_at - own.predicted_at
        alone = ~(predicted & labelled & (delay <= rules.correction_window) & (delay >= -rules.label_first_wait))
        expired = np.count_nonzero(predicted & alone & (own.predicted_at < passed - rules.correction_window))
        orphans = np.count_nonzero(labelled & alone & (own.labelled_at < passed - rules.label_first_wait))
        for history in own.histories.values():
            if history.unmatched or history.waiting:
                more_expired, more_orphans = _past(history, passed, rules)
                expired, orphans = expired + more_expired, orphans + more_orphans
        return self._expired + int(expired), self._orphans + int(orphans)

    def forget(self, passed: int) -> None:
        """Forget what no event timed `passed` or later can need, now and then."""
        rules = self._rules
        reach = rules.correction_window + rules.label_first_wait
        due = self.forgotten is None or passed - self.forgotten > max(MINUTE, reach // _LOOKS)
        if len(self._index) <= self._always_kept or not due:
            return
        own = self._rows
        self.forgotten = passed
        for slot in list(own.histories):
            self._forget_history(slot, passed)
        predicted, labelled = own.version >= 0, own.y_true != NO_LABEL
        needed = predicted & (own.predicted_at >= passed - reach)
        needed |= labelled & (own.labelled_at >= passed - rules.label_first_wait)
        old = (predicted | labelled) & ~needed
        delay = own.labelled_at - own.predicted_at
        joined = (own.y_true >= 0) & (delay <= rules.correction_window) & (delay >= -rules.label_first_wait) & predicted
        self._expired += int(np.count_nonzero(old & predicted & ~joined))
        self._orphans += int(np.count_nonzero(old & (own.y_true >= 0) & ~joined))
        self._drop(np.flatnonzero(old))

    def _forget_history(self, slot: int, passed: int) -> None:
        """Shorten a history, or drop it with its row."""
        own, rules = self._rows, self._rules
        before = own.histories[slot]
        now = without_old(before, passed, rules)
        if now == before:
            return
        # Everything in it has had its time: what is open in what goes will stay open for ever.
        expired, orphans = _past(before, passed, rules)
        still_expired, still_orphans = _past(now, passed, rules)
        self._expired += expired - still_expired
        self._orphans += orphans - still_orphans
        own.histories[slot] = now
        if not now.predictions and not now.labels:
            del own.histories[slot]
            self._drop(np.array([slot]))

    def _drop(self, slots: NDArray[np.int64]) -> None:
        """Free slots."""
        self._index.drop(slots)
        self._rows.version[slots] = NO_PREDICTION
        self._rows.y_true[slots] = NO_LABEL

    def _read(self, places: NDArray[np.int64]) -> Rows:
        """Return copies of the rows in these slots."""
        own = self._rows
        version = own.version[places]
        histories: dict[int, History] = {}
        if own.histories:
            histories = {row: own.histories[int(places[row])] for row in np.flatnonzero(version == IN_HISTORY).tolist()}
        return Rows(
            version,
            own.predicted_at[places],
            own.y_pred[places],
            own.segments[places],
            own.scores[places],
            own.labelled_at[places],
            own.y_true[places],
            histories,
        )

    def _reserve(self, n: int) -> None:
        """See to it that n slots are free."""
        lacking = n - self._index.free
        if lacking <= 0:
            return
        own, size = self._rows, len(self._rows)
        grown = max(size + lacking, int(size * _GROWTH), _FEWEST)
        self._index.reserve(grown)
        more = Rows.absent(grown - size, own.segments.shape[1], own.scores.shape[1])
        self._rows = Rows(
            np.concatenate((own.version, more.version)),
            np.concatenate((own.predicted_at, more.predicted_at)),
            np.concatenate((own.y_pred, more.y_pred)),
            np.concatenate((own.segments, more.segments)),
            np.concatenate((own.scores, more.scores)),
            np.concatenate((own.labelled_at, more.labelled_at)),
            np.concatenate((own.y_true, more.y_true)),
            own.histories,
        )
        self._seen = np.concatenate((self._seen, np.zeros(grown - size, np.int32)))


def _past(history: History, passed: int, rules: Rules) -> tuple[int, int]:
    """Return (expired predictions, orphans) of one id."""
    return (
        sum(at + rules.correction_window < passed for at in history.unmatched),
        sum(at + rules.label_first_wait < passed for at in history.waiting),
    )
