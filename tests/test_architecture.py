"""The house stays as it was drawn: directions of imports, words, sizes, and one outside library in one room."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "monitor"
FILES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
PURE = ("monitor/join/", "monitor/counts/", "monitor/statistics/")

LONGEST = 320
"""Lines of a file: a longer one has two jobs."""
EMPTY_WORDS = {"manager", "handler", "helper", "utils", "process", "data", "info", "base", "common", "core", "engine"}
"""They say nothing about what a thing does."""
OUTSIDE = {
    "datetime",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}
"""The standard library's doors to the world: clocks, files, logs, chance."""
HOMES = {
    "bcrypt": ("monitor/serve/",),
    "cryptography": ("monitor/sources/certificates.py",),
    "confluent_kafka": ("monitor/sources/broker/confluent.py",),
    "kafka": ("monitor/sources/broker/kafka.py", "monitor/sources/broker/sockets.py"),
    "rocksdict": ("monitor/state/disk/rocksdb.py",),
    "sklearn": ("monitor/baselines/", "monitor/demo"),
    "grafana_foundation_sdk": ("monitor/dashboards/",),
    "evidently": ("monitor/revalidate/drift/drift.py",),
    "joblib": ("monitor/baselines/",),
    "kubernetes": ("monitor/revalidate/actions/kubernetes.py",),
    "mlflow": ("monitor/baselines/tracked.py",),
    "pandas": ("monitor/baselines/", "monitor/revalidate/drift/drift.py"),
    "prometheus_client": ("monitor/prometheus/",),
    "sqlalchemy": ("monitor/baselines/",),
    "starlette": ("monitor/serve",),
    "urllib3": ("monitor/revalidate/",),
    "uvicorn": ("monitor/serve",),
    "yaml": ("monitor/config", "monitor/alerting/rules"),
}
"""Outside library -> the rooms that may know it."""
IMPORTED_AS = {
    "grafana-foundation-sdk": "grafana_foundation_sdk",
    "kafka-python": "kafka",
    "confluent-kafka": "confluent_kafka",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "prometheus-client": "prometheus_client",
    "mlflow-skinny": "mlflow",
}
"""Distribution -> what it is imported as, where that differs."""
NEVER_IMPORTED = {"alembic", "psycopg"}
"""What others import: MLflow to bring its tables up to date, SQLAlchemy for a URL of PostgreSQL."""


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def imported(file: str) -> set[str]:
    """The top names of everything that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def declared() -> dict[str, str]:
    """What each declared dependency is imported as -> the distribution's name, extras included."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    names = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for line in lines} - {"foldwatch"}
    return {IMPORTED_AS.get(name, name): name for name in sorted(names)}


def words_of(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def names_in(file: str) -> Iterator[str]:
    """The names that a file gives: its own, and those of its classes and functions."""
    yield Path(file).stem
    yield Path(file).parent.name
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def test_every_room_imports_only_what_stands_below_it():
    command = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_room_of_the_package_has_its_place_in_the_import_order():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    placed = {room.strip(" ()") for layer in contracts[0]["layers"] for room in layer.split("|")}
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} <= placed


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_so_long_that_it_has_two_jobs(file):
    lines = len((ROOT / file).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST


@pytest.mark.parametrize("file", FILES)
def test_no_name_is_an_empty_word(file):
    assert {name for name in names_in(file) if words_of(name) & EMPTY_WORDS} == set()


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(PURE)])
def test_the_pure_rooms_know_no_clock_no_file_no_log_and_no_chance(file):
    assert imported(file) & OUTSIDE == set()


@pytest.mark.parametrize("library", HOMES)
def test_an_outside_library_is_known_in_its_own_room_only(library):
    strangers = [file for file in FILES if library in imported(file) and not file.startswith(HOMES[library])]
    assert strangers == []


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    seen = {name for file in FILES for name in imported(file)} - set(sys.stdlib_module_names) - {"monitor"}
    assert sorted(seen | NEVER_IMPORTED) == sorted(declared())


def test_every_dependency_has_its_reason_in_docs_decisions():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/decisions").glob("*.md"))
    assert [name for name in declared().values() if f"`{name}`" not in texts] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-checks.lock"])
def test_a_lock_has_a_hash_for_everything_and_names_no_place_to_fetch_it_from(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9._-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[A-Za-z]", text, re.MULTILINE)) > 0
    assert re.findall(r"https?:|--index|--extra-index|--find-links", text) == []
