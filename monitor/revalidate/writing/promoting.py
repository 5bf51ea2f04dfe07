"""Putting a baseline in force, on approval too, and bringing the previous one back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monitor.baselines import pointer
from monitor.baselines.file import document_bytes, read
from monitor.baselines.in_force import sources, stored
from monitor.errors import InputError, Problem
from monitor.revalidate.decision import Decision, Verb
from monitor.revalidate.desk import Refused
from monitor.revalidate.ledger.runs import WAITING, decision_of
from monitor.revalidate.ledger.saying import promotion, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.revalidate.writing.writer import Writer


def promote(
    writer: Writer,
    decision: Decision,
    version: str,
    by: str,
    says: Mapping[str, Any],
    *first: tuple[str, Mapping[str, Any]],
) -> Decision:
    """Put the candidate of a decision in force for `version` and return the decision as it stands then.

    Its file is in the folder. says: what `said` takes besides. first: entries that come before the decision. A
    candidate that is in force already is promoted without a promotion: nothing moves. Raises InputError, StateBroken.
    """
    candidate = str(says["candidate"])
    before = writer.in_force(decision.model, version)
    decision = replace(decision, decision=Verb.PROMOTED, baseline_after=candidate, waits_for_approval=False)
    if before == candidate:
        writer.write(by, *first, said(decision, state="succeeded", **says))
    else:
        _keep_previous(writer, decision.model, version, before)
        moves = promotion(decision.model, version, str(decision.run), before, candidate)
        # The decision tells of the promotion too: where a death leaves the second line out, the next writer adds it.
        writer.write(by, *first, said(decision, state="succeeded", promotes=moves, **says), ("promotion", moves))
        writer.move(decision.model, writer.of(decision.model).moves[-1])
    writer.lease(str(decision.run), None)
    prune(writer, decision.model)
    return decision


def approve(writer: Writer, model: str, by: str) -> Decision:
    """Promote what waits for approval; see `Desk.approve`."""
    _, revalidation = writer.model(model)
    writer.settle()
    run = writer.of(model).open
    if run is None or run.state != WAITING or run.candidate is None:
        message = f"nothing of `{model}` waits for approval"
        raise Refused(message)
    entry = writer.entries_of(run.key)[-1]
    version = str(run.candidate_version)
    now, then = writer.in_force(model, version), entry["judged_against"]
    decision = replace(decision_of(entry), run_started=run.started, at=writer.now())
    says = {
        "candidate": run.candidate,
        "candidate_version": version,
        "stored": True,
        "judged_against": then,
        "inputs": entry["inputs"],
    }
    if now != then:
        why = (
            f"the candidate {_short(run.candidate)} was judged while {_short(then)} was in force for version {version},"
            f" and now it is {_short(now)}: its judgement says nothing any more"
        )
        rejected = replace(decision, decision=Verb.REJECTED, reasons=(why,), waits_for_approval=False)
        writer.write(by, said(rejected, state="succeeded", **says))
        writer.lease(run.key, None)
        message = f"{why}; it is rejected, and `foldwatch revalidate --model {model}` may start another run"
        raise Refused(message)
    path = pointer.path_of(revalidation.promote_to, run.candidate)
    baseline = read(path)
    if baseline.content_hash != run.candidate:
        raise InputError(Problem(str(path), "holds another baseline than its name says", "restore it from a copy"))
    pointer.store(revalidation.promote_to, run.candidate, path.read_bytes(), {}, anew=True)
    first = (
        []
        if run.key in writer.of(model).approved
        else [("approval", _approval(model, version, run.key, run.candidate))]
    )
    return promote(writer, decision, version, by, says, *first)


def rollback(writer: Writer, model: str, by: str) -> Decision:
    """Bring back what was in force before the last promotion; see `Desk.rollback`."""
    _, revalidation = writer.model(model)
    writer.settle()
    told = writer.of(model)
    if not told.stack:
        message = f"nothing was promoted for `{model}` that could be taken back"
        raise Refused(message)
    last = told.stack[-1]
    if last.before is not None:
        path = pointer.path_of(revalidation.promote_to, last.before)
        if not path.exists():
            message = f"the baseline before, {path}, is not there any more: only the last {pointer.KEPT} are kept"
            raise Refused(message)
        read(path)
    before = writer.in_force(model, last.version)
    says = {
        "model": model,
        "version": last.version,
        "run": last.run,
        "baseline_before": before,
        "baseline_after": last.before,
        "baseline": last.before,
    }
    writer.write(by, ("rollback", says))
    writer.move(model, writer.of(model).moves[-1])
    after = f"{_short(last.before)} is in force again" if last.before else "the version has no baseline in force now"
    return Decision(
        model,
        last.version,
        decision=Verb.PROMOTED,
        baseline_before=before,
        baseline_after=writer.in_force(model, last.version),
        reasons=(f"rolled back: {_short(before)} was promoted by run {last.run}, {after}",),
        run=last.run,
        at=writer.now(),
    )


def prune(writer: Writer, model: str) -> None:
    """Keep the last 20 candidates of a model, what is in force, and what was before."""
    _, revalidation = writer.model(model)
    told = writer.of(model)
    needed = {writer.in_force(model, version) for version in told.in_force}
    needed |= {move.before for move in told.stack[-1:]}
    run = told.open
    needed.add(None if run is None else run.candidate)
    pointer.prune(revalidation.promote_to, told.candidates, {one for one in needed if one is not None})


def _keep_previous(writer: Writer, model: str, version: str, content_hash: str | None) -> None:
    """Have the baseline in force in the folder too, so that a rollback finds it, whatever becomes of its own file."""
    one, revalidation = writer.model(model)
    if content_hash is None or pointer.path_of(revalidation.promote_to, content_hash).exists():
        return
    source = sources(writer.settings, one).get(version)
    if source is None:
        return
    baseline = stored(writer.settings, source)
    if baseline.content_hash == content_hash:
        pointer.store(revalidation.promote_to, content_hash, document_bytes(baseline), {}, anew=False)


def _approval(model: str, version: str, run: str, candidate: str) -> Mapping[str, Any]:
    return {"model": model, "version": version, "run": run, "candidate": candidate}


def _short(content_hash: str | None) -> str:
    """Return the beginning of a hash."""
    return "none" if content_hash is None else f"{content_hash[:12]}…"
