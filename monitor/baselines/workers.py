"""Folds in parallel, each in an operating system process of its own that is measured: CPU seconds and peak memory.

joblib's loky starts `jobs` clean workers; each forks a child for every fold, so that a fold costs no second start and
the kernel's figures at the child's end are the fold's alone. One thread of linear algebra each: so the same seed gives
the same bytes for any number of jobs.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import tempfile
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import joblib
from joblib.externals.loky import ProcessPoolExecutor, cpu_count

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a child came back with: `result`, or else `error` in words; and what it cost."""

    result: T | None
    error: str | None
    cpu_seconds: float
    peak_memory: int
    """Bytes."""


def default_jobs() -> int:
    """Return the cores that this process may use."""
    return int(cpu_count())


def in_children(
    work: Callable[[int], T], count: int, *, jobs: int, preload: str, finished: Callable[[], None]
) -> list[Done[T]]:
    """Run `work(0)` … `work(count - 1)`, at most `jobs` at a time; return what came back, in order.

    `work` is pickled once, with what it holds; `preload` is the module that every worker imports before it forks.
    `finished` is called as each ends. After an error nothing further is begun; what was not is missing at the end.
    """
    with tempfile.TemporaryDirectory(prefix="foldwatch-") as folder:
        path = Path(folder) / "work.pickle"
        path.write_bytes(pickle.dumps(joblib.wrap_non_picklable_objects(work, keep_wrapper=False)))
        environment = {**dict.fromkeys(_THREADS, "1"), "PYTHONHASHSEED": "0"}
        with ProcessPoolExecutor(
            max_workers=max(1, min(jobs, count)),
            initializer=importlib.import_module,
            initargs=(preload,),
            env=environment,
        ) as pool:
            futures: list[Future[Done[T]]] = [pool.submit(_fork_and_measure, str(path), at) for at in range(count)]
            pending = set(futures)
            while pending:
                ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in ended:
                    if not future.cancelled():
                        finished()
                        if _answer(future).error is not None:
                            _ = [left.cancel() for left in pending]
            return [_answer(future) for future in futures if not future.cancelled()]


def _answer(future: Future[Done[T]]) -> Done[T]:
    """Return what came back; the end of a whole worker is an error like any other."""
    try:
        return future.result()
    except BrokenExecutor as error:
        return Done(None, f"lost its worker ({type(error).__name__}; out of memory?)", 0.0, 0)


def _fork_and_measure(path: str, at: int) -> Done[Any]:
    """Run one piece of work in a fork of this worker; runs in the worker, which has one thread."""
    ours, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _in_child(path, at, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = pipe.read()
    _, status, cost = os.wait4(child, 0)
    cpu_seconds, peak = cost.ru_utime + cost.ru_stime, cost.ru_maxrss * _KIB
    if status != 0 or not answer:
        code = os.waitstatus_to_exitcode(status)
        error = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Done(None, error + (" (out of memory?)" if code == -9 else ""), cpu_seconds, peak)  # noqa: PLR2004 - SIGKILL
    result, error = pickle.loads(answer)  # noqa: S301 - our own child wrote it
    return Done(result, error, cpu_seconds, peak)


def _in_child(path: str, at: int, pipe: int) -> None:
    """Do the work, send (result, error) and end without any of the worker's clean-up."""
    answer: tuple[Any, str | None]
    try:
        os.dup2(2, 1)  # what an estimator prints is no part of our output
        answer = (pickle.loads(Path(path).read_bytes())(at), None)  # noqa: S301 - our own parent wrote it
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's estimator raises is told, none of it is ours
        answer = (None, f"raised {_told(error)}")
    try:
        with os.fdopen(pipe, "wb") as out:
            out.write(pickle.dumps(answer))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _told(error: BaseException) -> str:
    """Return type, first line of the message, and where it was raised."""
    text = str(error).strip().splitlines()
    told = type(error).__name__ + (f": {text[0]}" if text else "")
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return told if place is None else f"{told} ({Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})"
