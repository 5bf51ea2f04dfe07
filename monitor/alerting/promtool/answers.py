"""The answers to the queries that annotations ask, from series that we know: the little PromQL that they are made of.

Known are numbers, `time()`, selectors, `max min sum round abs`, `by (...)`, the arithmetic operators and comparisons.
Written from Prometheus' documentation; anything else is an error, so that a rule that says more than its tests can
foresee does not pass for tested.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from monitor.alerting.promtool.formats import string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = tuple["Mapping[str, str]", float]
"""Labels without the name, and the value."""
Matchers = dict[str, tuple[str, str]]
"""Label -> operator (`=`, `!=`, `=~`, `!~`) and text."""
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)'
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_:]*)|(?P<sign>=~|!~|!=|>=|<=|==|[-+*/()<>={},]))"
)
_COMPARED: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_AGGREGATED: Final[dict[str, Callable[[list[float]], float]]] = {"max": max, "min": min, "sum": math.fsum}


class Scene(Protocol):
    """What Prometheus knows at one moment."""

    @property
    def now(self) -> int:
        """Milliseconds since the first scrape."""

    def instant(self, name: str, matchers: Matchers) -> list[Row]:
        """Return the series that a selector finds."""


def answer(query: str, scene: Scene) -> list[Row]:
    """Return the rows of a query's answer; of a number, one row without labels.

    Raises:
        ValueError: the query is made of more than we know.
    """
    reader = _Reader(query, scene, _tokens(query))
    found = reader.compared()
    if reader.at < len(reader.tokens):
        reader.refuse()
    return found if isinstance(found, list) else [({}, found)]


def _tokens(query: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(query.rstrip())
    while at < end:
        token = _TOKEN.match(query, at)
        if token is None:
            msg = f"promtool's tests cannot read {query[at:]!r} in {query!r}"
            raise ValueError(msg)
        tokens.append((str(token.lastgroup), token[str(token.lastgroup)]))
        at = token.end()
    return tokens


@dataclass(slots=True)
class _Reader:
    """Reads and answers at once, from left to right."""

    query: str
    scene: Scene
    tokens: list[tuple[str, str]]
    at: int = 0

    def refuse(self) -> None:
        msg = f"promtool's tests cannot answer {self.query!r}: stuck at {self.tokens[self.at :][:1]}"
        raise ValueError(msg)

    def next(self, *texts: str) -> str | None:
        """Take the next token where it is one of these."""
        if self.at < len(self.tokens) and self.tokens[self.at][1] in texts and self.tokens[self.at][0] != "string":
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def need(self, *texts: str) -> str:
        found = self.next(*texts)
        if found is None:
            self.refuse()
        return str(found)

    def kind(self, kind: str) -> str | None:
        """Take the next token where it is of a kind."""
        if self.at < len(self.tokens) and self.tokens[self.at][0] == kind:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def compared(self) -> float | list[Row]:
        left = self.summed()
        while sign := self.next(*_COMPARED):
            right, holds = self.summed(), _COMPARED[sign]
            rows = left if isinstance(left, list) else [({}, left)]
            other = _single(right)
            left = [row for row in rows if other is not None and holds(row[1], other)]
        return left

    def summed(self) -> float | list[Row]:
        left = self.multiplied()
        while sign := self.next("+", "-"):
            left = _paired(operator.add if sign == "+" else operator.sub, left, self.multiplied())
        return left

    def multiplied(self) -> float | list[Row]:
        left = self.single()
        while sign := self.next("*", "/"):
            left = _paired(operator.mul if sign == "*" else _divided, left, self.single())
        return left

    def single(self) -> float | list[Row]:
        if self.next("("):
            inside = self.compared()
            self.need(")")
            return inside
        number = self.kind("number")
        if number is not None:
            return float(number)
        name = self.kind("name")
        if name is None:
            self.refuse()
        return self.called(str(name))

    def called(self, name: str) -> float | list[Row]:
        """Answer a function, an aggregation, or a selector."""
        by = self.grouped() if name in _AGGREGATED else None
        if not self.next("("):
            return self.scene.instant(name, self.matchers())
        if name == "time":
            self.need(")")
            return self.scene.now / 1_000
        found = self.compared()
        self.need(")")
        return self.applied(name, found, by if by is not None or name not in _AGGREGATED else self.grouped())

    def applied(self, name: str, found: float | list[Row], by: tuple[str, ...] | None) -> float | list[Row]:
        rows = found if isinstance(found, list) else [({}, found)]
        if name in {"round", "abs"}:
            change = abs if name == "abs" else _rounded
            return [(labels, change(value)) for labels, value in rows]
        if name not in _AGGREGATED:
            self.refuse()
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for labels, value in rows:
            key = tuple((label, labels[label]) for label in by or () if labels.get(label))
            groups.setdefault(key, []).append(value)
        return [(dict(key), _AGGREGATED[name](values)) for key, values in groups.items()]

    def grouped(self) -> tuple[str, ...] | None:
        if not self.next("by"):
            return None
        self.need("(")
        labels = []
        while not self.next(")"):
            labels.append(str(self.kind("name")))
            self.next(",")
        return tuple(labels)

    def matchers(self) -> Matchers:
        found: Matchers = {}
        if not self.next("{"):
            return found
        while not self.next("}"):
            label = str(self.kind("name"))
            sign = self.need("=", "!=", "=~", "!~")
            text = self.kind("string")
            if text is None:
                self.refuse()
            found[label] = (sign, string(str(text)))
            self.next(",")
        return found


def matching(labels: Mapping[str, str], matchers: Matchers) -> bool:
    """Tell whether a series has what a selector asks for; a label that is absent is an empty one."""
    for label, (sign, text) in matchers.items():
        has = labels.get(label, "")
        same = has == text if sign in {"=", "!="} else re.fullmatch(text, has) is not None
        if same != (sign in {"=", "=~"}):
            return False
    return True


def _single(found: float | list[Row]) -> float | None:
    if isinstance(found, list):
        return found[0][1] if len(found) == 1 else None
    return found


def _paired(
    apply: Callable[[float, float], float], left: float | list[Row], right: float | list[Row]
) -> list[Row] | float:
    """Return both sides taken together: numbers, or vectors of which at most one has several rows."""
    if not isinstance(left, list) and not isinstance(right, list):
        return apply(left, right)
    if not isinstance(left, list):
        return [(labels, apply(left, value)) for labels, value in right] if isinstance(right, list) else []
    other = _single(right)
    return [] if other is None else [(labels, apply(value, other)) for labels, value in left]


def _rounded(value: float) -> float:
    return value if math.isnan(value) else float(math.floor(value + 0.5))


def _divided(left: float, right: float) -> float:
    """Return a quotient as floats have it: nothing is an error."""
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
