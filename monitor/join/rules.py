"""What belongs together, which label wins, and what becomes of a label: docs/concepts.md section 1, each rule once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from operator import add, attrgetter
from typing import TYPE_CHECKING, Final

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Rules:
    """The durations and the order of labels that the join of one model goes by."""

    correction_window: int
    """A label belongs up to so many ms after its prediction, that moment included."""
    label_first_wait: int
    """And up to so many ms before it, that moment included."""
    ranks: tuple[int, ...]
    """Class index -> its place among the class texts: of labels of one moment the larger text wins."""

    @classmethod
    def of(cls, classes: Sequence[str], correction_window: int, label_first_wait: int) -> Rules:
        """Rank the class texts; durations in ms."""
        texts = [normal_class(text) for text in classes]
        place = {text: rank for rank, text in enumerate(sorted(texts))}
        return cls(correction_window, label_first_wait, tuple(place[text] for text in texts))

    def rank(self, y_true: int) -> int:
        """Return what a label is worth against another of the same moment: null beats every class."""
        return len(self.ranks) if y_true == RETRACTED else self.ranks[y_true]


class Total(IntEnum):
    """The fields of `Outcomes`, in their order."""

    PREDICTIONS = 0
    MATCHED = 1
    DUPLICATE = 2
    LABEL_FIRST = 3
    LABELS = 4
    APPLIED = 5
    CORRECTED = 6
    RETRACTED = 7
    REPEATED = 8


def outcome(known: int, y_true: int, *, newer: bool, had_class: bool) -> Total:
    """Return what becomes of a label, given what is known of its id: the table of outcomes.

    known: what counts among the labels known so far: a class, RETRACTED, or NO_LABEL for none; y_true: a class or
    RETRACTED; newer: it beats what is known; had_class: there was a class among the known ones. Where no prediction is
    known yet `APPLIED` means that the label waits.
    """
    if known == NO_LABEL:
        return Total.REPEATED if y_true == RETRACTED else Total.APPLIED
    if not newer or y_true == known:
        return Total.REPEATED
    if y_true == RETRACTED:
        return Total.RETRACTED
    return Total.APPLIED if known == RETRACTED and not had_class else Total.CORRECTED


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of events, added up: the totals of docs/concepts.md section 1 that no passing of time changes.

    Two follow: `predictions - matched` are waiting or expired, `labels - (applied + corrected + retracted +
    repeated)` are waiting or orphans.
    """

    predictions: int = 0
    matched: int = 0
    duplicate: int = 0
    label_first: int = 0
    labels: int = 0
    applied: int = 0
    corrected: int = 0
    retracted: int = 0
    repeated: int = 0

    def __add__(self, other: Outcomes) -> Outcomes:
        """Return the outcomes of both."""
        return Outcomes(*map(add, _FIELDS(self), _FIELDS(other)))

    @property
    def unmatched(self) -> int:
        """Predictions that never had a class."""
        return self.predictions - self.matched

    @property
    def open_labels(self) -> int:
        """Labels that no prediction has come for."""
        return self.labels - self.applied - self.corrected - self.retracted - self.repeated


_FIELDS: Final = attrgetter(*(total.name.lower() for total in Total))
"""An Outcomes' numbers, in the order of `Total`."""
