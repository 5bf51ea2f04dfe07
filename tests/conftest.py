"""What every test may ask for: the system's tools, and random input that does not depend on the speed of a machine."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not on PATH: run `make system`, or install the package `{package}` (Debian's name)")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of Prometheus' own checker."""
    return _tool("promtool", "prometheus")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser that runs without a screen."""
    return _tool("chromium", "chromium")
