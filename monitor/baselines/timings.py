"""What a cross-validation cost (M8, M9): a file of its own beside the baseline, no part of its identity."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.baselines.file import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.statistics.baseline import Baseline

SCHEMA: Final = "foldwatch/baseline-timings/1"


@dataclass(frozen=True, slots=True)
class FoldTiming:
    """What one fold cost, in an operating system process of its own."""

    fold: str
    repeat: int
    cpu_seconds: float
    """User and system time, from fork to end."""
    peak_memory: int
    """Largest resident set, bytes."""


@dataclass(frozen=True, slots=True)
class Timings:
    """What all folds cost."""

    wall_seconds: float
    folds: tuple[FoldTiming, ...]


def timings_path(path: Path) -> Path:
    """Return where the timings of the baseline at `path` lie."""
    return path.with_name(path.name + ".timings.json")


def write_timings(timings: Timings, baseline: Baseline, path: Path) -> None:
    """Write the timings of the baseline at `path` beside it. Raises InputError where that fails."""
    write_text(timings_path(path), timings_text(timings, baseline))


def timings_text(timings: Timings, baseline: Baseline) -> str:
    """Return what the file of a baseline's timings holds."""
    document = {
        "schema": SCHEMA,
        "content_hash": baseline.content_hash,
        "wall_seconds": round(timings.wall_seconds, 3),
        "folds": [
            {
                "fold": timing.fold,
                "repeat": timing.repeat,
                "cpu_seconds": round(timing.cpu_seconds, 3),
                "peak_memory_bytes": timing.peak_memory,
            }
            for timing in timings.folds
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def read_timings(baseline: Baseline, path: Path) -> Timings | None:
    """Return the timings beside the baseline at `path`; None where there are none, or those of another baseline."""
    try:
        document = msgspec.json.decode(timings_path(path).read_bytes())
        if document["content_hash"] != baseline.content_hash:
            return None
        folds = tuple(
            FoldTiming(
                str(fold["fold"]), int(fold["repeat"]), float(fold["cpu_seconds"]), int(fold["peak_memory_bytes"])
            )
            for fold in document["folds"]
        )
        return Timings(float(document["wall_seconds"]), folds)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
