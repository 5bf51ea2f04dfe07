"""Samples: the small facts of earlier weeks that gates call usual, kept in bounded number. Pure.

A Block sums up one mature stretch of a model's predictions; it is taken from counts, and can be taken again as long as
their slices are kept. Tallies and Quiets note once an hour how far totals had come, and how long labels were silent.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.clock import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row = tuple[str | int, ...]

KEPT: Final = 28 * DAY
"""So long samples are kept."""
SOURCE: Final = ""
"""In place of a model: of the whole source."""
LEAST_EVENTS: Final = 100
"""Shares of fewer events tell nothing of what is usual: the median of rare things would be 0."""
LEAST_PREDICTIONS: Final = 20
"""The same of predictions that are labelled or not."""


class Block(NamedTuple):
    """What became of the predictions of [start, start + length), as of when all of them were mature."""

    taken: int
    """When, epoch ms."""
    model: str
    start: int
    length: int
    predictions: int
    labels: int
    p90: int
    """Within what delay, ms, nine of ten labels came; 0 where there are none."""


class Tally(NamedTuple):
    """How far a total had come: `part` of `whole` events. For the words see `gates.consistency`."""

    taken: int
    model: str
    word: str
    part: int
    whole: int


class Quiet(NamedTuple):
    """The longest silence of a model's labels, ms, that an hour saw."""

    taken: int
    """The start of the hour."""
    model: str
    length: int


Sample = Block | Tally | Quiet
KINDS: Final[Mapping[str, type[Sample]]] = {"block": Block, "quiet": Quiet, "tally": Tally}
_TEXTS: Final = ("model", "word")
_NAMES: Final = {kind: name for name, kind in KINDS.items()}


class Samples:
    """Every sample of the last four weeks."""

    def __init__(self) -> None:
        """Begin with none."""
        self._taken: list[Sample] = []
        """In the order in which they were taken."""
        self._blocks: dict[tuple[str, int], dict[int, Block]] = {}
        self._tallies: dict[tuple[str, str], list[Tally]] = {}
        self._quiet: dict[str, dict[int, int]] = {}
        """Model -> hour -> length."""
        self._noted: dict[str, int] = {}
        """Model -> when its last tally was taken."""
        self._known: dict[tuple[str, str], list[float]] = {}
        """What `shares` returned, as long as it holds."""

    def add(self, sample: Sample) -> None:
        """Take a sample, in the order of time. A block that is known already is replaced, a longer Quiet holds."""
        if isinstance(sample, Quiet):
            hours = self._quiet.setdefault(sample.model, {})
            hours[sample.taken] = max(sample.length, hours.get(sample.taken, 0))
            return
        self._taken.append(sample)
        if isinstance(sample, Block):
            self._blocks.setdefault((sample.model, sample.length), {})[sample.start] = sample
        else:
            self._tallies.setdefault((sample.model, sample.word), []).append(sample)
            self._noted[sample.model] = sample.taken
            self._known.pop((sample.model, sample.word), None)

    def blocks(self, model: str, length: int, before: int) -> list[Block]:
        """Return the blocks of one length that end at `before` or earlier, in order."""
        known = self._blocks.get((model, length), {})
        return [known[start] for start in sorted(known) if start + length <= before]

    def has_block(self, model: str, length: int, start: int) -> bool:
        """Tell whether this block is known."""
        return start in self._blocks.get((model, length), {})

    def completeness(self, model: str, length: int, before: int) -> list[float]:
        """Return the labelled shares of blocks that end at `before` or earlier; small ones are taken together."""
        blocks = self.blocks(model, length, before)
        return _shares(((block.labels, block.predictions) for block in blocks), LEAST_PREDICTIONS)

    def silences(self, model: str, before: int) -> list[int]:
        """Return the longest silences of the hours that began before a moment, ms."""
        return [length for hour, length in sorted(self._quiet.get(model, {}).items()) if hour < before]

    def tally_at(self, model: str, word: str, moment: int) -> Tally | None:
        """Return the latest tally taken at `moment` or earlier; None where there is none."""
        known = self._tallies.get((model, word), [])
        at = bisect_left(known, moment + 1, key=_when)
        return known[at - 1] if at else None

    def last_tally(self, model: str) -> int | None:
        """Return when a model's totals were last noted."""
        return self._noted.get(model)

    def shares(self, model: str, word: str) -> list[float]:
        """Return the shares from one tally to the next; those of few events are taken together."""
        if (model, word) not in self._known:
            steps = pairwise(self._tallies.get((model, word), ()))
            grown = ((max(later.part - then.part, 0), max(later.whole - then.whole, 0)) for then, later in steps)
            self._known[model, word] = _shares(grown, LEAST_EVENTS)
        return self._known[model, word]

    def prune(self, now: int) -> None:
        """Forget what was taken more than four weeks ago, and blocks of older predictions."""
        first = now - KEPT
        kept = [each for each in self._taken if min(each.taken, _begins(each)) >= first]
        self._refill([*kept, *self._quiets(first)])

    def rows(self, since: int = 0) -> list[Row]:
        """Return the samples taken at `since` or later as plain tuples, the kind first: for whoever keeps them."""
        taken = self._taken[bisect_left(self._taken, since, key=_when) :]
        return [(_NAMES[type(each)], *each) for each in (*taken, *self._quiets(since))]

    def restore(self, rows: Iterable[Row]) -> None:
        """Take the rows of earlier processes, in any order and repetition; call it before anything is added.

        A row of another kind or size, of a newer foldwatch, is passed over.
        """
        found = {sample for row in rows if (sample := _sample(row)) is not None}
        self._refill(sorted(found, key=lambda each: (each.taken, _NAMES[type(each)], each)))

    def _quiets(self, since: int) -> list[Quiet]:
        """Return the silences of the hours from `since` on."""
        return [
            Quiet(hour, model, length)
            for model, hours in self._quiet.items()
            for hour, length in hours.items()
            if hour >= since
        ]

    def _refill(self, samples: Iterable[Sample]) -> None:
        """Hold these samples and no others."""
        self._taken, self._blocks, self._tallies, self._quiet = [], {}, {}, {}
        self._noted, self._known = {}, {}
        for sample in samples:
            self.add(sample)


def _sample(row: Row) -> Sample | None:
    """Return what a row says; None where it is of another kind or shape."""
    kind = KINDS.get(str(row[0])) if row else None
    if kind is None or len(row) != len(kind._fields) + 1:
        return None
    for name, value in zip(kind._fields, row[1:], strict=True):
        if isinstance(value, str) != (name in _TEXTS):
            return None
    return kind._make(row[1:])


def _when(sample: Sample) -> int:
    return sample.taken


def _begins(sample: Sample) -> int:
    return sample.start if isinstance(sample, Block) else sample.taken


def _shares(counted: Iterable[tuple[int, int]], least: int) -> list[float]:
    """Return the shares of (part, whole) in a row, as many of them together as it takes to have `least` events."""
    shares: list[float] = []
    parts = wholes = 0
    for part, whole in counted:
        parts, wholes = parts + part, wholes + whole
        if wholes >= least:
            shares.append(parts / wholes)
            parts = wholes = 0
    return shares
