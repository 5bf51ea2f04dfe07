"""Accounts that can be written down: with what is open and the generations of each model, and what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.state.accounts import Accounts
from monitor.state.disk.checkpoint import Checkpoint, Tables
from monitor.state.disk.entries import stored_tallies, tallies_of
from monitor.state.disk.journal import write_slices
from monitor.state.disk.kept import KeptModel
from monitor.state.disk.setup import Setup
from monitor.state.disk.slice_format import Planes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config import ModelSettings
    from monitor.counts.slices import Series
    from monitor.state.disk.entries import Entry
    from monitor.state.disk.rocksdb import Batch, Family


class Books(Accounts):
    """Takes entries, and writes checkpoints of what they come to."""

    def __init__(self, models: Mapping[str, ModelSettings]) -> None:
        """Begin with nothing."""
        super().__init__(models)
        self._setups = {name: Setup.of(model) for name, model in models.items()}
        self._kept: dict[str, KeptModel] = {}
        self._dirty: dict[Series, set[int]] = {}
        """Slices that are not in the last checkpoint as they are now."""
        self._salt = b""

    def _take_checkpoint(self, found: Checkpoint) -> dict[str, Planes]:
        """Take a checkpoint but its slices, and begin the models that are new; return where each has its planes."""
        self._salt = found.salt
        tables, planes = found.tables, {}
        self._offsets, self._boundary = dict(tables.offsets), tables.boundary
        self._dead_letters, self._skipped = dict(tables.dead_letters), dict(tables.skipped)
        self._objectives = tallies_of(tables.objectives)
        number = max((model.number for model in found.models.values()), default=-1)
        for name, model in found.models.items():
            self._kept[name] = KeptModel.of(name, model, found.salt)
            self._models[name] = model.state
            planes[name] = Planes(self._kept[name].layout, model.planes)
            if model.oldest is not None:
                self._oldest[name] = model.oldest
        for name, setup in self._setups.items():
            if name not in self._kept:
                number += 1
                self._kept[name] = KeptModel(name, number, setup, found.salt)
                planes[name] = Planes(setup.layout)
        return planes

    def _apply(self, entry: Entry) -> None:
        """Take an entry that is durable."""
        for model, before in entry.dropped.items():
            self._drop(model, before)
        for name in entry.commit.models:
            self._kept[name].take(entry)
        self._take(entry.commit, {name: self._kept[name].generations.forgotten for name in entry.commit.models})
        for series, slices in entry.commit.slices.items():
            self._dirty.setdefault(series, set()).update(slices)

    def _drop(self, model: str, before: int) -> list[tuple[Series, list[int]]]:
        """Forget slices, and note that the store still has them."""
        gone = super()._drop(model, before)
        for series, starts in gone:
            self._dirty.setdefault(series, set()).update(starts)
        return gone

    def _write_checkpoint(self, batch: Batch, tables: Family, slices: Family) -> None:
        """Add to a batch what changed since the last one."""
        models = {name: kept.stored(self._models[name], self._oldest.get(name)) for name, kept in self._kept.items()}
        objectives = stored_tallies(self._objectives)
        small = Tables(self._offsets, self._dead_letters, self._skipped, self._boundary, objectives)
        Checkpoint(self._salt, small, models).write(batch, tables)
        write_slices(batch, slices, self._dirty, self._slices)
