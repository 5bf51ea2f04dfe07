"""Tests of the alerts of re-validation that ring above a limit: runs that fail, folds that disagree.

Limits are written down a second time here, so that none changes unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.promtool.minutes import Due, Look, case, gap, gauge, lasts, stranger, unreadable
from monitor.alerting.promtool.notation import NOTHING
from monitor.clock import MINUTE
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from monitor.alerting.promtool.case import Case, Series
    from monitor.alerting.promtool.wording import Wording
    from monitor.config import Settings
    from monitor.config.settings import ModelSettings
    from monitor.prometheus.metric import Metric

_FAILURES: Final = 2


@dataclass(frozen=True, slots=True)
class _Limit:
    """A gauge that rings where it is too high for a while."""

    name: str
    alert: str
    metric: Metric
    waits: int
    """Milliseconds."""
    high: Callable[[ModelSettings], tuple[str, str] | None]
    """The highest value that is silent, or one just below it, and one that just rings, as samples are written; None:
    the model has no such alert."""
    found: Mapping[str, str]
    """Labels beside the model that the alert keeps."""
    more: Mapping[str, str]
    """Labels that it does not."""


def revalidated(model: ModelSettings) -> bool:
    """Tell whether a model has `revalidate`."""
    return model.revalidation is not None


def _failures(model: ModelSettings) -> tuple[str, str] | None:
    # There are no halves of a run; but only so near does a limit that moved show.
    return (f"{_FAILURES - 0.01:g}", f"{_FAILURES}") if revalidated(model) else None


def _scatter(model: ModelSettings) -> tuple[str, str] | None:
    limit = None if model.revalidation is None else model.revalidation.gate.max_fold_sd
    return None if limit is None else (f"{limit:g}", f"{1.01 * limit:g}")


_LIMITS: Final = (
    _Limit("failures", alerts.REVALIDATION_FAILS, catalog.REVALIDATION_FAILURES, MINUTE, _failures, {}, {}),
    _Limit(
        "folds",
        alerts.FOLDS_UNSTABLE,
        catalog.FOLD_DEVIATION,
        5 * MINUTE,
        _scatter,
        {"version": "3"},
        {"class": "leave"},
    ),
)


def cases(settings: Settings, troubled: Sequence[bool], half: str, wording: Wording) -> Iterator[Case]:
    """Yield that what is low enough is silent, and what is too high rings after a while, through missed scrapes."""
    kept = lasts(gap(settings))
    for limit in _LIMITS:
        waits = lasts(limit.waits)
        series, due = [], []
        for model, trouble in zip(settings.models.values(), troubled, strict=True):
            high = limit.high(model)
            if high is None:
                continue
            labels = _labels(settings, model, limit)
            length = waits + kept + 5
            theirs = labels | {"job": stranger(settings)}
            series.append(gauge(limit.metric, theirs, (high[1], length)))
            if not trouble:
                series.append(gauge(limit.metric, labels, (high[0], length)))
                continue
            series.append(gauge(limit.metric, labels, high[0], (high[1], waits + 1), (NOTHING, kept + 3)))
            team = {"team": model.owner} if model.owner else {}
            due.append(Due(limit.alert, float(high[1]), {"model": model.name, **limit.found}, team))
        if series:
            looks = [
                Look(waits, limit.alert),
                Look(waits + 1, limit.alert, due),
                Look(waits + kept, limit.alert, due),
                Look(waits + kept + 2, limit.alert),
            ]
            name = f"{limit.name}: low enough is silent, too high rings after a while: {half}"
            yield case(name, series, looks, wording)


def series(settings: Settings, minutes: int) -> list[Series]:
    """Return everything of re-validation that is scraped, without a number in it."""
    found = []
    for model in filter(revalidated, settings.models.values()):
        asked = {"job": settings.alerting.job, "instance": "foldwatch-0:9464", "model": model.name}
        found.append(unreadable(catalog.REVALIDATION_ASKED, asked, minutes))
        found += [unreadable(limit.metric, _labels(settings, model, limit), minutes) for limit in _LIMITS]
    return found


def alerts_of(settings: Settings) -> list[str]:
    """Return the alerts that any model has."""
    models = settings.models.values()
    return [limit.alert for limit in _LIMITS if any(limit.high(model) is not None for model in models)]


def _labels(settings: Settings, model: ModelSettings, limit: _Limit) -> dict[str, str]:
    ours = {"job": settings.alerting.job, "instance": "foldwatch-0:9464", "model": model.name}
    return {**ours, **limit.found, **limit.more}
