"""A folder of links to the files of a store, for whoever only reads it: rocksdict writes into the folder that it opens.

So a store on a disk that cannot be written can be read too.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIG: Final = "rocksdict-config.json"
"""Rewritten with every opening: a copy of it is."""
_NEVER: Final = ("LOCK", "LOG")


class Links:
    """The folder, as long as it is not released."""

    def __init__(self, store: Path) -> None:
        """Link what is in a store that is there. Raises OSError where that cannot be."""
        self._own = TemporaryDirectory(prefix="foldwatch-read-")
        self.path: Final = Path(self._own.name)
        for entry in sorted(store.resolve().iterdir()):
            if entry.name == _CONFIG:
                shutil.copyfile(entry, self.path / entry.name)
            elif entry.is_file() and entry.name not in _NEVER:
                (self.path / entry.name).symlink_to(entry)

    def release(self) -> None:
        """Remove it; what it links to stays."""
        self._own.cleanup()


class Nothing:
    """In place of a column family that a store does not have, and that whoever only reads cannot make."""

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """Return None of each key."""
        return [None] * len(keys)

    def items(self, _start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield nothing."""
        return iter(())
