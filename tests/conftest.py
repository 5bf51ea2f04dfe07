"""What every test may ask for: the system's tools, and random input that does not depend on the speed of a machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broker import SCRIPT, Broker
from hypothesis import HealthCheck, settings
from postgres import Postgres, find_binary
from secure_broker import SecureBroker

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not on PATH: run `make system`, or install the package `{package}` (Debian's name)")
    return path


def _installed(name: str) -> str:
    """A tool of development that pip installs, or else the system's."""
    path = shutil.which(name, path=str(Path(sys.prefix) / "bin")) or shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed: run `make test`, or install requirements-dev.lock")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of Prometheus' own checker."""
    return _tool("promtool", "prometheus")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Path of Prometheus itself, which tests/support/alert_stack.py starts."""
    return _tool("prometheus", "prometheus")


@pytest.fixture(scope="session")
def alertmanager() -> str:
    """Path of Alertmanager, which tests/support/alert_stack.py starts."""
    return _tool("prometheus-alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def amtool() -> str:
    """Path of Alertmanager's own checker."""
    return _tool("amtool", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser that runs without a screen."""
    return _tool("chromium", "chromium")


@pytest.fixture(scope="session")
def kubectl() -> str:
    """Path of the command that renders deploy/kubernetes."""
    return _installed("kubectl")


@pytest.fixture(scope="session")
def kubernetes_validate() -> str:
    """Path of the command that holds objects against Kubernetes' own schemas."""
    return _installed("kubernetes-validate")


@pytest.fixture(scope="session")
def hadolint() -> str:
    """Path of the command that reads Dockerfiles."""
    return _installed("hadolint")


@pytest.fixture(scope="session")
def checkov() -> str:
    """Path of the command that looks for what security people object to; it stands in an environment of its own."""
    path = shutil.which("checkov", path=str(Path(sys.prefix) / "checks" / "bin"))
    if path is None:
        pytest.fail("checkov is not installed: run `make test`, or `make checks`")
    return path


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """Path of the command that judges how far a unit is shut in."""
    return _tool("systemd-analyze", "systemd")


@pytest.fixture(scope="session")
def kafka() -> Path:
    """The script that runs Kafka, which has what it needs: Java, and Kafka's jars from the cache or Maven Central."""
    _tool("java", "openjdk-17-jre-headless")
    fetched = subprocess.run([sys.executable, SCRIPT, "fetch"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.fail(fetched.stderr)
    return SCRIPT


@pytest.fixture(scope="session")
def broker(kafka: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka broker that all tests share: take topics from `broker.topic(...)`; who stops a broker starts his own."""
    with Broker(tmp_path_factory.mktemp("kafka"), script=kafka) as running:
        yield running


@pytest.fixture(scope="session")
def openssl() -> str:
    """Path of the command that makes certificates."""
    return _tool("openssl", "openssl")


@pytest.fixture(scope="session")
def secure_broker(kafka: Path, openssl: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """A Kafka broker that asks who is there: TLS, client certificates, SASL by every mechanism, rights by topic."""
    with SecureBroker(tmp_path_factory.mktemp("secure-kafka"), openssl, script=kafka) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server that all tests share: each makes tables of its own names."""
    initdb, server = find_binary("initdb"), find_binary("postgres")
    if initdb is None or server is None:
        pytest.fail(
            "PostgreSQL is not installed: run `make system`, or install the package `postgresql` (Debian's name)"
        )
    with Postgres(initdb, server) as running:
        yield running
