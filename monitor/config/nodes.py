"""YAML as it was written: every scalar stays text and knows its line, so that `no`, `1_0` and `3.10` survive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Node: TypeAlias = "Scalar | Items | Entries"
_PLAIN_TAGS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:map",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as written. Lines are 1-based."""

    text: str
    line: int
    quoted: bool

    @property
    def nothing(self) -> bool:
        """Tell whether YAML means no value at all: `key:`, `key: null` or `key: ~`."""
        return not self.quoted and self.text in _NOTHING


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping: key -> value, in the order of the file."""

    entries: dict[str, tuple[Scalar, Node]]
    """Key -> (the key as a scalar, its value)."""
    line: int


def parse(raw: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """Read one YAML document; return its node, None where it is empty, and the problems that leave it readable.

    Raises InputError where it is not YAML in UTF-8, with the line where reading stopped.
    """
    text = _decoded(raw, file)
    converter = _Converter(file)
    try:
        composed = yaml.compose(text, Loader=yaml.BaseLoader)
        node = None if composed is None else converter.convert(composed)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        finding = f"the character U+{error.character:04X} does not belong into YAML"
        raise InputError(Problem(f"{file}:{line}", finding, "remove it")) from None
    except yaml.MarkedYAMLError as error:
        raise InputError(_unparsed(error, file)) from None
    except RecursionError:
        remedy = "a configuration needs five levels at most"
        raise InputError(Problem(file, "lists or mappings are nested too deeply", remedy)) from None
    return node, converter.problems


def _decoded(raw: bytes, file: str) -> str:
    """Return the text of a UTF-8 file, with or without a byte order mark."""
    if raw.startswith(_UTF16):
        raise InputError(Problem(file, "this is UTF-16", "save it as UTF-8"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        finding = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise InputError(Problem(f"{file}:{line}", finding, "save the file as UTF-8")) from None


def _unparsed(error: yaml.MarkedYAMLError, file: str) -> Problem:
    """Return where and why YAML could not be read."""
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}" if mark else file
    finding = f"this is not YAML: {error.problem or error.context}"
    begun = error.context_mark
    if error.problem and error.context and begun and mark and begun.line != mark.line:
        finding += f" ({error.context} that begins in line {begun.line + 1})"
    tab = "'\\t'" in finding
    return Problem(place, finding, "indent with blanks, not tabs" if tab else "check indentation, quotes and brackets")


class _Converter:
    """From PyYAML's nodes to ours. Anchors share a node; an anchor inside itself and a key given twice are problems."""

    def __init__(self, file: str) -> None:
        """Begin with nothing seen."""
        self.file: Final = file
        self.problems: Final[list[Problem]] = []
        self._done: Final[dict[int, Node]] = {}
        self._open: Final[set[int]] = set()

    def convert(self, node: yaml.Node) -> Node:
        """Convert a node and all below it."""
        line = node.start_mark.line + 1
        if id(node) in self._open:
            problem = Problem(f"{self.file}:{line}", "an anchor contains itself", "write the value out")
            raise InputError(problem)
        if id(node) not in self._done:
            if node.tag not in _PLAIN_TAGS:
                self._report(line, f"the tag `{_short(node.tag)}` is not understood", "write the plain value")
            self._open.add(id(node))
            self._done[id(node)] = self._converted(node, line)
            self._open.remove(id(node))
        return self._done[id(node)]

    def _converted(self, node: yaml.Node, line: int) -> Node:
        """Convert one node."""
        if isinstance(node, yaml.SequenceNode):
            return Items(tuple(self.convert(item) for item in node.value), line)
        if isinstance(node, yaml.MappingNode):
            return Entries(self._entries(node), line)
        return Scalar(node.value, line, isinstance(node, yaml.ScalarNode) and node.style is not None)

    def _entries(self, node: yaml.MappingNode) -> dict[str, tuple[Scalar, Node]]:
        """Convert a mapping; `<<: *anchor` lends its keys to those that are not written."""
        own: dict[str, tuple[Scalar, Node]] = {}
        lent: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value_node in node.value:
            key, value = self.convert(key_node), self.convert(value_node)
            if not isinstance(key, Scalar):
                self._report(key.line, "a list or mapping cannot be a key", "write a word before the colon")
            elif key.text == "<<" and not key.quoted:
                for mapping in self._mappings(value):
                    lent = mapping.entries | lent
            elif key.text in own:
                first = own[key.text][0].line
                self._report(key.line, f"the key `{key.text}` stands in line {first} already", "keep one of the two")
            else:
                own[key.text] = (key, value)
        return {**own, **{name: entry for name, entry in lent.items() if name not in own}}

    def _mappings(self, value: Node) -> Iterator[Entries]:
        """Yield what `<<` merges."""
        for item in value.items if isinstance(value, Items) else (value,):
            if isinstance(item, Entries):
                yield item
            else:
                self._report(item.line, "`<<` takes a mapping", "point it to an anchor of a mapping, such as `*shared`")

    def _report(self, line: int, finding: str, remedy: str) -> None:
        self.problems.append(Problem(f"{self.file}:{line}", finding, remedy))


def _short(tag: str) -> str:
    """Return a tag as people write it."""
    return tag.replace("tag:yaml.org,2002:", "!!")
