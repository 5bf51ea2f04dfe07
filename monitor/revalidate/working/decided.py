"""A decision as JSON values: what `revalidate --json` prints, and what an action and who is told of it get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.clock import format_time
from monitor.revalidate.decision import Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.revalidate.decision import Decision

FOUND: Final = 1
_FOUND: Final = frozenset({Verb.REJECTED, Verb.FAILED})


def as_json(decision: Decision) -> dict[str, Any]:
    """Return one decision as JSON values."""
    return {
        "model": decision.model,
        "version": decision.version,
        "triggered": list(decision.triggered),
        "held_back_by": list(decision.held_back_by),
        "decision": decision.decision.value,
        "baseline_before": decision.baseline_before,
        "baseline_after": decision.baseline_after,
        "reasons": list(decision.reasons),
        "warnings": list(decision.warnings),
        "run": decision.run,
        "at": format_time(decision.at),
        "waits_for_approval": decision.waits_for_approval,
        "seen": dict(decision.seen),
        "gate": None if decision.gate is None else dict(decision.gate),
    }


def document(decisions: Iterable[Decision]) -> Mapping[str, Any]:
    """Return what `--json` prints."""
    return {"decisions": [as_json(decision) for decision in decisions]}


def exit_code(decisions: Iterable[Decision]) -> int:
    """Return 1 where a candidate was rejected or a run failed, else 0."""
    return FOUND if any(decision.decision in _FOUND for decision in decisions) else 0
