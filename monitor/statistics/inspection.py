"""Inspection: what all gates say of all models at one moment, and which verdicts rest on what is in doubt. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from monitor.statistics.gates import GateState
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.statistics.gates import Gate
    from monitor.statistics.report import MetricResult, WindowResult

NAMES: Final = ("completeness", "timeliness", "consistency", "volume", "latency")
"""The gates, in the order in which they are shown."""
DELAYS: Final = (0.5, 0.9, 0.99)
"""Quantiles of the labels' delays that are shown."""
LATENCIES: Final = (0.5, 0.99)
"""And those of latencies."""
_OF_LABELS: Final = ("timeliness", "consistency")


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

    def doubts(self, window: WindowResult) -> tuple[str, ...]:
        """Return the names of the bad gates on which a window rests.

        Completeness is about mature windows, volume about those that reach up to now. Labels that come late or fit
        nothing concern every window: they may belong to any. How fast the model answers says nothing of its labels.
        """
        vitals = self.models.get(window.model, Vitals())
        concerned = {
            *_OF_LABELS,
            *(("completeness",) if window.maturity is Maturity.MATURE else ()),
            *(("volume",) if window.end >= window.as_of else ()),
        }
        return tuple(gate.name for gate in vitals.gates if gate.state is GateState.BAD and gate.name in concerned)

    def marked(self, windows: Iterable[WindowResult]) -> list[WindowResult]:
        """Return the windows, each with its doubts, said with every verdict that it has."""
        return [_marked(window, doubts) if (doubts := self.doubts(window)) else window for window in windows]


def _marked(window: WindowResult, doubts: tuple[str, ...]) -> WindowResult:
    said = f"data gates are red: {', '.join(doubts)}"
    return replace(window, gates=doubts, metrics=tuple(_doubted(result, said) for result in window.metrics))


def _doubted(result: MetricResult, said: str) -> MetricResult:
    return result if result.verdict is None else replace(result, doubt=said)
