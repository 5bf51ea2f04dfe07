"""A Baseline as a value: the folds of a model's own cross-validation, as Counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.counts import Counts, Layout


@dataclass(frozen=True, slots=True)
class Fold:
    """What one fold validated."""

    fold: str
    repeat: int
    """0-based."""
    n_train: int
    """Rows that the fold's model was fitted on, as known or as the scheme implies."""
    counts: Counts
    """Validation rows, with `scores_by_class` where the layout has it."""
    train: Counts | None = None
    """The fold's own training rows, where they were scored (M5)."""
    segments: Mapping[str, Counts] = field(default_factory=dict)
    """`name=value` -> validation rows of that segment."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What cross-validation promised for one version of a model. Immutable; `content_hash` identifies it."""

    model: str
    version: str
    classes: tuple[str, ...]
    layout: Layout
    scheme: str
    folds: tuple[Fold, ...]
    content_hash: str
    """SHA-256, hex, of everything but timings."""
    seed: int | None = None
    repeats: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)
    """Fingerprints, library versions, fold assignment: shown, never computed with."""
    written_at: int | None = field(default=None, compare=False)
    """When its file was last written, epoch milliseconds; no part of what it is. None where it is in no file."""
