"""Tests of the alerts of the daemon itself. Limits are written down a second time here, so that none changes unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.promtool import rates
from monitor.alerting.promtool.minutes import CROSSES, Due, Look, case, gap, gauge, lasts, seconds, stranger, unreadable
from monitor.alerting.promtool.notation import NOTHING
from monitor.clock import DAY, MINUTE
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.alerting.promtool.case import Case, Series
    from monitor.alerting.promtool.wording import Wording
    from monitor.config import Settings

_INSTANCE: Final = "foldwatch-0:9464"
_FAILURES: Final = "prometheus_rule_evaluation_failures_total"
_CERTIFICATE_LEFT: Final = 14 * DAY
_CADENCES: Final = 3
_BACKLOG: Final = 100


def cases(settings: Settings, wording: Wording) -> Iterator[Case]:
    """Yield the tests of all alerts that are of no single model."""
    yield from _down(settings, wording)
    yield from _halted(settings, wording)
    yield _stalled(settings, wording)
    yield from _lag(settings, wording)
    yield from _counted(settings, wording)
    yield _certificate(settings, wording)
    yield _watchdog(wording)


def _down(settings: Settings, wording: Wording) -> Iterator[Case]:
    job, waits = settings.alerting.job, lasts(max(5 * MINUTE, 2 * settings.slo.scrape_interval.millis))
    target = {"job": job, "instance": _INSTANCE}
    other = gauge("up", {"job": job, "instance": "foldwatch-1:9464"}, (1, waits + 5))
    due = Due(alerts.DOWN, 0, target, {})
    yield case(
        "down: one of two targets is not reached, and not a minute before its time is over it rings",
        [gauge("up", target, 1, 1, (0, waits + 1), 1), other],
        [Look(waits + 1, alerts.DOWN), Look(waits + 2, alerts.DOWN, [due]), Look(waits + 3, alerts.DOWN)],
        wording,
    )
    nowhere = Due(alerts.DOWN, 1, {"job": job}, {})
    yield case(
        "down: Prometheus knows no target of the job, only a stranger's",
        [gauge("up", {"job": stranger(settings), "instance": _INSTANCE}, (0, waits + 3))],
        [Look(waits - 1, alerts.DOWN), Look(waits, alerts.DOWN, [nowhere])],
        wording,
    )


def _halted(settings: Settings, wording: Wording) -> Iterator[Case]:
    """Yield that one rings after a minute, lives through missed scrapes, and ends with them or with 0."""
    kept = lasts(gap(settings))
    ours = {"job": settings.alerting.job, "instance": _INSTANCE}
    due = Due(alerts.HALTED, 1, {"job": settings.alerting.job}, {})
    theirs = gauge(catalog.HALTED, ours | {"job": stranger(settings)}, (1, 10 + kept))
    yield case(
        "halted: rings after a minute, and no longer than it lasts",
        [gauge(catalog.HALTED, ours, 0, 0, 1, 1, 0), theirs],
        [Look(2, alerts.HALTED), Look(3, alerts.HALTED, [due]), Look(4, alerts.HALTED)],
        wording,
    )
    yield case(
        "halted: missed scrapes do not end it at once",
        [gauge(catalog.HALTED, ours, 0, 1, 1, (NOTHING, kept + 2)), theirs],
        [Look(1 + kept, alerts.HALTED, [due]), Look(3 + kept, alerts.HALTED)],
        wording,
    )


def _stalled(settings: Settings, wording: Wording) -> Case:
    limit = seconds(_CADENCES * settings.cadence)
    ours = {"job": settings.alerting.job, "instance": _INSTANCE}
    rings = CROSSES + 1 + lasts(MINUTE)
    last = seconds(CROSSES * MINUTE) - limit
    value = seconds(rings * MINUTE) - last
    due = Due(alerts.STALLED, value, {"job": settings.alerting.job}, {})
    return case(
        "stalled: an evaluation just as old as it may be is silent; older for a minute it rings; the next one ends it",
        [
            gauge(catalog.LAST_EVALUATION, ours, (last, rings + 1), seconds((rings + 1) * MINUTE)),
            gauge(catalog.LAST_EVALUATION, ours | {"job": stranger(settings)}, (last - limit, rings + 2)),
        ],
        [Look(rings - 1, alerts.STALLED), Look(rings, alerts.STALLED, [due]), Look(rings + 1, alerts.STALLED)],
        wording,
    )


def _certificate(settings: Settings, wording: Wording) -> Case:
    ours = {"job": settings.alerting.job, "instance": _INSTANCE}
    expires = seconds(_CERTIFICATE_LEFT + CROSSES * MINUTE)
    rings = CROSSES + 1 + lasts(5 * MINUTE)
    due = Due(alerts.CERTIFICATE, expires - seconds(rings * MINUTE), {"job": settings.alerting.job}, {})
    return case(
        "certificate: with just as much left as it must have it is silent; with less for five minutes it rings; "
        "a new one ends it",
        [
            gauge(catalog.TLS_EXPIRY, ours, (expires, rings + 1), expires + seconds(DAY)),
            gauge(catalog.TLS_EXPIRY, ours | {"job": stranger(settings)}, (0, rings + 2)),
        ],
        [
            Look(rings - 1, alerts.CERTIFICATE),
            Look(rings, alerts.CERTIFICATE, [due]),
            Look(rings + 1, alerts.CERTIFICATE),
        ],
        wording,
    )


def _lag(settings: Settings, wording: Wording) -> Iterator[Case]:
    """Yield courses of two topics.

    A backlog is the least of the last quarter of an hour, its growth that over the quarter before: a peak is none. It
    grows by 10 a minute here, half of it in each of two partitions, and is 10 x (t - 15) from minute 15 on.
    """
    job, quarter = settings.alerting.job, 15
    grows = quarter + _BACKLOG // 10
    rings = grows + quarter
    due = Due(alerts.LAG, 10 * (rings - quarter) - 10 * (rings - 2 * quarter), {"job": job, "topic": "labels"}, {})
    halves = [
        gauge(catalog.LAG, _partition(job, "labels", at), *(5 * minute for minute in range(rings + 1)), 0)
        for at in (0, 1)
    ]
    steady = gauge(catalog.LAG, _partition(job, "predictions", 0), (100 * _BACKLOG, rings + 2))
    yield case(
        "lag: a quarter of an hour after a growing backlog has reached its least size it rings; a large one that does "
        "not grow is silent; once it is read it ends",
        [*halves, steady, *(replace(half, labels={**half.labels, "job": stranger(settings)}) for half in halves)],
        [Look(rings - 1, alerts.LAG), Look(rings, alerts.LAG, [due]), Look(rings + 1, alerts.LAG)],
        wording,
    )
    below = range(3 * rings)
    yield case(
        "lag: a backlog that grows and stays just below the least size is silent",
        [gauge(catalog.LAG, _partition(job, "labels", 0), *(min(5 * at, _BACKLOG - 1) for at in below))],
        [Look(minute, alerts.LAG) for minute in (grows, rings, 3 * quarter)],
        wording,
    )


def _partition(job: str, topic: str, partition: int) -> dict[str, str]:
    return {"job": job, "instance": _INSTANCE, "topic": topic, "partition": str(partition)}


def _counted(settings: Settings, wording: Wording) -> Iterator[Case]:
    """Yield courses of counters that shall not move: three more at minute 2, and a new start from 0."""
    window = lasts(max(15 * MINUTE, 4 * settings.slo.scrape_interval.millis))
    job = settings.alerting.job
    ours = {"job": job, "instance": _INSTANCE}
    rejected = {"job": job, "reason": "missing field"}
    failing = {"rule_group": "/etc/prometheus/rules/foldwatch.yml;foldwatch"}
    others = {"rule_group": "/etc/prometheus/rules/others.yml;others"}
    for alert, found, counter, quiet, strangers in (
        (
            alerts.DEAD_LETTERS,
            rejected,
            (catalog.DEAD_LETTERS.name, ours | rejected),
            (catalog.DEAD_LETTERS.name, ours | {"reason": "not JSON"}, 0),
            [gauge(catalog.DEAD_LETTERS, ours | rejected | {"job": stranger(settings)}, *range(window + 5))],
        ),
        (alerts.RULES_FAIL, failing, (_FAILURES, failing), (_FAILURES, others, 1), []),
    ):
        due = Due(alert, 3, found, {})
        points = [(minute * MINUTE, value) for minute, value in enumerate((4.0, 4.0, 7.0))]
        young = rates.increase(points, (2 - window) * MINUTE, 2 * MINUTE) or 0
        name = {alerts.DEAD_LETTERS: "dead letters", alerts.RULES_FAIL: "rules fail"}[alert]
        yield case(
            f"{name}: rings from the first one on, and not once its window is over; one that stands still is silent",
            [
                gauge(*counter, 4, 4, (7, window + 3)),
                gauge(quiet[0], quiet[1], *(quiet[2] * minute for minute in range(window + 5))),
                *strangers,
            ],
            [
                Look(1, alert),
                Look(2, alert, [Due(alert, young, found, {})]),
                Look(1 + window, alert, [due]),
                Look(2 + window, alert),
            ],
            wording,
        )
        yield case(
            f"{name}: a counter that begins again from 0 is silent",
            [gauge(*counter, (4, window), (0, 6))],
            [Look(window - 1, alert), Look(window + 1, alert), Look(window + 4, alert)],
            wording,
        )


def _watchdog(wording: Wording) -> Case:
    due = Due(alerts.WATCHDOG, 1, {}, {"component": "foldwatch"})
    return case("watchdog: always rings", [], [Look(minute, alerts.WATCHDOG, [due]) for minute in (0, 7)], wording)


def daemon_series(settings: Settings, minutes: int) -> list[Series]:
    """Return everything of the daemon that is scraped, without a number in it."""
    ours = {"job": settings.alerting.job, "instance": _INSTANCE}
    labels = {
        catalog.LAG: {"topic": "labels", "partition": "0"},
        catalog.DEAD_LETTERS: {"reason": "missing field"},
    }
    metrics = (catalog.HALTED, catalog.LAST_EVALUATION, catalog.LAG, catalog.DEAD_LETTERS, catalog.TLS_EXPIRY)
    return [
        unreadable("up", ours, minutes),
        *(unreadable(metric, ours | labels.get(metric, {}), minutes) for metric in metrics),
        unreadable(_FAILURES, {"rule_group": "/etc/prometheus/rules/foldwatch.yml;foldwatch"}, minutes),
    ]


DAEMON: Final = (
    alerts.DOWN,
    alerts.HALTED,
    alerts.STALLED,
    alerts.LAG,
    alerts.DEAD_LETTERS,
    alerts.CERTIFICATE,
    alerts.RULES_FAIL,
)
"""Alerts that are of no single model, but the dead man's switch."""
