"""The action `crossval`: cross-validates where the command runs.

All of it, from reading the rows on, happens in a child (`validation.py`) with a session of its own, in which the folds
are children again. So the limits hold for everything together: when the time is over, more memory is resident than
allowed or the command is cancelled, the whole session is ended, whatever it was doing, and nothing of it is left.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND, format_duration
from monitor.errors import Problem
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.actions.programs import End, How, Limits, follow
from monitor.revalidate.actions.validation import LENGTH, Said, Task, framed

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config.revalidation import CrossvalAction
    from monitor.revalidate.actions.action import Order, Watch
    from monitor.revalidate.desk import Candidate

_NEEDED: Final = (("scikit-learn", "sklearn"), ("joblib", "joblib"), ("pandas", "pandas"))
_CHILD: Final = "import sys; sys.path[:] = sys.argv[2:]; from monitor.revalidate.actions.validation import main; main()"
"""Our own path, and not through PYTHONPATH: whatever the child starts may be another Python."""


class Crossval:
    """Implements `Action`."""

    def __init__(self, settings: CrossvalAction) -> None:
        """Prepare; nothing is read yet."""
        self._settings = settings

    def run(self, order: Order, watch: Watch) -> Outcome:
        """Cross-validate; see `Action`. The same order again gives the same candidate, to the byte, from the same rows.

        What the estimator prints goes to standard error.
        """
        place = f"models.{order.model}.revalidate.action"
        missing = [name for name, module in _NEEDED if find_spec(module) is None]
        if missing:
            finding = f"needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
            return Outcome(State.FAILED, str(Problem(place, finding, "pip install 'foldwatch[crossval]'")))
        answers = _Answers(watch.say)
        deadline = time.monotonic() + self._settings.time_limit / SECOND
        try:
            with tempfile.TemporaryDirectory(prefix="foldwatch-", ignore_cleanup_errors=True) as folder:
                end = self._followed(order, watch, answers, Limits(deadline, self._settings.memory_limit), folder)
        except OSError as error:
            finding = f"cannot be begun ({error.strerror or error})"
            return Outcome(State.FAILED, str(Problem(place, finding, "see whether TMPDIR can be written")))
        return self._outcome(place, end, answers)

    def _followed(self, order: Order, watch: Watch, answers: _Answers, limits: Limits, folder: str) -> End:
        """Start the child, ask it and follow it to its end."""
        settings = self._settings
        task = Task(settings, order.model, order.candidate_version, order.positive, order.started, order.folder)
        ours, theirs = os.pipe()
        try:
            path = [entry or str(Path.cwd()) for entry in sys.path]
            child = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-c", _CHILD, str(theirs), *path],
                stdin=subprocess.PIPE,
                pass_fds=[theirs],
                env={**os.environ, "TMPDIR": folder, "PYTHONWARNINGS": _quiet()},
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        with os.fdopen(ours, "rb") as pipe, child:
            if child.stdin is not None:
                with suppress(BrokenPipeError):  # it ended at once: `follow` tells how
                    child.stdin.write(framed(task))
                    child.stdin.flush()
            end = follow(child, {pipe.fileno(): answers.take}, limits, watch.cancelled)
            if child.stdin is not None:
                with suppress(BrokenPipeError):
                    child.stdin.close()
        return end

    def _outcome(self, place: str, end: End, answers: _Answers) -> Outcome:
        """Return what came of it."""
        settings, doing = self._settings, f"while {answers.last}" if answers.last else "at its beginning"
        if end.how is How.CANCELLED:
            return Outcome(State.CANCELLED, f"{place}: cancelled {doing}; nothing of it is left")
        if end.how is How.TIMED_OUT:
            finding = f"did not end within time_limit, {format_duration(settings.time_limit)} ({doing})"
            return Outcome(State.TIMED_OUT, str(Problem(place, finding, "raise time_limit, or give it fewer rows")))
        if end.how is How.TOO_LARGE:
            held, limit = end.resident / 10**6, (settings.memory_limit or 0) / 10**6
            finding = f"memory_limit: all that works on it held {held:,.0f} MB of {limit:,.0f} MB ({doing})"
            return Outcome(State.FAILED, str(Problem(place, finding, "raise memory_limit, or lower jobs")))
        if answers.problems:
            return Outcome(State.FAILED, " · ".join(str(Problem(*problem)) for problem in answers.problems))
        if answers.candidate is not None:
            return Outcome(State.SUCCEEDED, candidate=answers.candidate)
        code = f"was ended by signal {-end.code}" if end.code < 0 else f"ended with exit code {end.code}"
        memory = " (out of memory?)" if end.code == -9 else ""  # noqa: PLR2004 - SIGKILL
        finding = f"the cross-validation {code}{memory} {doing}"
        return Outcome(State.FAILED, str(Problem(place, finding, "what it said is on standard error")))


def _quiet() -> str:
    """Return the filters of warnings: where somebody is ended loky's tracker tells that it cleans up behind him."""
    ours = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"
    return ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), ours)))


class _Answers:
    """What the child says."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Pass progress on."""
        self.last = ""
        """The last progress."""
        self.candidate: Candidate | None = None
        self.problems: tuple[tuple[str, str, str], ...] | None = None
        self._say = say
        self._rest = b""

    def take(self, block: bytes) -> None:
        """Take the next bytes."""
        self._rest += block
        while len(self._rest) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._rest)[0]
            if len(self._rest) < end:
                return
            said: Said = pickle.loads(self._rest[LENGTH.size : end])  # noqa: S301 - our own child wrote it
            self._rest = self._rest[end:]
            if said.progress is not None:
                self.last = said.progress
                self._say(said.progress)
            self.candidate = said.candidate or self.candidate
            self.problems = said.problems or self.problems
