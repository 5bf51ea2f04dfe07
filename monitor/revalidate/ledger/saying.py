"""How a decision stands in the ledger: all of it, and the SHA-256 of everything that it rests on. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from monitor.clock import format_time
from monitor.revalidate.ledger.runs import RUNNING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.revalidate.decision import Decision


def sha256(content: bytes | str) -> str:
    """Return the SHA-256, hex."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def said(
    decision: Decision,
    *,
    state: str = RUNNING,
    candidate: str | None = None,
    candidate_version: str | None = None,
    stored: bool = False,
    judged_against: str | None = None,
    inputs: Mapping[str, str | None] | None = None,
    promotes: Mapping[str, Any] | None = None,
) -> tuple[str, Mapping[str, Any]]:
    """Return the entry of a decision.

    state: of its run. candidate: its content hash, or the SHA-256 of what is no baseline. stored: whether it lies in
    the folder of baselines. judged_against: the baseline of the candidate's version that was in force then. inputs:
    name -> SHA-256. promotes: the promotion that must follow.
    """
    return (
        "decision",
        {
            "model": decision.model,
            "version": decision.version,
            "run": decision.run,
            "run_started": None if decision.run_started is None else format_time(decision.run_started),
            "decision": decision.decision.value,
            "state": state,
            "triggered": list(decision.triggered),
            "held_back_by": list(decision.held_back_by),
            "reasons": list(decision.reasons),
            "warnings": list(decision.warnings),
            "waits_for_approval": decision.waits_for_approval,
            "baseline_before": decision.baseline_before,
            "baseline_after": decision.baseline_after,
            "candidate": candidate,
            "candidate_version": candidate_version,
            "stored": stored,
            "judged_against": judged_against,
            "seen": dict(decision.seen),
            "gate": None if decision.gate is None else dict(decision.gate),
            "inputs": {name: value for name, value in sorted((inputs or {}).items()) if value is not None},
            "promotes": None if promotes is None else dict(promotes),
        },
    )


def promotion(model: str, version: str, run: str, before: str | None, now: str) -> Mapping[str, Any]:
    """Return what the entry of a promotion says."""
    return {
        "model": model,
        "version": version,
        "run": run,
        "baseline_before": before,
        "baseline_after": now,
        "baseline": now,
    }
