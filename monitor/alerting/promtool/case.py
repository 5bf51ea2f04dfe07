"""A test of promtool as a value: what is scraped, and what must then ring, with which labels and words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.alerting.promtool.notation import notation, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.alerting.promtool.notation import Sample


@dataclass(frozen=True, slots=True)
class Series:
    """One series that is scraped."""

    name: str
    labels: Mapping[str, str]
    values: tuple[Sample, ...]
    """One a step, the first at 0."""

    def row(self) -> dict[str, object]:
        """Return promtool's `input_series` entry."""
        return {"series": selector(self.name, self.labels), "values": notation(self.values)}


@dataclass(frozen=True, slots=True)
class Ringing:
    """One alert that must be firing, exactly so."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def row(self) -> dict[str, object]:
        """Return promtool's `exp_alerts` entry."""
        return {"exp_labels": dict(self.labels), "exp_annotations": dict(self.annotations)}


@dataclass(frozen=True, slots=True)
class Moment:
    """All alerts of one name at one moment: those that ring, and no other."""

    at: int
    """Milliseconds since the first scrape."""
    alert: str
    ringing: tuple[Ringing, ...] = ()

    def row(self) -> dict[str, object]:
        """Return promtool's `alert_rule_test` entry."""
        return {
            "eval_time": span(self.at),
            "alertname": self.alert,
            "exp_alerts": [ringing.row() for ringing in self.ringing],
        }


@dataclass(frozen=True, slots=True)
class Value:
    """One sample of the answer to a query."""

    labels: str
    """As promtool writes them: `NAME{...}`, `{...}`."""
    value: float
    """To the last bit: promtool 2.42 compares without tolerance."""


@dataclass(frozen=True, slots=True)
class Query:
    """What an expression must give at one moment: these samples, and no other."""

    at: int
    expr: str
    values: tuple[Value, ...] = ()

    def row(self) -> dict[str, object]:
        """Return promtool's `promql_expr_test` entry."""
        return {
            "eval_time": span(self.at),
            "expr": self.expr,
            "exp_samples": [{"labels": value.labels, "value": value.value} for value in self.values],
        }


@dataclass(frozen=True, slots=True)
class Case:
    """One course of events from the first scrape on, and what is looked at on its way."""

    name: str
    step: int
    """Milliseconds between two scrapes."""
    series: tuple[Series, ...]
    moments: tuple[Moment, ...]
    queries: tuple[Query, ...] = field(default=())

    def row(self) -> dict[str, object]:
        """Return promtool's `tests` entry."""
        row: dict[str, object] = {
            "interval": span(self.step),
            "name": self.name,
            "input_series": [series.row() for series in self.series],
            "alert_rule_test": [moment.row() for moment in self.moments],
        }
        if self.queries:
            row["promql_expr_test"] = [query.row() for query in self.queries]
        return row


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of tests."""

    path: str
    """Relative to the folder of rules."""
    rule_files: tuple[str, ...]
    """Relative to the test's own folder."""
    tick: int
    """Milliseconds between two evaluations of all rules."""
    groups: tuple[str, ...]
    """All groups of those files, in the order in which they are evaluated at each tick."""
    cases: tuple[Case, ...]

    def row(self) -> dict[str, object]:
        """Return the file as promtool reads it."""
        return {
            "rule_files": list(self.rule_files),
            "evaluation_interval": span(self.tick),
            "group_eval_order": list(self.groups),
            "tests": [case.row() for case in self.cases],
        }


def selector(name: str, labels: Mapping[str, str]) -> str:
    """Return a series as PromQL writes it, its labels quoted."""
    inside = ",".join(f"{label}={quoted(value)}" for label, value in labels.items())
    return f"{name}{{{inside}}}"


def quoted(text: str) -> str:
    """Return a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
