"""JSON Lines: bytes in, raw columns out. One parser, msgspec: whole batches where all is right, else line by line."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.sources.decoding import reasons
from monitor.sources.decoding.columns import Column, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.sources.decoding.fields import Keys

LONGEST_LINE = 2**20
"""Bytes; what is longer is `oversized`."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"
_BLANK = b" \t\r"
_FLAT, _FEW = "score_", 4
"""Where flat scores are looked for, and how many of them are read without looking whether there are any."""
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)|-?\d[\d.eE+-]*')


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a buffer lie that are not blank."""

    buffer: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    """Without the line feed and a carriage return before it."""
    numbers: NDArray[np.int64]
    """How many line feeds stand before each."""

    @classmethod
    def of(cls, buffer: bytes) -> Lines:
        """Return the lines of `buffer`; the last one may lack its line feed."""
        letters = np.frombuffer(buffer, np.uint8)
        feeds = np.flatnonzero(letters == _NEWLINE)
        starts = np.concatenate(([0], feeds + 1))
        ends = np.concatenate((feeds, [len(buffer)]))
        numbers = np.flatnonzero(ends > starts)
        starts, ends = starts[numbers], ends[numbers]
        if len(starts):
            ends = ends - (letters[ends - 1] == _RETURN)
            odd = np.flatnonzero((letters[starts] != _OPEN) | (ends == starts))
            blank = [row for row in odd.tolist() if not buffer[starts[row] : ends[row]].strip(_BLANK)]
            if blank:
                starts, ends, numbers = (np.delete(each, blank) for each in (starts, ends, numbers))
        return cls(buffer, starts, ends, numbers)

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.starts)

    def __getitem__(self, row: int) -> bytes:
        """Return the bytes of a line."""
        return self.buffer[self.starts[row] : self.ends[row]]

    def number(self, row: int) -> int:
        """Return how many line feeds stand before it."""
        return int(self.numbers[row])

    def objects_only(self) -> bool:
        """Tell whether each line begins like an object, ends like one and is not too long.

        In JSON no `}` is followed by `{` inside of anything. So where this holds every line feed stands between two
        objects, and as many objects as lines means: exactly one in each.
        """
        letters = np.frombuffer(self.buffer, np.uint8)
        return bool(
            (letters[self.starts] == _OPEN).all()
            and (letters[self.ends - 1] == _CLOSE).all()
            and (self.ends - self.starts).max(initial=0) <= LONGEST_LINE
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no event."""

    row: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a buffer holds."""

    lines: Lines
    rows: NDArray[np.int64]
    """Row of the table -> line."""
    table: Table
    faults: Sequence[Fault]
    suspects: Table
    """Objects but for a NaN, an Infinity or a number that no float holds; the text `NaN` stands for it. Never valid."""
    suspect_rows: NDArray[np.int64]


class _Node:
    """One level of the wanted keys: a struct type, and how its attributes are called."""

    def __init__(self, places: Iterable[Keys]) -> None:
        below: dict[str, list[Keys]] = {}
        for keys in places:
            below.setdefault(keys[0], [])
            if keys[1:]:
                below[keys[0]].append(keys[1:])
        self.children = {key: _Node(rest) if rest else None for key, rest in below.items()}
        names = {key: f"f{number}" for number, key in enumerate(below)}
        self.readers = {key: attrgetter(name) for key, name in names.items()}
        # A key with keys below it may hold a plain value too: every JSON value has to fit.
        fields = [
            (names[key], Any if child is None else child.kind | str | int | float | bool | None | list, msgspec.UNSET)
            for key, child in self.children.items()
        ]
        rename = {name: key for key, name in names.items()}
        self.kind: Any = msgspec.defstruct("Wanted", fields, rename=rename, gc=False)

    def columns(self, structs: Sequence[Any], outer: Keys = (), absent: Collection[str] = ()) -> Mapping[Keys, Column]:
        """Return the columns of what was read; `structs` may hold UNSET; none of them has the keys of `absent`."""
        found: dict[Keys, Column] = {}
        for key, reader in self.readers.items():
            if key in absent:
                continue
            child = self.children[key]
            values = (
                [value if value is msgspec.UNSET else reader(value) for value in structs]
                if outer
                else list(map(reader, structs))
            )
            if child is not None and child.kind in set(map(type, values)):
                found |= child.columns(
                    [each if type(each) is child.kind else msgspec.UNSET for each in values], (*outer, key)
                )
                values = [msgspec.UNSET if type(each) is child.kind else each for each in values]
            column = Column.of_values(values)
            if column is not None:
                found[*outer, key] = column
        return found


class JsonLines:
    """Reads the fields that stand in `places` of JSON objects."""

    def __init__(self, places: Iterable[Keys], spare: Sequence[Keys] = ()) -> None:
        """Build the types for these places.

        `spare`: those of them that most events do not have, and whose numbers may be of any size.
        """
        self._node = _Node(places)
        self._decoder = msgspec.json.Decoder(self._node.kind)
        flat = frozenset(key for key in self._node.readers if key.startswith(_FLAT))
        self._rare = [(keys[0].encode(), frozenset([keys[0]])) for keys in spare]
        named = b"|".join(re.escape(msgspec.json.encode(keys[-1])) for keys in spare)
        self._spare = re.compile(rb"((?:" + named + rb")\s*:\s*)-?\d[\d.eE+-]*") if spare else None
        if len(flat) > _FEW:
            self._rare.append((_FLAT.encode(), flat))

    def parse(self, buffer: bytes) -> Parsed:
        """Return the columns of all lines of `buffer`; the last may lack its line feed."""
        lines = Lines.of(buffer)
        if lines.objects_only() and _is_utf8(buffer):
            try:
                structs = self._decoder.decode_lines(buffer)
            except _WRONG:
                structs = []
            if len(structs) == len(lines):
                return Parsed(
                    lines, np.arange(len(lines)), self._table(structs, buffer), (), Table(0, {}), np.arange(0)
                )
        return self._one_by_one(lines)

    def _one_by_one(self, lines: Lines) -> Parsed:
        structs, rows, faults = [], [], []
        suspects, suspect_rows = [], []
        for row in range(len(lines)):
            line = lines[row].removeprefix(BYTE_ORDER_MARK)
            if len(line) > LONGEST_LINE:
                faults.append(Fault(row, reasons.OVERSIZED, f"longer than {LONGEST_LINE} bytes"))
            elif not _is_utf8(line):
                faults.append(Fault(row, reasons.NOT_UTF8, "the line is not UTF-8"))
            else:
                try:
                    structs.append(self._decode(line))
                    rows.append(row)
                except _WRONG as wrong:
                    suspect = self._suspect(line)
                    if suspect is None:
                        faults.append(_fault(row, line, wrong))
                    else:
                        suspects.append(suspect)
                        suspect_rows.append(row)
        return Parsed(
            lines,
            np.array(rows, np.int64),
            self._table(structs, lines.buffer),
            faults,
            self._table(suspects, lines.buffer),
            np.array(suspect_rows, np.int64),
        )

    def _decode(self, line: bytes) -> Any:  # noqa: ANN401 - the struct type is made at run time
        """Return the object of a line, without the spare number that no float holds."""
        try:
            return self._decoder.decode(line)
        except _WRONG:
            plain = line if self._spare is None else self._spare.sub(rb"\1null", line)
            if plain == line:
                raise
            with suppress(*_WRONG):
                return self._decoder.decode(plain)
            raise

    def _table(self, structs: Sequence[Any], buffer: bytes) -> Table:
        absent: set[str] = set()
        if self._rare and b"\\" not in buffer:  # a key that is not written is in no object, unless with escapes
            absent.update(*(keys for text, keys in self._rare if text not in buffer))
        return Table(len(structs), self._node.columns(structs, absent=absent) if structs else {})

    def _suspect(self, line: bytes) -> Any:  # noqa: ANN401 - the struct type is made at run time
        """Return the object of a line that is JSON but for numbers that no float holds, else None."""
        plain = _TOKENS.sub(_without_odd_number, line)
        if plain == line:
            return None
        try:
            return self._decoder.decode(plain)
        except _WRONG:
            return None


def _without_odd_number(match: re.Match[bytes]) -> bytes:
    token = match[0]
    if token.startswith(b'"'):
        return token
    try:
        odd = not np.isfinite(float(token))
    except ValueError:
        odd = False
    return b'"NaN"' if odd else token


def _fault(row: int, line: bytes, wrong: Exception) -> Fault:
    text = str(wrong)
    if isinstance(wrong, msgspec.ValidationError) and text.startswith("Expected `object`"):
        try:
            msgspec.json.decode(line)  # the first character told; is the rest JSON?
        except _WRONG as worse:
            wrong, text = worse, str(worse)
        else:
            return Fault(row, reasons.NOT_AN_OBJECT, text.partition(" - at ")[0])
    if isinstance(wrong, RecursionError):
        text = "nested too deeply"
    return Fault(row, reasons.NOT_JSON, text)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
