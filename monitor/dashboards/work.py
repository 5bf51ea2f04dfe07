"""What the daemon takes: time, memory, disk, series; and which program and folds these are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.dashboards.panels import COUNT, SECONDS, Scale, Words, course
from monitor.dashboards.queries import Query, quantile, rate, series
from monitor.dashboards.tables import Column, rows
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.prometheus.metric import Metric

_BYTES: Final = Scale("bytes", 1, 0)
_THIRD: Final = 8
_QUANTILES: Final = (0.5, 0.9, 0.99)


def work() -> tuple[sdk.Panel, ...]:
    """Return the panels of what work costs."""
    return (
        _took(
            "An evaluation takes", "windows, bands and verdicts, until the report is made", catalog.EVALUATION_SECONDS
        ),
        _took("A step takes", "one batch read, joined, counted and committed", catalog.STEP_SECONDS),
        _one(
            "A scrape takes",
            "How long Prometheus waited for the figures. Well below its timeout, or figures are lost.",
            [(f"max({series('scrape_duration_seconds')})", "scrape")],
            SECONDS,
        ),
        _one(
            "Memory",
            "What the daemon holds in RAM. It grows with rows, windows and classes, and should then stay.",
            [(f"max({series('process_resident_memory_bytes')})", "resident")],
            _BYTES,
        ),
        _one(
            "Processors",
            "How many processors the daemon keeps busy. 1 for long means that it cannot do more.",
            [(f"sum(rate({series('process_cpu_seconds_total')}[$__rate_interval]))", "busy")],
            Scale("none", None, 0),
        ),
        _one(
            "File descriptors",
            "How many of the files and connections that may be open are open. At 100 % nobody can connect any more.",
            [(f"max({series('process_open_fds')} / {series('process_max_fds')})", "open, of those allowed")],
            Scale("percentunit", None, 0),
        ),
        _one(
            "State on disk",
            "What the state takes on its volume. It grows until the first events are forgotten.",
            [(f"max({series(catalog.STATE_BYTES)})", "state")],
            _BYTES,
            "the state is in memory",
        ),
        _one(
            "Series",
            "How many samples a scrape gets, and how many of the report are left out because of `export.max_series`.",
            [
                (f"max({series(catalog.SERIES_SHOWN)})", "exported"),
                (f"max({series(catalog.SERIES_LEFT_OUT)})", "left out"),
            ],
            COUNT,
        ),
        _one(
            "Requests turned away, by reason",
            "Requests and connections that were refused: no login, a wrong one, too many, too slow, too long.",
            [(rate(catalog.REFUSED, "reason"), "{{reason}}")],
            Scale("reqps", 2, 0),
        ),
    )


def identity() -> tuple[sdk.Panel, ...]:
    """Return the tables of which program runs and of the folds that it compares with."""
    programs = Words("Program", "Which version of foldwatch runs where, and for how long.", "nothing is scraped")
    started = f"max by (job, instance) (time() - {series('process_start_time_seconds')})"
    built = f"max by (job, instance, version) ({series(catalog.BUILD)})"
    runs = Column("Runs for", f"{built}\n* on (job, instance) group_left ()\n{started}", Scale("dtdurations"))
    folds = Words(
        "Baselines of every model",
        "The folds that each version is held against: scheme, number, owner, and the fingerprint of their file.",
        "no baseline: nothing is judged",
    )
    keys = {
        "model": "Model",
        "version": "Version",
        "scheme": "Scheme",
        "owner": "Owner",
        "baseline_sha256": "Fingerprint",
    }
    known = f"max by ({', '.join([*keys, 'folds'])}) ({series(catalog.MODEL)})"
    written = f"max by (model, version) ({series(catalog.BASELINE_AT)})"
    age = Column("Age", f"{known}\n* on (model, version) group_left ()\n(time() - {written})", Scale("dtdurations"))
    return (
        rows(programs, {"job": "Job", "instance": "Instance", "version": "Version"}, [runs], width=10, height=7),
        rows(folds, {**keys, "folds": "Folds"}, [age], width=14, height=7, sort=("Model", False)),
    )


def _took(title: str, what: str, of: Metric) -> sdk.Panel:
    text = f"How long it takes: {what}. So many per cent were at most so long."
    asked = [(quantile(q, of), f"{100 * q:g} %") for q in _QUANTILES]
    return _one(title, text, asked, SECONDS, "none in this time")


def _one(title: str, text: str, asked: Sequence[tuple[str, str]], scale: Scale, absent: str = "not known") -> sdk.Panel:
    queries = [Query(expr, legend) for expr, legend in asked]
    return course(Words(title, text, absent), queries, scale, width=_THIRD, height=7)
