"""Inspection: what all gates say of all models at one moment, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.statistics.gates import Gate

NAMES: Final = ("completeness", "timeliness", "consistency", "volume", "latency")
"""The gates, in the order in which they are shown."""
DELAYS: Final = (0.5, 0.9, 0.99)
"""Quantiles of the labels' delays that are shown."""
LATENCIES: Final = (0.5, 0.99)
"""And those of latencies."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The gates of one model, and what was measured for them; None where it could not be."""

    gates: tuple[Gate, ...] = ()
    """In the order of NAMES; `latency` only where events carry it."""
    completeness: float | None = None
    """Labelled share of the predictions of the newest mature window."""
    delays: tuple[float | None, ...] = (None,) * len(DELAYS)
    """Their delays at the quantiles DELAYS, seconds."""
    rate: float | None = None
    """Predictions a second in the last hour."""
    duplicates: float | None = None
    """Share of the last hour's prediction events."""
    orphans: float | None = None
    """Share of the last hour's label events."""
    latencies: tuple[float | None, ...] = (None,) * len(LATENCIES)
    """`latency_ms` of the last hour at the quantiles LATENCIES, seconds."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the gates say, as of a moment."""

    models: Mapping[str, Vitals] = field(default_factory=dict)
    rejected: float | None = None
    """Share of the last hour's events, of all models, that were rejected."""
