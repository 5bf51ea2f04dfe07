"""Tests of the alerts of what each model is fed with: every other model is in trouble, the ones between are well.

Limits are written down a second time here, so that none changes unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.promtool import limits
from monitor.alerting.promtool.minutes import CROSSES, Due, Look, case, gap, gauge, lasts, seconds, stranger, unreadable
from monitor.alerting.promtool.notation import NOTHING
from monitor.clock import DAY, HOUR, MINUTE
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.alerting.promtool.case import Case, Series
    from monitor.alerting.promtool.wording import Wording
    from monitor.config import Settings
    from monitor.config.settings import ModelSettings
    from monitor.prometheus.metric import Metric

_BASELINE_AGE: Final = 90 * DAY
_ASKED: Final = 26 * HOUR


def _every(_: ModelSettings) -> bool:
    return True


def _compared(model: ModelSettings) -> bool:
    return bool(model.baseline)


@dataclass(frozen=True, slots=True)
class _Age:
    """A moment that must not lie too far back."""

    alert: str
    metric: Metric
    most: Callable[[ModelSettings], int]
    """Milliseconds."""
    more: dict[str, str]
    """Labels beside job and model; all of them stay."""
    of: Callable[[ModelSettings], bool] = _every
    """Which models have it."""


_AGES: Final = (
    _Age(alerts.LABELS_LATE, catalog.LAST_LABEL, lambda model: max(model.label_horizon.millis, HOUR), {}),
    _Age(
        alerts.PREDICTIONS_STOPPED,
        catalog.LAST_PREDICTION,
        lambda model: max(HOUR, min(window.millis for window in model.windows)),
        {},
    ),
    _Age(alerts.BASELINE_OLD, catalog.BASELINE_AT, lambda _: _BASELINE_AGE, {"version": "3"}, _compared),
    _Age(alerts.REVALIDATION_OVERDUE, catalog.REVALIDATION_ASKED, lambda _: _ASKED, {}, limits.revalidated),
)


def cases(settings: Settings, wording: Wording) -> Iterator[Case]:
    """Yield the tests of all alerts that each model has."""
    for first, half in enumerate(("every other model", "the models between")):
        troubled = [at % 2 == first for at in range(len(settings.models))]
        for age in _AGES:
            models = [model for model in settings.models.values() if age.of(model)]
            if models:
                yield _aged(settings, age, models, troubled, half, wording)
        yield _closed(settings, troubled, half, wording)
        if any(map(_compared, settings.models.values())):
            yield _missing(settings, troubled, half, wording)
        yield from limits.cases(settings, troubled, half, wording)


def _labels(settings: Settings, model: ModelSettings, **more: str) -> dict[str, str]:
    return {"job": settings.alerting.job, "instance": "foldwatch-0:9464", "model": model.name, **more}


def _due(alert: str, model: ModelSettings, value: float, **found: str) -> Due:
    team = {"team": model.owner} if model.owner else {}
    return Due(alert, value, {"model": model.name, **found}, team)


def _aged(
    settings: Settings,
    age: _Age,
    models: Sequence[ModelSettings],
    troubled: Sequence[bool],
    half: str,
    wording: Wording,
) -> Case:
    """Return that what is just as old as it may be is silent, and older for five minutes rings until the next comes."""
    rings = CROSSES + 1 + lasts(5 * MINUTE)
    end = rings + 1
    series, due = [], []
    for model, trouble in zip(models, troubled, strict=False):
        fresh = (seconds(end * MINUTE), end + 1)
        series.append(gauge(age.metric, _labels(settings, model, **age.more) | {"job": stranger(settings)}, fresh))
        most = seconds(age.most(model))
        then = seconds(CROSSES * MINUTE) - most
        labels = _labels(settings, model, **age.more)
        if not trouble:
            series.append(gauge(age.metric, labels, fresh))
            continue
        series.append(gauge(age.metric, labels, (then, rings + 1), seconds(end * MINUTE)))
        due.append(_due(age.alert, model, seconds(rings * MINUTE) - then, **age.more))
    looks = [Look(rings - 1, age.alert), Look(rings, age.alert, due), Look(rings + 1, age.alert)]
    return case(
        f"{_words(age.alert)}: just old enough is silent, older for five minutes rings: {half}", series, looks, wording
    )


def _closed(settings: Settings, troubled: Sequence[bool], half: str, wording: Wording) -> Case:
    """Return that a gate closed for a quarter of an hour rings, through a missed scrape, and an open one does not."""
    waits, kept = lasts(15 * MINUTE), lasts(gap(settings))
    series, due = [], []
    for model, trouble in zip(settings.models.values(), troubled, strict=True):
        closed, opened = (_labels(settings, model, gate=gate) for gate in ("label rate", "volume"))
        series.append(gauge(catalog.DATA_GATE, opened, (0, waits + kept + 5)))
        series.append(gauge(catalog.DATA_GATE, opened | {"job": stranger(settings)}, (1, waits + kept + 5)))
        if trouble:
            last = (NOTHING, kept + 3)
            series.append(gauge(catalog.DATA_GATE, closed, 0, (1, waits), NOTHING, 1, last))
            due.append(_due(alerts.NOT_AS_USUAL, model, 1, gate="label rate"))
    looks = [
        Look(waits, alerts.NOT_AS_USUAL),
        Look(waits + 1, alerts.NOT_AS_USUAL, due),
        Look(waits + 1 + kept, alerts.NOT_AS_USUAL, due),
        Look(waits + 3 + kept, alerts.NOT_AS_USUAL),
    ]
    return case(
        f"{_words(alerts.NOT_AS_USUAL)}: a gate closed for a quarter of an hour rings: {half}", series, looks, wording
    )


def _missing(settings: Settings, troubled: Sequence[bool], half: str, wording: Wording) -> Case:
    """Return that a version that predicts without folds rings after ten minutes, until it has some."""
    rings = 1 + lasts(10 * MINUTE)
    series, due = [], []
    for model, trouble in zip(settings.models.values(), troubled, strict=True):
        if not model.baseline:
            continue
        old, new = (_labels(settings, model, version=version) for version in ("3", "4"))
        count = [6 * minute for minute in range(rings + 3)]
        folds = {"owner": model.owner, "baseline_sha256": "5f", "scheme": "stratified", "folds": "5"}
        series += [gauge(catalog.PREDICTIONS, old, *count), gauge(catalog.MODEL, old | folds, (1, rings + 3))]
        series.append(gauge(catalog.PREDICTIONS, new, *(count if trouble else [7] * len(count))))
        series.append(gauge(catalog.PREDICTIONS, new | {"job": stranger(settings), "version": "5"}, *count))
        if trouble:
            series.append(gauge(catalog.MODEL, new | {"job": stranger(settings)} | folds, (1, rings + 3)))
            series.append(gauge(catalog.MODEL, new | folds, (NOTHING, rings + 1), 1, 1))
            due.append(_due(alerts.BASELINE_MISSING, model, 6 * rings, version="4"))
    looks = [
        Look(rings - 1, alerts.BASELINE_MISSING),
        Look(rings, alerts.BASELINE_MISSING, due),
        Look(rings + 1, alerts.BASELINE_MISSING),
    ]
    return case(
        f"{_words(alerts.BASELINE_MISSING)}: a version without folds rings, one that stands still does not: {half}",
        series,
        looks,
        wording,
    )


def _words(alert: str) -> str:
    """Return an alert's name in words."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in alert.removeprefix("Foldwatch"))[
        1:
    ]


def feed_series(settings: Settings, minutes: int) -> list[Series]:
    """Return everything of the models that is scraped, without a number in it."""
    labels = {
        catalog.LAST_LABEL: {},
        catalog.LAST_PREDICTION: {},
        catalog.BASELINE_AT: {"version": "3"},
        catalog.DATA_GATE: {"gate": "volume"},
        catalog.PREDICTIONS: {"version": "3"},
    }
    return [
        unreadable(metric, _labels(settings, model, **more), minutes)
        for model in settings.models.values()
        for metric, more in labels.items()
    ] + limits.series(settings, minutes)


def feed_alerts(settings: Settings) -> list[str]:
    """Return the alerts that any model has."""
    models = settings.models.values()
    every = [alerts.LABELS_LATE, alerts.PREDICTIONS_STOPPED, alerts.NOT_AS_USUAL]
    if any(map(_compared, models)):
        every += [alerts.BASELINE_MISSING, alerts.BASELINE_OLD]
    if any(map(limits.revalidated, models)):
        every.append(alerts.REVALIDATION_OVERDUE)
    return every + limits.alerts_of(settings)
