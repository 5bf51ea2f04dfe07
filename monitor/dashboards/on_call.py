"""The dashboard of whoever is woken. Every alert leads here, with its model and objective chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.dashboards import variables
from monitor.dashboards.alarms import RUNBOOKS, failing_rules, firing, firing_counts, watchdog
from monitor.dashboards.annotations import marks
from monitor.dashboards.bands import band
from monitor.dashboards.board import ON_CALL, board
from monitor.dashboards.burning import budget_states, burn_rates
from monitor.dashboards.daemon import health
from monitor.dashboards.executive import budget_left
from monitor.dashboards.layout import Section
from monitor.dashboards.looks import BLUE, GREEN, GREY, RED, named
from monitor.dashboards.panels import COUNT, SECONDS, SHARE, Scale, Words, course, repeated, states
from monitor.dashboards.queries import (
    CLASS,
    MATURITY,
    METRIC,
    MODEL,
    VERSION,
    WHOLE,
    WINDOW,
    Query,
    either,
    rate,
    series,
)
from monitor.dashboards.revalidation import revalidations
from monitor.dashboards.tables import Column, rows
from monitor.prometheus import catalog
from monitor.statistics.ladder import PAGE, TICKET

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.dashboards.fit import Fit

_CHOSEN: Final = (MODEL, VERSION, WHOLE, WINDOW, MATURITY, METRIC)
_THIRD: Final = 8


def on_call(fit: Fit) -> sdk.Dashboard:
    """Return the dashboard: a day, asked again every minute."""
    burns = [burn_rates(fit.levels, severity) for severity in (PAGE, TICKET) if _has(fit, severity)]
    return board(
        ON_CALL,
        (
            Section("What rings", (firing_counts(), watchdog(), failing_rules(), firing())),
            Section("Error budgets of $model", (budget_left(MODEL, width=12, height=6), budget_states(), *burns)),
            Section(
                "$metric of $model, version $version, over $window ($maturity labels)",
                (_quality(), _labels(), _verdicts()),
            ),
            Section("What comes in of $model", (_delays(), _silence(), _rates(), _completeness(), _gates())),
            Section("What changed", (_versions(), _baselines(), revalidations())),
            Section("The daemon", health(fit.cadence)),
        ),
        [
            variables.source(),
            variables.several("job"),
            *map(variables.one, ("model", "version", "window", "maturity", "metric")),
            variables.several("class"),
            variables.several("slo"),
            variables.typed(RUNBOOKS, "Runbooks", fit.runbooks),
        ],
        marks(),
        since="now-24h",
        refresh="1m",
    )


def _has(fit: Fit, severity: str) -> bool:
    return any(level.severity == severity for level in fit.levels)


def _quality() -> sdk.Panel:
    words = Words(
        "$metric of class $class",
        "One class over time, beside its promise.",
        "no labels of this class in this window, or the metric is not exported",
    )
    return repeated(band(words, catalog.OF_CLASS, *_CHOSEN, CLASS, width=24), "class")


def _labels() -> sdk.Panel:
    expr = f"max by (class) ({series(catalog.OF_CLASS.labels, *_CHOSEN, CLASS)})"
    words = Words(
        "Labels behind $metric",
        "From how many labelled predictions the metric of each class is known. Where it falls, bands get wider: "
        "quality is then less known, not worse.",
        "no labels in this window",
    )
    return course(words, [Query(expr, "{{class}}")], COUNT, width=12, height=7)


def _verdicts() -> sdk.Panel:
    unknown, ok, worse = (
        series(catalog.VERDICT, *_CHOSEN, CLASS, f'verdict="{word}"') for word in ("unknown", "ok", "worse")
    )
    expr = f"max by (class) (\n{either(f'0 * {unknown}', ok, f'2 * {worse}')}\n)"
    words = Words(
        "Verdict on $metric",
        "For each class: as promised, worse (surely below the corridor by more than the margin), or not known yet, for "
        "want of labels. Only windows whose labels are complete are judged: choose `mature` above.",
        "no verdict: choose mature labels, or a version with a baseline",
    )
    mapping = named({"0": ("not known yet", GREY), "1": ("as promised", GREEN), "2": ("worse", RED)})
    return states(words, [Query(expr, "{{class}}")], mapping, width=12, height=7)


def _delays() -> sdk.Panel:
    expr = f"max by (percentile) ({series(catalog.LABEL_DELAY, MODEL)})"
    words = Words(
        "Label delay",
        "From a prediction to its label: within this time so many per cent of the labels came.",
        "no window is complete yet",
    )
    return course(words, [Query(expr, "{{percentile}} %")], SECONDS, width=_THIRD)


def _silence() -> sdk.Panel:
    queries = [
        Query(f"time() - max({series(metric, MODEL)})", name)
        for metric, name in ((catalog.LAST_LABEL, "label"), (catalog.LAST_PREDICTION, "prediction"))
    ]
    words = Words(
        "Since the latest event",
        "How old the latest label and the latest prediction are, by their own times. Saw teeth are fine, a line that "
        "climbs is a feed that stopped.",
        "no events yet",
    )
    return course(words, queries, SECONDS, width=_THIRD)


def _rates() -> sdk.Panel:
    words = Words(
        "Predictions a second",
        "How many predictions come, by version. A new version shows as a line that takes over from another.",
        "no predictions",
    )
    return course(
        words,
        [Query(rate(catalog.PREDICTIONS, "version", MODEL), "version {{version}}")],
        Scale("reqps", 2, 0),
        width=_THIRD,
    )


def _completeness() -> sdk.Panel:
    words = Words(
        "Labelled in time",
        "Share of the predictions of the newest complete window that have a label. Where it falls, labels are lost or "
        "late, and quality may be that of a part.",
        "no window is complete yet",
    )
    return course(
        words, [Query(f"max({series(catalog.COMPLETENESS, MODEL)})", "labelled")], SHARE, width=_THIRD, height=6
    )


def _gates() -> sdk.Panel:
    words = Words(
        "Events as usual?",
        "Each gate holds what comes in against what is usual for this model. Where one is red, look at the feed first: "
        "a bad figure may be its fault.",
        "not known: too little history",
    )
    mapping = named({"0": ("as usual", GREEN), "1": ("not as usual", RED)})
    expr = f"max by (gate) ({series(catalog.DATA_GATE, MODEL)})"
    return states(words, [Query(expr, "{{gate}}")], mapping, width=16)


def _versions() -> sdk.Panel:
    words = Words(
        "Versions that predict",
        "When which version of the model gave predictions. What breaks just after a change of version was probably "
        "broken by it.",
        "no predictions",
    )
    expr = f"sum by (version) (increase({series(catalog.PREDICTIONS, MODEL)}[$__rate_interval])) > bool 0"
    mapping = named({"0": ("silent", GREY), "1": ("predicts", BLUE)})
    return states(words, [Query(expr, "{{version}}")], mapping, width=10, height=7)


def _baselines() -> sdk.Panel:
    known = series(catalog.MODEL, MODEL)
    by = "max by (version, baseline_sha256, scheme, folds, owner)"
    written = f"max by (version) ({series(catalog.BASELINE_AT, MODEL)})"
    expr = f"1000 * {by} ({known})\n* on (version) group_left ()\n{written}"
    words = Words(
        "Baselines in force",
        "The folds that each version is held against: when their file was written, and the fingerprint by which a "
        "change of it is known.",
        "no baseline: nothing is judged",
    )
    keys = {
        "version": "Version",
        "scheme": "Scheme",
        "folds": "Folds",
        "owner": "Owner",
        "baseline_sha256": "Fingerprint",
    }
    columns = [Column("Written", expr, Scale("dateTimeAsIso"))]
    return rows(words, keys, columns, width=14, height=7, sort=("Version", True))
