"""Alerts of the daemon and of what it is fed with: foldwatch.yml.

They rest on timestamps and on liveness, not on the absence of series, which nobody can tell from idleness. Gauges are
read over a few scrapes where one missed scrape would otherwise end an alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.rules.links import links
from monitor.alerting.rules.operation_words import WORDS, Words
from monitor.alerting.rules.promise import interval
from monitor.alerting.rules.promql import selector, span
from monitor.alerting.rules.rule import AlertRule, Group
from monitor.alerting.rules.template import literal
from monitor.clock import DAY, HOUR, MINUTE, SECOND
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.settings import ModelSettings, Settings

GROUP: Final = "foldwatch"
"""Every group's name begins so; Prometheus' own metric of failing rules is selected by it."""
_STALLED_CADENCES: Final = 3
_GAP_SCRAPES: Final = 4
_BASELINE_AGE: Final = 90 * DAY
_ASKED: Final = DAY + 2 * HOUR
"""A job that runs every hour, or once a day, is not overdue before."""
_FAILURES: Final = 2
_CERTIFICATE_LEFT: Final = 14 * DAY
_BACKLOG: Final = 100
"""Messages: a lag that was below it within the quarter of an hour is none."""


def groups(settings: Settings) -> tuple[Group, ...]:
    """Return the group of the daemon, and one a model."""
    every = interval(settings.cadence)
    of_models = (
        Group(f"{GROUP}-{model.name}", every, tuple(_of_model(settings, model))) for model in settings.models.values()
    )
    return (Group(GROUP, every, tuple(_of_daemon(settings))), *of_models)


def _of_daemon(settings: Settings) -> Iterator[AlertRule]:
    """Yield what is of no single model."""
    alerting, gap = settings.alerting, _gap(settings)
    job, scrape = alerting.job, settings.slo.scrape_interval.millis
    up = selector("up", job=job)
    yield _alert(settings, alerts.DOWN, f"{up} == 0\nor\nabsent({up}) == 1", max(5 * MINUTE, 2 * scrape))
    halted = f"last_over_time({selector(catalog.HALTED, job=job)}[{gap}])"
    yield _alert(settings, alerts.HALTED, f"max by (job) ({halted}) == 1", MINUTE)
    evaluated = f"time() - min by (job) ({selector(catalog.LAST_EVALUATION, job=job)})"
    limit = _STALLED_CADENCES * settings.cadence // SECOND
    yield _alert(settings, alerts.STALLED, f"{evaluated} > {limit}", MINUTE)
    quarter = f"min_over_time({selector(catalog.LAG, job=job)}[15m])"
    before = f"min_over_time({selector(catalog.LAG, job=job)}[15m] offset 15m)"
    lag = f"sum by (job, topic) ({quarter} - {before}) > 0\nand\nsum by (job, topic) ({quarter}) >= {_BACKLOG}"
    yield _alert(settings, alerts.LAG, lag, 15 * MINUTE)
    rejected = f"sum by (job, reason) (increase({selector(catalog.DEAD_LETTERS, job=job)}[{_fast(settings)}]))"
    yield _alert(settings, alerts.DEAD_LETTERS, f"{rejected} > 0")
    expires = f"min by (job) (last_over_time({selector(catalog.TLS_EXPIRY, job=job)}[{gap}])) - time()"
    yield _alert(settings, alerts.CERTIFICATE, f"{expires} < {_CERTIFICATE_LEFT // SECOND}", 5 * MINUTE)
    failures = 'prometheus_rule_evaluation_failures_total{rule_group=~".*;foldwatch.*"}'
    yield _alert(settings, alerts.RULES_FAIL, f"sum by (rule_group) (increase({failures}[{_fast(settings)}])) > 0")
    yield _alert(settings, alerts.WATCHDOG, "vector(1)", component="foldwatch")


def _of_model(settings: Settings, model: ModelSettings) -> Iterator[AlertRule]:
    """Yield what is of one model."""
    job, gap = settings.alerting.job, _gap(settings)
    of = {"job": job, "model": model.name}
    late = max(model.label_horizon.millis, HOUR) // SECOND
    last_label = f"max by (model) (last_over_time({selector(catalog.LAST_LABEL, **of)}[{gap}]))"
    yield _alert(settings, alerts.LABELS_LATE, f"time() - {last_label} > {late}", 5 * MINUTE, model)
    stopped = max(HOUR, min(window.millis for window in model.windows)) // SECOND
    last_prediction = f"max by (model) (last_over_time({selector(catalog.LAST_PREDICTION, **of)}[{gap}]))"
    yield _alert(settings, alerts.PREDICTIONS_STOPPED, f"time() - {last_prediction} > {stopped}", 5 * MINUTE, model)
    gate = f"max by (model, gate) (last_over_time({selector(catalog.DATA_GATE, **of)}[{gap}]))"
    yield _alert(settings, alerts.NOT_AS_USUAL, f"{gate} == 1", 15 * MINUTE, model)
    yield from _of_revalidation(settings, model)
    if not model.baseline:
        return
    predicting = f"sum by (model, version) (increase({selector(catalog.PREDICTIONS, **of)}[1h])) > 0"
    compared = f"max by (model, version) (last_over_time({selector(catalog.MODEL, **of)}[{gap}]))"
    yield _alert(settings, alerts.BASELINE_MISSING, f"{predicting}\nunless\n{compared}", 10 * MINUTE, model)
    written = f"max by (model, version) (last_over_time({selector(catalog.BASELINE_AT, **of)}[{gap}]))"
    yield _alert(settings, alerts.BASELINE_OLD, f"time() - {written} > {_BASELINE_AGE // SECOND}", 5 * MINUTE, model)


def _of_revalidation(settings: Settings, model: ModelSettings) -> Iterator[AlertRule]:
    """Yield what is of a model that is re-validated. None of it is worth waking anybody: the old promise holds."""
    if model.revalidation is None:
        return
    gap, of = _gap(settings), {"job": settings.alerting.job, "model": model.name}
    asked = f"max by (model) (last_over_time({selector(catalog.REVALIDATION_ASKED, **of)}[{gap}]))"
    yield _alert(settings, alerts.REVALIDATION_OVERDUE, f"time() - {asked} > {_ASKED // SECOND}", 5 * MINUTE, model)
    failed = f"max by (model) (last_over_time({selector(catalog.REVALIDATION_FAILURES, **of)}[{gap}]))"
    yield _alert(settings, alerts.REVALIDATION_FAILS, f"{failed} >= {_FAILURES}", MINUTE, model)
    limit = model.revalidation.gate.max_fold_sd
    if limit is not None:
        scatter = f"max by (model, version) (last_over_time({selector(catalog.FOLD_DEVIATION, **of)}[{gap}]))"
        yield _alert(settings, alerts.FOLDS_UNSTABLE, f"{scatter} > {limit:g}", 5 * MINUTE, model)


def _alert(
    settings: Settings, name: str, expr: str, for_: int = 0, model: ModelSettings | None = None, **more: str
) -> AlertRule:
    """Return an alert with its labels, words and links."""
    labels = {"severity": alerts.OPERATION[name], **more}
    variables = {}
    if model is not None:
        labels |= {"model": literal(model.name)} | ({"team": literal(model.owner)} if model.owner else {})
        variables = {"model": model.name}
    words: Words = WORDS[name]
    said = {"summary": words.summary, "description": words.description}
    return AlertRule(name, expr, labels, said | dict(links(settings.alerting, name, **variables)), for_)


def _gap(settings: Settings) -> str:
    """Return the range within which the last sample of a gauge counts: some scrapes may be missed."""
    return span(max(5 * MINUTE, _GAP_SCRAPES * settings.slo.scrape_interval.millis))


def _fast(settings: Settings) -> str:
    """Return the range of counters that shall not move."""
    return span(max(15 * MINUTE, _GAP_SCRAPES * settings.slo.scrape_interval.millis))
