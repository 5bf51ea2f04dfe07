"""Which verdicts rest on data that a gate finds unusual. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.statistics.gates import GateState
from monitor.statistics.inspection import Vitals
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.statistics.inspection import Inspection
    from monitor.statistics.report import MetricResult, WindowResult

_OF_LABELS: Final = ("timeliness", "consistency")


def doubts(inspection: Inspection, window: WindowResult) -> tuple[str, ...]:
    """Return the names of the bad gates on which a window rests.

    Completeness is about mature windows, volume about those that reach up to now. Labels that come late or fit nothing
    concern every window: they may belong to any. How fast the model answers says nothing of its labels.
    """
    vitals = inspection.models.get(window.model, Vitals())
    concerned = {
        *_OF_LABELS,
        *(("completeness",) if window.maturity is Maturity.MATURE else ()),
        *(("volume",) if window.end >= window.as_of else ()),
    }
    return tuple(gate.name for gate in vitals.gates if gate.state is GateState.BAD and gate.name in concerned)


def marked(inspection: Inspection, windows: Iterable[WindowResult]) -> list[WindowResult]:
    """Return the windows, each with its doubts, said with every verdict that it has."""
    return [_marked(window, names) if (names := doubts(inspection, window)) else window for window in windows]


def _marked(window: WindowResult, names: tuple[str, ...]) -> WindowResult:
    said = f"data gates are red: {', '.join(names)}"
    return replace(window, gates=names, metrics=tuple(_doubted(result, said) for result in window.metrics))


def _doubted(result: MetricResult, said: str) -> MetricResult:
    return result if result.verdict is None else replace(result, doubt=said)
