"""What queries answer, as panels get it: series through time, or the rows of a table after its transformations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard_api import Api, Line
    from dashboard_fields import Value
    from dashboard_queries import Panel, Target

Json = dict[str, Any]
Row = dict[str, "Value"]


@dataclass(frozen=True)
class Series:
    """One series of a panel."""

    name: str
    ref: str
    labels: dict[str, str]
    at: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """The rows of a table, and in which order its columns stand."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    unknown: tuple[str, ...] = ()
    """Transformations that are not made here."""


def series_of(panel: Panel, api: Api) -> list[Series]:
    """Return the answers to all queries of a panel."""
    found = []
    for target in panel.targets:
        lines = asked(panel, target, api)
        found += [Series(target.name(line.labels), target.ref, line.labels, line.at, line.values) for line in lines]
    return found


def asked(panel: Panel, target: Target, api: Api) -> list[Line]:
    """Return the answer to one query."""
    if target.instant:
        return api.at(target.expr, panel.span.end)
    return api.through(target.expr, panel.span, panel.step)


def table_of(panel: Panel, api: Api) -> Table:
    """Return the latest value of each series as a row, and what the panel's transformations make of the rows."""
    frames: list[list[Row]] = []
    for target in panel.targets:
        name = "Value" if len(panel.targets) == 1 else f"Value #{target.ref}"
        frames.append(
            [
                {"Time": line.at[-1] * 1_000, **_shown(line.labels), name: line.values[-1]}
                for line in asked(panel, target, api)
            ]
        )
    rows = frames[0] if frames else []
    columns = _columns(rows)
    unknown = []
    for each in panel.json.get("transformations", []):
        options = each.get("options", {})
        if each["id"] == "merge":
            rows = _merged(frames)
            columns = _columns(rows)
        elif each["id"] == "organize":
            columns, rows = _organized(columns, rows, options)
        elif each["id"] == "groupingToMatrix":
            columns, rows = _matrix(rows, options)
        elif each["id"] == "sortBy":
            sort = options["sort"][0]
            rows = sorted(rows, key=lambda row: _order(row.get(sort["field"])), reverse=bool(sort.get("desc")))
        else:
            unknown.append(each["id"])
    for sort in (panel.json.get("options", {}).get("sortBy") or [])[:1]:
        rows = sorted(rows, key=lambda row: _order(row.get(sort["displayName"])), reverse=bool(sort.get("desc")))
    return Table(tuple(columns), tuple(rows), tuple(unknown))


def _shown(labels: dict[str, str]) -> Row:
    return dict(labels)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _merged(frames: Sequence[Sequence[Row]]) -> list[Row]:
    """Return rows that agree in every column that is no value of a query as one."""
    found: dict[tuple[tuple[str, Value], ...], Row] = {}
    for frame in frames:
        for row in frame:
            key = tuple(sorted((name, value) for name, value in row.items() if not name.startswith(("Value", "Time"))))
            found.setdefault(key, {}).update(row)
    return list(found.values())


def _organized(columns: Sequence[str], rows: Sequence[Row], options: Json) -> tuple[list[str], list[Row]]:
    left_out = {name for name, out in (options.get("excludeByName") or {}).items() if out}
    index = options.get("indexByName") or {}
    renamed = options.get("renameByName") or {}
    kept = [name for name in columns if name not in left_out]
    kept.sort(key=lambda name: index.get(name, len(index) + columns.index(name)))
    moved = [{renamed.get(name) or name: row[name] for name in kept if name in row} for row in rows]
    return [renamed.get(name) or name for name in kept], moved


def _matrix(rows: Sequence[Row], options: Json) -> tuple[list[str], list[Row]]:
    down, across, value = (options[name] for name in ("rowField", "columnField", "valueField"))
    corner = f"{down}\\{across}"
    names = list(dict.fromkeys(str(row.get(across)) for row in rows))
    found: dict[str, Row] = defaultdict(dict)
    for row in rows:
        key = str(row.get(down))
        found[key][corner] = key
        found[key][str(row.get(across))] = row.get(value)
    return [corner, *names], list(found.values())


def _order(value: Value) -> tuple[int, float, str]:
    if value is None:
        return (0, 0.0, "")
    return (1, 0.0, value) if isinstance(value, str) else (1, value, "")
