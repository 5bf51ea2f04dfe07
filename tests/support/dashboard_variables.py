"""What a person chooses above a dashboard: what there is to choose, and what stands for it in texts and queries.

What is replaced how is what Grafana's own code does (templateSrv, and interpolateQueryExpr of its Prometheus).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard_api import Api, Span

ALL = "$__all"
_REFERENCE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<plain>\w+)|\[\[(?P<square>\w+)\]\]")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),\s*)?(?P<label>\w+)\)", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\((.+)\)", re.DOTALL)


@dataclass(frozen=True)
class Variable:
    """What a person chooses from."""

    name: str
    kind: str
    """query, datasource, custom, interval, constant, textbox."""
    multi: bool
    include_all: bool
    all_value: str
    options: tuple[str, ...]
    """What there is to choose."""
    chosen: tuple[str, ...]
    """What is chosen: (ALL,), or some of the options."""
    query: str = ""
    """As it was asked."""

    @property
    def values(self) -> tuple[str, ...]:
        """What is chosen, one by one."""
        return self.options if self.chosen == (ALL,) else self.chosen

    def only(self, *values: str) -> Variable:
        """Return the variable with something else chosen."""
        return Variable(
            self.name, self.kind, self.multi, self.include_all, self.all_value, self.options, values, self.query
        )

    def text(self, format_: str | None, *, promql: bool) -> str:
        """Return what stands in a text for the variable."""
        if self.chosen == (ALL,) and self.all_value:
            return self.all_value
        values = self.values
        if format_ is not None:
            return _formatted(values, format_)
        if not promql:
            return ",".join(values) if len(values) == 1 else "{" + ",".join(values) + "}"
        if not (self.multi or self.include_all):
            return ",".join(values).replace("\\", "\\\\").replace("'", "\\\\'")
        return _alternatives([_escaped(value) for value in values])


def replaced(text: str, chosen: Mapping[str, Variable], known: Mapping[str, str], *, promql: bool = False) -> str:
    """Return a text with every variable replaced that there is; others stay as they are."""

    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["plain"] or found["square"]
        if name in known:
            return known[name]
        if name in chosen:
            return chosen[name].text(found["format"], promql=promql)
        return found[0]

    return _REFERENCE.sub(value, text)


def options_of(kind: str, asked: str, regex: str, order: int, api: Api, span: Span) -> tuple[str, ...]:
    """Return what there is to choose: `regex` filters what Prometheus answers, `order` is the number of an order."""
    if kind == "datasource":
        return (asked,)
    if kind in {"custom", "interval"}:
        return tuple(part.strip().rpartition(" : ")[2] for part in asked.split(","))
    if kind in {"constant", "textbox"}:
        return (asked,)
    if kind != "query":
        return ()
    if found := _LABEL_VALUES.fullmatch(asked.strip()):
        values = api.label_values(found["label"], found["selector"], span)
    elif result := _QUERY_RESULT.fullmatch(asked.strip()):
        values = [f"{line.labels} {line.values[-1]:g}" for line in api.at(result[1], span.end)]
    else:
        unknown = f"a variable that asks {asked!r}: teach dashboard_variables.py how"
        raise ValueError(unknown)
    if regex:
        pattern = re.compile(regex.strip("/"))
        hits = [found for value in values if (found := pattern.search(value))]
        values = [
            (hit["value"] if "value" in pattern.groupindex else hit[1] if pattern.groups else hit[0]) for hit in hits
        ]
    return _sorted(tuple(dict.fromkeys(values)), order)


def _sorted(values: tuple[str, ...], order: int) -> tuple[str, ...]:
    """Return options in the order of a variable: 0 as they come; odd numbers ascending, even ones descending."""
    if not order:
        return values

    def natural(value: str) -> list[tuple[int, float, str]]:
        parts = re.split(r"(\d+)", value)
        return [(0, float(part), "") if part.isdigit() else (1, 0.0, part) for part in parts if part]

    numbers = {3, 4, 7, 8}
    return tuple(sorted(values, key=natural if order in numbers else lambda v: [(1, 0.0, v)], reverse=order % 2 == 0))


def _formatted(values: Sequence[str], format_: str) -> str:
    """Return values as `${name:format}` writes them."""
    if format_ == "regex":
        return _alternatives([re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", value) for value in values])
    if format_ in {"raw", "csv", "text"}:
        return ",".join(values)
    if format_ == "pipe":
        return "|".join(values)
    if format_ == "doublequote":
        return ",".join(f'"{value}"' for value in values)
    unknown = f"the format {format_!r} of a variable: teach dashboard_variables.py how"
    raise ValueError(unknown)


def _alternatives(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def _escaped(value: str) -> str:
    """Return a value as part of a regular expression within a string of PromQL."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))
