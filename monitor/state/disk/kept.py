"""What the durable state keeps in memory of one model beside its accounts: generations, and what is open."""

from __future__ import annotations

from dataclasses import astuple
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from monitor.join.rules import Outcomes
from monitor.state.disk.entries import StoredGenerations, StoredMinutes, StoredVocabulary
from monitor.state.disk.generations import Generations, width_of
from monitor.state.disk.setup import Setup  # noqa: TC001 - msgspec reads the types of StoredModel
from monitor.state.disk.waiting import OpenByMinute
from monitor.state.state import ModelState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.state.disk.entries import Entry


class StoredOpen(msgspec.Struct, frozen=True, array_like=True):
    """What is open by minute."""

    by_minute: StoredMinutes
    over: int
    until: int | None

    @classmethod
    def of(cls, open_: OpenByMinute) -> StoredOpen:
        """Return what is stored."""
        return cls(StoredMinutes.of(open_.by_minute), open_.over, open_.until)

    def open(self, wait: int) -> OpenByMinute:
        """Return what was stored."""
        made = OpenByMinute(wait, self.over, self.until)
        made.add(self.by_minute.minutes())
        return made


class StoredModel(msgspec.Struct, frozen=True, array_like=True):
    """What a checkpoint writes of one model."""

    number: int
    """Its families are named by it."""
    setup: Setup
    planes: dict[str, tuple[int, ...]]
    """Name -> shape, in the order of their addresses."""
    vocabulary: StoredVocabulary
    outcomes: tuple[int, ...]
    last_prediction: int | None
    last_label: int | None
    passed: int | None
    predictions: dict[str, int]
    generations: StoredGenerations
    predictions_open: StoredOpen
    labels_open: StoredOpen
    oldest: int | None
    """Slices that begin before this moment are dropped."""

    @property
    def state(self) -> ModelState:
        """What is known of the model."""
        return ModelState(
            self.vocabulary.vocabulary(),
            Outcomes(*self.outcomes),
            self.last_prediction,
            self.last_label,
            self.passed,
            self.predictions,
            self.generations.forgotten,
        )


class KeptModel:
    """One model."""

    def __init__(self, name: str, number: int, setup: Setup, salt: bytes) -> None:
        """Begin with nothing. `salt` belongs to the store: nobody can choose ids whose keys meet."""
        self.name, self.number, self.setup = name, number, setup
        self.layout, self.rules = setup.layout, setup.rules
        self.width = width_of(self.rules)
        self.generations = Generations()
        self.predictions = OpenByMinute(setup.correction_window)
        self.labels = OpenByMinute(setup.label_first_wait)
        text = name.encode("utf-8", "surrogatepass")
        self._hash = blake2b(len(text).to_bytes(4, "big") + text, digest_size=16, key=salt)

    @classmethod
    def of(cls, name: str, stored: StoredModel, salt: bytes) -> KeptModel:
        """Return a stored one."""
        model = cls(name, stored.number, stored.setup, salt)
        model.generations = stored.generations.generations()
        model.predictions = stored.predictions_open.open(stored.setup.correction_window)
        model.labels = stored.labels_open.open(stored.setup.label_first_wait)
        return model

    def stored(self, state: ModelState, oldest: int | None) -> StoredModel:
        """Return what a checkpoint writes."""
        return StoredModel(
            self.number,
            self.setup,
            dict(self.layout.shapes),
            StoredVocabulary.of(state.vocabulary),
            astuple(state.outcomes),
            state.last_prediction,
            state.last_label,
            state.passed,
            dict(state.predictions),
            StoredGenerations.of(self.generations),
            StoredOpen.of(self.predictions),
            StoredOpen.of(self.labels),
            oldest,
        )

    def keys(self, ids: Iterable[str]) -> list[bytes]:
        """Return the key of each id's row: 128 bits, salted."""
        found = []
        for text in ids:
            hashed = self._hash.copy()
            hashed.update(text.encode("utf-8", "surrogatepass"))
            found.append(hashed.digest())
        return found

    def family(self, serial: int) -> str:
        """Return the name of the family of one generation."""
        return f"rows-{self.number}-{serial}"

    def families(self) -> list[str]:
        """Return the names of the families of all generations, the newest first."""
        return [self.family(generation.serial) for generation in reversed(self.generations.kept)]

    def take(self, entry: Entry) -> None:
        """Take what a commit changes."""
        if self.name in entry.open:
            predictions, labels = entry.open[self.name]
            self.predictions.add(predictions)
            self.labels.add(labels)
        if self.name in entry.generations:
            self.generations = entry.generations[self.name]
        passed = entry.commit.models[self.name].passed
        if passed is not None:
            self.predictions.move_to(passed)
            self.labels.move_to(passed)
