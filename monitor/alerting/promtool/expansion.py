"""Go's templates as far as the rules use them: what Prometheus makes of an annotation, written from its documentation.

https://prometheus.io/docs/prometheus/latest/configuration/template_reference/. Known are strings, `$value`,
`$labels.name`, own variables, `with` and `range` over a query (one that `printf` writes, too), `.Value`,
`.Labels.name`, `first`, `value`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.alerting.promtool.formats import formatted, printed, string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.alerting.promtool.answers import Row

_ACTION: Final = re.compile(r'\{\{\s*((?:"(?:[^"\\]|\\.)*"|[^}"])*?)\s*\}\}')
_QUERY: Final = re.compile(r'(with|range) (?:query (".*")|printf (".*?[^\\]")((?: \$\w+)*) \| query)')
_SHOWN: Final = re.compile(r"(\$value|\.Value|\. \| first \| value) \| (.+)")
_LABEL: Final = re.compile(r"(\$labels|\.Labels)\.(\w+)")
_SET: Final = re.compile(r"(\$\w+) := \.Labels\.(\w+)")


@dataclass(frozen=True, slots=True)
class Known:
    """What an alert knows when its annotations are expanded."""

    value: float
    """Its own."""
    labels: Mapping[str, str]
    """Of what its expression gave: without those that the rule adds."""
    answer: Callable[[str], list[Row]]
    """Query -> its rows."""


@dataclass(slots=True)
class _Block:
    """A `with` or `range` and what is in it; the whole template is one, too."""

    opened: str = ""
    parts: list[str | _Block] = field(default_factory=list)
    otherwise: list[str | _Block] = field(default_factory=list)


def expanded(template: str, known: Known) -> str:
    """Return what Prometheus shows for a template.

    Raises:
        ValueError: the template holds something that we do not know.
    """
    return "".join(_shown(_parsed(template).parts, known, {}, []))


def _parsed(template: str) -> _Block:
    """Return the template's parts: plain text begins with a blank, an action with `{`."""
    blocks = [_Block()]
    into = [blocks[0].parts]
    begin = 0
    for action in _ACTION.finditer(template):
        into[-1].append(" " + template[begin : action.start()])
        begin = action.end()
        words = action[1]
        if words.startswith(("with ", "range ")):
            block = _Block(words)
            into[-1].append(block)
            blocks.append(block)
            into.append(block.parts)
        elif words == "else":
            into[-1] = blocks[-1].otherwise
        elif words == "end":
            blocks.pop()
            into.pop()
        else:
            into[-1].append("{" + words)
    into[-1].append(" " + template[begin:])
    return blocks[0]


def _shown(parts: list[str | _Block], known: Known, variables: dict[str, str], dot: list[Row]) -> Iterator[str]:
    """Yield what the parts show; `dot` are the rows that a query around them found."""
    for part in parts:
        if isinstance(part, _Block):
            rows = known.answer(_query(part.opened, variables))
            if not rows:
                yield from _shown(part.otherwise, known, variables, dot)
            for found in ([row] for row in rows) if part.opened.startswith("range") else [rows][: len(rows)]:
                yield from _shown(part.parts, known, dict(variables), found)
        elif part.startswith(" "):
            yield part[1:]
        elif named := _SET.fullmatch(part[1:]):
            variables[named[1]] = dot[0][0].get(named[2], "")
        else:
            yield _action(part[1:], known, variables, dot)


def _action(words: str, known: Known, variables: Mapping[str, str], dot: list[Row]) -> str:
    if words.startswith('"'):
        return string(words)
    if words in variables:
        return variables[words]
    if label := _LABEL.fullmatch(words):
        return (known.labels if label[1] == "$labels" else dot[0][0]).get(label[2], "")
    if shown := _SHOWN.fullmatch(words):
        return formatted(shown[2], known.value if shown[1] == "$value" else dot[0][1])
    msg = f"promtool's tests cannot foresee {words!r}"
    raise ValueError(msg)


def _query(opened: str, variables: Mapping[str, str]) -> str:
    found = _QUERY.fullmatch(opened)
    if found is None:
        msg = f"promtool's tests cannot foresee {opened!r}"
        raise ValueError(msg)
    if found[2] is not None:
        return string(found[2])
    return printed(string(found[3]), [variables[name] for name in found[4].split()])
