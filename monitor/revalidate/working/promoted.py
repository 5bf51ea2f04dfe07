"""Who deploys a promoted model is told: after the pointer moved, and again by the next command where that failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.revalidate.actions.action import Order, Outcome, State, Watch
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Ended
from monitor.revalidate.ledger.runs import Told, decision_of, told
from monitor.revalidate.working.decided import as_json
from monitor.revalidate.writing.deciding import NOT_TOLD, TOLD

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config import ModelSettings, Settings
    from monitor.config.revalidation import ActionSettings
    from monitor.revalidate.actions.action import Action
    from monitor.revalidate.decision import Decision, Run
    from monitor.revalidate.desk import Desk, Ledgered
    from monitor.revalidate.working.ending import Ending
    from monitor.revalidate.working.patience import Patience

_TOLD: Final = frozenset({State.SUCCEEDED, State.HANDED_OVER})


def tell_promoted(
    settings: Settings,
    model: ModelSettings,
    by: str,
    patience: Patience,
    ending: Ending,
    action: Callable[[ActionSettings], Action],
    say: Callable[[str], None],
) -> tuple[str, ...]:
    """Tell `on_promote` of the promotion in force where it was not told yet; return why that failed, or nothing."""
    if model.revalidation is None or model.revalidation.on_promote is None:
        return ()
    ledgered: Ledgered = patience.ask(_ledger)
    known = told(map(dict, ledgered.entries)).get(model.name, Told())
    run = _untold(known)
    if run is None:
        return ()
    entries = [one for one in ledgered.entries if one["kind"] == "decision" and one.get("run") == run.key]
    decision = decision_of(dict(entries[-1]))
    say(f"{model.name} {decision.version}: telling on_promote of run {run.key}")
    outcome = action(model.revalidation.on_promote).run(
        _order(settings, model, run, decision), Watch(ending.of_run(), say, lambda _: None)
    )
    state = TOLD if outcome.state in _TOLD else NOT_TOLD
    patience.ask(lambda desk: desk.end(Ended(run.key, by, state, outcome.reason)))
    return () if state == TOLD else (_why(outcome),)


def _untold(known: Told) -> Run | None:
    """Return the run whose baseline was promoted last and is in force, where nobody was told of it."""
    if not known.stack:
        return None
    run = known.run(known.stack[-1].run)
    moved = known.moves and not known.moves[-1].rollback
    if run is None or run.verb is not Verb.PROMOTED or not moved or known.notified.get(run.key) == TOLD:
        return None
    return run


def _order(settings: Settings, model: ModelSettings, run: Run, decision: Decision) -> Order:
    folder = None if model.revalidation is None else model.revalidation.promote_to
    baseline = None if folder is None or decision.baseline_after is None else folder / f"{decision.baseline_after}.json"
    return Order(
        run=run.key,
        model=model.name,
        version=run.version,
        candidate_version=run.candidate_version or run.version,
        started=run.started,
        folder=Path() if settings.path is None else settings.path.parent,
        baseline=baseline if baseline is not None and baseline.is_file() else None,
        decision=as_json(decision),
    )


def _why(outcome: Outcome) -> str:
    reason = f" ({outcome.reason})" if outcome.reason else ""
    return f"on_promote was not told, {outcome.state}{reason}: the next `foldwatch revalidate` tries again"


def _ledger(desk: Desk) -> Ledgered:
    return desk.ledger()
