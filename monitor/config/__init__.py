"""Typed settings from one YAML file; all problems are reported at once, each with file:line and key path."""

from monitor.config.read import load, require_source, source_problems
from monitor.config.settings import (
    Alerting,
    DeadLetters,
    Duration,
    Export,
    Input,
    ModelSettings,
    Objective,
    Security,
    Settings,
    Slo,
    SourceSettings,
)

__all__ = [
    "Alerting",
    "DeadLetters",
    "Duration",
    "Export",
    "Input",
    "ModelSettings",
    "Objective",
    "Security",
    "Settings",
    "Slo",
    "SourceSettings",
    "load",
    "require_source",
    "source_problems",
]
