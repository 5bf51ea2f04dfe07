"""The state that outlives its process: rows in RocksDB, everything else in memory and, entry by entry, in a log there.

A commit is ONE atomic batch: the rows that changed, and one entry of the log with all the rest (slice counts, offsets,
totals, ...). So a late label costs a few bytes, not a new copy of every slice that it touches. A checkpoint folds the
log: now and then, and at the end, it writes in one batch what changed since the last one and takes the entries away.
Opening reads the checkpoint and takes the entries that came after it.

What is promised: after any death of the process the store says what it said after its last commit; after the machine's,
what it said after some commit before; always rows, counts and offsets of the same commit. Neither loses an event nor
counts one twice, since the source delivers again what comes after the offsets.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from monitor.errors import InputError, StateBroken
from monitor.join.rules import Outcomes
from monitor.state.books import Books
from monitor.state.disk.aside import Aside
from monitor.state.disk.checkpoint import Checkpoint
from monitor.state.disk.entries import Entry, decode, encode
from monitor.state.disk.journal import Log, read_slices
from monitor.state.disk.rocksdb import DEFAULT, Batch, Database, damaged
from monitor.state.disk.row_facts import NOT_NEEDED, differing, needed_until, taken
from monitor.state.disk.row_format import RowFormat
from monitor.state.disk.setup import misfits
from monitor.state.disk.waiting import changes
from monitor.state.slice_table import SliceTable
from monitor.state.state import Fetched
from monitor.state.table import ALWAYS_KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.join.rows import Rows
    from monitor.state.disk.generations import Generations
    from monitor.state.disk.kept import KeptModel
    from monitor.state.disk.slice_format import Planes
    from monitor.state.state import Commit, ModelCommit, ModelState
    from monitor.statistics.report import Totals

_LOG: Final = "log"
_SLICES: Final = "slices"
_NOWHERE: Final = -1
"""In place of a generation: there is no such row."""


@dataclass(frozen=True, slots=True)
class _Touched:
    """The rows that were fetched."""

    keys: list[bytes]
    generation: NDArray[np.int64]
    """(n,) serial of the generation of each row, or _NOWHERE."""
    rows: Rows


class RocksState(Aside, Books):
    """Implements `State` in a folder. It has one writer; a fetch that no commit follows changes nothing.

    Raises InputError where the folder cannot be opened, StateInUse where another process has it, and StateBroken where
    reading or writing fails later: nothing of that commit holds then, and what memory says is what the disk says.

    `totals` tells what is expired by whole minutes: up to a minute after the moment itself has passed.
    """

    def __init__(
        self,
        path: Path,
        models: Mapping[str, ModelSettings],
        *,
        always_kept: int = ALWAYS_KEPT,
        read_only: bool = False,
    ) -> None:
        """Open the folder, or begin with an empty one. A generation of fewer than `always_kept` rows is not closed.

        `read_only`: it has to be there, takes no lock, and nothing in it changes: whoever writes gets StateBroken.
        """
        super().__init__(models)
        self._path, self._always_kept = path, always_kept
        self._formats = {name: RowFormat(model) for name, model in models.items()}
        self._touched: dict[tuple[str, int], _Touched] = {}
        self._places = 0
        self._pending: dict[str, int] = {}
        """Model -> where slices were dropped since the last entry."""
        self._broken: StateBroken | None = None
        self._closed = False
        self._read_only = read_only
        self._database = Database(path, read_only=read_only)
        try:
            self._log = Log(self._database.made(_LOG))
            if not read_only:
                self._make_room()
            self._open()
        except BaseException:
            self._database.close()
            raise

    def fetch(self, model: str, predictions: NDArray[np.object_], labels: NDArray[np.object_]) -> Fetched:
        """Return the rows of these ids."""
        n = len(predictions)
        number: dict[str, int] = {}
        events = [number.setdefault(text, len(number)) for text in (*predictions.tolist(), *labels.tolist())]
        row = np.array(events, np.int64)
        keys = self._kept[model].keys(number)
        own = self._found(model, keys)
        places = np.arange(self._places, self._places + len(keys))
        self._touched[model, self._places] = own
        self._places += len(keys) + 1
        return Fetched(own.rows, row[:n], row[n:], places)

    def commit(self, commit: Commit) -> None:
        """Take one step, and forget what `passed` leaves behind."""
        if self._broken is not None:
            raise self._broken
        touched, self._touched = self._touched, {}
        batch = Batch()
        try:
            entry = self._entry(commit, touched, batch)
            if entry or len(batch):
                self._write(batch, entry)
        except StateBroken as error:
            self._broken = error
            raise

    def rows(self, model: str) -> int:
        """Return how many ids of a model have a row."""
        return sum(generation.rows for generation in self._kept[model].generations.kept)

    def drop_slices(self, model: str, before: int) -> None:
        """Forget the slices that begin before this moment. It is durable with the next commit."""
        if before > self._oldest.get(model, before - 1):
            self._drop(model, before)
            self._pending = {**self._pending, model: before}

    def totals(self) -> Mapping[str, Totals]:
        """Return model -> what became of its events as of `passed`, by whole minutes."""
        return {
            name: self._totals(name, self._kept[name].predictions.over, self._kept[name].labels.over)
            for name in self._setups
        }

    def stored_bytes(self) -> int:
        """Return what its files take on the disk."""
        return self._database.size()

    def close(self) -> None:
        """Fold the log and let the folder go; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._broken is None and (len(self._log) or self._pending):
                self._checkpoint()
        finally:
            self._database.close()

    def _entry(self, commit: Commit, touched: Mapping[tuple[str, int], _Touched], batch: Batch) -> Entry:
        """Add the rows of a commit to a batch; return the rest."""
        models: dict[str, ModelCommit] = {}
        opened, generations = {}, {}
        for name, part in commit.models.items():
            kept = self._kept[name]
            after = kept.generations if part.passed is None else kept.generations.without(part.passed)
            if part.rows is not None and part.places is not None and len(part.places):
                own = touched.get((name, int(part.places[0])))
                if own is None or len(own.keys) != len(part.places):
                    message = "these rows were not fetched since the last commit"
                    raise ValueError(message)
                change = changes(own.rows, part.rows, kept.rules)
                if any(len(column.minute) for column in change):
                    opened[name] = change
                after = self._put(batch, kept, own, part.rows, after)
            if after != kept.generations:
                generations[name] = after
            bare = replace(part, rows=None, places=None)
            if name in opened or name in generations or _moves(bare, self._models[name]):
                models[name] = bare
        offsets = {key: at for key, at in commit.offsets.items() if self._offsets.get(key) != at}
        return Entry(replace(commit, models=models, offsets=offsets), opened, generations, self._pending)

    def _found(self, model: str, keys: list[bytes]) -> _Touched:
        """Look for rows, in the newest generation first."""
        kept = self._kept[model]
        values: list[bytes | None] = [None] * len(keys)
        generation = np.full(len(keys), _NOWHERE, np.int64)
        missing, wanted = list(range(len(keys))), keys
        with self._database.told():
            for one in reversed(kept.generations.kept):
                if not wanted:
                    break
                found = self._database.family(kept.family(one.serial)).get(wanted)
                there = [(at, value) for at, value in zip(missing, found, strict=True) if value is not None]
                if there:
                    for at, value in there:
                        values[at], generation[at] = value, one.serial
                    missing = [at for at in missing if values[at] is None]
                    wanted = [keys[at] for at in missing]
        try:
            rows = self._formats[model].decode(values)
        except (ValueError, msgspec.MsgspecError) as error:
            raise StateBroken(damaged(self._path, f"a row of {model}: {error}")) from error
        return _Touched(keys, generation, rows)

    def _put(self, batch: Batch, kept: KeptModel, own: _Touched, rows: Rows, generations: Generations) -> Generations:
        """Add the rows that changed to a batch; return the generations with what that makes of them."""
        serials = [generation.serial for generation in generations.kept]
        stays = np.isin(own.generation, serials)
        at = np.flatnonzero(differing(own.rows, rows) | (~stays & (own.generation != _NOWHERE)))
        if not len(at):
            return generations
        now, before = taken(rows, at), np.where(stays, own.generation, _NOWHERE)[at]
        until = needed_until(now, kept.rules)
        there = until != NOT_NEEDED
        generations = generations.reaching(until[there], kept.width, self._always_kept)
        after = np.full(len(at), _NOWHERE, np.int64)
        after[there] = np.maximum(generations.places(until[there]), before[there])
        values = self._formats[kept.name].encode(now)
        grown: Counter[int] = Counter()
        for serial in np.unique(after[there]).tolist():
            which = np.flatnonzero(after == serial)
            family = self._database.made(kept.family(serial))
            batch.put(family, [own.keys[i] for i in at[which].tolist()], values[which].tolist())
            grown[serial] += len(which)
        for serial in np.unique(before[before != _NOWHERE]).tolist():
            own_before = before == serial
            left = np.flatnonzero(own_before & (after != serial))
            batch.delete(self._database.family(kept.family(serial)), [own.keys[i] for i in at[left].tolist()])
            grown[serial] -= int(np.count_nonzero(own_before))
        return generations.grown(grown)

    def _write(self, batch: Batch, entry: Entry) -> None:
        """Make a step durable; then let memory follow."""
        before = {name: self._kept[name].families() for name in entry.generations}
        self._log.append(batch, encode(entry, self._models))
        self._database.write(batch)
        self._apply(entry)
        self._pending = {}
        for name, families in before.items():
            for family in set(families) - set(self._kept[name].families()):
                self._database.drop(family)
        if self._log.long:
            self._checkpoint()

    def _open(self) -> None:
        """Take what is stored, begin the models that are new, and drop what a death left behind."""
        database, path = self._database, self._path
        try:
            with database.told():
                stored = Checkpoint.read(database.family(DEFAULT), path)
                found = stored or Checkpoint.first()
                setups = {name: model.setup for name, model in found.models.items()}
                problems = misfits(setups, self._setups, str(path))
                if problems:
                    raise InputError(*problems)
                moved = self._take_slices(self._take_checkpoint(found))
                wanted = {family for kept in self._kept.values() for family in kept.families()}
                there = {name for name in database.names() if name.startswith("rows-")}
                if wanted - there:
                    raise InputError(damaged(path, f"{min(wanted - there)} is missing"))
                for name in () if self._read_only else sorted(there - wanted):
                    database.drop(name)
                if stored is None or self._setups.keys() - found.models.keys() or moved:
                    self._checkpoint()
        except StateBroken as error:
            raise InputError(error.problem) from error
        except (LookupError, ValueError, msgspec.MsgspecError) as error:
            raise InputError(damaged(path, str(error))) from error

    def _take_slices(self, planes: Mapping[str, Planes]) -> bool:
        """Take the slices of a checkpoint, and the entries that came after it; return whether planes have moved."""
        for series, start, counts in read_slices(self._database.made(_SLICES), planes):
            self._slices.setdefault(series, SliceTable()).add(start, counts)
            if not planes[series.model].same:
                self._dirty.setdefault(series, set()).add(start)
        for record in self._log.read():
            self._apply(decode(record, self._models, planes))
        return not all(one.same for one in planes.values())

    def _checkpoint(self) -> None:
        """Write what changed since the last one, and take the entries away, in one batch. Who only reads does not."""
        if self._read_only:
            return
        batch = Batch()
        self._write_checkpoint(batch, self._database.family(DEFAULT), self._database.family(_SLICES))
        self._log.fold(batch)
        self._database.write(batch)
        self._dirty, self._pending = {}, {}


def _moves(part: ModelCommit, known: ModelState) -> bool:
    """Tell whether a commit changes what is known of a model."""
    return (
        bool(part.predictions)
        or part.outcomes != Outcomes()
        or part.vocabulary != known.vocabulary
        or (part.last_prediction, part.last_label, part.passed)
        != (known.last_prediction, known.last_label, known.passed)
    )
