"""What a decision is made of: what was seen, what happened before, and what follows. Values only."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FORCE = "force"
OPEN_RUN = "open_run"
DATA_GATES = "data_gates"


class Verb(StrEnum):
    """The word of a decision."""

    NONE = "none"
    START = "start"
    """A run is begun; or it waits for its result, or for approval."""
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found of one version's features and predictions, as `drift.py` found it."""

    share: float
    """Of the columns that could be judged, how many drifted."""
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Column -> method, p (corrected) or distance, drifted, n of the reference and n now; no value of a feature."""
    notes: tuple[str, ...] = ()
    """Why something could not be judged."""
    sha256: str | None = None
    """Of the HTML report."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """What was found of one version, and the page that shows it."""

    drift: Drift
    html: bytes | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against a run for one version of a model. Moments are epoch ms."""

    model: str
    version: str
    as_of: int
    newest: bool = True
    """Whether it is the version of the newest predictions: the one that `--force` and the error budgets mean."""
    baseline: str | None = None
    """Content hash of the one in force."""
    baseline_written_at: int | None = None
    spent: Mapping[str, float] = field(default_factory=dict)
    """Objective -> share of its error budget that is spent (above 1: overspent); without those without events."""
    worse: Mapping[str, int] = field(default_factory=dict)
    """Objective -> mature evaluations in a row that were WORSE."""
    labels: int = 0
    """Predictions of the model that ever got a label."""
    mature: Mapping[str, int] = field(default_factory=dict)
    """Class -> mature labels in the longest window; every configured class is in it."""
    red_gates: tuple[str, ...] = ()
    drift: Drift | None = None
    """None: nobody looked, or there is nothing to look at."""


@dataclass(frozen=True, slots=True)
class Run:
    """One re-validation, from its start on, as the ledger tells it."""

    key: str
    """SHA-256, hex, 16 letters, of (model, version, number of the model's earlier runs): the trigger window begins
    where the run before it did."""
    model: str
    version: str
    """The version that is judged."""
    started: int
    labels: int
    """`Evidence.labels` then."""
    candidate: str | None = None
    """Content hash of what was handed in."""
    candidate_version: str | None = None
    verb: Verb = Verb.START
    """START as long as it is open."""
    state: str = "running"
    """running, handed over (no result is expected), waiting (for approval), succeeded, failed, timed out, cancelled."""
    forced: bool = False

    @property
    def open(self) -> bool:
        """Whether it stands in the way of another one."""
        return self.verb is Verb.START and self.state in {"running", "waiting"}


@dataclass(frozen=True, slots=True)
class Past:
    """What the ledger tells of one model."""

    runs: tuple[Run, ...] = ()
    """In the order of their starts."""
    rolled_back: frozenset[str] = frozenset()
    """Baselines that need `--force` to come again."""
    taken: frozenset[str] = frozenset()
    """Keys of open runs that somebody is working on at this moment: their lease holds."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, as `revalidate --json` shows it and the ledger keeps it."""

    model: str
    version: str
    triggered: tuple[str, ...] = ()
    """Keys of `when`, and `force`."""
    held_back_by: tuple[str, ...] = ()
    """Keys of `unless`, `open_run`, `data_gates`."""
    decision: Verb = Verb.NONE
    baseline_before: str | None = None
    baseline_after: str | None = None
    reasons: tuple[str, ...] = ()
    """Sentences: why, with the numbers."""
    warnings: tuple[str, ...] = ()
    run: str | None = None
    """Key of the run that it begins or ends."""
    run_started: int | None = None
    """When that run began, epoch ms: before `at` where it is taken up again, and where it ends."""
    at: int = 0
    waits_for_approval: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)
    """The Evidence, as JSON values."""
    gate: Mapping[str, Any] | None = None
    """What the gate said: `gate.Judgement.document`."""
