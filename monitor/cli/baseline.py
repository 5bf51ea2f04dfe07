"""`foldwatch baseline build | crossval | show`: what cross-validation promised, as a file."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from monitor.cli.baseline_options import register

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from monitor.baselines.timings import Timings
    from monitor.statistics.baseline import Baseline

__all__ = ["register", "run"]

A = TypeVar("A")
B = TypeVar("B")
_SHOWN = 10
_BINARY = 2


def run(args: argparse.Namespace) -> int:
    """Run one of the three commands."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {"build": _build, "crossval": _crossval, "show": _show}
    return commands[args.baseline_command](args)


def _build(args: argparse.Namespace) -> int:
    """Build a baseline from out-of-fold predictions."""
    from monitor.baselines.columns import Reading
    from monitor.baselines.out_of_fold import build
    from monitor.baselines.reading import read_out_of_fold

    _refuse_unwritable(args.output)
    table = read_out_of_fold(args.predictions)
    built = build(
        table.frame,
        model=args.model,
        version=args.version,
        place=table.place,
        locate=table.locate,
        reading=Reading(args.fields, args.positive, args.threshold, args.scheme),
        seed=args.seed,
    )
    _keep(built.baseline, built.assignment, None, None, args.output, built.warnings)
    return 0


def _crossval(args: argparse.Namespace) -> int:
    """Run a cross-validation and build its baseline."""
    _refuse_unwritable(args.output)
    _require_extra()
    from monitor.baselines.crossval import REPEATS, Plan, run
    from monitor.baselines.estimator import importable, load_factory
    from monitor.baselines.schemes import REPEATED
    from monitor.baselines.training_set import read_training_set

    repeats = args.repeats or (REPEATS if args.scheme == REPEATED else 1)
    plan = Plan(args.model, args.version, args.scheme, args.folds, repeats, args.seed, args.positive)
    folders = list(dict.fromkeys((Path(), Path(args.data).parent, args.output.parent)))
    with importable(folders), redirect_stdout(sys.stderr):  # what an estimator prints is no part of our output
        factory, rows = _both(
            lambda: load_factory(args.estimator, folders),
            lambda: read_training_set(args.data, args.target, args.features, args.groups),
        )
        with _Progress(plan.folds * repeats) as progress:
            found = run(
                rows.x,
                rows.y,
                factory,
                plan,
                groups=rows.groups,
                jobs=args.jobs,
                about={"data": rows.about},
                place=f"{args.data}: column {args.target}",
                estimator=f"--estimator {args.estimator}",
                finished=progress.advance,
            )
    _keep(found.baseline, found.assignment, found.timings, found.features, args.output, found.warnings)
    return 0


def _both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return what both return; raise InputError with the problems of both."""
    from monitor.errors import InputError

    try:
        one = first()
    except InputError as error:
        try:
            second()
        except InputError as other:
            raise InputError(*error.problems, *other.problems) from None
        raise
    return one, second()


def _show(args: argparse.Namespace) -> int:
    """Print a baseline and its measures."""
    import json

    from monitor.baselines.file import read
    from monitor.baselines.measures import measured
    from monitor.baselines.timings import read_timings

    baseline = read(args.file)
    measures = measured(baseline, read_timings(baseline, args.file))
    if args.json:
        print(json.dumps(measures.document, indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    from monitor.cli.baseline_table import print_measures

    print_measures(measures, args.file)
    return 0


class _Progress:
    """A bar of folds on a terminal, and nothing anywhere else."""

    def __init__(self, folds: int) -> None:
        """Prepare for so many folds."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("folds"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("folds", total=folds)

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._bar.stop()

    def advance(self) -> None:
        """One fold more is done."""
        self._bar.advance(self._task)


def _keep(
    baseline: Baseline,
    assignment: str,
    timings: Timings | None,
    features: bytes | None,
    output: Path,
    warnings: Sequence[str],
) -> None:
    """Write the files, the baseline last, and say what was written."""
    from monitor.baselines.feature_summary import features_path
    from monitor.baselines.file import folds_path, write, write_text
    from monitor.baselines.timings import timings_path, write_timings

    write_text(folds_path(output), assignment)
    if timings is not None:
        write_timings(timings, baseline, output)
    else:
        timings_path(output).unlink(missing_ok=True)
    if features is not None:
        write_text(features_path(output), features.decode())
    else:
        features_path(output).unlink(missing_ok=True)
    write(baseline, output)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    classes = ", ".join(baseline.classes[:_SHOWN]) + (", …" if len(baseline.classes) > _SHOWN else "")
    rows = sum(fold.counts.labels for fold in baseline.folds) // baseline.repeats
    positive = f" (positive: {baseline.classes[baseline.layout.positive]})" if len(baseline.classes) == _BINARY else ""
    print(f"{output}: model {baseline.model} version {baseline.version}, scheme {baseline.scheme}")
    repeats = f" of {baseline.repeats} repeats" if baseline.repeats > 1 else ""
    print(f"  {len(baseline.folds)} folds{repeats}, {rows:,} rows, classes {classes}{positive}")
    print(f"  sha256 {baseline.content_hash}")
    print(f"  foldwatch baseline show {output}")


def _refuse_unwritable(output: Path) -> None:
    """Raise InputError before the work where its result could not be written."""
    from monitor.baselines.file import writable
    from monitor.errors import InputError

    problems = writable(output)
    if problems:
        raise InputError(*problems)


def _require_extra() -> None:
    """Raise InputError where scikit-learn, joblib or pandas are not installed."""
    from importlib.util import find_spec

    from monitor.errors import InputError, Problem

    missing = [
        name
        for name, module in (("scikit-learn", "sklearn"), ("joblib",) * 2, ("pandas",) * 2)
        if not find_spec(module)
    ]
    if missing:
        finding = f"needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise InputError(Problem("baseline crossval", finding, "pip install 'foldwatch[crossval]'"))
