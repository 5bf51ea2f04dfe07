"""An entry: all of a commit but its rows, as one record of the log. And what a checkpoint keeps of each model."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import zstandard

from monitor.counts.slices import Series
from monitor.join.rules import Outcomes
from monitor.join.vocabulary import Vocabulary
from monitor.state.disk.generations import Generation, Generations
from monitor.state.disk.slice_format import Packed, pack
from monitor.state.disk.waiting import Minutes
from monitor.state.state import Commit, ModelCommit
from monitor.statistics.budget import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.counts.counts import Counts
    from monitor.state.disk.slice_format import Planes
    from monitor.state.state import ModelState, ObjectiveKey

    Open = tuple[Minutes, Minutes]
    """Of predictions, of labels."""


_LEVEL: Final = 1
"""Of compression: a third of the bytes, at a tenth of a microsecond an event."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a commit changes besides rows."""

    commit: Commit
    """Without rows; of models, those that it changes."""
    open: Mapping[str, Open] = field(default_factory=dict)
    """Model -> by how many more predictions and labels are open."""
    generations: Mapping[str, Generations] = field(default_factory=dict)
    """Model -> its generations from now on, where they change."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Model -> slices that begin before this moment were dropped, before what the commit adds."""

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        commit = self.commit
        return bool(
            commit.models
            or commit.slices
            or commit.offsets
            or commit.dead_letters
            or commit.skipped
            or commit.boundary is not None
            or any(commit.objectives.values())
            or self.dropped
        )


class StoredVocabulary(msgspec.Struct, frozen=True, array_like=True):
    """A model's texts."""

    versions: tuple[str, ...]
    segments: tuple[tuple[str, tuple[str, ...]], ...]
    fixed: tuple[str, ...]

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> StoredVocabulary:
        """Return what is stored."""
        return cls(vocabulary.versions, vocabulary.segments, tuple(sorted(vocabulary.fixed)))

    def vocabulary(self) -> Vocabulary:
        """Return what was stored."""
        return Vocabulary(self.versions, self.segments, frozenset(self.fixed))


class StoredGenerations(msgspec.Struct, frozen=True, array_like=True):
    """A model's generations."""

    kept: tuple[tuple[int, int, int], ...]
    forgotten: int | None

    @classmethod
    def of(cls, generations: Generations) -> StoredGenerations:
        """Return what is stored."""
        return cls(generations.kept, generations.forgotten)

    def generations(self) -> Generations:
        """Return what was stored."""
        return Generations(tuple(Generation(*one) for one in self.kept), self.forgotten)


class StoredMinutes(msgspec.Struct, frozen=True, array_like=True):
    """Numbers by minute."""

    minute: bytes
    number: bytes

    @classmethod
    def of(cls, minutes: Minutes) -> StoredMinutes:
        """Return what is stored."""
        return cls(minutes.minute.astype("<i4").tobytes(), minutes.number.astype("<i8").tobytes())

    def minutes(self) -> Minutes:
        """Return what was stored."""
        return Minutes(np.frombuffer(self.minute, "<i4").astype(np.int64), np.frombuffer(self.number, "<i8"))


class StoredTally(msgspec.Struct, frozen=True, array_like=True):
    """The counters of one objective."""

    model: str
    objective: str
    events: int
    bad: int
    skipped: int


def stored_tallies(tallies: Mapping[ObjectiveKey, Tally]) -> tuple[StoredTally, ...]:
    """Return what is stored of counters: those that hold anything."""
    return tuple(StoredTally(*key, *astuple(tally)) for key, tally in tallies.items() if tally)


def tallies_of(stored: tuple[StoredTally, ...]) -> dict[ObjectiveKey, Tally]:
    """Return what was stored of counters."""
    return {(one.model, one.objective): Tally(one.events, one.bad, one.skipped) for one in stored}


class _ModelEntry(msgspec.Struct, frozen=True, array_like=True):
    vocabulary: StoredVocabulary | None
    """None: as it was."""
    outcomes: tuple[int, ...]
    last_prediction: int | None
    last_label: int | None
    passed: int | None
    predictions: dict[str, int]
    open: tuple[StoredMinutes, StoredMinutes] | None
    generations: StoredGenerations | None


class _Record(msgspec.Struct, frozen=True, array_like=True):
    models: dict[str, _ModelEntry]
    slices: dict[str, tuple[list[tuple[str, str | None, list[int]]], Packed]]
    """Model -> (version, segment, starts) of its series, and the counts of all of these slices."""
    offsets: dict[str, int]
    dead_letters: dict[str, int]
    skipped: dict[str, int]
    boundary: int | None
    dropped: dict[str, int]
    objectives: tuple[StoredTally, ...] = ()
    """Records that were written before there were any end without it."""


def encode(entry: Entry, known: Mapping[str, ModelState]) -> bytes:
    """Return the record of an entry; `known`: what is known of each model before it."""
    commit = entry.commit
    models = {
        name: _ModelEntry(
            None if part.vocabulary == known[name].vocabulary else StoredVocabulary.of(part.vocabulary),
            astuple(part.outcomes),
            part.last_prediction,
            part.last_label,
            part.passed,
            dict(part.predictions),
            None if name not in entry.open else _pair(entry.open[name]),
            None if name not in entry.generations else StoredGenerations.of(entry.generations[name]),
        )
        for name, part in commit.models.items()
    }
    series: dict[str, list[tuple[str, str | None, list[int]]]] = {}
    counts: dict[str, list[Counts]] = {}
    for one, slices in commit.slices.items():
        series.setdefault(one.model, []).append((one.version, one.segment, list(slices)))
        counts.setdefault(one.model, []).extend(slices.values())
    record = msgspec.msgpack.encode(
        _Record(
            models,
            {name: (series[name], pack(counts[name])) for name in series},
            dict(commit.offsets),
            dict(commit.dead_letters),
            dict(commit.skipped),
            commit.boundary,
            dict(entry.dropped),
            stored_tallies(commit.objectives),
        )
    )
    return zstandard.ZstdCompressor(level=_LEVEL).compress(record)


def decode(stored: bytes, known: Mapping[str, ModelState], planes: Mapping[str, Planes]) -> Entry:
    """Return the entry of a record. Raises msgspec.MsgspecError or ValueError where it is damaged."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(stored)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    record = msgspec.msgpack.decode(plain, type=_Record)
    slices: dict[Series, dict[int, Counts]] = {}
    for name, (series, packed) in record.slices.items():
        counts = iter(planes[name].unpack(packed))
        for version, segment, starts in series:
            slices[Series(name, version, segment)] = {start: next(counts) for start in starts}
    models = {
        name: ModelCommit(
            known[name].vocabulary if part.vocabulary is None else part.vocabulary.vocabulary(),
            Outcomes(*part.outcomes),
            part.last_prediction,
            part.last_label,
            part.passed,
            predictions=part.predictions,
        )
        for name, part in record.models.items()
    }
    return Entry(
        Commit(
            models,
            slices,
            record.offsets,
            record.dead_letters,
            record.skipped,
            record.boundary,
            tallies_of(record.objectives),
        ),
        {n: (part.open[0].minutes(), part.open[1].minutes()) for n, part in record.models.items() if part.open},
        {n: part.generations.generations() for n, part in record.models.items() if part.generations},
        record.dropped,
    )


def _pair(open_: Open) -> tuple[StoredMinutes, StoredMinutes]:
    """Return both."""
    return StoredMinutes.of(open_[0]), StoredMinutes.of(open_[1])
