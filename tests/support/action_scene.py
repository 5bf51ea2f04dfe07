"""An order, and a watch that keeps what an action says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from monitor.revalidate.actions.action import Order, Watch

STARTED = 1_767_225_600_000
NOW = STARTED + 2 * 3_600_000
ORDER = Order(
    run="0123456789abcdef",
    model="churn",
    version="3",
    candidate_version="3",
    started=STARTED,
    folder=Path(),
    decision={
        "triggered": ["budget_spent"],
        "held_back_by": [],
        "decision": "start",
        "baseline_before": None,
        "baseline_after": None,
        "reasons": ['`leave-recall` spent 61 % of its budget, "more" than 50 %'],
    },
)


@dataclass
class Said:
    """What an action said while it worked."""

    told: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)


def watched():
    """A Watch, and what is said to it."""
    said = Said()
    return Watch(threading.Event(), said.told.append, said.begun.append), said
