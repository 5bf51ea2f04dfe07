"""The state of a process that begins anew: of the backtest, the demo, and a daemon without a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.join.rules import Rules
from monitor.join.vocabulary import Vocabulary
from monitor.state.slice_table import SliceTable
from monitor.state.state import ModelState
from monitor.state.table import ALWAYS_KEPT, RowTable
from monitor.statistics.report import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.counts.counts import Counts
    from monitor.counts.slices import Series
    from monitor.state.state import Commit, Fetched


class MemoryState:
    """Implements `State`. A commit is atomic in that nothing in it can fail."""

    def __init__(self, models: Mapping[str, ModelSettings], *, always_kept: int = ALWAYS_KEPT) -> None:
        """Begin empty. Rows are forgotten where a model has more than `always_kept` of them."""
        self._tables = {
            name: RowTable(
                len(model.segments),
                model.layout.score_columns,
                Rules.of(model.classes, model.correction_window.millis, model.label_first_wait.millis),
                always_kept,
            )
            for name, model in models.items()
        }
        self._models = {name: ModelState(Vocabulary.of(model.segments)) for name, model in models.items()}
        self._slices: dict[Series, SliceTable] = {}
        self._oldest: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        self._dead_letters: dict[str, int] = {}
        self._skipped: dict[str, int] = {}
        self._boundary: int | None = None
        self._history: dict[int, bytes] = {}

    def offsets(self) -> Mapping[str, int]:
        """Return the offset to go on from, by partition."""
        return dict(self._offsets)

    def model(self, model: str) -> ModelState:
        """Return what is known of a model besides rows and slices."""
        return self._models[model]

    def fetch(self, model: str, predictions: NDArray[np.object_], labels: NDArray[np.object_]) -> Fetched:
        """Return the rows of these ids."""
        return self._tables[model].fetch(predictions, labels)

    def commit(self, commit: Commit) -> None:
        """Take one step, and forget what `passed` leaves behind."""
        for name, part in commit.models.items():
            table, before = self._tables[name], self._models[name]
            if part.rows is not None and part.places is not None:
                table.write(part.places, part.rows)
            if part.passed is not None:
                table.forget(part.passed)
            self._models[name] = replace(
                before,
                vocabulary=part.vocabulary,
                outcomes=before.outcomes + part.outcomes,
                last_prediction=part.last_prediction,
                last_label=part.last_label,
                passed=part.passed,
                predictions=_sum(before.predictions, part.predictions),
                forgotten=table.forgotten,
            )
        for series, slices in commit.slices.items():
            own = self._slices.setdefault(series, SliceTable())
            oldest = self._oldest.get(series.model)
            for start, counts in slices.items():
                if oldest is None or start >= oldest:
                    own.add(start, counts)
        self._offsets.update(commit.offsets)
        self._dead_letters = _sum(self._dead_letters, commit.dead_letters)
        self._skipped = _sum(self._skipped, commit.skipped)
        if commit.boundary is not None:
            self._boundary = commit.boundary

    def rows(self, model: str) -> int:
        """Return how many ids of a model have a row."""
        return len(self._tables[model])

    def series(self) -> Sequence[Series]:
        """Return every series that has slices, in the order of their texts."""
        return sorted((s for s, table in self._slices.items() if len(table)), key=lambda s: (*s[:2], s.segment or ""))

    def slices(self, series: Series, start: int, end: int) -> Iterable[tuple[int, Counts]]:
        """Return (start, counts) of the slices that begin in [start, end), in order."""
        table = self._slices.get(series)
        return () if table is None else table.between(start, end)

    def boundary(self) -> int | None:
        """Return up to where slices are hours; None where nobody said so yet."""
        return self._boundary

    def drop_slices(self, model: str, before: int) -> None:
        """Forget the slices that begin before this moment, and whatever would still be added to them."""
        self._oldest[model] = max(before, self._oldest.get(model, before))
        for series, table in list(self._slices.items()):
            if series.model == model:
                table.drop(before)

    def totals(self) -> Mapping[str, Totals]:
        """Return model -> what became of its events as of `passed`. Visits every row: not for every batch."""
        totals: dict[str, Totals] = {}
        for name, table in self._tables.items():
            state = self._models[name]
            outcomes = state.outcomes
            expired, orphans = table.past(state.passed)
            totals[name] = Totals(
                predictions=outcomes.predictions,
                matched=outcomes.matched,
                waiting=outcomes.unmatched - expired,
                expired=expired,
                duplicate=outcomes.duplicate,
                label_first=outcomes.label_first,
                labels=outcomes.labels,
                applied=outcomes.applied,
                corrected=outcomes.corrected,
                retracted=outcomes.retracted,
                repeated=outcomes.repeated,
                orphan=orphans,
                labels_waiting=outcomes.open_labels - orphans,
            )
        return totals

    def dead_letters(self) -> Mapping[str, int]:
        """Return reason -> events."""
        return dict(sorted(self._dead_letters.items()))

    def skipped(self) -> Mapping[str, int]:
        """Return reason -> events."""
        return dict(sorted(self._skipped.items()))

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

    def close(self) -> None:
        """Nothing is held."""


def _sum(total: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add counts by name."""
    return {name: total.get(name, 0) + more.get(name, 0) for name in (*total, *(more.keys() - total.keys()))}
