"""Reads a Dockerfile as far as ours goes: stages with their instructions, build arguments filled in.

What it does not know it refuses: a test must not pass because a line was overlooked.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KNOWN = frozenset({
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "RUN", "STOPSIGNAL", "USER", "WORKDIR",
})  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_MOUNT = re.compile(r"--mount=type=cache,target=(\S+)\s+")


@dataclass(frozen=True, slots=True)
class Run:
    """`RUN` in shell form."""

    command: str
    caches: tuple[str, ...]
    """Folders that outlive the build and never get into the image."""


@dataclass(frozen=True, slots=True)
class Copy:
    """`COPY`."""

    sources: tuple[str, ...]
    target: str
    stage: str | None
    """None: from the context."""


@dataclass(slots=True)
class Stage:
    """What stands between one FROM and the next. Settings are those at its end."""

    name: str
    base: str
    steps: list[Run | Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = "0:0"
    folder: str = "/"
    stop_signal: str = "SIGTERM"


def stages(text: str, arguments: Mapping[str, str] | None = None) -> list[Stage]:
    """Return the stages of a Dockerfile; `arguments` are those of `docker build --build-arg`."""
    given, outer, found = dict(arguments or {}), {}, []
    for word, rest in instructions(text):
        if word == "FROM":
            image, *name = re.split(r"\s+AS\s+", _filled(rest, outer))
            found.append(Stage(name[0] if name else str(len(found)), image))
        elif word == "ARG" and not found:
            key, _, default = rest.partition("=")
            outer[key] = given.get(key, default)
        else:
            _apply(found[-1], word, rest, outer, given)
    return found


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction with what stands behind it, on one line; comments are left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, rest = line.split(None, 1)
        assert word == "FROM" or word in KNOWN, f"{word}: an instruction that this reader does not know"
        yield word, rest


def _apply(stage: Stage, word: str, rest: str, outer: Mapping[str, str], given: Mapping[str, str]) -> None:
    if word == "RUN":
        caches = _MOUNT.findall(rest)
        command = _MOUNT.sub("", rest)
        assert not command.startswith(("--", "[")), f"RUN in a form that this reader does not know: {command}"
        stage.steps.append(Run(command, tuple(caches)))
        return
    known = outer | stage.arguments | stage.environment
    if word == "ARG":
        key, has, default = rest.partition("=")
        stage.arguments[key] = given.get(key, _filled(default, known) if has else outer[key])
    elif word == "COPY":
        *words, target = shlex.split(_filled(rest, known))
        options = [each for each in words if each.startswith("--")]
        assert all(each.startswith("--from=") for each in options), f"COPY with {options}"
        sources = tuple(each for each in words if not each.startswith("--"))
        stage.steps.append(Copy(sources, target, options[0].removeprefix("--from=") if options else None))
    elif word in {"ENTRYPOINT", "CMD"}:
        assert rest.startswith("["), f"{word} is not in exec form: {rest}"
        (stage.entrypoint if word == "ENTRYPOINT" else stage.command)[:] = json.loads(rest)
    elif word in {"ENV", "LABEL"}:
        pairs = (each.partition("=") for each in shlex.split(_filled(rest, known)))
        (stage.environment if word == "ENV" else stage.labels).update((key, value) for key, _, value in pairs)
    elif word == "EXPOSE":
        stage.ports += [int(each) for each in rest.split()]
    elif word == "USER":
        stage.user = rest
    elif word == "WORKDIR":
        stage.folder = rest
    else:
        stage.stop_signal = rest


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known[found[1] or found[2]], text)
