"""`foldwatch revalidate log | rollback | approve | gate`: one question to the desk each."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from monitor.cli.options import duration
from monitor.cli.output import output
from monitor.cli.revalidate_run import ended_by_signals
from monitor.cli.revalidate_show import as_bytes, asker, entry_line, print_canary, print_decision, say
from monitor.clock import SECOND
from monitor.config import load
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.made import action_of
from monitor.revalidate.asking.reached import reached
from monitor.revalidate.ledger.audit import ledger_findings
from monitor.revalidate.working.decided import document
from monitor.revalidate.working.ending import Ending
from monitor.revalidate.working.patience import Patience
from monitor.revalidate.working.promoted import tell_promoted
from monitor.revalidate.working.runner import model_named
from monitor.revalidate.working.uploads import upload

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from monitor.config import ModelSettings, Settings
    from monitor.revalidate.decision import Decision
    from monitor.revalidate.desk import Desk

FOUND: Final = 1
_POLL_SECONDS: Final = 15.0


def log(args: argparse.Namespace) -> int:
    """Show the ledger, or what is wrong with it: 1 where something is."""
    settings = load(args.config)
    with ExitStack() as stack:
        file = output(args.json, "--json", stack)
        patience = _patience(settings, stack, read_only=True)
        ledgered = patience.ask(lambda desk: desk.ledger())
        findings = ledger_findings(settings, ledgered) if args.verify else []
        if file is not None:
            said = {"findings": [str(one) for one in findings]} if args.verify else {}
            file.write(as_bytes({"entries": list(ledgered.entries), **said}))
    if args.json != "-":
        for entry in () if args.verify else ledgered.entries:
            print(entry_line(entry))
        if args.verify and not findings:
            print(f"{ledgered.number} entries, whole and in order; the last one has hash {ledgered.hash}")
    for one in findings:
        print(one, file=sys.stderr)
    return FOUND if findings else 0


def rollback(args: argparse.Namespace) -> int:
    """Bring the previous baseline back."""
    return _by_hand(args, lambda desk, by: desk.rollback(args.model, by), "rolled back")


def approve(args: argparse.Namespace) -> int:
    """Promote what waits for approval, and tell who deploys it."""
    return _by_hand(args, lambda desk, by: desk.approve(args.model, by))


def gate(args: argparse.Namespace) -> int:
    """Hold one version against the one in production; 1 where it is not OK."""
    settings = load(args.config)
    model = _model(settings, args.model)
    wait = 0 if args.wait is None else duration(args.wait, "--wait") / SECOND
    with ExitStack() as stack:
        file = output(args.json, "--json", stack)
        ending = Ending()
        patience = _patience(settings, stack, ending, read_only=True)
        found = waited(lambda: patience.ask(lambda desk: desk.canary(model.name, args.candidate)), wait, ending)
        if file is not None:
            file.write(as_bytes(found))
    if args.json != "-":
        print_canary(found)
    return 0 if found["verdict"] == "OK" else FOUND


def waited(ask: Callable[[], Mapping[str, Any]], wait: float, ending: Ending) -> Mapping[str, Any]:
    """Ask until there is a verdict, or the time is over, or somebody ends us.

    Each time it waits twice as long: whoever looks often enough sees a difference where there is none.
    """
    until, pause = time.monotonic() + wait, _POLL_SECONDS
    while True:
        found = ask()
        left = until - time.monotonic()
        if found["verdict"] != "UNKNOWN" or left <= 0 or ending.asked:
            return found
        say(f"UNKNOWN still; waiting, at most {left:,.0f} s")
        ending.wait(min(pause, left))
        pause *= 2


def _by_hand(args: argparse.Namespace, do: Callable[[Desk, str], Decision], word: str | None = None) -> int:
    """Have something done that a person asks for, and show the decision that it is, under another word for it."""
    settings = load(args.config)
    model, by = _model(settings, args.model), asker()
    with ExitStack() as stack:
        file = output(args.json, "--json", stack)
        ending = Ending()
        patience = _patience(settings, stack, ending)
        decision = patience.ask(lambda desk: do(desk, by))
        told = tell_promoted(settings, model, by, patience, ending, action_of, say)
        decision = replace(decision, warnings=(*decision.warnings, *told))
        if file is not None:
            file.write(as_bytes(document([decision])))
        upload(settings, patience, say)
    if args.json != "-":
        print_decision(decision, word=word)
    return 0


def _model(settings: Settings, name: str | None) -> ModelSettings:
    """Return the model that is meant: the only one where none is named. Raises InputError."""
    if name is None and len(settings.models) == 1:
        return next(iter(settings.models.values()))
    if name is None:
        remedy = f"name one of: {', '.join(settings.models)}"
        raise InputError(Problem("--model", f"{settings.path} has {len(settings.models)} models", remedy))
    return model_named(settings, name)


def _patience(
    settings: Settings, stack: ExitStack, ending: Ending | None = None, *, read_only: bool = False
) -> Patience:
    """Return who asks the desk, until a signal comes."""
    ending = Ending() if ending is None else ending
    stack.enter_context(ended_by_signals(ending))
    return Patience(partial(reached, settings, read_only=read_only), ending, say)
