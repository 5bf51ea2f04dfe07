"""The kinds of values in a configuration: how each is written, and how it is read with its problems."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.clock import DAY, format_duration, parse_duration
from monitor.config.near import listed, meant
from monitor.config.nodes import Entries, Items, Scalar
from monitor.config.settings import Duration
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config.nodes import Node

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_LISTEN = re.compile(r"(\[[^\]]+\]|[^:\[\]\s]+):(\d{1,5})", re.ASCII)
_UNITLESS = re.compile(r"\d+", re.ASCII)
_HIGHEST_PORT = 65_535
_LONGEST_TEXT = 60
_LONGEST_DURATION = 36_500 * DAY


@dataclass(frozen=True, slots=True)
class At:
    """A value in the file, its key path, and the list that takes the problems found with it."""

    node: Node
    path: str
    file: str
    problems: list[Problem]
    infeasible: list[Problem] = field(default_factory=list)
    """Promises that can be understood, and whose alerts could never ring."""

    def report(self, finding: str, remedy: str, line: int | None = None) -> None:
        """Add a problem of this value."""
        self.problems.append(self._problem(finding, remedy, line))

    def report_infeasible(self, finding: str, remedy: str) -> None:
        """Add why the promise that this value makes could never ring."""
        self.infeasible.append(self._problem(finding, remedy, None))

    def below(self, name: str, node: Node) -> At:
        """Return a value below this one."""
        path = name if not self.path or name.startswith("[") else f".{name}"
        return At(node, self.path + path, self.file, self.problems, self.infeasible)

    def _problem(self, finding: str, remedy: str, line: int | None) -> Problem:
        place = f"{self.file}:{line or self.node.line}"
        return Problem(f"{place}: {self.path}" if self.path else place, finding, remedy)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How one kind of value is written, and its reader: None, with a problem reported, where the value is not of it."""

    shape: str
    read: Callable[[At], T | None]


def shown(text: str) -> str:
    """Quote what was found, cut where it is long."""
    return f"`{text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + '…'}`"


def scalar(at: At, wanted: str) -> str | None:
    """Return a text that is there; a list, a mapping or nothing at all is a problem."""
    if isinstance(at.node, Scalar) and not at.node.nothing:
        return at.node.text
    if isinstance(at.node, Scalar):
        at.report("has no value", f"write {wanted}, or remove the key")
    else:
        at.report(f"is a {_kind_of(at.node)}", f"write {wanted}")
    return None


def _kind_of(node: Node) -> str:
    return {Items: "list", Entries: "mapping"}.get(type(node), "single value")


def _text(at: At) -> str | None:
    """Return a text as written; `null` and `~` are texts, an empty one is a problem."""
    if isinstance(at.node, Scalar) and at.node.text.strip():
        return at.node.text
    if isinstance(at.node, Scalar):
        at.report("is empty", "write a text")
    else:
        at.report(f"is a {_kind_of(at.node)}", "write a single text")
    return None


def _duration(at: At, least: int = 0) -> Duration | None:
    text = scalar(at, "a duration such as `90s`, `15m`, `24h` or `30d`")
    if text is None:
        return None
    text = text.strip()
    millis = parse_duration(text) if len(text) <= _LONGEST_TEXT else None
    if millis is None or millis > _LONGEST_DURATION:
        at.report(*_no_duration(text, too_long=millis is not None))
    elif millis < least:
        at.report(f"{text} is too short", f"write {format_duration(least)} or more")
    else:
        return Duration(millis, text)
    return None


def _no_duration(text: str, *, too_long: bool) -> tuple[str, str]:
    """Say what is wrong with a duration, and what to write."""
    if too_long:
        return f"{shown(text)} is longer than a hundred years", "write a shorter duration"
    if text.startswith("-"):
        return f"{shown(text)} is negative", "durations have no sign"
    if _UNITLESS.fullmatch(text):
        return f"{shown(text)} has no unit", f"write `{text[:12]}s`, `{text[:12]}m`, `{text[:12]}h` or `{text[:12]}d`"
    return f"{shown(text)} is not a duration", "write a whole number and one unit, such as `90s`, `15m`, `24h` or `30d`"


def _windows(at: At) -> tuple[Duration, ...] | None:
    windows = _items(at, partial(_duration, least=60_000), "a list of durations such as `[24h, 7d]`")
    if windows is None:
        return None
    if not windows:
        at.report("is empty", "name a window such as `24h`, or remove the key")
        return None
    fine = True
    for i, window in enumerate(windows):
        twin = next((other for other in windows[:i] if other.millis == window.millis), None)
        item = item_at(at, i)
        if window.millis % 60_000:
            item.report(f"{window.text} is no multiple of 1m", "windows are made of minutes")
            fine = False
        if twin:
            item.report(f"{window.text} is as long as {twin.text}", "keep one of the two")
            fine = False
    return windows if fine else None


def _number(at: At, low: float, high: float, *, high_is_in: bool, low_is_in: bool = True) -> float | None:
    text = scalar(at, "a number")
    if text is None:
        return None
    limits = f"{'from' if low_is_in else 'above'} {low:g} {'to' if high_is_in else 'and below'} {high:g}"
    if high == float("inf"):
        limits = f"from {low:g}" if low_is_in else f"above {low:g}"
    if not _NUMBER.fullmatch(text.strip()):
        at.report(f"{shown(text)} is not a number", f"write a number {limits}, such as `0.05`")
        return None
    value = float(text)
    if (
        value < low
        or value > high
        or (value == high and not high_is_in)
        or (value == low and not low_is_in)
        or value == float("inf")
    ):
        at.report(f"{text} is outside its limits", f"write a number {limits}")
        return None
    return value


def _exact(at: At, high: float) -> Decimal | None:
    """Read a number above 0 exactly as it is written: rules show it, and 0.999 is no float."""
    value = _number(at, 0.0, high, high_is_in=False, low_is_in=False)
    return None if value is None else Decimal((scalar(at, "a number") or "").strip())


def _integer(at: At, least: int) -> int | None:
    text = scalar(at, "a whole number")
    if text is None:
        return None
    if not _INTEGER.fullmatch(text.strip()):
        at.report(f"{shown(text)} is not a whole number", f"write one from {least} on, in digits alone")
    elif int(text) < least:
        at.report(f"{text} is too small", f"write a whole number from {least} on")
    else:
        return int(text)
    return None


def _boolean(at: At) -> bool | None:
    text = scalar(at, "`true` or `false`")
    if text is None:
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    at.report(f"{shown(text)} is neither true nor false", "write `true` or `false`")
    return None


def _listen(at: At) -> tuple[str, int] | None:
    text = scalar(at, "an address such as `127.0.0.1:9464`")
    if text is None:
        return None
    found = host_port(text)
    if found is None:
        at.report(f"{shown(text)} is not HOST:PORT", "write an address such as `127.0.0.1:9464` or `[::1]:9464`")
    return found


def host_port(text: str) -> tuple[str, int] | None:
    """Return (host, port) of `HOST:PORT`, where an IPv6 host stands in brackets; None for anything else."""
    match = _LISTEN.fullmatch(text.strip())
    return (match[1].strip("[]"), int(match[2])) if match and int(match[2]) <= _HIGHEST_PORT else None


def _texts(at: At) -> tuple[str, ...] | None:
    return _items(at, _text, "a list such as `[a, b]`")


def _items(at: At, read: Callable[[At], T | None], wanted: str) -> tuple[T, ...] | None:
    """Read a list, each item by `read`; None where any of them is not fine."""
    if isinstance(at.node, Scalar) and at.node.nothing:
        return ()
    if not isinstance(at.node, Items):
        at.report(f"is a {_kind_of(at.node)}", f"write {wanted}")
        return None
    values = [read(item_at(at, i)) for i in range(len(at.node.items))]
    fine = tuple(value for value in values if value is not None)
    return fine if len(fine) == len(values) else None


def items(at: At) -> Iterator[At]:
    """Yield the values of a list; nothing at all is an empty one, anything else a problem."""
    if isinstance(at.node, Items):
        yield from (item_at(at, i) for i in range(len(at.node.items)))
    elif not (isinstance(at.node, Scalar) and at.node.nothing):
        at.report(f"is a {_kind_of(at.node)}", "write a list: one `- ` a line")


def item_at(at: At, i: int) -> At:
    """Return item i of a list."""
    return at.below(f"[{i}]", at.node.items[i] if isinstance(at.node, Items) else at.node)


def entries(at: At) -> Iterator[tuple[str, At]]:
    """Yield (key, value) of a mapping; nothing at all is an empty one, anything else a problem."""
    if isinstance(at.node, Entries):
        for name, (_, node) in at.node.entries.items():
            yield name, at.below(name, node)
    elif not (isinstance(at.node, Scalar) and at.node.nothing):
        at.report(f"is a {_kind_of(at.node)}", "write a mapping: one `key: value` a line, indented below")


def _whole(at: At) -> At:
    return at


def one_of(*words: str) -> Kind[str]:
    """Return the kind of a value that is one of these words."""

    def read(at: At) -> str | None:
        text = scalar(at, listed(words))
        if text is None or text in words:
            return text
        at.report(f"{shown(text)} is not known", meant(text, words))
        return None

    return Kind(" or ".join(f"`{word}`" for word in words), read)


TEXT: Kind[str] = Kind("text", _text)
TEXTS: Kind[tuple[str, ...]] = Kind("list of texts", _texts)
DURATION: Kind[Duration] = Kind("duration", _duration)
PACE: Kind[Duration] = Kind("duration from 1s", partial(_duration, least=1_000))
WINDOWS: Kind[tuple[Duration, ...]] = Kind("list of durations, multiples of 1m", _windows)
SHARE: Kind[float] = Kind("number from 0 to 1", partial(_number, low=0.0, high=1.0, high_is_in=True))
SOME_SHARE: Kind[float] = Kind(
    "number above 0, at most 1", partial(_number, low=0.0, high=1.0, high_is_in=True, low_is_in=False)
)
ABOVE_ZERO: Kind[float] = Kind(
    "number above 0", partial(_number, low=0.0, high=float("inf"), high_is_in=False, low_is_in=False)
)
MARGIN: Kind[float] = Kind("number from 0 and below 1", partial(_number, low=0.0, high=1.0, high_is_in=False))
LOSS_MARGIN: Kind[float] = Kind("number from 0", partial(_number, low=0.0, high=float("inf"), high_is_in=True))
TARGET: Kind[Decimal] = Kind("number above 0 and below 1", partial(_exact, high=1.0))
POSITIVE: Kind[Decimal] = Kind("number above 0", partial(_exact, high=float("inf")))
COUNT: Kind[int] = Kind("whole number from 1", partial(_integer, least=1))
TWO_OR_MORE: Kind[int] = Kind("whole number from 2", partial(_integer, least=2))
NATURAL: Kind[int] = Kind("whole number from 0", partial(_integer, least=0))
BOOLEAN: Kind[bool] = Kind("`true` or `false`", _boolean)
LISTEN: Kind[tuple[str, int]] = Kind("HOST:PORT", _listen)
LIST: Kind[At] = Kind("list", _whole)
MAPPING: Kind[At] = Kind("mapping", _whole)
LIST_OR_MAPPING: Kind[At] = Kind("list of texts, or a mapping to lists of texts", _whole)
PATH = Kind("path", _text)
