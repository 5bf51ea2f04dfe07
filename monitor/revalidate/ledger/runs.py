"""What the ledger tells of each model: its runs, what was promoted and rolled back, and how it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from monitor.clock import parse_time
from monitor.revalidate.decision import FORCE, Decision, Past, Run, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.revalidate.ledger.entries import Entry

WAITING: Final = "waiting"
HANDED_OVER: Final = "handed over"
RUNNING: Final = "running"
ON_PROMOTE: Final = "on_promote"
MLFLOW: Final = "mlflow"
_FAILURES: Final = frozenset({"failed", "timed out", "cancelled"})


@dataclass(frozen=True, slots=True)
class Move:
    """One promotion or rollback of a version, from one baseline to another."""

    version: str
    before: str | None
    """Content hash; None: the version had none."""
    after: str | None
    run: str
    number: int
    """Of the entry."""
    at: int
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One model, as the ledger tells it."""

    runs: tuple[Run, ...] = ()
    """In the order of their starts."""
    rolled_back: frozenset[str] = frozenset()
    in_force: Mapping[str, str | None] = field(default_factory=dict)
    """Version -> content hash of the last that is known to have been put in force."""
    stack: tuple[Move, ...] = ()
    """Promotions that were not taken back, the last one last."""
    moves: tuple[Move, ...] = ()
    """Every promotion and rollback."""
    candidates: tuple[str, ...] = ()
    """Content hashes of what was handed in or put in force, oldest first, as often as it came."""
    held: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """Version -> (triggered, held back by), where its last decision was held back."""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run -> what was begun for it elsewhere."""
    approved: frozenset[str] = frozenset()
    """Runs."""
    notified: Mapping[str, str] = field(default_factory=dict)
    """Run -> how the last `on_promote` ended."""
    uploaded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run -> the runs of MLflow, one for each upload."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Outcome -> runs."""
    failures: int = 0
    """In a row."""
    last: Decision | None = None
    """The last that began or ended a run; without what was seen and the gate's tables."""
    gate_passed: bool | None = None

    @property
    def open(self) -> Run | None:
        """The run that is open."""
        return next((run for run in reversed(self.runs) if run.open), None)

    def run(self, key: str) -> Run | None:
        """Return a run by its key."""
        return next((run for run in reversed(self.runs) if run.key == key), None)

    def past(self, taken: Iterable[str]) -> Past:
        """Return what the policy needs; `taken`: runs that somebody works on."""
        return Past(self.runs, self.rolled_back, frozenset(taken))


def told(entries: Iterable[Entry]) -> dict[str, Told]:
    """Return what a ledger tells of each model."""
    found: dict[str, Told] = {}
    for entry in entries:
        model = entry.get("model")
        if isinstance(model, str):
            found[model] = after(found.get(model, Told()), entry)
    return found


def after(known: Told, entry: Entry) -> Told:
    """Return what is known once an entry is."""
    match entry["kind"]:
        case "baseline":
            force = {**known.in_force, entry["version"]: entry["baseline"]}
            return replace(known, in_force=force, candidates=(*known.candidates, entry["baseline"]))
        case "decision":
            return _decided(known, entry)
        case "action":
            return _acted(known, entry)
        case "approval":
            return replace(known, approved=known.approved | {entry["run"]})
        case "promotion" | "rollback":
            return _moved(known, entry)
    return known


def decision_of(entry: Entry) -> Decision:
    """Return the decision that an entry keeps."""
    return Decision(
        model=entry["model"],
        version=entry["version"],
        triggered=tuple(entry["triggered"]),
        held_back_by=tuple(entry["held_back_by"]),
        decision=Verb(entry["decision"]),
        baseline_before=entry["baseline_before"],
        baseline_after=entry["baseline_after"],
        reasons=tuple(entry["reasons"]),
        warnings=tuple(entry["warnings"]),
        run=entry["run"],
        run_started=_moment(entry.get("run_started")),
        at=_moment(entry["at"]) or 0,
        waits_for_approval=entry["waits_for_approval"],
        seen=entry["seen"],
        gate=entry["gate"],
    )


def _decided(known: Told, entry: Entry) -> Told:
    """Take a decision."""
    decision = decision_of(entry)
    version = decision.version
    if decision.decision is Verb.NONE or decision.run is None:
        return replace(known, held={**known.held, version: (decision.triggered, decision.held_back_by)})
    held = {name: what for name, what in known.held.items() if name != version}
    known = replace(known, held=held, last=replace(decision, seen={}, gate=None))
    if decision.gate is not None:
        known = replace(known, gate_passed=bool(decision.gate.get("passed")))
    candidate = entry.get("candidate")
    if candidate is not None and entry.get("stored"):
        known = replace(known, candidates=(*known.candidates, candidate))
    old = known.run(decision.run)
    if old is None:
        run = Run(
            key=decision.run,
            model=decision.model,
            version=version,
            started=decision.at,
            labels=int(decision.seen.get("labels", 0)),
            forced=FORCE in decision.triggered,
        )
        return replace(known, runs=(*known.runs, run))
    state = entry["state"]
    new = replace(
        old, candidate=candidate, candidate_version=entry.get("candidate_version"), verb=decision.decision, state=state
    )
    runs = tuple(new if run.key == old.key else run for run in known.runs)
    known = replace(known, runs=runs)
    if new.open:
        return known
    outcome = decision.decision.value if decision.decision in {Verb.PROMOTED, Verb.REJECTED} else state
    ended = {**known.ended, outcome: known.ended.get(outcome, 0) + 1}
    return replace(known, ended=ended, failures=known.failures + 1 if state in _FAILURES else 0)


def _acted(known: Told, entry: Entry) -> Told:
    """Take what was done elsewhere."""
    run = entry["run"]
    if "reference" in entry:
        references = (*known.references.get(run, ()), entry["reference"])
        return replace(known, references={**known.references, run: references})
    if entry.get("action") == MLFLOW:
        return replace(known, uploaded={**known.uploaded, run: (*known.uploaded.get(run, ()), entry["mlflow_run"])})
    if entry.get("action") == ON_PROMOTE:
        return replace(known, notified={**known.notified, run: entry["state"]})
    return known


def _moved(known: Told, entry: Entry) -> Told:
    """Take a promotion or a rollback."""
    rollback = entry["kind"] == "rollback"
    version, before, now = entry["version"], entry["baseline_before"], entry["baseline_after"]
    move = Move(version, before, now, entry["run"], entry["number"], _moment(entry["at"]) or 0, rollback)
    force = {**known.in_force, version: now}
    known = replace(known, in_force=force, moves=(*known.moves, move))
    if now is not None:
        known = replace(known, candidates=(*known.candidates, now))
    if rollback:
        gone = known.rolled_back if before is None else known.rolled_back | {before}
        return replace(known, stack=known.stack[:-1], rolled_back=gone - {now} if now else gone)
    return replace(
        known, stack=(*known.stack, move), rolled_back=known.rolled_back - {now} if now else known.rolled_back
    )


def _moment(text: Any) -> int | None:  # noqa: ANN401 - whatever stands in an entry
    return parse_time(text) if isinstance(text, str) else None
