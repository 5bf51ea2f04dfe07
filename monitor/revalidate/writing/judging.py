"""A candidate that is handed in: looked at, judged, and promoted, kept waiting or rejected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.baselines import pointer
from monitor.baselines.file import of_bytes
from monitor.baselines.in_force import sources
from monitor.baselines.timings import read_timings
from monitor.clock import HOUR, format_time
from monitor.errors import InputError
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Refused
from monitor.revalidate.gate import gate
from monitor.revalidate.gate.delivered import counts_of, delivered
from monitor.revalidate.ledger.runs import WAITING, decision_of
from monitor.revalidate.ledger.saying import said, sha256
from monitor.revalidate.writing.deciding import require_run
from monitor.revalidate.writing.promoting import promote, prune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.baselines.timings import Timings
    from monitor.config import ModelSettings
    from monitor.config.revalidation import Revalidation
    from monitor.revalidate.decision import Decision, Run
    from monitor.revalidate.desk import Candidate, Result
    from monitor.revalidate.evidence.evidence import Seen
    from monitor.revalidate.writing.writer import Writer
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.report import WindowResult

_AGE: Final = "training data"


def hand_in(writer: Writer, result: Result, see: Callable[[], Seen]) -> Decision:
    """Judge a candidate; see `Desk.hand_in`."""
    writer.settle()
    model, run = require_run(writer, result.run)
    one, revalidation = writer.model(model)
    entries = writer.entries_of(run.key)
    inputs = _inputs(writer, entries[0]["inputs"], result)
    if not run.open or run.state == WAITING:
        last = entries[-1]
        if last["inputs"].get("candidate") == inputs["candidate"]:
            return decision_of(last)
        ended = "waits for approval" if run.open else f"is at its end ({run.verb.value}, {run.state})"
        message = f"run {run.key} of `{model}` {ended}: another candidate comes too late"
        raise Refused(message)
    begun = replace(decision_of(entries[0]), run_started=run.started, at=writer.now(), waits_for_approval=False)
    wanted = revalidation.action.version or run.version
    found = _read(result.candidate, model, wanted)
    if isinstance(found, str):
        failed = replace(begun, decision=Verb.FAILED, reasons=(found,), warnings=result.candidate.warnings)
        writer.write(result.by, said(failed, state="failed", candidate_version=wanted, inputs=inputs))
        writer.lease(run.key, None)
        return failed
    return _judged(writer, result, (one, revalidation), run, begun, found, inputs, see)


def _judged(
    writer: Writer,
    result: Result,
    of: tuple[ModelSettings, Revalidation],
    run: Run,
    begun: Decision,
    candidate: Baseline,
    inputs: Mapping[str, str | None],
    see: Callable[[], Seen],
) -> Decision:
    """Let the gate judge a baseline, and follow it."""
    model, revalidation = of
    folder, document = revalidation.promote_to, result.candidate.document
    path = pointer.store(folder, candidate.content_hash, document, dict(_beside(result)), anew=False)
    live = delivered(model, run.version, see().results) if revalidation.gate.yardstick == gate.LIVE else []
    yardstick = _yardstick(writer, model, candidate.version, run.version)
    judgement = gate.judge(
        writer.settings,
        model,
        candidate,
        yardstick,
        counts_of(live) if revalidation.gate.yardstick == gate.LIVE else None,
        timings=(read_timings(candidate, path), _timings_of(writer, model, yardstick)),
    )
    reasons, passed = judgement.reasons, judgement.passed
    if candidate.content_hash in writer.of(model.name).rolled_back and not run.forced:
        passed = False
        again = (
            f"the candidate {candidate.content_hash[:12]}… was rolled back: it needs a run with --force to come again"
        )
        reasons = (again,) if judgement.passed else (again, *reasons)
    warnings = tuple(
        dict.fromkeys(
            (
                *result.candidate.warnings,
                *_old(result.candidate, revalidation, begun.at),
                *_overlap(result.candidate, live),
                *judgement.warnings,
            )
        )
    )
    decision = replace(begun, reasons=reasons, warnings=warnings, gate=judgement.document)
    before = writer.in_force(model.name, candidate.version)
    says: dict[str, Any] = {
        "candidate": candidate.content_hash,
        "candidate_version": candidate.version,
        "stored": True,
        "judged_against": before,
        "inputs": inputs,
    }
    waits = passed and revalidation.gate.approval == "manual" and before != candidate.content_hash
    if passed and not waits:
        pointer.store(folder, candidate.content_hash, document, dict(_beside(result)), anew=True)
        return promote(writer, decision, candidate.version, result.by, says)
    if waits:
        decision = replace(decision, decision=Verb.START, waits_for_approval=True)
        writer.write(result.by, said(decision, state=WAITING, **says))
    else:
        decision = replace(decision, decision=Verb.REJECTED)
        writer.write(result.by, said(decision, state="succeeded", **says))
        prune(writer, model.name)
    writer.lease(run.key, None)
    return decision


def _read(candidate: Candidate, model: str, version: str) -> Baseline | str:
    """Return the baseline that was handed in, or why it is none for this run."""
    try:
        baseline = of_bytes(candidate.document, Path("the candidate"))
    except InputError as error:
        return f"what was handed in is no baseline: {error}"
    if baseline.model != model:
        return f"the candidate is a baseline of the model `{baseline.model}`, not of `{model}`: correct the action"
    if baseline.version != version:
        remedy = f'write `version: "{baseline.version}"` in `action:` if it is a retrained model'
        return f"the candidate is a baseline of version `{baseline.version}`, and `{version}` was asked for: {remedy}"
    return baseline


def _yardstick(writer: Writer, model: ModelSettings, version: str, judged: str) -> Baseline | None:
    """Return the baseline in force of the candidate's version, else of the one that is judged, else the newest."""
    in_force = {v: baseline for (name, v), baseline in writer.baselines().items() if name == model.name}
    for wanted in (version, judged):
        if wanted in in_force:
            return in_force[wanted]
    return next(reversed(in_force.values()), None)


def _old(candidate: Candidate, revalidation: Revalidation, now: int) -> Iterator[str]:
    """Yield a warning where the training data are older than they may be."""
    limit = getattr(revalidation.action, "max_data_age", None)
    if limit is not None and candidate.newest_row is not None and now - candidate.newest_row > limit.millis:
        newest = format_time(candidate.newest_row)
        yield f"{_AGE} are old: their newest row is of {newest}, more than `max_data_age` {limit.text} ago"


def _overlap(candidate: Candidate, live: list[WindowResult]) -> Iterator[str]:
    """Yield a warning where rows that the candidate learned from lie in the live window that judges it."""
    whole = next((one for one in live if one.segment is None), None)
    if whole is None:
        return
    rows = sum(n for hour, n in candidate.rows_since.items() if whole.start < hour + HOUR and hour < whole.end)
    if rows:
        span = f"{format_time(whole.start)} to {format_time(whole.end)}"
        yield (
            f"{_AGE} hold {rows} rows of the hours that the live window {whole.window} covers ({span}): "
            "the candidate is judged on what it may have learned from"
        )


def _inputs(writer: Writer, begun: Mapping[str, str], result: Result) -> dict[str, str | None]:
    """Return the SHA-256 of everything that a judgement rests on."""
    return {
        **begun,
        **result.candidate.inputs,
        "configuration": writer.settings.sha256,
        "candidate": sha256(result.candidate.document),
        "drift_report": begun.get("drift_report") if result.drift_html is None else sha256(result.drift_html),
    }


def _beside(result: Result) -> Iterator[tuple[str, bytes]]:
    """Yield what lies beside the candidate: end of the name, content."""
    candidate = result.candidate
    folds = None if candidate.folds is None else candidate.folds.encode()
    contents = (folds, candidate.timings, candidate.features, result.drift_html)
    for end, content in zip(pointer.BESIDE, contents, strict=True):
        if content is not None:
            yield end, content


def _timings_of(writer: Writer, model: ModelSettings, yardstick: Baseline | None) -> Timings | None:
    """Return what the cross-validation of the yardstick cost, where that lies beside it."""
    source = None if yardstick is None else sources(writer.settings, model).get(yardstick.version)
    return read_timings(yardstick, source.at) if yardstick and source and isinstance(source.at, Path) else None
