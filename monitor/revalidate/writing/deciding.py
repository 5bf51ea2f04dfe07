"""Deciding whether a run starts, who works on it, and how it ends without a candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.revalidate.decision import Decision, Past, Run, Verb
from monitor.revalidate.desk import Refused
from monitor.revalidate.evidence.evidence import gather
from monitor.revalidate.ledger.runs import HANDED_OVER, ON_PROMOTE, WAITING, decision_of
from monitor.revalidate.ledger.saying import said
from monitor.revalidate.policy import policy
from monitor.revalidate.writing.lease import renewed
from monitor.revalidate.writing.writer import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.revalidate.decision import Evidence
    from monitor.revalidate.desk import Ask, Ended, Progress
    from monitor.revalidate.evidence.evidence import Seen
    from monitor.revalidate.ledger.runs import Told
    from monitor.revalidate.writing.writer import Writer

TOLD = "told"
NOT_TOLD = "not told"
"""States in which `on_promote` ends: `Ended` of a run that was promoted."""


def evidence_of(writer: Writer, model: str, seen: Seen) -> Sequence[Evidence]:
    """Return what is seen of each version of a model, newest first."""
    one, _ = writer.model(model)
    alone = replace(writer.settings, models={model: one})
    return gather(alone, writer.state, writer.baselines(), seen, writer.now()).get(model, ())


def decide(writer: Writer, ask: Ask, seen: Seen) -> list[Decision]:
    """Decide for each version of a model; at most one run starts, or is taken up again. See `Desk.decide`."""
    _, revalidation = writer.model(ask.model)
    if not ask.dry_run:
        writer.settle()
    evidence = [one for one in evidence_of(writer, ask.model, seen) if one.version not in ask.settled]
    if not ask.dry_run:
        _give_up(writer, ask, {one.version for one in evidence} | set(ask.settled))
    told, now = writer.of(ask.model), writer.now()
    past = told.past(writer.taken(ask.holder))
    decisions = []
    for one in evidence:
        looked = replace(one, drift=ask.drift.get(one.version, one.drift))
        decision = policy.decide(revalidation, looked, past, now, force=ask.force)
        if decision.decision is Verb.START and decision.run is not None:
            old = told.run(decision.run)
            decision = replace(decision, run_started=now if old is None else old.started)
            past = _with(past, decision, one.labels)
        if not ask.dry_run:
            _record(writer, ask, told, decision)
        decisions.append(decision)
    if not ask.dry_run and decisions:
        first = decisions[0]
        writer.note_asked(ask.model, Asked(now, first.triggered, first.held_back_by, first.reasons))
    return decisions


def progress(writer: Writer, progress: Progress) -> bool:
    """Renew a lease; see `Desk.progress`."""
    writer.settle()
    found = _run(writer, progress.run)
    if found is None:
        return False
    model, run = found
    if not run.open or run.state == WAITING or run.key in writer.taken(progress.holder):
        return False
    writer.lease(run.key, renewed(progress.holder, writer.now(), progress.text))
    if progress.reference is not None and progress.reference not in writer.of(model).references.get(run.key, ()):
        says = {"model": model, "version": run.version, "run": run.key, "action": "begun"}
        writer.write(progress.holder, ("action", {**says, "reference": progress.reference}))
    return True


def end(writer: Writer, ended: Ended) -> Decision:
    """End a run that has no candidate, or note how `on_promote` ended; see `Desk.end`."""
    writer.settle()
    model, run = require_run(writer, ended.run)
    entries = writer.entries_of(run.key)
    last = decision_of(entries[-1])
    if ended.state in {TOLD, NOT_TOLD}:
        if run.verb is not Verb.PROMOTED:
            message = f"run {run.key} of `{model}` promoted nothing: there is nobody to tell"
            raise Refused(message)
        if writer.of(model).notified.get(run.key) != ended.state or ended.state == NOT_TOLD:
            says = {"model": model, "version": run.version, "run": run.key, "action": ON_PROMOTE}
            writer.write(ended.by, ("action", {**says, "state": ended.state, "reason": ended.reason}))
        return last
    if not run.open:
        if run.state == ended.state:
            return last
        message = f"run {run.key} of `{model}` is at its end already: {run.verb.value}, {run.state}"
        raise Refused(message)
    handed_over = ended.state == HANDED_OVER
    decision = replace(
        last,
        decision=Verb.START if handed_over else Verb.FAILED,
        reasons=(*last.reasons, ended.reason) if handed_over and ended.reason else (ended.reason or ended.state,),
        waits_for_approval=False,
        run_started=run.started,
        at=writer.now(),
    )
    says = {"model": model, "version": run.version, "run": run.key, "action": "ended"}
    writer.write(
        ended.by,
        ("action", {**says, "state": ended.state, "reason": ended.reason}),
        said(
            decision,
            state=ended.state,
            candidate=run.candidate,
            candidate_version=run.candidate_version,
            inputs=entries[0]["inputs"],
        ),
    )
    writer.lease(run.key, None)
    return decision


def require_run(writer: Writer, key: str) -> tuple[str, Run]:
    """Return the model and the run of this key. Raises Refused where there is none."""
    found = _run(writer, key)
    if found is None:
        message = f"there is no run {key}: `foldwatch revalidate log` shows those that there are"
        raise Refused(message)
    return found


def _run(writer: Writer, key: str) -> tuple[str, Run] | None:
    return next(((model, run) for model, told in writer.told.items() if (run := told.run(key)) is not None), None)


def _with(past: Past, decision: Decision, labels: int) -> Past:
    """Return the past with a run that begins now, or is taken up again: somebody works on it."""
    key = str(decision.run)
    run = Run(key, decision.model, decision.version, decision.run_started or decision.at, labels)
    runs = past.runs if any(one.key == key for one in past.runs) else (*past.runs, run)
    return replace(past, runs=runs, taken=past.taken | {key})


def _record(writer: Writer, ask: Ask, told: Told, decision: Decision) -> None:
    """Write a decision down, where it says anything new; give the run to who asks."""
    drift = decision.seen.get("drift") or {}
    inputs = {
        "configuration": writer.settings.sha256,
        "baseline": decision.baseline_before,
        "drift_report": drift.get("sha256"),
    }
    if decision.decision is Verb.START and decision.run is not None:
        if told.run(decision.run) is None:
            writer.write(ask.by, said(decision, inputs=inputs))
        elif (lease := writer.leases.get(decision.run)) is not None and lease.holder != ask.holder:
            says = {"model": ask.model, "version": decision.version, "run": decision.run, "action": "taken up again"}
            writer.write(ask.by, ("action", says))
        writer.lease(decision.run, renewed(ask.holder, writer.now()))
    elif decision.held_back_by and told.held.get(decision.version) != (decision.triggered, decision.held_back_by):
        writer.write(ask.by, said(decision, state="", inputs=inputs))


def _give_up(writer: Writer, ask: Ask, versions: set[str]) -> None:
    """End a run that nobody works on and nobody can take up: its version is not in production any more."""
    run = writer.of(ask.model).open
    if run is None or run.state == WAITING or run.version in versions or run.key in writer.taken():
        return
    last = decision_of(writer.entries_of(run.key)[-1])
    why = f"nobody works on it any more, and version {run.version} is neither in production nor has a baseline in force"
    decision = replace(last, decision=Verb.FAILED, reasons=(why,), at=writer.now())
    writer.write(ask.by, said(decision, state="cancelled", inputs={"configuration": writer.settings.sha256}))
    writer.lease(run.key, None)
