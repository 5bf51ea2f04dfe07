"""What a store keeps beside the commits: the records of evaluations, and notes. Each is a write of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.state.disk.journal import key_of, number_of
from monitor.state.disk.rocksdb import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.state.disk.rocksdb import Database

_HISTORY: Final = "history"
_NOTES: Final = "notes"


class Aside:
    """Keeps both in column families of their own, which a store gets when it is opened and has none."""

    _database: Database

    def append_history(self, moment: int, record: bytes) -> None:
        """Keep the record of one evaluation."""
        batch = Batch()
        batch.put(self._database.family(_HISTORY), [key_of(moment)], [record])
        self._database.write(batch)

    def history(self, since: int) -> Iterable[tuple[int, bytes]]:
        """Return (moment, record) of the records of this moment and later, in order."""
        if _HISTORY not in self._database.names():
            return
        with self._database.told():
            for key, record in self._database.family(_HISTORY).items(key_of(since)):
                yield number_of(key), record

    def drop_history(self, moments: Iterable[int]) -> None:
        """Forget the records of these moments."""
        batch = Batch()
        batch.delete(self._database.family(_HISTORY), map(key_of, moments))
        self._database.write(batch)

    def kept(self, name: str) -> bytes | None:
        """Return a note; None where there is none."""
        if _NOTES not in self._database.names():
            return None
        with self._database.told():
            return self._database.family(_NOTES).get([name.encode()])[0]

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep a note, or with None forget it."""
        batch, family = Batch(), self._database.family(_NOTES)
        if value is None:
            batch.delete(family, [name.encode()])
        else:
            batch.put(family, [name.encode()], [value])
        self._database.write(batch)

    def _make_room(self) -> None:
        """Make the families that a new store lacks, or one that was written before there were notes."""
        for name in (_HISTORY, _NOTES):
            self._database.made(name)
