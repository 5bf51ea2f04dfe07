"""The image, built once a run and shared by all workers: its steps take longer than what is tested with it."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from image_build import ROOT, Image, build
from image_dockerfile import stages
from image_room import require_rooms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """deploy/Dockerfile, built step by step without a container engine: see tests/support/image_room.py."""
    require_rooms()
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "image"
    folder.mkdir(exist_ok=True)
    last = stages(DOCKERFILE.read_text())[-1]
    with _alone(folder):
        if not (folder / "complete").exists():
            shutil.rmtree(folder / "roots", ignore_errors=True)
            build(DOCKERFILE, ROOT, folder / "roots")
            (folder / "complete").touch()
        _count(folder, 1)
    yield Image(folder / "roots" / last.name, last)
    with _alone(folder):
        if _count(folder, -1) == 0:  # half a gigabyte that pytest would keep for three runs
            (folder / "complete").unlink()
            shutil.rmtree(folder / "roots")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one worker in at a time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _count(folder: Path, change: int) -> int:
    """Return how many workers use it after so many more."""
    file = folder / "users"
    users = (int(file.read_text()) if file.exists() else 0) + change
    file.write_text(str(users))
    return users
