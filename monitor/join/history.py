"""The join of one id, exactly: several versions, several labels, in the order of reading.

Counts depend on the events' own times alone: of each version the earliest prediction stays, of each moment the winning
label, and what a prediction counts as follows from those of them that belong to it. What becomes of a label (`Total`)
does depend on what was known when it was read: it is held against the labels that share a known prediction with it;
where it belongs to no known prediction, against the other labels without one that lie within `label_first_wait` of it.
Further apart each waits for itself: by the time of the later one the earlier one is an orphan.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.rules import Outcomes, Total, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.join.rules import Rules


class Scored(NamedTuple):
    """The prediction that counts for one version of an id."""

    version: int
    predicted_at: int
    y_pred: int
    segments: tuple[int, ...]
    scores: tuple[float, ...]


class Mark(NamedTuple):
    """The label that wins at one moment of an id."""

    labelled_at: int
    y_true: int
    """A class or RETRACTED."""
    waiting: int = NO_LABEL
    """The class of a label event of this moment that waits for a prediction to come; NO_LABEL: none does."""


class History(NamedTuple):
    """Everything about one id."""

    predictions: tuple[Scored, ...] = ()
    """One a version, in the order of the codes."""
    labels: tuple[Mark, ...] = ()
    """One a moment, in order of time."""


class Standing(NamedTuple):
    """What the labels that belong to a prediction make of it."""

    y_true: int
    """What it counts as now: a class, RETRACTED or NO_LABEL."""
    matched: bool
    """It had a class at least once."""
    label_first: bool
    """And the earliest such class was labelled before the prediction was made."""


def standing(predicted_at: int, labels: Sequence[Mark], rules: Rules) -> Standing:
    """Return how a prediction stands among the marks of its id, which are in order of time."""
    lo, hi = _range(labels, predicted_at - rules.label_first_wait, predicted_at + rules.correction_window)
    if lo == hi:
        return Standing(NO_LABEL, matched=False, label_first=False)
    first = next((labels[i] for i in range(lo, hi) if labels[i].y_true != RETRACTED), None)
    return Standing(
        labels[hi - 1].y_true,
        matched=first is not None,
        label_first=first is not None and first.labelled_at < predicted_at,
    )


def advance(history: History, events: Iterable[Scored | Mark], rules: Rules) -> tuple[History, Outcomes]:
    """Take the events of one id in the order of reading; return what is then known and what became of them."""
    thread = _Thread(history, rules)
    for event in events:
        if isinstance(event, Scored):
            thread.predict(event)
        else:
            thread.label(event)
    after = thread.history()
    matched, label_first = _standings(after, rules)
    matched_before, label_first_before = _standings(history, rules)
    thread.tally[Total.MATCHED] += matched - matched_before
    thread.tally[Total.LABEL_FIRST] += label_first - label_first_before
    return after, Outcomes(*thread.tally)


def open_since(history: History, rules: Rules) -> tuple[list[int], list[int]]:
    """Return the moments of predictions that never had a class, and those of labels that wait for a prediction."""
    return (
        [p.predicted_at for p in history.predictions if not standing(p.predicted_at, history.labels, rules).matched],
        [mark.labelled_at for mark in history.labels if mark.waiting != NO_LABEL],
    )


def without_old(history: History, passed: int, rules: Rules) -> History:
    """Return what an event timed `passed` or later can still need."""
    reach = rules.correction_window + rules.label_first_wait
    predictions = tuple(p for p in history.predictions if p.predicted_at + reach >= passed)
    return History(
        predictions,
        tuple(
            mark
            for mark in history.labels
            if mark.labelled_at + rules.label_first_wait >= passed
            or any(belongs(mark.labelled_at, p.predicted_at, rules) for p in predictions)
        ),
    )


class _Thread:
    """One id while its events are taken."""

    def __init__(self, history: History, rules: Rules) -> None:
        self._rules = rules
        self._predictions = {p.version: p for p in history.predictions}
        self._labels = list(history.labels)
        self.tally = [0] * len(Total)
        """The fields of Outcomes."""

    def history(self) -> History:
        """Return what is known now."""
        return History(
            tuple(self._predictions[version] for version in sorted(self._predictions)),
            tuple(self._labels),
        )

    def predict(self, new: Scored) -> None:
        """Take a prediction: the earliest of its version stays, of one moment the first read."""
        old = self._predictions.get(new.version)
        self.tally[Total.PREDICTIONS if old is None else Total.DUPLICATE] += 1
        if old is not None and old.predicted_at <= new.predicted_at:
            return
        rules = self._rules
        span = range(
            *_range(self._labels, new.predicted_at - rules.label_first_wait, new.predicted_at + rules.correction_window)
        )
        waiting = [at for at in span if self._labels[at].waiting != NO_LABEL]
        joined = {at for at in span if self._owners(self._labels[at].labelled_at)} if waiting else set()
        self._predictions[new.version] = new
        # What waits belonged to no prediction until now: the labels that share one with it share this one.
        for at in waiting:
            mark = self._labels[at]
            became = self._outcome(
                mark._replace(y_true=mark.waiting), (self._labels[i] for i in reversed(span) if i in joined)
            )
            self.tally[became] += 1
            self._labels[at] = mark._replace(waiting=NO_LABEL)
            joined.add(at)

    def label(self, new: Mark) -> None:
        """Take a label: of one moment the winner stays."""
        at, rules = new.labelled_at, self._rules
        self.tally[Total.LABELS] += 1
        owners = self._owners(at)
        if owners:
            # All of them span this moment, so that their spans are one.
            lo, hi = _range(self._labels, min(owners) - rules.label_first_wait, max(owners) + rules.correction_window)
            became = self._outcome(new, (self._labels[i] for i in range(hi - 1, lo - 1, -1)))
        else:
            lo, hi = _range(self._labels, at - rules.label_first_wait, at + rules.label_first_wait)
            near = (self._labels[i] for i in range(hi - 1, lo - 1, -1))
            became = self._outcome(new, (mark for mark in near if not self._owners(mark.labelled_at)))
        waits = became is Total.APPLIED and not owners
        if not waits:
            self.tally[became] += 1
        lo, hi = _range(self._labels, at, at)
        if lo == hi:
            insort(self._labels, Mark(at, new.y_true, new.y_true if waits else NO_LABEL))
        elif rules.rank(new.y_true) > rules.rank(self._labels[lo].y_true):
            self._labels[lo] = self._labels[lo]._replace(y_true=new.y_true)

    def _outcome(self, new: Mark, known: Iterable[Mark]) -> Total:
        """Hold a label against marks, the newest first."""
        last, had_class = None, False
        for mark in known:
            last = last or mark
            had_class = mark.y_true != RETRACTED
            if had_class:
                break
        if last is None:
            return outcome(NO_LABEL, new.y_true, newer=True, had_class=False)
        rank = self._rules.rank
        newer = (new.labelled_at, rank(new.y_true)) > (last.labelled_at, rank(last.y_true))
        return outcome(last.y_true, new.y_true, newer=newer, had_class=had_class)

    def _owners(self, labelled_at: int) -> list[int]:
        """Return when the known predictions were made to which a label of this moment belongs."""
        return [p.predicted_at for p in self._predictions.values() if belongs(labelled_at, p.predicted_at, self._rules)]


def belongs(labelled_at: int, predicted_at: int, rules: Rules) -> bool:
    """Tell whether a label of one moment belongs to a prediction of another."""
    return -rules.label_first_wait <= labelled_at - predicted_at <= rules.correction_window


def _range(labels: Sequence[tuple[int, ...]], start: int, end: int) -> tuple[int, int]:
    """Return the places [lo, hi) of the marks from start to end, both included."""
    return bisect_left(labels, (start,)), bisect_left(labels, (end + 1,))


def _standings(history: History, rules: Rules) -> tuple[int, int]:
    """Return how many predictions are matched, and how many of them by a label that was first."""
    stands = [standing(p.predicted_at, history.labels, rules) for p in history.predictions]
    return sum(s.matched for s in stands), sum(s.label_first for s in stands)
