"""Grafana's dashboards, made from the catalog of metrics and the names of rules and alerts."""

from __future__ import annotations

import warnings
from importlib import import_module

with warnings.catch_warnings():
    # The SDK recommends the second model of dashboards while it is imported. We write the first one on purpose, which
    # every Grafana reads from a file (docs/decisions); whatever else of it is imported later finds this one loaded.
    warnings.simplefilter("ignore", DeprecationWarning)
    import_module("grafana_foundation_sdk.models.dashboard")
