"""What an action elsewhere leaves behind: the baseline file that `result` names, newer than the run's start.

A file that is older, absent or half written is waited for; one that is whole and not what was ordered fails the run.
What lies beside it (folds, timings, summary of features) is taken along where it belongs to it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.baselines import fingerprints
from monitor.baselines.feature_summary import decoded, features_path
from monitor.baselines.file import folds_path, of_bytes
from monitor.baselines.timings import read_timings, timings_path
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.desk import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.revalidate.actions.action import Order, Watch
    from monitor.statistics.baseline import Baseline

EVERY: Final = 1.0
"""Seconds between two looks."""
SETTLED: Final = 30.0
"""Seconds without a change, after which a file that is no baseline is not being written any more."""
MOST_BYTES: Final = 40 * 2**20
"""Of a file: with what JSON adds, more than that cannot be handed in."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """There is no result to take, and why."""

    why: str
    seen: tuple[int, int] | None = None
    """Time and size of a file that is new and no baseline: it may still be being written."""


def await_result(
    path: Path,
    order: Order,
    deadline: float,
    watch: Watch,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    every: float = EVERY,
    settled: float = SETTLED,
) -> Candidate | Outcome:
    """Wait for a result until `deadline`, on the clock `monotonic`.

    Returns the candidate, or how the run ended without: FAILED where the file is not what was ordered, TIMED_OUT,
    CANCELLED.
    """
    seen, since = None, monotonic()
    watch.say(f"waiting for {path}")
    while True:
        found = look_at(path, order)
        if not isinstance(found, NotYet):
            return found
        now = monotonic()
        if found.seen != seen:
            seen, since = found.seen, now
        elif seen is not None and now - since >= settled:
            return _failed(path, f"{found.why}, and nobody has written to it for {settled:g} s")
        if now >= deadline:
            finding = f"no result within time_limit: {found.why}"
            remedy = "see what became of it where it was sent, or raise time_limit"
            return Outcome(State.TIMED_OUT, str(Problem(str(path), finding, remedy)))
        if watch.cancelled.wait(min(every, deadline - now)):
            return Outcome(State.CANCELLED, f"{path}: cancelled while waiting for it")


def result_now(path: Path, order: Order) -> Candidate | Outcome:
    """Return what lies there now that the work is over: the candidate, or why there is none."""
    found = look_at(path, order)
    return _failed(path, found.why) if isinstance(found, NotYet) else found


def look_at(path: Path, order: Order) -> Candidate | NotYet | Outcome:
    """Return what one look finds. A file counts from the millisecond of the run's start on."""
    try:
        status = path.stat()
        if status.st_mtime_ns // 1_000_000 < order.started:
            return NotYet("the file there is older than the run's start")
        if status.st_size > MOST_BYTES:
            return _failed(path, f"is larger than a baseline can be ({status.st_size:,} bytes)")
        content = path.read_bytes()
    except FileNotFoundError:
        return NotYet("there is no such file")
    except OSError as error:
        return _failed(path, f"cannot be read ({error.strerror or error})")
    try:
        baseline = of_bytes(content, path)
    except InputError as error:
        return NotYet(error.problems[0].finding, (status.st_mtime_ns, status.st_size))
    wrong = _not_ordered(baseline, order)
    return _failed(path, wrong) if wrong else _candidate(path, content, baseline, order)


def _not_ordered(baseline: Baseline, order: Order) -> str | None:
    """Return why a baseline is not what was ordered."""
    if baseline.model != order.model:
        return f"is a baseline of the model {baseline.model}, not of {order.model}"
    if baseline.version != order.candidate_version:
        return f"is a baseline of version {baseline.version}, not of {order.candidate_version}"
    return None


def _failed(path: Path, finding: str) -> Outcome:
    """Return that the run failed for what lies there."""
    remedy = "let the action write the baseline that it was asked for there, for example with `baseline crossval`"
    return Outcome(State.FAILED, str(Problem(str(path), finding, remedy)))


def _candidate(path: Path, content: bytes, baseline: Baseline, order: Order) -> Candidate:
    """Return the candidate, with what lies beside it and belongs to it."""
    warnings, folds, timings = [], _beside(folds_path(path), order), None
    if folds is not None:
        written = baseline.about.get("fold_assignment")
        if not isinstance(written, dict) or written.get("sha256") != fingerprints.of_text(
            folds.decode(errors="replace")
        ):
            warnings.append(f"{folds_path(path)}: is not the fold assignment of this baseline; left out")
            folds = None
    if read_timings(baseline, path) is not None:
        timings = _beside(timings_path(path), order)
    return Candidate(
        document=content,
        folds=None if folds is None else folds.decode(),
        timings=timings,
        features=_summary(path, baseline, order),
        warnings=tuple(warnings),
    )


def _summary(path: Path, baseline: Baseline, order: Order) -> bytes | None:
    """Return the summary of features, where it is this baseline's."""
    stored = _beside(features_path(path), order)
    try:
        return stored if stored is not None and decoded(stored).content_hash == baseline.content_hash else None
    except ValueError:
        return None


def _beside(path: Path, order: Order) -> bytes | None:
    """Return a file that was written for this run; None where there is none."""
    try:
        status = path.stat()
        fits = status.st_mtime_ns // 1_000_000 >= order.started and status.st_size <= MOST_BYTES
        return path.read_bytes() if fits else None
    except OSError:
        return None
