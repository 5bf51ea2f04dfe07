"""Notes of the one writer: in the state, or in a file beside the ledger where no state outlives the process."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from monitor.baselines.file import write_bytes
from monitor.errors import InputError, StateBroken

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Settings
    from monitor.state.state import State

ENDING: Final = ".notes"


class Notes(Protocol):
    """Small things that are kept by name."""

    def kept(self, name: str) -> bytes | None:
        """Return the note of this name; None where there is none."""
        ...

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep a note in the place of the one of the same name, or with None forget it."""
        ...


class FileNotes:
    """Notes in one file, JSON: name -> base64. What cannot be read is no note: without a state nobody promises more."""

    def __init__(self, path: Path) -> None:
        """Take a file that need not be there."""
        self._path = path

    def kept(self, name: str) -> bytes | None:
        """Return a note."""
        text = self._all().get(name)
        try:
            return None if text is None else base64.b64decode(text, validate=True)
        except binascii.Error:
            return None

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep a note. Raises StateBroken where the file cannot be written."""
        notes = {other: text for other, text in self._all().items() if other != name}
        if value is not None:
            notes[name] = base64.b64encode(value).decode()
        try:
            write_bytes(self._path, msgspec.json.encode(notes, order="sorted"))
        except InputError as error:
            raise StateBroken(error.problems[0]) from None

    def _all(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}


def notes_of(settings: Settings, state: State) -> Notes:
    """Return where notes are kept: in the state where it has a folder, else beside the ledger, else in memory."""
    if settings.store is not None or settings.ledger is None:
        return state
    return FileNotes(settings.ledger.with_name(settings.ledger.name + ENDING))
