"""Everything of a state but its rows, in memory: offsets, slices, totals, and what is known of models.

It is small, and it is read far more often than the rows are, so both states keep it decoded. They differ in what they
do with a commit beside taking it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.join.vocabulary import Vocabulary
from monitor.state.slice_table import SliceTable
from monitor.state.state import ModelState
from monitor.statistics.budget import Tally
from monitor.statistics.report import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings
    from monitor.counts.counts import Counts
    from monitor.counts.slices import Series
    from monitor.state.state import Commit, ObjectiveKey


class Accounts:
    """Takes commits and tells what they come to."""

    def __init__(self, models: Mapping[str, ModelSettings]) -> None:
        """Begin with nothing but the models of the configuration."""
        self._models = {name: ModelState(Vocabulary.of(model.segments)) for name, model in models.items()}
        self._slices: dict[Series, SliceTable] = {}
        self._oldest: dict[str, int] = {}
        """Model -> slices that begin before this moment are dropped."""
        self._offsets: dict[str, int] = {}
        self._dead_letters: dict[str, int] = {}
        self._skipped: dict[str, int] = {}
        self._boundary: int | None = None
        self._objectives: dict[ObjectiveKey, Tally] = {}

    def offsets(self) -> Mapping[str, int]:
        """Return the offset to go on from, by partition."""
        return dict(self._offsets)

    def model(self, model: str) -> ModelState:
        """Return what is known of a model besides rows and slices."""
        return self._models[model]

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
        self._drop(model, before)

    def dead_letters(self) -> Mapping[str, int]:
        """Return reason -> events."""
        return dict(sorted(self._dead_letters.items()))

    def skipped(self) -> Mapping[str, int]:
        """Return reason -> events."""
        return dict(sorted(self._skipped.items()))

    def objectives(self) -> Mapping[ObjectiveKey, Tally]:
        """Return the counters of every objective that anything was ever counted for, in the order of their names."""
        return dict(sorted(self._objectives.items()))

    def _take(self, commit: Commit, forgotten: Mapping[str, int | None]) -> None:
        """Take all of a commit but its rows; `forgotten` of each of its models."""
        for name, part in commit.models.items():
            before = self._models[name]
            self._models[name] = ModelState(
                part.vocabulary,
                before.outcomes + part.outcomes,
                part.last_prediction,
                part.last_label,
                part.passed,
                _sum(before.predictions, part.predictions),
                forgotten[name],
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
        for key, more in commit.objectives.items():
            if more:
                self._objectives[key] = self._objectives.get(key, Tally()) + more

    def _drop(self, model: str, before: int) -> list[tuple[Series, list[int]]]:
        """Forget slices; return what went: (series, starts)."""
        self._oldest[model] = max(before, self._oldest.get(model, before))
        return [(s, table.drop(before)) for s, table in self._slices.items() if s.model == model]

    def _totals(self, model: str, expired: int, orphans: int) -> Totals:
        """Return what became of a model's events, given how many of them nothing can come for any more."""
        outcomes = self._models[model].outcomes
        return Totals(
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


def _sum(total: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add counts by name."""
    return {name: total.get(name, 0) + more.get(name, 0) for name in (*total, *(more.keys() - total.keys()))}
