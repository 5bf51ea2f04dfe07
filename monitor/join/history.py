"""The join of one id, exactly: several versions, several labels, in the order of reading.

Counts depend on the events' own times alone: of each version the earliest prediction stays, of each moment the winning
label, and what a prediction counts as follows from those of them that belong to it. What becomes of a label (`Total`)
does depend on what was known when it was read: it is held against the labels that share a known prediction with it;
where it belongs to no known prediction, against the other labels without one that lie within `label_first_wait` of it.
Further apart each waits for itself: by the time of the later one the earlier one is an orphan.

An identity's first class (`First`) is told once, when a class of its id first belongs to it, and stays what it was
then. That too depends on the order of reading.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.rules import Outcomes, Total, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.join.rules import Rules

    Standings = Sequence[tuple["Scored", "Standing"]]


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
    """One a version."""
    labels: tuple[Mark, ...] = ()
    """One a moment, in order of time."""
    unmatched: tuple[int, ...] = ()
    """`predicted_at` of the predictions that never had a class."""
    waiting: tuple[int, ...] = ()
    """`labelled_at` of the label events that wait for a prediction."""
    told: tuple[int, ...] = ()
    """Versions whose first class was told, and whose prediction never had a class by what is known now: a null of the
    same moment beat the class, or the class does not belong to the earlier prediction that came since.
    """


class Standing(NamedTuple):
    """What the labels that belong to a prediction make of it."""

    y_true: int = NO_LABEL
    """What it counts as now: a class, RETRACTED or NO_LABEL."""
    labelled_at: int = 0
    """Of the label that says so."""
    matched: bool = False
    """It had a class at least once."""
    label_first: bool = False
    """And the earliest such class was labelled before the prediction was made."""


class First(NamedTuple):
    """The first class that an identity ever had."""

    prediction: Scored
    """The one that counted then."""
    y_true: int
    labelled_at: int


class Advanced(NamedTuple):
    """What events made of one id: each prediction that counted before and that counts now, with its standing."""

    before: Standings
    now: Standings
    history: History
    firsts: Sequence[First]
    """Of the identities that had their first class with these events, in the order of reading."""


_NOTHING: Final = Standing()


def standing(predicted_at: int, labels: Sequence[tuple[int, ...]], rules: Rules) -> Standing:
    """Return how a prediction stands among the marks of its id, which are in order of time."""
    lo, hi = _range(labels, predicted_at - rules.label_first_wait, predicted_at + rules.correction_window)
    if lo == hi:
        return _NOTHING
    for at in range(lo, hi):
        if labels[at][1] != RETRACTED:
            last = labels[hi - 1]
            return Standing(last[1], last[0], matched=True, label_first=labels[at][0] < predicted_at)
    return Standing(RETRACTED, labels[hi - 1][0])


def history_of(
    predictions: Sequence[Scored], labels: Sequence[Mark], rules: Rules, told: Sequence[int] = ()
) -> History:
    """Return the history of an id with these predictions and labels; `told`: as in `History`, or more than that."""
    stands = [(p, standing(p.predicted_at, labels, rules)) for p in predictions]
    still = {p.version for p, stand in stands if not stand.matched} if told else ()
    return _history(stands, labels, tuple([version for version in told if version in still]))


def without_old(history: History, passed: int, rules: Rules) -> History:
    """Return what an event timed `passed` or later can still need."""
    reach = rules.correction_window + rules.label_first_wait
    predictions = [p for p in history.predictions if p.predicted_at + reach >= passed]
    labels = [
        mark
        for mark in history.labels
        if mark.labelled_at + rules.label_first_wait >= passed
        or any(belongs(mark.labelled_at, p.predicted_at, rules) for p in predictions)
    ]
    return history_of(predictions, labels, rules, history.told)


class Threads:
    """Takes the events of ids in the order of reading, one id after the other, and adds up what becomes of them."""

    def __init__(self, rules: Rules) -> None:
        """Begin with nothing added up."""
        self._rules = rules
        self._predictions: dict[int, Scored] = {}
        self._labels: list[Mark] = []
        self._fresh: set[int] = set()
        """Versions that never had a class."""
        self._firsts: list[First] = []
        self._tally = [0] * len(Total)

    @property
    def outcomes(self) -> Outcomes:
        """What became of all events so far."""
        return Outcomes(*self._tally)

    def advance(self, history: History, events: Iterable[Scored | Mark]) -> Advanced:
        """Take the next events of an id, of which `history` is known."""
        rules, tally = self._rules, self._tally
        before = [(p, standing(p.predicted_at, history.labels, rules)) for p in history.predictions]
        self._predictions = {p.version: p for p in history.predictions}
        self._labels = list(history.labels)
        self._fresh = {p.version for p, stand in before if not stand.matched and p.version not in history.told}
        self._firsts = []
        for event in events:
            if isinstance(event, Scored):
                self._predict(event)
            else:
                self._label(event)
        now = [(p, standing(p.predicted_at, self._labels, rules)) for p in self._predictions.values()]
        for sign, stands in ((-1, before), (1, now)):
            for _, stand in stands:
                if stand.matched:
                    tally[Total.MATCHED] += sign
                    tally[Total.LABEL_FIRST] += sign * stand.label_first
        fresh = self._fresh
        told = tuple([p.version for p, stand in now if not stand.matched and p.version not in fresh])
        return Advanced(before, now, _history(now, self._labels, told), self._firsts)

    def _predict(self, new: Scored) -> None:
        """Take a prediction: the earliest of its version stays, of one moment the first read."""
        old = self._predictions.get(new.version)
        self._tally[Total.PREDICTIONS if old is None else Total.DUPLICATE] += 1
        if old is not None and old.predicted_at <= new.predicted_at:
            return
        rules, labels = self._rules, self._labels
        lo, hi = _range(labels, new.predicted_at - rules.label_first_wait, new.predicted_at + rules.correction_window)
        waiting = [at for at in range(lo, hi) if labels[at].waiting != NO_LABEL]
        joined = {at for at in range(lo, hi) if self._owners(labels[at].labelled_at)} if waiting else set()
        self._predictions[new.version] = new
        if old is None:
            self._fresh.add(new.version)
        # What waits belonged to no prediction until now: the labels that share one with it share this one.
        for at in waiting:
            mark = labels[at]
            known = (labels[i] for i in range(hi - 1, lo - 1, -1) if i in joined)
            self._tally[self._outcome(mark._replace(y_true=mark.waiting), known)] += 1
            labels[at] = mark._replace(waiting=NO_LABEL)
            joined.add(at)
        if new.version in self._fresh:
            earliest = next((labels[at] for at in range(lo, hi) if labels[at].y_true != RETRACTED), None)
            if earliest is not None:
                self._tell(new, earliest)

    def _label(self, new: Mark) -> None:
        """Take a label: of one moment the winner stays."""
        at, rules, labels = new.labelled_at, self._rules, self._labels
        self._tally[Total.LABELS] += 1
        owners = self._owners(at)
        if owners:
            # All of them span this moment, so that their spans are one.
            lo, hi = _range(labels, min(owners) - rules.label_first_wait, max(owners) + rules.correction_window)
            became = self._outcome(new, (labels[i] for i in range(hi - 1, lo - 1, -1)))
        else:
            lo, hi = _range(labels, at - rules.label_first_wait, at + rules.label_first_wait)
            near = (labels[i] for i in range(hi - 1, lo - 1, -1))
            became = self._outcome(new, (mark for mark in near if not self._owners(mark.labelled_at)))
        waits = became is Total.APPLIED and not owners
        if not waits:
            self._tally[became] += 1
        place = bisect_left(labels, (at,))
        if place == len(labels) or labels[place].labelled_at != at:
            labels.insert(place, Mark(at, new.y_true, new.y_true if waits else NO_LABEL))
        elif rules.rank(new.y_true) > rules.rank(labels[place].y_true):
            labels[place] = labels[place]._replace(y_true=new.y_true)
        if owners and self._fresh and labels[place].y_true != RETRACTED:
            for p in self._predictions.values():
                if p.version in self._fresh and belongs(at, p.predicted_at, rules):
                    self._tell(p, labels[place])

    def _tell(self, prediction: Scored, mark: Mark) -> None:
        """Note the first class of an identity."""
        self._fresh.remove(prediction.version)
        self._firsts.append(First(prediction, mark.y_true, mark.labelled_at))

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
        newer = new.labelled_at > last.labelled_at or (
            new.labelled_at == last.labelled_at and self._rules.rank(new.y_true) > self._rules.rank(last.y_true)
        )
        return outcome(last.y_true, new.y_true, newer=newer, had_class=had_class)

    def _owners(self, labelled_at: int) -> list[int]:
        """Return when the known predictions were made to which a label of this moment belongs."""
        first = labelled_at - self._rules.correction_window
        last = labelled_at + self._rules.label_first_wait
        return [p.predicted_at for p in self._predictions.values() if first <= p.predicted_at <= last]


def _history(stands: Standings, labels: Sequence[Mark], told: tuple[int, ...]) -> History:
    """Return what is known of an id."""
    return History(
        tuple([p for p, _ in stands]),
        tuple(labels),
        tuple([p.predicted_at for p, stand in stands if not stand.matched]),
        tuple([mark.labelled_at for mark in labels if mark.waiting != NO_LABEL]),
        told,
    )


def belongs(labelled_at: int, predicted_at: int, rules: Rules) -> bool:
    """Tell whether a label of one moment belongs to a prediction of another."""
    return -rules.label_first_wait <= labelled_at - predicted_at <= rules.correction_window


def _range(labels: Sequence[tuple[int, ...]], start: int, end: int) -> tuple[int, int]:
    """Return the places [lo, hi) of the marks from start to end, both included."""
    return bisect_left(labels, (start,)), bisect_left(labels, (end + 1,))
