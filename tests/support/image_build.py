"""Builds deploy/Dockerfile without a container engine: each step runs in a room of its stage, and nothing else does."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import image_dockerfile
from image_dockerfile import Copy, Run, Stage
from image_room import Mount, enter, furnish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
_OF_THE_MACHINE = re.compile(r"(?i)PIP_\w+|https?_proxy|no_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE")
"""How a machine reaches its package index: no part of an image, as docker's own proxy arguments are none."""
PIP_CACHE = Path(os.environ.get("PIP_CACHE_DIR", Path.home() / ".cache" / "pip"))


@dataclass(frozen=True, slots=True)
class Image:
    """What a build leaves: a root folder, and how a container of it starts."""

    root: Path
    stage: Stage


def build(dockerfile: Path, context: Path, folder: Path, arguments: Mapping[str, str] | None = None) -> Image:
    """Run every step of a Dockerfile, and return the image of its last stage; `folder` is empty or absent."""
    roots: dict[str, Path] = {}
    found = image_dockerfile.stages(dockerfile.read_text(), arguments)
    ignored = Ignored((context / ".dockerignore").read_text())
    for stage in found:
        root = roots[stage.name] = folder / stage.name
        root.mkdir(parents=True)
        root.chmod(0o755)
        furnish(root)
        for step in stage.steps:
            if isinstance(step, Run):
                _run(step, stage, root)
            elif step.stage is not None:
                _copy(step, roots[step.stage], root, stage.folder, None)
            else:
                _copy(step, context, root, stage.folder, ignored)
        (root / stage.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name, root in roots.items():
        if name != found[-1].name:
            shutil.rmtree(root)
    return Image(roots[found[-1].name], found[-1])


class Ignored:
    """What .dockerignore keeps from the builder; the last pattern that fits decides."""

    def __init__(self, text: str) -> None:
        """`text`: the file's."""
        lines = [line.strip() for line in text.splitlines()]
        self._patterns = [line for line in lines if line and not line.startswith("#")]

    def __call__(self, path: str) -> bool:
        """Tell whether a path below the context is left out, itself or with a folder above it."""
        parts = path.split("/")
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        left_out = False
        for pattern in self._patterns:
            wanted = pattern.removeprefix("!")
            if any(_fits(each, wanted) for each in above):
                left_out = not pattern.startswith("!")
        return left_out


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rsplit("/", 1)[-1], pattern.removeprefix("**/"))
    assert "**" not in pattern, f"a pattern that this reader does not know: {pattern}"
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def _run(step: Run, stage: Stage, root: Path) -> None:
    """Run a step as root in its stage, as an engine does. Its caches are the machine's own cache of pip."""
    (root / stage.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    mounts = []
    for cache in step.caches:
        assert cache == "/root/.cache/pip", f"a cache that nobody knows: {cache}"
        (root / cache.lstrip("/")).mkdir(parents=True, exist_ok=True)
        PIP_CACHE.mkdir(parents=True, exist_ok=True)
        mounts.append(Mount(PIP_CACHE, cache, writable=True))
    outside = {key: value for key, value in os.environ.items() if _OF_THE_MACHINE.fullmatch(key)}
    command = enter(
        root,
        ["/bin/sh", "-c", step.command],
        mounts=mounts,
        environment={"HOME": "/root"} | outside | stage.environment | stage.arguments,
        folder=stage.folder,
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, umask=0o022)
    assert done.returncode == 0, f"RUN {step.command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"


def _copy(step: Copy, context: Path, root: Path, folder: str, ignored: Ignored | None) -> None:
    """Copy files, or what is in folders, to a folder; owned by root, with the modes they have."""
    target = root / str(Path(folder) / step.target).lstrip("/")
    for source in step.sources:
        there = context / source.lstrip("/")
        if there.is_dir():
            _copy_folder(there, context, target, ignored)
            continue
        assert ignored is None or not ignored(source), f"COPY {source}: .dockerignore leaves it out"
        assert step.target.endswith("/"), f"COPY {source} {step.target}: say that the target is a folder"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(there, target / there.name)


def _copy_folder(there: Path, context: Path, target: Path, ignored: Ignored | None) -> None:
    def left_out(folder: str, names: Sequence[str]) -> set[str]:
        if ignored is None:
            return set()
        at = Path(folder).relative_to(context)
        return {name for name in names if ignored((at / name).as_posix())}

    # Between stages a second name is enough, and quicker than half a gigabyte: the first stage goes, and nobody writes.
    copy = shutil.copy2 if ignored is not None else os.link
    shutil.copytree(there, target, symlinks=True, ignore=left_out, copy_function=copy, dirs_exist_ok=True)
