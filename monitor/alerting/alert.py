"""An alert as a value: one episode of one objective, whatever rang."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode: fields as in docs/reference/report.md, `alerts`."""

    alert: str
    severity: str
    slo: str
    source: str
    model: str
    version: str
    segment: str | None
    metric: str
    class_: str | None
    at: int
    resolved_at: int | None
    reason: str
    shadow: bool = False
    """It reaches nobody: it is counted, to see how loud the objective would have been."""
