"""Typed settings from one YAML file; all problems are reported at once, each with file:line and key path."""

from monitor.config.read import load, require_source, source_problems
from monitor.config.settings import (
    Alerting,
    Auth,
    DeadLetters,
    Duration,
    Export,
    Input,
    ModelSettings,
    Objective,
    Security,
    ServerSettings,
    Settings,
    Slo,
    SourceSettings,
    Tls,
)

__all__ = [
    "Alerting",
    "Auth",
    "DeadLetters",
    "Duration",
    "Export",
    "Input",
    "ModelSettings",
    "Objective",
    "Security",
    "ServerSettings",
    "Settings",
    "Slo",
    "SourceSettings",
    "Tls",
    "load",
    "require_source",
    "source_problems",
]
