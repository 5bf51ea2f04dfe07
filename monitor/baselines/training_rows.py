"""Rows for a re-validation: from a file, from what a program prints, or from a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.baselines import fingerprints
from monitor.baselines.training_command import printed_frame
from monitor.baselines.training_set import read_frame, training_set
from monitor.sources.logs.patterns import find_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from monitor.baselines.training_set import TrainingSet
    from monitor.config.revalidation import TrainingRows

_MOST_PRINTED = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are what."""

    target: str
    features: Sequence[str] | None = None
    """None: every column but the other three."""
    groups: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class RowsRead:
    """Rows, and where they came from."""

    rows: TrainingSet
    place: str
    """Names the source in messages; no secret is in it."""
    inputs: Mapping[str, str]
    """Name -> SHA-256 of what was read and of what asked for it."""
    written_at: int | None = None
    """The newest file's own time, epoch ms; None: it is no file."""


def read_training_rows(source: TrainingRows, columns: Columns, folder: Path, most_bytes: int | None = None) -> RowsRead:
    """Read the rows; a command runs in `folder`, and prints `most_bytes` at most (None: 8 GiB).

    Raises InputError that names file, command or query, and what is wrong with it.
    """
    written_at, asked = None, {}
    if source.command:
        place = f"command {source.command[0]}"
        as_text = [columns.target, columns.groups, columns.time]
        frame = printed_frame(source.command, source.format, as_text, folder, most_bytes or _MOST_PRINTED)
        asked = {"command": fingerprints.of_text("\0".join(source.command))}
    elif source.query is not None:
        from monitor.baselines.training_sql import queried_frame  # noqa: PLC0415 - SQLAlchemy is an extra

        frame, place = queried_frame(source, folder)
        asked = {"query": fingerprints.of_text(source.query)}
    else:
        place = str(source.file) if source.pattern is None else source.pattern
        frame = read_frame(place, [columns.target, columns.groups, columns.time])
        written_at = max(path.stat().st_mtime_ns for path in find_log(place).paths) // 1_000_000
    rows = training_set(frame, place, columns.target, columns.features, columns.groups, columns.time)
    return RowsRead(rows, place, {"data": rows.about["sha256"], **asked}, written_at)
