"""The state of a process that begins anew: of the backtest, the demo, and a daemon without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.join.rules import Rules
from monitor.state.accounts import Accounts
from monitor.state.table import ALWAYS_KEPT, RowTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.state.state import Commit, Fetched
    from monitor.statistics.report import Totals


class MemoryState(Accounts):
    """Implements `State`. A commit is atomic in that nothing in it can fail."""

    def __init__(self, models: Mapping[str, ModelSettings], *, always_kept: int = ALWAYS_KEPT) -> None:
        """Begin empty. Rows are forgotten where a model has more than `always_kept` of them."""
        super().__init__(models)
        self._tables = {
            name: RowTable(
                len(model.segments),
                model.layout.score_columns,
                Rules.of(model.classes, model.correction_window.millis, model.label_first_wait.millis),
                always_kept,
            )
            for name, model in models.items()
        }
        self._history: dict[int, bytes] = {}
        self._notes: dict[str, bytes] = {}

    def fetch(self, model: str, predictions: NDArray[np.object_], labels: NDArray[np.object_]) -> Fetched:
        """Return the rows of these ids."""
        return self._tables[model].fetch(predictions, labels)

    def commit(self, commit: Commit) -> None:
        """Take one step, and forget what `passed` leaves behind."""
        for name, part in commit.models.items():
            table = self._tables[name]
            if part.rows is not None and part.places is not None:
                table.write(part.places, part.rows)
            if part.passed is not None:
                table.forget(part.passed)
        self._take(commit, {name: self._tables[name].forgotten for name in commit.models})

    def rows(self, model: str) -> int:
        """Return how many ids of a model have a row."""
        return len(self._tables[model])

    def totals(self) -> Mapping[str, Totals]:
        """Return model -> what became of its events as of `passed`. Visits every row: not for every batch."""
        return {
            name: self._totals(name, *table.past(self._models[name].passed)) for name, table in self._tables.items()
        }

    def stored_bytes(self) -> None:
        """Nothing is on a disk."""

    def append_history(self, moment: int, record: bytes) -> None:
        """Keep the record of one evaluation as long as the process lives."""
        self._history[moment] = record

    def history(self, since: int) -> Iterable[tuple[int, bytes]]:
        """Return (moment, record) of the records of this moment and later, in order."""
        return [(moment, self._history[moment]) for moment in sorted(self._history) if moment >= since]

    def drop_history(self, moments: Iterable[int]) -> None:
        """Forget the records of these moments."""
        for moment in moments:
            self._history.pop(moment, None)

    def kept(self, name: str) -> bytes | None:
        """Return a note."""
        return self._notes.get(name)

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep a note as long as the process lives, or with None forget it."""
        if value is None:
            self._notes.pop(name, None)
        else:
            self._notes[name] = value

    def close(self) -> None:
        """Nothing is held."""
