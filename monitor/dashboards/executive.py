"""The dashboard of whoever answers for the models: does production keep what cross-validation promised?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.rules import names as rules
from monitor.dashboards import variables
from monitor.dashboards.annotations import marks
from monitor.dashboards.bands import band
from monitor.dashboards.board import EXECUTIVE, ON_CALL, board, leading_to
from monitor.dashboards.layout import Section
from monitor.dashboards.looks import AMBER, BLUE, GREEN, GREY, NO_LIMIT, PLAIN, RED, named, steps
from monitor.dashboards.panels import COUNT, Scale, Words, bars, look, override, stats
from monitor.dashboards.queries import (
    HEADLINE,
    LOUD,
    MATURE,
    MODEL,
    VERSION,
    WHOLE,
    WINDOW,
    Query,
    alerts_of,
    at_the_end,
    either,
    recorded,
    series,
    zero_where,
)
from monitor.dashboards.tables import Column, rows
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.dashboards.panels import Limits
    from monitor.prometheus.metric import Metric

BUDGET: Final = Scale("percentunit", 0, 0, 1, ((NO_LIMIT, RED), (0.25, AMBER), (0.5, GREEN)))
"""What is left of an error budget."""
_POINTS: Final = Scale("percentunit", 1, limits=((NO_LIMIT, RED), (-0.05, AMBER), (-0.02, BLUE)))
"""A small difference is no news: whether one is sure is what the verdict says."""
_NONE_IS_GOOD: Final[Limits] = ((0, GREEN), (1, RED))
_LABELLED: Final = Scale("percentunit", 0, 0, 1, ((0, RED), (0.5, AMBER), (0.8, GREEN)))
_CHOSEN: Final = (MODEL, VERSION, WHOLE, WINDOW, MATURE)
_WORST: Final = 10
GATE: Final = "last candidate at the gate"
PASSED: Final = {"0": ("rejected", RED), "1": ("passed", GREEN)}
WORSE, KEPT, OPEN = "worse than promised", "as promised", "not known yet"


def executive() -> sdk.Dashboard:
    """Return the dashboard: a month, and eight panels."""
    return board(
        EXECUTIVE,
        (
            Section("Every model", (_verdicts(), _pages(), _labelled(), budget_left(width=24, height=7))),
            Section("$model over the last $window", (_headline(), _folds(), _worst(), _classes())),
        ),
        [
            variables.source(),
            variables.several("job"),
            *map(variables.one, ("model", "version", "window", "headline")),
        ],
        marks(),
        since="now-30d",
        refresh="5m",
    )


def budget_left(*matchers: str, width: int, height: int) -> sdk.Panel:
    """Return what is left of the error budget of each objective: as the rules record it, else as the daemon says."""
    by = "max by (model, slo)"
    left = either(
        f"{by} ({recorded(rules.BUDGET_LEFT, *matchers)})", f"{by} ({series(catalog.SLO_BUDGET_LEFT, *matchers)})"
    )
    worst_first = f"sort(\n{left}\n)"
    words = Words(
        "Error budget left",
        "How much may still go wrong in this period, for each promise (model: objective). Full is untouched, empty is "
        "spent: then change nothing about the model that is no repair. The emptiest stands first. Grey or missing: no "
        "events yet.",
        "no promise has a budget with events yet",
    )
    panel = bars(words, [Query(worst_first, "{{model}}: {{slo}}", instant=True)], BUDGET, width=width, height=height)
    chosen = {"model": "${__field.labels.model}", "slo": "${__field.labels.slo}"}
    look(panel).defaults.links = [leading_to(ON_CALL, "How it burns", **chosen)]
    return panel


def _verdicts() -> sdk.Panel:
    of = {name: series(catalog.VERDICT, WHOLE, MATURE, f'verdict="{name}"') for name in ("ok", "worse")}
    worse, kept = (f"max by (model) ({of[name]}) == 1" for name in ("worse", "ok"))
    models = series(catalog.LAST_PREDICTION)
    told = f"({worse} or {kept})"
    counted = (
        (f"sum(max by (model) ({of['worse']}))\nand on ()\nsum({told}) > 0", WORSE),
        (zero_where(f"count({kept}\nunless\n{worse})", of["ok"]), KEPT),
        (zero_where(f"count(max by (model) ({models})\nunless\n{told})", models), OPEN),
    )
    words = Words(
        "Models against their promise",
        "How many models do worse than their cross-validation promised in at least one metric, class or window, how "
        "many keep the promise, and how many have too few labels to tell. Worse means: surely below the folds' "
        "corridor, by more than the margin.",
        "no model has been judged yet",
    )
    own = {WORSE: _NONE_IS_GOOD, KEPT: PLAIN, OPEN: ((NO_LIMIT, GREY),)}
    return stats(words, at_the_end(counted), COUNT, width=10, height=5, own=own)


def _pages() -> sdk.Panel:
    paged = alerts_of(LOUD, f'severity="{alerts.CRITICAL}"')
    began = f"last_over_time({paged}[5m]) unless last_over_time({paged}[5m] offset 5m)"
    known = f'last_over_time(ALERTS{{alertname="{alerts.WATCHDOG}", component="foldwatch"}}[30d])'
    words = Words(
        "Pages, last 30 days",
        "How often somebody was called out of bed within the last 30 days because of a model or of its monitoring. An "
        "incident counts once, however long it lasted.",
        "the rules are not loaded",
    )
    scale = Scale("short", 0, 0, limits=((0, GREEN), (1, AMBER), (4, RED)))
    return stats(
        words, at_the_end([(zero_where(f"sum(sum_over_time(({began})[30d:5m]))", known), "")]), scale, width=4, height=5
    )


def _labelled() -> sdk.Panel:
    words = Words(
        "Labelled in time",
        "For which share of its predictions the truth was known within the time that labels are given. The fewer, the "
        "less anybody can say about a model: a low share is a gap in what we know, not a bad model.",
        "no window is complete yet",
    )
    return stats(
        words,
        [Query(f"max by (model) ({series(catalog.COMPLETENESS)})", "{{model}}", instant=True)],
        _LABELLED,
        width=10,
        height=5,
    )


def _headline() -> sdk.Panel:
    words = Words(
        "$headline: production beside the promise",
        "The metric of the whole model, in each window of $window whose labels are complete. Of all versions, so that "
        "a month is seen at once: where two predict, each counts by its labels.",
        "no window with complete labels yet",
    )
    chosen = (MODEL, WHOLE, WINDOW, MATURE, HEADLINE)
    return band(words, catalog.OF_MODEL, *chosen, width=16, every_version=True)


def _folds() -> sdk.Panel:
    folds = series(catalog.OVERALL_FOLD, MODEL, VERSION, HEADLINE)
    asked = (
        (f"avg({folds})", "mean of the folds"),
        (f"stddev({folds})", "spread of the folds (sd)"),
        (f"max({series(catalog.OF_MODEL.value, *_CHOSEN, HEADLINE)})", "production now"),
        (f"min({series(catalog.GATE_PASSED, MODEL)})", GATE),
    )
    words = Words(
        "$headline of version $version: folds and production",
        "What the folds of cross-validation reached on average, how far they lie apart (one standard deviation), and "
        "what production reaches now. Production within about two spreads of the mean is what folds differ by "
        "themselves. The promise itself is reckoned for production's mix of classes, and may differ from the mean. "
        "The gate: whether the last candidate for a new promise deserved to become it.",
        "no folds for this version",
    )
    panel = stats(words, at_the_end(asked), Scale("percentunit", 1), width=8, height=9, stacked=True)
    look(panel).overrides.append(override(GATE, mappings=named(PASSED), thresholds=steps((0, RED), (1, GREEN))))
    return panel


def _worst() -> sdk.Panel:
    by = "max by (class, metric)"

    def of(metric: Metric) -> str:
        return f"{by} ({series(metric, *_CHOSEN)})"

    difference = f"{of(catalog.OF_CLASS.value)} - {of(catalog.OF_CLASS.baseline)}"
    worst = f"bottomk({_WORST}, {difference})"

    def there(metric: Metric) -> str:
        return f"{of(metric)}\nand on (class, metric)\n{worst}"

    share = Scale("percentunit", 1)
    words = Words(
        "Worst classes of version $version",
        "The classes that lie furthest below their promise: the difference in percentage points, what production "
        "reaches with the ends of its band, what was promised, and from how many labels that is known. A wide band or "
        "few labels mean: wait.",
        "no class with complete labels and a promise yet",
    )
    columns = [
        Column("Difference", worst, _POINTS, coloured=True),
        Column("Production", there(catalog.OF_CLASS.value), share),
        Column("from", there(catalog.OF_CLASS.lower), share),
        Column("to", there(catalog.OF_CLASS.upper), share),
        Column("Promised", there(catalog.OF_CLASS.baseline), share),
        Column("Labels", there(catalog.OF_CLASS.labels), COUNT),
    ]
    keys = {"class": "Class", "metric": "Metric"}
    chosen = {name: f"${{{name}:percentencode}}" for name in ("model", "version", "window")}
    chosen |= {"maturity": "mature", "metric": "${__data.fields.Metric}", "class": "${__value.raw}"}
    more = [override("Class", links=[leading_to(ON_CALL, "This class over time", **chosen)])]
    return rows(words, keys, columns, width=14, height=9, sort=("Difference", False), more=more)


def _classes() -> sdk.Panel:
    by = "by (class, metric)"
    folds = series(catalog.CLASS_FOLD, MODEL, VERSION)
    share = Scale("percentunit", 1)
    words = Words(
        "Folds beside production, version $version",
        "For each class and metric the mean of the folds, their spread (one standard deviation), and production now.",
        "no folds for this version",
    )
    columns = [
        Column("Folds", f"avg {by} ({folds})", share),
        Column("Spread", f"stddev {by} ({folds})", share),
        Column("Production", f"max {by} ({series(catalog.OF_CLASS.value, *_CHOSEN)})", share),
    ]
    return rows(words, {"class": "Class", "metric": "Metric"}, columns, width=10, height=9, sort=("Class", False))
