"""RocksDB through rocksdict: column families, one atomic batch at a time. The only file that knows the library.

Writes need no fsync. A batch is in the hands of the operating system when `write` returns, so that no death of the
process loses it. A death of the machine may lose the last ones; what is left is then a prefix of the batches over all
families together (point-in-time recovery, atomic flushes), source offsets included, and the source delivers again what
comes after them.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    WriteBatch,
)

from monitor.errors import InputError, Problem, StateBroken, StateInUse
from monitor.state.disk.looked_at import Links, Nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEFAULT: Final = "default"
_MB: Final = 2**20
_WRITE_BUFFERS: Final = 24 * _MB
"""Of all families together."""
_WRITE_BUFFER: Final = 16 * _MB
_ARENA: Final = 256 * 2**10
_BLOCK_CACHE: Final = 16 * _MB
"""It holds the index, hardly any rows: who looks for one of ten million finds no block twice. The system's cache holds
the files.
"""
_BLOCK: Final = 1_024
"""Bytes that are unpacked to find one row."""
_LOG: Final = 64 * _MB
"""Write-ahead logs together: what a start after a kill has to read."""
_OPEN_FILES: Final = 512
_READ_AHEAD: Final = 256 * 2**10
"""Of each file that is compacted; a tenth of what RocksDB takes."""
_BLOOM_BITS: Final = 10
_AT_ONCE: Final = 128
"""Keys that are looked for in one call: measured to be the fastest, and RocksDB holds the block of each until it
returns.
"""
_OWN_FILES: Final = re.compile(
    r"CURRENT|LOCK|IDENTITY|LOG(\.old.*)?|(MANIFEST|OPTIONS)-\d+(\.dbtmp)?|\d+\.(log|sst|blob|dbtmp)"
    r"|rocksdict-config\.json|lost\+found|ledger\.jsonl|token|\.token\..+"
)
_REPLAY: Final = "reading everything again from the start gives the same numbers"


class Batch:
    """What is to be written at once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._batch = WriteBatch(raw_mode=True)

    def put(self, family: Family, keys: Iterable[bytes], values: Iterable[bytes]) -> None:
        """Write values under keys."""
        batch = self._batch
        batch.set_default_column_family(family.handle)
        for key, value in zip(keys, values, strict=True):
            batch[key] = value

    def delete(self, family: Family, keys: Iterable[bytes]) -> None:
        """Take keys away; one that is not there is no fault."""
        batch = self._batch
        batch.set_default_column_family(family.handle)
        for key in keys:
            del batch[key]

    def __len__(self) -> int:
        """Return how many keys it writes or takes away."""
        return len(self._batch)

    @property
    def content(self) -> WriteBatch:
        """The library's own."""
        return self._batch


class Family:
    """One column family."""

    def __init__(self, database: Rdict, name: str) -> None:
        """Take an existing one."""
        self.name: Final = name
        self._own = database.get_column_family(name)
        self.handle = database.get_column_family_handle(name)

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        found: list[bytes | None] = []
        for at in range(0, len(keys), _AT_ONCE):
            found += cast("list[bytes | None]", self._own.get(cast("list[Any]", keys[at : at + _AT_ONCE])))
        return found

    def items(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield all (key, value) from this key on, in the order of the keys."""
        cursor = self._own.iter()
        cursor.seek(start)
        while cursor.valid():
            yield cursor.key(), cursor.value()
            cursor.next()
        cursor.status()  # a damaged block ends the walk as the last key does; only this tells

    def flush(self) -> None:
        """Write what is in memory into files."""
        self._own.flush()

    def release(self) -> None:
        """Flush it, so that opening need not read the write-ahead log, and let it go: it must not be used again."""
        with suppress(Exception):  # what is not flushed stands in the log
            self._own.close()
        del self._own, self.handle


class Database:
    """One folder. It belongs to this process as long as it is open."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the folder, or make it. Raises InputError where that cannot be, StateInUse where another one has it.

        `read_only`: it has to be there, takes no lock, and nothing in it changes.
        """
        self._path, opened = path, path
        self._links: Links | None = None
        self._cache = Cache(_BLOCK_CACHE)
        names = [DEFAULT]
        try:
            if read_only:
                self._links = Links(path)
                opened = self._links.path
            else:
                _require_folder(path)
            if (opened / "CURRENT").exists():
                names = Rdict.list_cf(str(opened), self._options())
            access = AccessType.read_only() if read_only else AccessType.read_write()
            self._database = Rdict(str(opened), self._options(), {name: self._options() for name in names}, access)
        except Exception as error:
            self._unlink()
            if not _of_rocksdb(error):
                raise
            raise _refused(path, error) from error
        self._families = {name: Family(self._database, name) for name in names}
        self._closed = False

    def names(self) -> list[str]:
        """Return the names of all families."""
        return sorted(self._families)

    def family(self, name: str) -> Family:
        """Return a family that there is."""
        return self._families[name]

    def made(self, name: str) -> Family:
        """Return a family, made where it does not exist yet; who only reads finds nothing in it."""
        if name not in self._families and self._links:
            return cast("Family", Nothing())
        if name not in self._families:
            with self.told():
                self._database.create_column_family(name, self._options())
                self._families[name] = Family(self._database, name)
        return self._families[name]

    def drop(self, name: str) -> None:
        """Drop a family with all that is in it. Everything written before is on the disk by then."""
        with self.told():
            self._database.flush_wal(sync=True)
            del self._families[name]
            self._database.drop_column_family(name)

    def write(self, batch: Batch) -> None:
        """Write all of a batch or, where it raises StateBroken, nothing. Nothing is written where it is only read."""
        if self._links:
            raise StateBroken(Problem(str(self._path), "was opened to be read alone", "open it to write"))
        with self.told():
            self._database.write(batch.content)

    def size(self) -> int:
        """Return the bytes of all files of the folder, as far as they can be seen: a number to look at ends nothing."""
        found = 0
        with suppress(OSError), os.scandir(self._path) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # compaction takes files away meanwhile
                    found += entry.stat(follow_symlinks=False).st_size
        return found

    def close(self) -> None:
        """Flush and let the folder go; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for family in self._families.values():
            family.release()
        self._families.clear()
        with suppress(Exception):
            self._database.close()
        self._unlink()

    def _unlink(self) -> None:
        if self._links is not None:
            self._links.release()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say in our words what RocksDB says about a failing disk."""
        try:
            yield
        except Exception as error:
            if not _of_rocksdb(error):
                raise
            raise StateBroken(_failed(self._path, error)) from error

    def _options(self) -> Options:
        """Return how we use RocksDB: little memory, and a cost that hardly grows."""
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_block_size(_BLOCK)
        table.set_bloom_filter(_BLOOM_BITS, block_based=False)
        table.set_index_type(BlockBasedIndexType.two_level_index_search())
        table.set_metadata_block_size(_BLOCK)
        table.set_format_version(5)
        options = Options(raw_mode=True)
        options.create_if_missing(create_if_missing=True)
        options.create_missing_column_families(create_missing_cfs=True)
        options.set_block_based_table_factory(table)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_paranoid_checks(True)
        options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
        options.set_atomic_flush(True)
        options.set_db_write_buffer_size(_WRITE_BUFFERS)
        options.set_write_buffer_size(_WRITE_BUFFER)
        options.set_arena_block_size(_ARENA)
        options.set_max_total_wal_size(_LOG)
        options.set_max_background_jobs(2)
        options.set_max_open_files(_OPEN_FILES)
        options.set_compaction_readahead_size(_READ_AHEAD)
        options.set_keep_log_file_num(3)
        options.set_max_log_file_size(_MB)
        options.set_stats_dump_period_sec(0)
        return options


def _of_rocksdb(error: Exception) -> bool:
    """Tell whether RocksDB or the operating system says so: rocksdict knows no exception but the plain one."""
    return type(error) is Exception or isinstance(error, OSError)


def _require_folder(path: Path) -> None:
    """Make the folder, or see that it is ours."""
    if path.exists() and not path.is_dir():
        raise InputError(Problem(str(path), "is a file, not a folder", "name a folder in `store.path`"))
    path.mkdir(parents=True, exist_ok=True)
    require_own(path)


def require_own(path: Path) -> None:
    """Raise InputError where a folder holds files of somebody else."""
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    foreign = [name for name in names if not _OWN_FILES.fullmatch(name)]
    if foreign:
        raise InputError(
            Problem(str(path), f"holds files that are not ours ({foreign[0]})", "name an empty folder in `store.path`")
        )
    if "CURRENT" not in names and any(name.endswith((".log", ".sst", ".blob")) and name[0].isdigit() for name in names):
        # RocksDB would take it for a new one. Before it holds anything it is one: who made it died doing so.
        raise InputError(damaged(path, "CURRENT is missing"))


def _refused(path: Path, error: Exception) -> InputError:
    """Return why a folder cannot be opened."""
    text = str(error)
    if "lock" in text.lower() and ("LOCK" in text):
        return StateInUse(
            Problem(str(path), "is in use by another process", "end that one first, or name another folder")
        )
    return InputError(_failed(path, error))


def damaged(path: Path, what: str) -> Problem:
    """Return that something in a folder is damaged."""
    return Problem(str(path), f"is damaged ({what})", f"move the folder away and start again: {_REPLAY}")


def _failed(path: Path, error: Exception) -> Problem:
    """Return what RocksDB or the operating system says, with what to do about it."""
    text = str(error)
    low = text.lower()
    if "no space left" in low or "quota" in low:
        return Problem(str(path), "the disk is full", "make room and start again: nothing is lost")
    if "read-only file system" in low or "permission denied" in low:
        return Problem(str(path), f"cannot be written ({text})", "make it writable and start again: nothing is lost")
    if "corrupt" in low or "checksum" in low:
        return damaged(path, text)
    return Problem(
        str(path), f"cannot be used ({text})", f"mend the disk, or move the folder away and start again: {_REPLAY}"
    )
