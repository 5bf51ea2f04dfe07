"""`foldwatch revalidate`: the job itself, with everything that it works with."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from monitor.cli.output import output
from monitor.cli.revalidate_show import as_bytes, asker, print_decision, say
from monitor.config import load
from monitor.errors import FoldwatchError, InputError, Problem
from monitor.revalidate.actions.made import action_of
from monitor.revalidate.asking.reached import reached
from monitor.revalidate.working.decided import document, exit_code
from monitor.revalidate.working.ending import Ending
from monitor.revalidate.working.patience import Patience
from monitor.revalidate.working.runner import Asked, Tools, revalidated, run
from monitor.revalidate.working.uploads import upload
from monitor.revalidate.writing.lease import holder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.revalidate.decision import Decision, Drifted
    from monitor.revalidate.desk import Sampled


def revalidate(args: argparse.Namespace) -> int:
    """Decide for every model, have done what is to be done, and return the exit code."""
    settings = load(args.config)
    models = revalidated(settings, args.model)
    _require_extra(settings, models)
    ending = Ending()
    decisions: list[Decision] = []
    wrong: FoldwatchError | None = None
    with ExitStack() as stack:
        file = output(args.json, "--json", stack)
        stack.enter_context(ended_by_signals(ending))
        patience = Patience(partial(reached, settings, read_only=args.dry_run), ending, say)
        tools = Tools(patience, ending, action_of, say, _look_for_drift)
        asked = Asked(asker(), holder(), args.model, args.dry_run, args.force)
        try:
            for decision in run(settings, asked, tools):
                decisions.append(decision)
                if args.json != "-":
                    print_decision(decision, dry_run=args.dry_run)
        except FoldwatchError as error:
            if not decisions:
                raise
            wrong = error  # what was decided before it stands, and is told
        if file is not None:
            file.write(as_bytes(document(decisions)))
        if wrong is None and args.json != "-" and not ending.asked:
            _tell_of_none(models, decisions)
        if wrong is None and not args.dry_run:
            upload(settings, patience, say)
    if wrong is not None:
        raise wrong
    return 0 if args.dry_run else exit_code(decisions)


def _tell_of_none(models: Sequence[ModelSettings], decisions: Sequence[Decision]) -> None:
    """Say of which models there was nothing to decide about, and why."""
    decided = {decision.model for decision in decisions}
    for model in models:
        if model.name not in decided:
            print(
                f"{model.name}: nothing to decide: no version predicts, none has a baseline, and its action names none"
            )


@contextmanager
def ended_by_signals(ending: Ending) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C ask the command to end; whoever is in a hurry asks twice."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, _: object) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        # Not here: the thread that is interrupted may hold the lock of what would be set.
        threading.Thread(target=ending.ask, daemon=True).start()

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _require_extra(settings: Settings, models: Sequence[ModelSettings]) -> None:
    """Raise InputError before anything is asked where drift is a trigger and cannot be looked for."""
    from importlib.util import find_spec

    wanting = [
        Problem(
            f"{settings.path}: models.{model.name}.revalidate.when.drift_share",
            "needs Evidently, which is not installed",
            "pip install 'foldwatch[drift]'",
        )
        for model in models
        if model.revalidation is not None and model.revalidation.when.drift_share is not None
    ]
    if wanting and find_spec("evidently") is None:
        raise InputError(*wanting)


def _look_for_drift(sampled: Sampled) -> Drifted | None:
    """Look for drift with Evidently, which is imported here and not before."""
    from monitor.revalidate.drift.drift import look_for_drift

    return look_for_drift(sampled)
