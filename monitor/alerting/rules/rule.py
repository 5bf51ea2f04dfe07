"""Rules as values, before they become YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded series."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert."""

    alert: str
    """One of `monitor.alerting.names`."""
    expr: str
    labels: Mapping[str, str]
    """`severity` always; of quality also `model` and `slo`. Never a value that changes."""
    annotations: Mapping[str, str]
    for_: int = 0
    """Milliseconds that the expression must hold."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in their order."""

    name: str
    interval: int
    """Milliseconds."""
    rules: tuple[Recording | AlertRule, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file below the folder of rules."""

    path: str
    """Relative, with slashes: `foldwatch.yml`, `objectives/churn.yml`."""
    groups: tuple[Group, ...]
