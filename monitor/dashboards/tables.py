"""Tables: one row for each combination of labels, one column for each query."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import common, table
from grafana_foundation_sdk.models import dashboard as sdk

from monitor.dashboards.looks import absent, steps
from monitor.dashboards.panels import Scale, Words, look, override, panel_of
from monitor.dashboards.queries import Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.models.dashboard import DashboardFieldConfigSourceOverrides as Override

_TEXT = Scale("string")


@dataclass(frozen=True, slots=True)
class Column:
    """One query's value in each row."""

    header: str
    expr: str
    scale: Scale
    coloured: bool = False
    """Write it in the colours of the scale's limits."""


def rows(
    words: Words,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    width: int,
    height: int = 8,
    sort: tuple[str, bool] | None = None,
    more: Sequence[Override] = (),
) -> sdk.Panel:
    """Return a table of what is now. `keys`: label -> header; `sort`: (header, from the greatest down?).

    Every query answers with exactly the labels of `keys`, so that the answers are merged into one row. `more` is how
    single columns look, by their headers.
    """
    panel = _table(words, [column.expr for column in columns], _TEXT, width, height)
    if sort is not None:
        panel.options = _options([common.TableSortByFieldState(*sort)])
    look(panel).overrides = [*(_column(column) for column in columns), *more]
    values = ["Value"] if len(columns) == 1 else [f"Value #{ref}" for ref in ascii_uppercase[: len(columns)]]
    headers = {**keys, **{value: column.header for value, column in zip(values, columns, strict=True)}}
    organized = {
        "excludeByName": {"Time": True},
        "indexByName": {name: index for index, name in enumerate(headers)},
        "renameByName": headers,
    }
    merge = [sdk.DataTransformerConfig("merge", options={})] if len(columns) > 1 else []
    panel.transformations = [*merge, sdk.DataTransformerConfig("organize", options=organized)]
    return panel


def matrix(words: Words, expr: str, down: str, across: str, scale: Scale, *, width: int, height: int = 8) -> sdk.Panel:
    """Return a table with a row for each value of the label `down` and a column for each of `across`."""
    panel = _table(words, [expr], scale, width, height)
    look(panel).defaults.mappings = [absent()]
    options = {"rowField": down, "columnField": across, "valueField": "Value", "emptyValue": "null"}
    panel.transformations = [sdk.DataTransformerConfig("groupingToMatrix", options=options)]
    return panel


def _table(words: Words, expressions: Sequence[str], scale: Scale, width: int, height: int) -> sdk.Panel:
    queries = [Query(expr, instant=True) for expr in expressions]
    panel = panel_of("table", words, queries, scale, width, height, table=True)
    panel.options = _options(None)
    look(panel).defaults.custom = common.TableFieldOptions(align=common.FieldTextAlignment.AUTO, filterable=False)
    return panel


def _options(sort: list[common.TableSortByFieldState] | None) -> table.Options:
    return table.Options(cell_height=common.TableCellHeight.SM, sort_by=sort)


def _column(column: Column) -> Override:
    """Return how a column's numbers look."""
    scale = column.scale
    found: dict[str, object] = {"unit": scale.unit, "mappings": [absent()]}
    if scale.decimals is not None:
        found["decimals"] = scale.decimals
    if column.coloured:
        found["thresholds"] = steps(*scale.limits)
        found["custom__cellOptions"] = common.TableColorTextCellOptions()
    return override(column.header, **found)
