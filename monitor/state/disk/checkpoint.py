"""What a checkpoint writes besides slices: the format, the salt, the small tables, and each model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.errors import InputError, Problem
from monitor.state.disk.entries import StoredTally  # noqa: TC001 - msgspec reads the types of Tables
from monitor.state.disk.kept import StoredModel
from monitor.state.disk.rocksdb import damaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.state.disk.rocksdb import Batch, Family

FORMAT: Final = 1
"""Of everything in a store. A store of a later one is refused; one of an earlier one would have to be read here."""
_FORMAT: Final = b"format"
_SALT: Final = b"salt"
_TABLES: Final = b"tables"
_MODEL: Final = b"model/"
_SALT_BYTES: Final = 32


class Tables(msgspec.Struct, frozen=True, array_like=True):
    """What belongs to no model."""

    offsets: dict[str, int] = {}
    dead_letters: dict[str, int] = {}
    skipped: dict[str, int] = {}
    boundary: int | None = None
    objectives: tuple[StoredTally, ...] = ()
    """Checkpoints that were written before there were any end without it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A store but for its rows, its slices and the entries that came later."""

    salt: bytes
    """Of this store alone: nobody can choose ids whose keys meet."""
    tables: Tables = field(default_factory=Tables)
    models: Mapping[str, StoredModel] = field(default_factory=dict)

    @classmethod
    def first(cls) -> Checkpoint:
        """Return that of an empty store."""
        return cls(os.urandom(_SALT_BYTES))

    def write(self, batch: Batch, family: Family) -> None:
        """Add it to a batch."""
        encode = msgspec.msgpack.encode
        written = {_FORMAT: encode(FORMAT), _SALT: self.salt, _TABLES: encode(self.tables)}
        written.update((_MODEL + name.encode(), encode(model)) for name, model in self.models.items())
        batch.put(family, written.keys(), written.values())

    @classmethod
    def read(cls, family: Family, path: Path) -> Checkpoint | None:
        """Return what is there; None in a new store. Raises InputError where it is not ours to read, or damaged."""
        found = dict(family.items())
        if not found:
            return None
        if _FORMAT not in found:
            raise InputError(
                Problem(str(path), "is a RocksDB of another program", "name an empty folder in `store.path`")
            )
        decode = msgspec.msgpack.decode
        try:
            version = decode(found[_FORMAT], type=int)
            if version > FORMAT:
                raise InputError(_newer(path, version))
            models = {
                key[len(_MODEL) :].decode(): decode(value, type=StoredModel)
                for key, value in found.items()
                if key.startswith(_MODEL)
            }
            return cls(found[_SALT], decode(found[_TABLES], type=Tables), models)
        except (KeyError, ValueError, msgspec.MsgspecError) as error:
            raise InputError(damaged(path, f"its checkpoint: {error}")) from error


def _newer(path: Path, version: int) -> Problem:
    """Return why a store is refused."""
    return Problem(
        str(path),
        f"was written by a newer foldwatch, in format {version}; this one reads formats up to {FORMAT}",
        "run that foldwatch, or name an empty folder and read everything again from the start",
    )
