"""The ONE loop: source -> join -> counts -> state. The daemon, the demo and the backtest all take these steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.clock import DAY, HOUR
from monitor.counts.slices import AgingSlices, Series, compaction
from monitor.join.events import Labels, Predictions
from monitor.join.join import join
from monitor.join.rows import CodedLabels, CodedPredictions
from monitor.join.rules import Outcomes, Rules
from monitor.join.vocabulary import coded
from monitor.sources.source import ModelEvents
from monitor.state.state import Commit, ModelCommit
from monitor.statistics.report import Totals
from monitor.stream.added import Answers, added
from monitor.stream.occurrences import occurrences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.config import Settings
    from monitor.counts import Counts
    from monitor.counts.slices import Deltas, Slices
    from monitor.sources.source import Batch, Rejected, Source
    from monitor.state.state import ModelState, ObjectiveKey, State
    from monitor.statistics.budget import Tally
    from monitor.stream.sampled import Samples

    Bury = Callable[[Sequence[Rejected]], None]

TOO_OLD: Final = "too old"
"""Why an event is skipped that is timed before everything that is kept."""
_NEVER: Final = 2**53
"""After every moment."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did."""

    read: int = 0
    """Events read, whatever became of them; 0: there was nothing new."""
    rejected: Sequence[Rejected] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> events."""
    slices: Deltas = field(default_factory=dict)
    """What was added to the slices: for `Windows.apply`."""
    behind: int | None = None
    """Events timed from this moment on still wait to be read, as far as known; None: nothing waits."""
    lag: Mapping[str, int] = field(default_factory=dict)
    """Partition -> messages that wait there to be read."""
    resets: Mapping[str, int] = field(default_factory=dict)
    """Topic -> partitions that began anew."""
    notices: Sequence[str] = ()
    """What a person should know of the source, in words."""
    committed: bool = False
    """Whether anything was committed to the state."""


class Stream:
    """Takes events from a source into a state, one batch a step. The state is the truth: it says where to go on."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        state: State,
        slices: Slices,
        *,
        skip_old: bool = False,
        bury: Bury | None = None,
        samples: Samples | None = None,
    ) -> None:
        """Wire the parts. `skip_old` (the daemon) skips events timed before everything that is kept.

        `bury` keeps dead letters; it is called before the commit, so that none is lost when either fails. `samples`
        takes features, of what was committed.
        """
        self.state: Final = state
        self._source = source
        self._settings = settings
        self._slices = slices
        self._skip_old = skip_old
        self._bury = bury
        self._samples = samples
        self._sought = False
        self._offsets: dict[str, int] = {}
        self._rules = {
            name: Rules.of(model.classes, model.correction_window.millis, model.label_first_wait.millis)
            for name, model in settings.models.items()
        }

    @property
    def slices(self) -> Slices:
        """How time is cut now."""
        return self._slices

    def step(self) -> Step:
        """Poll, join, count and commit once.

        Raises SourceUnavailable where the source does: nothing has happened then, and the next step tries again.
        """
        if not self._sought:
            self._offsets = dict(self.state.offsets())
            self._source.seek(dict(self._offsets))
            self._sought = True
        batch = self._source.poll()
        self._sought = False  # until all of it is durable: where anything fails the next step reads it again
        if batch.rejected and self._bury is not None:
            self._bury(batch.rejected)
        commit = self._commit_of(batch)
        committed = commit != Commit()
        if committed:
            self.state.commit(commit)
            self._offsets.update(commit.offsets)
            if self._samples is not None:
                self._samples.take(batch)
        self._sought = True
        self._source.commit(batch.offsets)
        told = (batch.behind, batch.lag, batch.resets, batch.notices)
        return Step(batch.read, batch.rejected, commit.skipped, commit.slices, *told, committed)

    def _commit_of(self, batch: Batch) -> Commit:
        """Join and count a batch; what it leaves as it was is not in the commit."""
        skipped = Counter(batch.skipped)
        models: dict[str, ModelCommit] = {}
        slices: dict[Series, Mapping[int, Counts]] = {}
        objectives: dict[ObjectiveKey, Tally] = {}
        for name in self._settings.models:
            events = batch.models.get(name, ModelEvents())
            known = self.state.model(name)
            if self._skip_old and known.forgotten is not None:
                events, old = without_old(events, known.forgotten, self._rules[name])
                if old:
                    skipped[TOO_OLD] += old
            part, deltas, counted = self._model(name, known, events, batch)
            if part is not None:
                models[name] = part
            slices.update(deltas)
            objectives.update(counted)
        return Commit(
            models,
            slices,
            {name: offset for name, offset in batch.offsets.items() if self._offsets.get(name) != offset},
            Counter(letter.reason for letter in batch.rejected),
            skipped,
            objectives=objectives,
        )

    def age(self, now: int) -> None:
        """Let minutes that are too old at `now` become hours, where slices age. Move the windows to `now` first.

        It goes on where the state says that the last one ended, so that the minutes that an earlier process left behind
        become hours too; a day at a time, so that a long absence fits into memory.
        """
        if not isinstance(self._slices, AgingSlices):
            return
        new = AgingSlices.at(now, self._slices.boundary)
        done = self.state.boundary()
        if done is None:
            done = self._first_hour()
        while done is not None and done < new.boundary:
            end = min(done + DAY, new.boundary)
            changes = {series: compaction(self.state.slices(series, done, end)) for series in self.state.series()}
            self.state.commit(Commit(slices={one: hours for one, hours in changes.items() if hours}, boundary=end))
            done = end
        if self.state.boundary() != new.boundary:
            self.state.commit(Commit(boundary=new.boundary))
        self._slices = new

    def _first_hour(self) -> int | None:
        """Return the hour of the first slice of all, None without slices."""
        firsts = (next(iter(self.state.slices(one, 0, _NEVER)), None) for one in self.state.series())
        return min((start // HOUR * HOUR for start, _ in filter(None, firsts)), default=None)

    def totals(self) -> Totals:
        """Return what became of every event read. It visits every row."""
        return total(self.state.totals().values(), self.state.dead_letters(), self.state.skipped())

    def _model(
        self, name: str, known: ModelState, events: ModelEvents, batch: Batch
    ) -> tuple[ModelCommit | None, Deltas, Mapping[ObjectiveKey, Tally]]:
        """Join and count what a batch holds of one model; None where it leaves the model as it was.

        Return what it makes of the model, and what it adds to slices and to counters of objectives.
        """
        predictions, labels = events.predictions, events.labels
        last_prediction = _latest(known.last_prediction, None if predictions is None else predictions.predicted_at)
        last_label = _latest(known.last_label, None if labels is None else labels.labelled_at)
        passed = batch.passed
        if passed is None and last_prediction is not None and last_label is not None:
            passed = min(last_prediction, last_label)
        if passed is not None and batch.behind is not None:
            passed = min(passed, batch.behind)
        if passed is None or (known.passed is not None and known.passed > passed):
            passed = known.passed
        unchanged = ModelCommit(known.vocabulary, Outcomes(), last_prediction, last_label, passed)
        if predictions is None and labels is None:
            return (None if passed == known.passed else unchanged), {}, {}
        settings = self._settings.models[name]
        predictions = predictions or Predictions.none(settings.segments, settings.layout.score_columns)
        labels = labels or Labels.none()
        version, segments, vocabulary = coded(predictions, known.vocabulary)
        fetched = self.state.fetch(name, predictions.ids, labels.ids)
        made = CodedPredictions(
            fetched.of_predictions,
            predictions.order,
            version,
            predictions.predicted_at,
            predictions.y_pred,
            segments,
            predictions.scores,
        )
        told = CodedLabels(fetched.of_labels, labels.order, labels.labelled_at, labels.y_true)
        joined = join(fetched.rows, made, told, self._rules[name])
        deltas = added(settings, vocabulary, joined, Answers.of(made, predictions.latency), self._slices)
        return (
            replace(
                unchanged,
                vocabulary=vocabulary,
                outcomes=joined.outcomes,
                predictions=_by_version(deltas),
                rows=joined.rows,
                places=fetched.places,
            ),
            deltas,
            occurrences(settings, vocabulary, joined.first),
        )


def without_old(events: ModelEvents, forgotten: int, rules: Rules) -> tuple[ModelEvents, int]:
    """Return the events to which something that is kept may belong, and how many are older.

    A prediction is too old when its own row would be forgotten already, a label when the row of every prediction
    would be that it may belong to.
    """
    predictions, labels = events.predictions, events.labels
    old = 0
    if predictions is not None:
        kept = predictions.predicted_at >= forgotten - rules.correction_window - rules.label_first_wait
        old += int(np.count_nonzero(~kept))
        predictions = predictions.take(kept)
    if labels is not None:
        kept = labels.labelled_at >= forgotten - rules.correction_window - 2 * rules.label_first_wait
        old += int(np.count_nonzero(~kept))
        labels = labels.take(kept)
    return ModelEvents(predictions, labels), old


def total(models: Iterable[Totals], dead_letters: Mapping[str, int], skipped: Mapping[str, int]) -> Totals:
    """Add the totals of models."""
    names = [column.name for column in fields(Totals) if column.name not in {"dead_letters", "skipped"}]
    parts = list(models)
    sums = {name: sum(getattr(part, name) for part in parts) for name in names}
    return Totals(**sums, dead_letters=dead_letters, skipped=skipped)


def _by_version(deltas: Deltas) -> Mapping[str, int]:
    """Return how many identities were added of each version."""
    return {
        series.version: sum(counts.predictions for counts in slices.values())
        for series, slices in deltas.items()
        if series.segment is None
    }


def _latest(known: int | None, moments: NDArray[np.int64] | None) -> int | None:
    """Return the greatest moment so far."""
    if moments is None or not len(moments):
        return known
    return max(int(moments.max()), known if known is not None else int(moments[0]))
