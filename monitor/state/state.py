"""The state: one atomic commit is rows + slice counts + offsets + totals. What each one offers to the one loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from monitor.join.rules import Outcomes
from monitor.join.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from monitor.counts.counts import Counts
    from monitor.counts.slices import Deltas, Series
    from monitor.join.rows import Rows
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import Totals

    ObjectiveKey = tuple[str, str]
    """(model, the objective's name)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The rows that a batch of one model touches."""

    rows: Rows
    """One for each id, absent where nothing is known of it."""
    of_predictions: NDArray[np.int64]
    """(n,) the row of each prediction."""
    of_labels: NDArray[np.int64]
    """(m,) the row of each label."""
    places: NDArray[np.int64]
    """Where the state keeps each row: its own affair, handed back with the commit."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is known of a model besides rows and slices."""

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    outcomes: Outcomes = field(default_factory=Outcomes)
    last_prediction: int | None = None
    """The greatest `predicted_at` so far."""
    last_label: int | None = None
    """The greatest `labelled_at` so far."""
    passed: int | None = None
    """No event timed earlier is expected any more. It never goes back."""
    predictions: Mapping[str, int] = field(default_factory=dict)
    """Version -> identities counted. It never falls."""
    forgotten: int | None = None
    """Rows that no event timed this or later can need are forgotten; None: nothing is."""


@dataclass(frozen=True, slots=True)
class ModelCommit:
    """What a batch makes of one model."""

    vocabulary: Vocabulary
    outcomes: Outcomes
    """To be added."""
    last_prediction: int | None
    last_label: int | None
    passed: int | None
    rows: Rows | None = None
    """In the place of those fetched; None where the batch has no event of the model."""
    places: NDArray[np.int64] | None = None
    """`Fetched.places` of these rows."""
    predictions: Mapping[str, int] = field(default_factory=dict)
    """Version -> identities, to be added."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One step of the loop: all of it becomes durable, or nothing does."""

    models: Mapping[str, ModelCommit] = field(default_factory=dict)
    slices: Deltas = field(default_factory=dict)
    """To be added."""
    offsets: Mapping[str, int] = field(default_factory=dict)
    """Of the partitions that were read from: they replace the old ones."""
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Reason -> events, to be added."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> events, to be added."""
    boundary: int | None = None
    """Slices that begin before this moment are hours from now on; None: as it was."""
    objectives: Mapping[ObjectiveKey, Tally] = field(default_factory=dict)
    """To be added to the objectives' counters, which never fall."""


class State(Protocol):
    """Keeps what the loop knows. One writer."""

    def offsets(self) -> Mapping[str, int]:
        """Return the offset to go on from, by partition: the truth, whatever a broker thinks."""
        ...

    def model(self, model: str) -> ModelState:
        """Return what is known of a model besides rows and slices."""
        ...

    def fetch(self, model: str, predictions: NDArray[np.object_], labels: NDArray[np.object_]) -> Fetched:
        """Return the rows of these ids, one for each id however often it comes. The next `commit` may write them."""
        ...

    def commit(self, commit: Commit) -> None:
        """Make one step durable, and forget what `passed` leaves behind."""
        ...

    def series(self) -> Sequence[Series]:
        """Return every series that has slices, in a fixed order."""
        ...

    def slices(self, series: Series, start: int, end: int) -> Iterable[tuple[int, Counts]]:
        """Return (start, counts) of the slices that begin in [start, end), in order, those with counts alone."""
        ...

    def boundary(self) -> int | None:
        """Return the last `Commit.boundary`; None where there was none yet."""
        ...

    def drop_slices(self, model: str, before: int) -> None:
        """Forget the slices that begin before this moment, and whatever would still be added to them."""
        ...

    def totals(self) -> Mapping[str, Totals]:
        """Return model -> what became of its events as of `passed`, without dead letters and skipped events.

        It visits every row, so it is nothing to ask for after each batch.
        """
        ...

    def dead_letters(self) -> Mapping[str, int]:
        """Return reason -> events."""
        ...

    def skipped(self) -> Mapping[str, int]:
        """Return reason -> events."""
        ...

    def objectives(self) -> Mapping[ObjectiveKey, Tally]:
        """Return the counters of every objective that anything was ever counted for."""
        ...

    def stored_bytes(self) -> int | None:
        """Return what it takes on the disk; None where nothing is on a disk."""
        ...

    def append_history(self, moment: int, record: bytes) -> None:
        """Keep the record of one evaluation under its moment (epoch ms); a record of the same moment is replaced.

        A write of its own, after the commits that it rests on: it is never durable before them.
        """
        ...

    def history(self, since: int) -> Iterable[tuple[int, bytes]]:
        """Return (moment, record) of the records kept of this moment and later, in the order of their moments."""
        ...

    def drop_history(self, moments: Iterable[int]) -> None:
        """Forget the records of these moments; one that is not there is no fault."""
        ...

    def kept(self, name: str) -> bytes | None:
        """Return the note of this name; None where there is none."""
        ...

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep a note in the place of the one of the same name, or with None forget it. A write of its own."""
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        ...
