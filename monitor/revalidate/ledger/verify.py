"""Whether a ledger is as it was written: nothing changed, removed, inserted or put in another order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.errors import Problem
from monitor.revalidate.ledger.entries import NOBODY, Known, canonical, entry_of, hash_of, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.revalidate.ledger.entries import Entry

RESTORE: Final = "restore the ledger from a copy, or name another file in `ledger.path` to begin a new one"


def verify(path: Path, known: Known | tuple[int, str] | None) -> list[Problem]:
    """Return what is wrong with a ledger, in the order of its lines; empty: nothing.

    `known`: number and hash of the last entry as the state keeps them, without which a removed end cannot be seen. A
    torn last line beyond it is nothing wrong: its writer died, and nothing followed from it. Raises InputError where
    the file cannot be read.
    """
    return walked(lines_of(path), str(path), known).findings


@dataclass(slots=True)
class Walk:
    """How far a walk through the lines has come."""

    place: str
    known: Known | None
    findings: list[Problem] = field(default_factory=list)
    number: int = 0
    """Of the last entry."""
    hash: str = NOBODY
    """Of the last entry."""
    end: int = 0
    """Bytes of whole lines."""
    torn: bool = False
    """Whether half a line follows them."""
    line: int = 0
    seen: set[int] = field(default_factory=set)
    skipped: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Numbers [first, last] that were missing, before which line and which entry."""
    unread: bool = False
    """Whether the line before was no entry."""

    def found(self, what: str, line: int | None = None) -> None:
        """Note something wrong."""
        place = self.place if line == 0 else f"{self.place}:{line or self.line}"
        self.findings.append(Problem(place, what, RESTORE))


def walked(lines: Iterable[bytes], place: str, known: Known | tuple[int, str] | None) -> Walk:
    """Walk through the lines of a ledger; `place` names it."""
    walk = Walk(place, None if known is None else Known(*known))
    for line in lines:
        walk.line += 1
        if line.endswith(b"\n"):
            walk.end += len(line)
            _take(walk, line)
        else:
            walk.torn = True
    for first, last, at, before in walk.skipped:
        gone = [number for number in range(first, last + 1) if number not in walk.seen]
        if gone:
            walk.found(f"{_entries(gone[0], gone[-1])} missing before entry {before}: removed", at)
    if walk.known is not None and walk.number < walk.known.number:
        gone_words = _entries(walk.number + 1, walk.known.number)
        walk.found(f"{gone_words} missing at the end, which the state knows: removed", 0)
    return walk


def _take(walk: Walk, line: bytes) -> None:
    """Take one whole line."""
    entry = entry_of(line)
    if entry is None:
        walk.found(f"entry {walk.number + 1} cannot be read: the line is cut or damaged")
        walk.unread = True
        return
    number = int(entry["number"])
    right = hash_of(entry)
    if right != entry["hash"]:
        walk.found(f"entry {number} was changed: it says hash {entry['hash'][:12]}…, and its content has {right[:12]}…")
    elif line != canonical(entry) + b"\n":
        walk.found(f"entry {number} was changed: it is not written as foldwatch writes it")
    if number in walk.seen:
        walk.found(f"entry {number} stands there a second time: inserted")
    elif number <= walk.number:
        walk.found(f"entry {number} stands behind entry {walk.number}: the order was changed")
    else:
        _follows(walk, number, entry)
    walk.seen.add(number)
    walk.unread = False


def _follows(walk: Walk, number: int, entry: Entry) -> None:
    """Take an entry with a greater number than all before it."""
    expected = walk.number + 1
    if walk.unread:
        expected += 1  # the line that could not be read was the one between
    if number > expected:
        walk.skipped.append((expected, number - 1, walk.line, number))
    elif number == walk.number + 1 and entry["previous"] != walk.hash:
        before = f"entry {walk.number}" if walk.number else "the beginning"
        walk.found(f"entry {number} does not follow from {before}: one of them was replaced or inserted")
    if walk.known is not None and number == walk.known.number and entry["hash"] != walk.known.hash:
        walk.found(f"entry {number} is another one than the state knows (hash {walk.known.hash[:12]}…): replaced")
    walk.number, walk.hash = number, entry["hash"]


def _entries(first: int, last: int) -> str:
    """Return which entries, with their verb."""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
