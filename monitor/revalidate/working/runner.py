"""What `foldwatch revalidate` does: look, decide, have it done, hand in, tell. No terminal and no options here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.clock import SECOND
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.action import Order
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Ask
from monitor.revalidate.working.decided import as_json
from monitor.revalidate.working.promoted import tell_promoted
from monitor.revalidate.working.working import work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.config.revalidation import ActionSettings, Revalidation
    from monitor.revalidate.actions.action import Action
    from monitor.revalidate.decision import Decision, Drifted
    from monitor.revalidate.desk import Desk, Look, Sampled
    from monitor.revalidate.working.ending import Ending
    from monitor.revalidate.working.patience import Patience

_BINARY = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person or a timer asked for."""

    by: str
    """user@host"""
    holder: str
    """`HOST/BOOT/PID/START`"""
    model: str | None = None
    """None: every model that is re-validated."""
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Tools:
    """What the work is done with."""

    patience: Patience
    ending: Ending
    action: Callable[[ActionSettings], Action]
    say: Callable[[str], None]
    """Progress, one line for a person."""
    look_for_drift: Callable[[Sampled], Drifted | None]
    monotonic: Callable[[], float] = field(default=time.monotonic)


def revalidated(settings: Settings, model: str | None) -> Sequence[ModelSettings]:
    """Return the models to look at, in the order of the configuration. Raises InputError where there is none."""
    place = "--model" if settings.path is None else str(settings.path)
    if model is None:
        found = [one for one in settings.models.values() if one.revalidation is not None]
        if not found:
            remedy = "write `revalidate:` below a model: `foldwatch check` says what it lacks"
            raise InputError(Problem(f"{place}: models", "no model has `revalidate:`", remedy))
        return found
    one = model_named(settings, model)
    if one.revalidation is None:
        remedy = f"write `revalidate:` below models.{model}, or name another model"
        raise InputError(Problem(f"{place}: models.{model}", "has no `revalidate:`", remedy))
    return [one]


def model_named(settings: Settings, model: str) -> ModelSettings:
    """Return one model. Raises InputError where it is not configured."""
    if model not in settings.models:
        names = ", ".join(settings.models)
        raise InputError(Problem("--model", f"`{model}` is not in {settings.path}", f"name one of: {names}"))
    return settings.models[model]


def run(settings: Settings, asked: Asked, tools: Tools) -> Iterator[Decision]:
    """Yield one decision for each version, as soon as it stands: the last word of a run that was begun.

    Raises InputError, DeskAway and StateBroken; what was yielded before that stands.
    """
    for model in revalidated(settings, asked.model):
        if not tools.ending.asked:
            yield from _of_model(settings, model, asked, tools)


def _of_model(settings: Settings, model: ModelSettings, asked: Asked, tools: Tools) -> Iterator[Decision]:
    """Yield the decisions of one model: those behind a run that is begun are asked for again once it is over."""
    drifted = _drifted(model, _settings_of(model), tools)
    ask = Ask(
        model.name,
        asked.by,
        asked.holder,
        asked.force,
        asked.dry_run,
        {version: found.drift for version, found in drifted.items()},
    )
    if not asked.dry_run:
        for warning in _told(settings, model, asked, tools):  # of a promotion before, where that failed then
            tools.say(f"warning: {warning}")
    while True:
        decisions = tools.patience.ask(partial(_decided, ask))
        begun = next((one for one in decisions if _to_be_worked_on(one)), None)
        if begun is None or asked.dry_run:
            yield from decisions
            return
        before = decisions[: decisions.index(begun)]
        yield from before
        html = drifted[begun.version].html if begun.version in drifted else None
        yield _worked(settings, model, begun, html, asked, tools)
        if tools.ending.asked or begun is decisions[-1]:
            return
        settled = (*ask.settled, *(one.version for one in before), begun.version)
        ask = replace(ask, settled=settled, force=False)  # which speaks about the newest version alone


def _decided(ask: Ask, desk: Desk) -> Sequence[Decision]:
    return desk.decide(ask)


def _to_be_worked_on(decision: Decision) -> bool:
    """Tell whether a decision begins a run, or hands us one that nobody works on any more."""
    return decision.decision is Verb.START and decision.run is not None and not decision.waits_for_approval


def _drifted(model: ModelSettings, wanted: Revalidation, tools: Tools) -> Mapping[str, Drifted]:
    """Return what drifted of each version, where anybody asks."""
    if wanted.when.drift_share is None:
        return {}
    looks: Sequence[Look] = tools.patience.ask(lambda desk: desk.looks(model.name))
    found = {}
    for look in looks:
        if look.sampled is not None:
            tools.say(f"{model.name} {look.evidence.version}: looking for drift")
            drifted = tools.look_for_drift(look.sampled)
            if drifted is not None:
                found[look.evidence.version] = drifted
    return found


def _worked(
    settings: Settings, model: ModelSettings, begun: Decision, html: bytes | None, asked: Asked, tools: Tools
) -> Decision:
    """Have one run done."""
    wanted = _settings_of(model)
    action = wanted.action

    def say(text: str) -> None:
        tools.say(f"{model.name} {begun.version}: {text}")

    for reason in begun.reasons:
        say(reason)
    say(f"{action.kind} begins, run {begun.run}")
    ended = work(
        begun,
        order_of(settings, model, begun),
        tools.action(action),
        by=asked.by,
        holder=asked.holder,
        seconds=action.time_limit / SECOND,
        drift_html=html,
        patience=tools.patience,
        ending=tools.ending,
        say=say,
        monotonic=tools.monotonic,
    )
    if ended.decision is not Verb.PROMOTED:
        return ended
    return replace(ended, warnings=(*ended.warnings, *_told(settings, model, asked, tools)))


def _told(settings: Settings, model: ModelSettings, asked: Asked, tools: Tools) -> tuple[str, ...]:
    """Tell who deploys what was promoted, unless he knows; return why that failed."""
    return tell_promoted(settings, model, asked.by, tools.patience, tools.ending, tools.action, tools.say)


def order_of(settings: Settings, model: ModelSettings, begun: Decision) -> Order:
    """Return what an action is asked to do for a decision that starts a run."""
    wanted = _settings_of(model)
    return Order(
        run=str(begun.run),
        model=model.name,
        version=begun.version,
        candidate_version=wanted.action.version or begun.version,
        started=begun.at if begun.run_started is None else begun.run_started,
        folder=Path() if settings.path is None else settings.path.parent,
        baseline=_here(model, wanted, begun),
        positive=model.classes[model.layout.positive] if len(model.classes) == _BINARY else None,
        decision=as_json(begun),
    )


def _here(model: ModelSettings, wanted: Revalidation, begun: Decision) -> Path | None:
    """Return the file in force, where it lies on this machine."""
    if begun.baseline_before is None:
        return None
    promoted = wanted.promote_to / f"{begun.baseline_before}.json"
    if promoted.is_file():
        return promoted
    configured = model.baseline.get(begun.version)
    return configured if isinstance(configured, Path) and configured.is_file() else None


def _settings_of(model: ModelSettings) -> Revalidation:
    """Return `revalidate:` of a model that has it."""
    if model.revalidation is None:
        message = f"{model.name} is not re-validated"
        raise ValueError(message)
    return model.revalidation
