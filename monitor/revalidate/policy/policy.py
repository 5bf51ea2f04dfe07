"""The policy: whether a run starts, and why or why not. Values in, a Decision out. Pure.

Any trigger of `when` starts a run, unless a guard of `unless`, red data gates or an open run hold it back. `--force`
is a trigger of its own and goes past every guard but an open run. A run that is open and that nobody works on any more
is taken up again under its old key, with no question asked: it was decided when it began.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from monitor.clock import DAY, MINUTE, format_time
from monitor.revalidate.decision import DATA_GATES, FORCE, OPEN_RUN, Decision, Verb
from monitor.revalidate.policy.triggers import Found, triggers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.config.revalidation import Quiet, Revalidation, Unless
    from monitor.revalidate.decision import Evidence, Past, Run

WEEK: Final = 7 * DAY
_KEY_LETTERS: Final = 16
_MINUTES: Final = 1440
_MOST_CLASSES: Final = 5
WAITING: Final = "waiting"
"""`Run.state` of a candidate that waits for approval."""


def run_key(model: str, version: str, earlier_runs: int) -> str:
    """Return the key of a run: the first 16 letters of the SHA-256, hex, of model, version and the number of runs.

    earlier_runs: how many runs the model had before. So whoever asks twice in one trigger window names one run.
    """
    told = json.dumps([model, version, earlier_runs], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(told.encode("ascii")).hexdigest()[:_KEY_LETTERS]


def decide(settings: Revalidation, evidence: Evidence, past: Past, now: int, *, force: bool = False) -> Decision:
    """Decide for one version of a model. Moments are epoch milliseconds.

    Force speaks of the newest version alone. Of several versions each is decided for itself: whoever starts a run for
    one of them puts it into `past` before asking for the next.
    """
    found = triggers(settings.when, evidence, past, now, force=force)
    fired = [one for one in found if one.fired]
    decision = Decision(
        evidence.model,
        evidence.version,
        triggered=tuple(one.key for one in fired),
        baseline_before=evidence.baseline,
        baseline_after=evidence.baseline,
        at=now,
        seen=seen(evidence),
    )
    left = _left_behind(evidence.version, past)
    if left is not None:
        why = f"run {left.key}, started {format_time(left.started)}, is open and nobody works on it: it goes on"
        reasons = (*(one.text for one in fired), why)
        return replace(decision, decision=Verb.START, run=left.key, reasons=reasons)
    if not fired:
        return replace(decision, reasons=_quietly(found))
    held = list(_held(settings.unless, evidence, past, now, force=FORCE in decision.triggered))
    if held:
        return replace(
            decision,
            held_back_by=tuple(one.key for one in held),
            reasons=(*(one.text for one in fired), *(f"held back by {one.key}: {one.text}" for one in held)),
            waits_for_approval=any(run.open and run.state == WAITING for run in past.runs),
        )
    key = run_key(evidence.model, evidence.version, len(past.runs))
    return replace(decision, decision=Verb.START, run=key, reasons=tuple(one.text for one in fired))


def _left_behind(version: str, past: Past) -> Run | None:
    """Return the open run of a version that nobody works on and that no other open run stands in the way of."""
    runs = [run for run in past.runs if run.open]
    if any(run.state == WAITING or run.key in past.taken for run in runs):
        return None
    return next((run for run in runs if run.version == version), None)


def _quietly(found: Sequence[Found]) -> tuple[str, ...]:
    """Return why nothing starts: what was looked at, and how far it is."""
    if not found:
        return ("`when` names no trigger: only `--force` starts a run",)
    return ("nothing triggers a run", *(one.text for one in found))


def _held(unless: Unless, evidence: Evidence, past: Past, now: int, *, force: bool) -> Iterator[Found]:
    """Yield every guard that holds a triggered run back, with its sentence."""
    if not force:
        yield from _paced(unless, past, now)
        yield from _quiet(unless.quiet, now)
        yield from _labels(unless.labels_per_class, evidence)
        if evidence.red_gates:
            gates = ", ".join(evidence.red_gates)
            yield Found(DATA_GATES, f"red are {gates}: nobody trains on broken data", fired=True)
    for run in past.runs:
        if run.open:
            yield Found(OPEN_RUN, _open(run), fired=True)
            return


def _open(run: Run) -> str:
    """Say which run is open, and what it waits for."""
    begun = f"run {run.key} of version {run.version}, started {format_time(run.started)},"
    if run.state == WAITING:
        return f"{begun} waits for `foldwatch revalidate approve --model {run.model}`"
    return f"{begun} is not at its end"


def _paced(unless: Unless, past: Past, now: int) -> Iterator[Found]:
    """Yield the guards that count started runs."""
    last = max((run.started for run in past.runs), default=None)
    if unless.cool_down is not None and last is not None and now - last < unless.cool_down.millis:
        over = format_time(last + unless.cool_down.millis)
        text = f"the last run was started {format_time(last)}, {unless.cool_down.text} are over on {over}"
        yield Found("cool_down", text, fired=True)
    if unless.per_week is not None:
        week = sorted(run.started for run in past.runs if now - run.started < WEEK)
        if len(week) >= unless.per_week:
            free = format_time(week[len(week) - unless.per_week] + WEEK)
            many = "1 run was" if len(week) == 1 else f"{len(week)} runs were"
            text = f"{many} started within the last 7d, at most {unless.per_week}; the next may on {free}"
            yield Found("per_week", text, fired=True)


def _quiet(spans: Sequence[Quiet], now: int) -> Iterator[Found]:
    """Yield the guard of quiet hours."""
    minute = now // MINUTE % _MINUTES
    inside = next((span for span in spans if is_quiet(span, minute)), None)
    if inside is not None:
        text = f"it is {minute // 60:02}:{minute % 60:02} UTC, quiet are {inside.text}"
        yield Found("quiet", text, fired=True)


def is_quiet(span: Quiet, minute: int) -> bool:
    """Tell whether a minute of the day, UTC, lies in a span, which may go over midnight."""
    if span.start < span.end:
        return span.start <= minute < span.end
    return minute >= span.start or minute < span.end


def _labels(least: int | None, evidence: Evidence) -> Iterator[Found]:
    """Yield the guard of mature labels."""
    if least is None:
        return
    few = [(name, n) for name, n in evidence.mature.items() if n < least]
    if few or not evidence.mature:
        named = ", ".join(f"{name} has {n}" for name, n in few[:_MOST_CLASSES])
        more = f" and {len(few) - _MOST_CLASSES} more" if len(few) > _MOST_CLASSES else ""
        text = f"{named or 'there are no'}{more} mature labels in the longest window, each class needs {least}"
        yield Found("labels_per_class", text, fired=True)


def seen(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as JSON values, for the decision that rests on it."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(evidence), default=dict))
    return found
