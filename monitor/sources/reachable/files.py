"""What `check --connect` finds of `kind: files`. It reads, and changes nothing."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND, format_time
from monitor.config.finding import Finding, Level, Step
from monitor.config.places import unreadable, unwritable
from monitor.sources.decoding.codec import Codec, Kind
from monitor.sources.reachable.sampled import accepted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.clock import Clock
    from monitor.config import Settings

_TAIL: Final = 2**20
"""Bytes at the end of a file that are looked at."""


def file_steps(settings: Settings, clock: Clock) -> Iterator[Step]:
    """Yield the questions to the files of a source."""
    source = settings.source
    if source.predictions.path is not None:
        yield Step("predictions", partial(_input, settings, Kind.PREDICTIONS, source.predictions.path, clock))
    if source.labels.path is not None:
        yield Step("labels", partial(_input, settings, Kind.LABELS, source.labels.path, clock))
    if source.dead_letters.path is not None:
        yield Step("dead letters", partial(_dead_letters, source.dead_letters.path))


def _input(settings: Settings, kind: Kind, path: Path, clock: Clock) -> Iterator[Finding]:
    """Look at one file and at its last lines."""
    subject = "labels" if kind is Kind.LABELS else "predictions"
    wrong = unreadable(path)
    if wrong:
        yield Finding(Level.FAILED, subject, f"{path} {wrong}", f"correct source.{subject}.path, or whoever writes it")
        return
    try:
        about, tail = path.stat(), _tail(path)
    except OSError as error:
        found = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        yield Finding(Level.FAILED, subject, found, f"correct source.{subject}.path, or its permissions")
        return
    changed = format_time(int(about.st_mtime) * SECOND)
    yield Finding(Level.OK, subject, f"{path}: {about.st_size:,} bytes, last written {changed}")
    halt = settings.source.dead_letters.halt_share
    yield from accepted(Codec(settings), kind, tail, now=clock.now(), halt_share=halt)


def _tail(path: Path) -> bytes:
    """Return the last whole lines."""
    with path.open("rb") as file:
        begin = max(0, file.seek(0, os.SEEK_END) - _TAIL)
        file.seek(begin)
        content = file.read(_TAIL)
    if begin:
        content = content.partition(b"\n")[2]
    return content[: content.rfind(b"\n") + 1]


def _dead_letters(path: Path) -> Iterator[Finding]:
    """Look whether dead letters can be written."""
    wrong = unwritable(path)
    if wrong:
        yield Finding(
            Level.FAILED, "dead letters", f"{path} {wrong}", "correct source.dead_letters.path, or its permissions"
        )
    else:
        yield Finding(Level.OK, "dead letters", f"{path} can be written")
