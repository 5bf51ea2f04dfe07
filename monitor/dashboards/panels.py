"""Panels: words, queries and a way of drawing them. Each function makes one kind; `layout.py` gives places."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import bargauge, common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import dashboard as sdk

from monitor.dashboards.looks import PLAIN, absent, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.dashboards.queries import Query

SOURCE: Final = common.DataSourceRef("prometheus", "${datasource}")
_LAST: Final = ["lastNotNull"]
_THIN: Final = 1.5
_PER_LINE: Final = 3
_HEADROOM: Final = 1.1
Limits = tuple[tuple[float, str], ...]
"""Colours from values on, ascending."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a panel says of itself, for whom it is."""

    title: str
    description: str
    """In plain words: what is seen, when it is good, where to look on."""
    absent: str = "nothing known yet"
    """What stands there when the queries have no answer."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers are written and drawn."""

    unit: str
    """An id of Grafana's units."""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    limits: Limits = PLAIN


SHARE: Final = Scale("percentunit", 1, 0, 1)
"""A share from 0 to 1, written in per cent."""
COUNT: Final = Scale("short", None, 0)
"""A number of things: `958`, `1.55 K`. Rounded to whole thousands it would mislead."""
SECONDS: Final = Scale("s", None, 0)


def stats(
    words: Words,
    queries: Sequence[Query],
    scale: Scale,
    *,
    width: int,
    height: int = 4,
    mappings: Sequence[sdk.ValueMapping] = (),
    own: Mapping[str, Limits] | None = None,
    stacked: bool = False,
) -> sdk.Panel:
    """Return big numbers, one a series: side by side where there is room, or `stacked`, each on a line of its own.

    `own` are colours of single series by their legend.
    """
    panel = panel_of("stat", words, queries, scale, width, height)
    panel.options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        justify_mode=common.BigValueJustifyMode.AUTO,
        text_mode=common.BigValueTextMode.AUTO if len(queries) == 1 else common.BigValueTextMode.VALUE_AND_NAME,
        reduce_options=common.ReduceDataOptions(values=False, calcs=_LAST, fields=""),
        orientation=common.VizOrientation.HORIZONTAL if stacked else common.VizOrientation.AUTO,
    )
    look(panel).defaults.mappings = [*mappings, absent()] if not mappings else list(mappings)
    look(panel).overrides = [override(legend, thresholds=steps(*limits)) for legend, limits in (own or {}).items()]
    return panel


def bars(words: Words, queries: Sequence[Query], scale: Scale, *, width: int, height: int) -> sdk.Panel:
    """Return one horizontal bar a series."""
    panel = panel_of("bargauge", words, queries, scale, width, height)
    panel.options = bargauge.Options(
        display_mode=common.BarGaugeDisplayMode.BASIC,
        value_mode=common.BarGaugeValueMode.COLOR,
        name_placement=common.BarGaugeNamePlacement.LEFT,
        show_unfilled=True,
        reduce_options=common.ReduceDataOptions(values=False, calcs=_LAST, fields=""),
        orientation=common.VizOrientation.HORIZONTAL,
    )
    look(panel).defaults.mappings = [absent()]
    return panel


def course(
    words: Words,
    queries: Sequence[Query],
    scale: Scale,
    *,
    width: int,
    height: int = 8,
    lines: Sequence[float] = (),
    stacked: bool = False,
) -> sdk.Panel:
    """Return curves over time. Gaps stay gaps; `lines` are limits that are drawn across, all in sight."""
    panel = panel_of("timeseries", words, queries, scale, width, height)
    panel.options = timeseries.Options(
        legend=common.VizLegendOptions(
            common.LegendDisplayMode.LIST, common.LegendPlacement.BOTTOM, show_legend=True, calcs=[]
        ),
        tooltip=common.VizTooltipOptions(common.TooltipDisplayMode.MULTI, common.SortOrder.DESCENDING),
    )
    style = common.GraphThresholdsStyleMode.DASHED if lines else common.GraphThresholdsStyleMode.OFF
    look(panel).defaults.custom = common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_width=_THIN,
        fill_opacity=20 if stacked else 0,
        show_points=common.VisibilityMode.AUTO,
        span_nulls=False,
        thresholds_style=common.GraphThresholdsStyleConfig(style),
        axis_soft_max=_HEADROOM * max(lines) if lines else None,
        stacking=common.StackingConfig(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE, "A"),
    )
    look(panel).defaults.color = sdk.FieldColor(sdk.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    return panel


def states(
    words: Words, queries: Sequence[Query], mappings: list[sdk.ValueMapping], *, width: int, height: int = 6
) -> sdk.Panel:
    """Return a line a series that shows when it was what; the numbers of the states are never seen."""
    panel = panel_of("state-timeline", words, queries, Scale("none"), width, height)
    panel.options = statetimeline.Options(
        show_value=common.VisibilityMode.AUTO,
        merge_values=True,
        align_value=common.TimelineValueAlignment.LEFT,
        legend=common.VizLegendOptions(
            common.LegendDisplayMode.LIST, common.LegendPlacement.BOTTOM, show_legend=False, calcs=[]
        ),
        tooltip=common.VizTooltipOptions(common.TooltipDisplayMode.SINGLE, common.SortOrder.NONE),
    )
    look(panel).defaults.custom = statetimeline.FieldConfig(span_nulls=False, insert_nulls=False)
    look(panel).defaults.mappings = mappings
    return panel


def repeated(panel: sdk.Panel, variable: str, per_line: int = _PER_LINE) -> sdk.Panel:
    """Return the panel, once for each value that is chosen of a variable, side by side."""
    panel.repeat, panel.repeat_direction, panel.max_per_row = variable, "h", per_line
    return panel


def override(legend: str, **properties: object) -> sdk.DashboardFieldConfigSourceOverrides:
    """Return what holds for the one series or column of this name; `__` in a property's name stands for a full stop."""
    return sdk.DashboardFieldConfigSourceOverrides(
        matcher=sdk.MatcherConfig("byName", legend),
        properties=[sdk.DynamicConfigValue(name.replace("__", "."), value) for name, value in properties.items()],
    )


def look(panel: sdk.Panel) -> sdk.FieldConfigSource:
    """Return how a panel's fields look."""
    if panel.field_config is None:
        panel.field_config = sdk.FieldConfigSource()
    return panel.field_config


def panel_of(
    kind: str, words: Words, queries: Sequence[Query], scale: Scale, width: int, height: int, *, table: bool = False
) -> sdk.Panel:
    """Return what all kinds have."""
    return sdk.Panel(
        kind,
        title=words.title,
        description=words.description,
        datasource=SOURCE,
        targets=[_target(ref, query, table=table) for ref, query in zip(ascii_uppercase, queries, strict=False)],
        grid_pos=sdk.GridPos(height, width),
        field_config=sdk.FieldConfigSource(
            sdk.FieldConfig(
                unit=scale.unit,
                decimals=scale.decimals,
                min_val=scale.low,
                max_val=scale.high,
                no_value=words.absent,
                thresholds=steps(*scale.limits),
                color=sdk.FieldColor(sdk.FieldColorModeId.THRESHOLDS),
            ),
            [],
        ),
    )


def _target(ref: str, query: Query, *, table: bool) -> prometheus.Dataquery:
    return prometheus.Dataquery(
        datasource=SOURCE,
        editor_mode=prometheus.QueryEditorMode.CODE,
        expr=query.expr,
        format_val=prometheus.PromQueryFormat.TABLE if table else prometheus.PromQueryFormat.TIME_SERIES,
        instant=query.instant,
        range_val=not query.instant,
        legend_format=None if table else query.legend,
        ref_id=ref,
    )
