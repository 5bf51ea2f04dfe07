"""From a task to a candidate: read the rows, find the estimator, cross-validate. Runs in the child."""

from __future__ import annotations

import hashlib
import inspect
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from monitor.baselines import fingerprints
from monitor.baselines.crossval import Plan, run
from monitor.baselines.estimator import importable, load_factory
from monitor.baselines.file import document_bytes
from monitor.baselines.timings import timings_text
from monitor.baselines.training_rows import Columns, read_training_rows
from monitor.clock import DAY, HOUR, format_time
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.programs import limit_memory
from monitor.revalidate.desk import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.baselines.training_rows import RowsRead
    from monitor.config.revalidation import CrossvalAction
    from monitor.revalidate.actions.validation import Task

SINCE: Final = 92 * DAY
"""How far back rows are counted by hour: further than any live window with its horizon reaches."""
_OPTION = re.compile(r"--([a-z]+)\b")


def validated(task: Task, say: Callable[[str], None]) -> Candidate:
    """Return the candidate. Raises InputError with every problem, in the words of the configuration."""
    settings, key = task.settings, f"models.{task.model}.revalidate.action"
    if settings.memory_limit is not None:
        limit_memory(settings.memory_limit)
    try:
        return _validated(task, f"{key}.estimator {settings.estimator}", say)
    except MemoryError:
        finding = "there is no memory left to read the rows"
        raise InputError(Problem(key, finding, _more_memory(settings))) from None
    except OSError as error:
        finding = f"a file cannot be read or written ({error})"
        remedy = f"see to its rights, and to the space in {tempfile.gettempdir()} (TMPDIR)"
        raise InputError(Problem(key, finding, remedy)) from None
    except InputError as error:
        raise InputError(*(_worded(problem, key, settings) for problem in error.problems)) from None


def _validated(task: Task, estimator: str, say: Callable[[str], None]) -> Candidate:
    """Do the work; problems still speak of options."""
    settings = task.settings
    folders = _folders(task)
    with importable(folders):
        say("finding the estimator")
        columns = Columns(settings.target, settings.features, settings.groups, settings.time)
        problems: list[Problem] = []
        try:
            factory = load_factory(settings.estimator, folders)
        except InputError as error:
            problems += error.problems
        say("reading the rows")
        try:
            found = read_training_rows(settings.data, columns, task.folder, settings.memory_limit)
        except InputError as error:
            problems += error.problems
        if problems:
            raise InputError(*problems)
        plan = Plan(
            task.model,
            task.version,
            settings.scheme,
            settings.folds,
            settings.repeats,
            settings.seed,
            task.positive,
        )
        rows, counted = found.rows, _Counted(settings.folds * settings.repeats, say)
        say(f"{counted.folds} folds of {len(rows.y):,} rows")
        done = run(
            rows.x,
            rows.y,
            factory,
            plan,
            groups=rows.groups,
            jobs=settings.jobs,
            about={"data": rows.about},
            place=f"{found.place}: column {settings.target}",
            estimator=estimator,
            finished=counted.one_more,
        )
    aged = ages(found, task.started, asked=settings.max_data_age is not None)
    return Candidate(
        document=document_bytes(done.baseline),
        folds=done.assignment,
        timings=timings_text(done.timings, done.baseline).encode(),
        features=done.features,
        warnings=done.warnings + aged.warnings,
        inputs={**found.inputs, "estimator": _source(factory)},
        newest_row=aged.newest,
        rows_since=aged.by_hour,
    )


def _folders(task: Task) -> list[Path]:
    """Return where an estimator is looked for: here, beside the configuration, beside the data."""
    source = task.settings.data
    beside = [source.file.parent if source.file.suffix else source.file] if source.file is not None else []
    return list(dict.fromkeys((Path(), task.folder, *(folder for folder in beside if folder.is_dir()))))


class _Counted:
    """Counts folds as they end, and says so."""

    def __init__(self, folds: int, say: Callable[[str], None]) -> None:
        """Expect so many folds."""
        self.folds = folds
        self._say = say
        self._ended = 0

    def one_more(self) -> None:
        """One fold more is done."""
        self._ended += 1
        self._say(f"fold {self._ended} of {self.folds}")


@dataclass(frozen=True, slots=True)
class Ages:
    """When rows were observed."""

    newest: int | None
    """Epoch ms; None: nothing tells."""
    by_hour: Mapping[int, int]
    """Hour (epoch ms) -> rows, of the last days."""
    warnings: tuple[str, ...] = ()


def ages(found: RowsRead, started: int, *, asked: bool) -> Ages:
    """Return when rows were observed, as their column of times tells, or else at least the file's own time.

    That no column tells it is a warning where anybody asks for their age.
    """
    moments = found.rows.moments
    if moments is not None:
        hours, rows = np.unique(moments[moments >= started - SINCE] // HOUR * HOUR, return_counts=True)
        return Ages(int(moments.max()), dict(zip(hours.tolist(), rows.tolist(), strict=True)))
    return Ages(found.written_at, {}, (_age_unknown(found),) if asked else ())


def _age_unknown(found: RowsRead) -> str:
    """Return the warning that no column tells how old the rows are."""
    if found.written_at is None:
        return f"{found.place}: how old its rows are is not known: name the column that tells it (`time`)"
    told = f"the file is of {format_time(found.written_at)}"
    return f"{found.place}: no column tells how old its rows are (`time`), so its file's own time counts: {told}"


def _source(factory: Any) -> str:  # noqa: ANN401 - whatever was named
    """Return the SHA-256, hex, of the file that the factory is written in; of its name where it has none."""
    try:
        path = inspect.getsourcefile(inspect.unwrap(factory))
    except TypeError:  # a class of C, a partial
        path = inspect.getsourcefile(type(factory)) if type(factory).__module__ != "builtins" else None
    if path is None or not Path(path).is_file():
        return fingerprints.of_text(f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', '')}")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _worded(problem: Problem, key: str, settings: CrossvalAction) -> Problem:
    """Return a problem that speaks of keys of the configuration where it speaks of options."""
    worded = Problem(
        _OPTION.sub(lambda option: f"{key}.{option[1]}", problem.place),
        _OPTION.sub(r"`\1`", problem.finding),
        _OPTION.sub(r"`\1`", problem.remedy),
    )
    if settings.memory_limit is not None and ("MemoryError" in problem.finding or "memory?" in problem.finding):
        return replace(worded, remedy=_more_memory(settings))
    return worded


def _more_memory(settings: CrossvalAction) -> str:
    """Return what to do where memory is short."""
    return "raise memory_limit, or lower jobs" if settings.memory_limit is not None else "lower jobs, or use fewer rows"
