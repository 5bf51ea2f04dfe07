"""The Report as JSON: the shapes of docs/reference/report.md, byte for byte the same for the same report.

Numbers: integers as they are, floats by the shortest digits that read back to the same double; no NaN, no infinity.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

import msgspec
import numpy as np

from monitor import __version__
from monitor.clock import format_duration, format_time
from monitor.report import words
from monitor.statistics.budget import Tally
from monitor.statistics.report import Totals

if TYPE_CHECKING:
    from decimal import Decimal
    from types import TracebackType

    from monitor.report.rehearsal import Rehearsed, Rung
    from monitor.report.snapshot import AlertEntry, Snapshot
    from monitor.statistics.budget import Standing
    from monitor.statistics.inspection import Inspection
    from monitor.statistics.ladder import Level
    from monitor.statistics.report import MetricResult, Report, WindowResult

BACKTEST_SCHEMA: Final = "foldwatch/backtest/1"
REPORT_SCHEMA: Final = "foldwatch/report/1"
_SPOOL_BYTES: Final = 8 * 2**20
"""Windows up to this many bytes wait in memory, more of them in a temporary file."""


def metric_entry(result: MetricResult) -> dict[str, Any]:
    """Return one entry of `metrics`."""
    return {
        "metric": result.metric,
        "class": result.class_,
        "value": result.value,
        "lower": result.lower,
        "upper": result.upper,
        "level": result.level,
        "method": result.method,
        "n": result.n,
        "deff": result.deff,
        "undefined": result.undefined,
        "baseline": result.baseline,
        "baseline_lower": result.baseline_lower,
        "baseline_upper": result.baseline_upper,
        "baseline_raw": result.baseline_raw,
        "difference": result.difference,
        "difference_lower": result.difference_lower,
        "difference_upper": result.difference_upper,
        "margin": result.margin,
        "verdict": result.verdict,
        "reason": result.reason if result.doubt is None else words.reason(result),
        "labels_needed": result.labels_needed,
    }


def window_entry(window: WindowResult) -> dict[str, Any]:
    """Return one entry of `windows`; `confusion.counts[i][j]` is true class i, predicted class j."""
    return {
        "model": window.model,
        "version": window.version,
        "segment": window.segment,
        "window": window.window,
        "start": format_time(window.start),
        "end": format_time(window.end),
        "as_of": format_time(window.as_of),
        "maturity": window.maturity,
        "predictions": window.predictions,
        "labels": window.labels,
        "confusion": {"classes": window.classes, "counts": window.counts.plane("confusion").tolist()},
        "metrics": list(map(metric_entry, window.metrics)),
    }


def alert_entry(alert: AlertEntry) -> dict[str, Any]:
    """Return one entry of `alerts`."""
    return {
        "alert": alert.alert,
        "severity": alert.severity,
        "slo": alert.slo,
        "source": alert.source,
        "model": alert.model,
        "version": alert.version,
        "segment": alert.segment,
        "metric": alert.metric,
        "class": alert.class_,
        "at": format_time(alert.at),
        "resolved_at": _moment(alert.resolved_at),
        "reason": alert.reason,
    }


def rehearsed_entry(one: Rehearsed, standing: Standing | None) -> dict[str, Any]:
    """Return one entry of a backtest's `objectives`; `standing`: where it stands in the end."""
    objective = one.objective
    held = Tally() if standing is None else standing.period
    return {
        "model": one.model,
        "slo": objective.name,
        "kind": objective.kind,
        "target": objective.target,
        "routing": objective.routing,
        "events": held.events,
        "bad": held.bad,
        "skipped": held.skipped,
        "budget_left": None if standing is None else standing.budget_left,
        "levels": [level_entry(level, objective.target, starved=level in one.starved) for level in one.levels],
        "rung": list(map(rung_entry, one.rung)),
    }


def level_entry(level: Level, target: Decimal | None, *, starved: bool) -> dict[str, Any]:
    """Return one entry of `objectives[].levels`."""
    return {
        "severity": level.severity,
        "long": format_duration(level.long),
        "short": format_duration(level.short),
        "factor": level.factor,
        "least_events": None if target is None else level.least_events(target),
        "starved": starved,
    }


def rung_entry(rung: Rung) -> dict[str, Any]:
    """Return one entry of `objectives[].rung`."""
    return {
        "severity": rung.severity,
        "guarded": rung.guarded,
        "episodes": rung.episodes,
        "false": rung.false,
        "unclear": rung.unclear,
        "first_at": _moment(rung.first_at),
        "changed_at": _moment(rung.changed_at),
        "first_resolved_at": _moment(rung.first_resolved_at),
    }


def events_entry(totals: Totals) -> dict[str, Any]:
    """Return the `events` object; reasons in alphabetical order, reasons that never occurred left out."""
    counters = [name for name in Totals.__slots__ if name not in ("dead_letters", "skipped")]
    entry: dict[str, Any] = {name: getattr(totals, name) for name in counters}
    for name, reasons in (("dead_letters", totals.dead_letters), ("skipped", totals.skipped)):
        entry[name] = {reason: n for reason, n in sorted(reasons.items()) if n}
    return entry


def gate_entries(inspection: Inspection | None) -> list[dict[str, Any]]:
    """Return the `gates` of the report document: by model, in the order in which they are shown."""
    return [
        {
            "model": model,
            "gate": gate.name,
            "state": gate.state,
            "value": gate.value,
            "usual": gate.usual,
            "limit": gate.limit,
            "text": gate.text,
        }
        for model, vitals in (inspection.models if inspection else {}).items()
        for gate in vitals.gates
    ]


def report_document(report: Report | None) -> dict[str, Any]:
    """Return the document of `/api/v1/report`; None, before the first evaluation, gives an empty one."""
    return {
        "schema": REPORT_SCHEMA,
        "as_of": format_time(report.as_of) if report else None,
        "windows": list(map(window_entry, report.windows)) if report else [],
        "events": events_entry(report.totals if report else Totals()),
        "gates": gate_entries(report.inspection if report else None),
    }


def encoded(document: object) -> bytes:
    """Return the bytes of a document that this file made; decimals are numbers with the digits that were written."""
    return _ENCODER.encode(document)


class BacktestWriter:
    """Writes the whole backtest document without holding its windows: one line a window, spooled to disk.

    `period` stands before the windows and is known after them, so `out` receives everything in `finish`. A writer that
    is left without `finish` has written nothing.
    """

    def __init__(self, out: BinaryIO, *, config_sha256: str) -> None:
        """Write to `out`, which stays open."""
        self._out = out
        self._config_sha256 = config_sha256
        self._windows = 0
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - closed by __exit__

    def add(self, window: WindowResult) -> None:
        """Take the next window of the report, in the report's order."""
        self._spool.write(b",\n" if self._windows else b"\n")
        self._spool.write(encoded(window_entry(window)))
        self._windows += 1

    def finish(self, snapshot: Snapshot, *, start: int, end: int) -> None:
        """Write the document: period `[start, end)` in epoch ms, the windows so far, and what the snapshot holds."""
        head = {
            "schema": BACKTEST_SCHEMA,
            "foldwatch": __version__,
            "config_sha256": self._config_sha256,
            "period": {"start": format_time(start), "end": format_time(end)},
        }
        standings = {(one.model, one.slo): one for one in snapshot.objectives}
        lists = {
            "alerts": map(alert_entry, snapshot.alerts),
            "shadow_alerts": map(alert_entry, snapshot.shadow_alerts),
            "objectives": (
                rehearsed_entry(one, standings.get((one.model, one.objective.name))) for one in snapshot.rehearsed
            ),
        }
        self._out.write(encoded(head)[:-1] + b',\n"windows":[')
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, self._out, 2**20)
        self._out.write(b"]")
        for name, entries in lists.items():
            self._out.write(b",\n" + encoded(name) + b":[" + b",\n".join(map(encoded, entries)) + b"]")
        self._out.write(b',\n"events":' + encoded(events_entry(snapshot.totals)) + b"}\n")

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the spooled windows."""
        self._spool.close()


def _plain(value: object) -> object:
    """Return a numpy scalar as Python's own number: the only foreign thing that a Report may hold."""
    if isinstance(value, np.generic):
        plain: object = value.item()
        return plain
    message = f"a report holds no {type(value).__name__}"
    raise TypeError(message)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


def _moment(at: int | None) -> str | None:
    """Return a moment as it is written, null where there is none."""
    return None if at is None else format_time(at)
