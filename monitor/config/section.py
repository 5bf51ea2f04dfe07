"""A mapping with known keys: what may stand in it, what it means, and who wrote something else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from monitor.config.kinds import entries
from monitor.config.near import meant, nearest
from monitor.config.nodes import Entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.kinds import At, Kind

T = TypeVar("T")

_SECRETS = ("key_password", "password", "token")
"""What people call them; the longer word first."""


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """A key that this version understands. The reference is made of these."""

    name: str
    kind: Kind[T]
    about: str
    """What it means: a sentence or two for the reference."""
    default: T | None = None
    """What holds where the key is absent."""
    without: str = "-"
    """The default in words, for the reference."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The keys of one kind of section."""

    path: str
    """Its key path; `NAME` stands for a name of the user's."""
    about: str
    keys: tuple[Key[Any], ...]
    secrets: bool = False
    """Whether people may want to write a secret here; they are told to name a file that holds it."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """Other people's words for a key -> our key."""

    @property
    def names(self) -> tuple[str, ...]:
        """The keys by name."""
        return tuple(key.name for key in self.keys)


class Section:
    """One mapping of the file, held against its table."""

    def __init__(self, at: At, table: Table, tables: tuple[Table, ...] = ()) -> None:
        """Report keys that the table does not know; `tables` are searched for where they would belong."""
        self.at = at
        before = len(at.problems)
        self._entries = dict(entries(at))
        self._is_mapping = len(at.problems) == before
        for name, value in self._entries.items():
            if name not in table.names:
                line = at.node.entries[name][0].line if isinstance(at.node, Entries) else None
                value.report(f"unknown key `{name}`", _remedy(name, table, tables), line)

    def __contains__(self, key: Key[Any]) -> bool:
        """Tell whether the key is written."""
        return key.name in self._entries

    def get(self, key: Key[T]) -> T | None:
        """Return the key's value, its default where it is absent, None with a problem where it is wrong or required."""
        value = self._entries.get(key.name)
        if value is not None:
            return key.kind.read(value)
        if not self._is_mapping:
            return None
        if key.required:
            self.at.report(f"`{key.name}` is missing", f"add `{key.name}`: {key.about}")
        return key.default

    def value(self, key: Key[Any]) -> At:
        """Return where a key is written, or the section where it is not."""
        return self._entries.get(key.name, self.at)


def _remedy(name: str, table: Table, tables: tuple[Table, ...]) -> str:
    """Say where an unknown key would belong, or which one is meant."""
    if table.secrets and (home := _home(name, table)):
        return f"secrets stand in files of their own: write it into one and name that, `{home}: PATH`"
    homes = [other.path or "the top level" for other in tables if name in other.names]
    if nearest(name, table.names, table.synonyms) is None and homes:
        return f"it belongs to {' or '.join(homes)}"
    return meant(name, table.names, table.synonyms) if table.names else "remove it"


def _home(name: str, table: Table) -> str | None:
    """Return the key that names the file for a secret which somebody wrote down; None where it is no secret."""
    plain = name.replace(".", "_")
    if plain.endswith("file"):
        return None
    if f"{plain}_file" in table.names:
        return f"{plain}_file"
    if plain in table.synonyms:
        return table.synonyms[plain]
    return next((f"{word}_file" for word in _SECRETS if word in plain and f"{word}_file" in table.names), None)
