"""The action `command`: a local program with limits, begun without a shell in the folder of the configuration.

The program and all that it starts are one session: time limit, memory limit and cancellation end it whole, and so does
the program's own end. What has to live longer begins a session of its own (`setsid`), and is not limited any more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND, format_duration
from monitor.errors import Problem
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.actions.programs import How, Limits, follow, limit_memory
from monitor.revalidate.actions.result import result_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.config.revalidation import CommandAction
    from monitor.revalidate.actions.action import Order, Watch
    from monitor.revalidate.actions.programs import End

_TOLD: Final = "progress:"
"""A line of standard output that begins so is progress, for page and ledger; no other one leaves the machine."""
_LINES: Final = 5
_WIDTH: Final = 200
_TAIL: Final = 4096
_STDERR: Final = 2


class Command:
    """Implements `Action`."""

    def __init__(self, settings: CommandAction) -> None:
        """Prepare; nothing is begun yet."""
        self._settings = settings

    def run(self, order: Order, watch: Watch) -> Outcome:
        """Run the program; see `Action`. What it prints goes to standard error.

        The same order again runs it again: `FOLDWATCH_RUN` is the key by which a program tells that it has been asked
        before. `FOLDWATCH_DECISION` is the decision as `--json` shows it, for who is told of a promotion.
        """
        settings, place = self._settings, f"models.{order.model}.revalidate.action"
        words = _words(order)
        argv = [_filled(part, words) for part in settings.argv]
        told = {f"FOLDWATCH_{name.upper()}": value for name, value in words.items()}
        told["FOLDWATCH_DECISION"] = json.dumps(dict(order.decision), ensure_ascii=False)
        lines, tail = _Lines(watch.say), _Tail()
        deadline = time.monotonic() + settings.time_limit / SECOND
        try:
            program = subprocess.Popen(  # noqa: S603 - the configuration names it
                argv,
                cwd=order.folder,
                env={**os.environ, **told},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            finding = f"{settings.argv[0]} cannot be started in {order.folder} ({error.strerror or error})"
            remedy = "check its name, its path and that it may be run"
            return Outcome(State.FAILED, str(Problem(f"{place}.argv", finding, remedy)))
        with program:
            if settings.memory_limit is not None:
                limit_memory(settings.memory_limit, program.pid)
            watch.say(f"{settings.argv[0]} runs")
            reads: dict[int, Callable[[bytes], None]] = {}
            for stream, take in ((program.stdout, lines.take), (program.stderr, tail.take)):
                if stream is not None:
                    reads[stream.fileno()] = take
            end = follow(program, reads, Limits(deadline, settings.memory_limit), watch.cancelled)
        return self._outcome(order, place, end, tail)

    def _outcome(self, order: Order, place: str, end: End, tail: _Tail) -> Outcome:
        """Return what came of it."""
        settings, name = self._settings, self._settings.argv[0]
        if end.how is How.CANCELLED:
            return Outcome(State.CANCELLED, f"{place}: {name} was cancelled; nothing of it is left")
        if end.how is How.TIMED_OUT:
            finding = f"{name} did not end within time_limit, {format_duration(settings.time_limit)}{tail.told()}"
            return Outcome(State.TIMED_OUT, str(Problem(place, finding, "raise time_limit")))
        if end.how is How.TOO_LARGE:
            held, limit = end.resident / 10**6, (settings.memory_limit or 0) / 10**6
            finding = f"memory_limit: {name} and what it started held {held:,.0f} MB of {limit:,.0f} MB"
            return Outcome(State.FAILED, str(Problem(place, finding, "raise memory_limit")))
        if end.code != 0:
            ended = f"was ended by signal {-end.code}" if end.code < 0 else f"ended with exit code {end.code}"
            remedy = f"run it by hand in {order.folder}"
            return Outcome(State.FAILED, str(Problem(place, f"{name} {ended}{tail.told()}", remedy)))
        if settings.result is None:
            return Outcome(State.HANDED_OVER, f"{name} ended well, and no `result` is configured to wait for")
        found = result_now(order.folder / settings.result, order)
        return found if isinstance(found, Outcome) else Outcome(State.SUCCEEDED, candidate=found)


def _words(order: Order) -> Mapping[str, str]:
    """Return what is filled in, and stands in the environment; `baseline` is empty where none is in force here."""
    return {
        "run": order.run,
        "model": order.model,
        "version": order.version,
        "candidate_version": order.candidate_version,
        "baseline": "" if order.baseline is None else str(order.baseline.absolute()),
    }


def _filled(part: str, words: Mapping[str, str]) -> str:
    """Return an argument with `{run}` and the like filled in, in one pass; other braces stay as they are."""
    return re.sub("|".join(rf"\{{{name}\}}" for name in words), lambda found: words[found[0][1:-1]], part)


class _Lines:
    """Standard output: passed on, and its lines of progress told."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Tell progress there."""
        self._say = say
        self._rest = b""

    def take(self, block: bytes) -> None:
        """Take the next bytes."""
        os.write(_STDERR, block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        self._rest = self._rest[:_TAIL]  # of a line without end its beginning tells what it is
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text.startswith(_TOLD):
                self._say(text.removeprefix(_TOLD).strip()[:_WIDTH])


class _Tail:
    """Standard error: passed on, and its end kept."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept = b""

    def take(self, block: bytes) -> None:
        """Take the next bytes."""
        os.write(_STDERR, block)
        self._kept = (self._kept + block)[-_TAIL:]

    def told(self) -> str:
        """Return the last lines, for a message."""
        lines = [line.strip() for line in self._kept.decode(errors="replace").splitlines() if line.strip()]
        shown = " / ".join(line[:_WIDTH] for line in lines[-_LINES:])
        return f"; it said: {shown}" if shown else ""
