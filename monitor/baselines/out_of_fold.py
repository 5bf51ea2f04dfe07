"""`baseline build`: a baseline from out-of-fold predictions that somebody else's cross-validation wrote down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.baselines import fingerprints, refusals, thin
from monitor.baselines.file import sealed
from monitor.baselines.schemes import EXCHANGEABLE, GROUPED, HOLDOUT, PLAIN, REPEATED, implied_n_train
from monitor.baselines.table import OutOfFold, parse
from monitor.counts import Counts, tally_labelled
from monitor.errors import InputError, Problem
from monitor.statistics.baseline import Baseline, Fold

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from numpy.typing import NDArray

    from monitor.baselines.columns import Reading


@dataclass(frozen=True, slots=True)
class Built:
    """What `baseline build` leaves behind."""

    baseline: Baseline
    assignment: str
    """FILE.folds.csv"""
    warnings: tuple[str, ...]


def build(
    frame: pl.DataFrame,
    *,
    model: str,
    version: str,
    place: str,
    locate: Callable[[int], str],
    reading: Reading,
    seed: int | None = None,
) -> Built:
    """Return the baseline of a table of out-of-fold predictions.

    `place` names the table in messages, `locate` one of its rows (from 0). Without a scheme: `holdout` where there is
    one fold, `repeated-stratified` where there are repeats, else `plain`, which claims least. Raises InputError with
    every problem.
    """
    table = parse(frame, place, locate, reading)
    scheme = reading.scheme or _scheme(table)
    problems = [*table.problems, *_refusals(table, scheme, place)]
    if problems:
        raise InputError(*problems)
    folds = _folds(table, scheme)
    validation = np.flatnonzero(~table.train)
    assignment = fingerprints.assignment_text(
        (repeat, fold, validation[table.fold[validation] == at]) for at, (repeat, fold) in enumerate(table.folds)
    )
    baseline = sealed(
        Baseline(
            model=model,
            version=version,
            classes=table.classes,
            layout=table.layout,
            scheme=scheme,
            folds=folds,
            content_hash="",
            seed=seed,
            repeats=1 + max(repeat for repeat, _ in table.folds),
            about={
                "made_by": "build",
                "data": {"sha256": _fingerprint(table), "rows": len(table.y_true)},
                "libraries": fingerprints.libraries(("numpy", "polars")),
                "fold_assignment": {"sha256": fingerprints.of_text(assignment), "rows": len(validation)},
            },
        )
    )
    warnings = (*table.warnings, *_leaks(table, scheme, place), *thin.warnings(baseline))
    return Built(baseline, assignment, warnings)


def _scheme(table: OutOfFold) -> str:
    """Return the scheme that claims least of what was found."""
    if len(table.folds) == 1:
        return HOLDOUT
    return REPEATED if table.folds[-1][0] else PLAIN


def _refusals(table: OutOfFold, scheme: str, place: str) -> list[Problem]:
    """Return what makes the folds unfit."""
    per_repeat = Counter(repeat for repeat, _ in table.folds)
    problems = _empty_folds(table, place) or refusals.scheme_and_folds(place, scheme, max(per_repeat.values()))
    names = [_named(table, at) for at in range(len(table.folds))]
    repeats = np.array([repeat for repeat, _ in table.folds])[table.fold]
    few: dict[Problem, None] = {}
    for repeat, folds in sorted(per_repeat.items()):
        rows = ~table.train & (repeats == repeat)
        few.update(dict.fromkeys(refusals.few_members(place, table.classes, table.y_true[rows], folds)))
    problems += few
    if not problems:
        rows = ~table.train
        problems += refusals.absent_classes(place, table.classes, names, table.y_true[rows], table.fold[rows])
    if scheme in GROUPED:
        if table.entity is None:
            finding = f"has no column entity, and scheme {scheme} needs the group of each row"
            problems.append(Problem(place, finding, "name it with --fields entity=THEIRS, or name another scheme"))
        else:
            problems += _shared(table, place)
    return problems


def _empty_folds(table: OutOfFold, place: str) -> list[Problem]:
    """Return folds without validation rows: only trained on, missing from a count, or missing from a repeat."""
    remedy = "write the out-of-fold predictions of every fold"
    rows = np.bincount(table.fold[~table.train], minlength=len(table.folds))
    problems = [
        Problem(place, f"fold {_named(table, at)} has no validation rows", remedy)
        for at in range(len(table.folds))
        if not rows[at]
    ]
    by_repeat: dict[int, list[str]] = {}
    for repeat, fold in table.folds:
        by_repeat.setdefault(repeat, []).append(fold)
    everywhere = list(dict.fromkeys(fold for _, fold in table.folds))
    own_names = len(everywhere) == len(table.folds)
    for repeat, folds in by_repeat.items():
        absent = [] if own_names else [fold for fold in everywhere if fold not in folds]
        if all(fold.isdecimal() for fold in folds):
            numbers = [int(fold) for fold in folds]
            absent += [str(i) for i in range(min(numbers), max(numbers)) if i not in numbers and str(i) not in absent]
        where = f" of repeat {repeat}" if len(by_repeat) > 1 else ""
        problems += [Problem(place, f"fold {fold}{where} has no rows", remedy) for fold in absent[:10]]
    return problems


def _shared(table: OutOfFold, place: str) -> list[Problem]:
    """Return groups with rows in two folds of a repeat, or in training and validation rows of one fold."""
    if table.entity is None:
        return []
    empty = [at for at, name in enumerate(table.entities) if not name]
    if np.isin(table.entity, empty).any():
        n = int(np.isin(table.entity, empty).sum())
        return [Problem(place, f"column entity is empty in {n} rows", "write the group of every row")]
    names = [fold for _, fold in table.folds]
    repeats = np.array([repeat for repeat, _ in table.folds])[table.fold]
    problems: dict[Problem, None] = {}
    for repeat in np.unique(repeats).tolist():
        rows = ~table.train & (repeats == repeat)
        found = refusals.shared_groups(place, table.entity[rows], table.fold[rows], table.entities, names)
        problems.update(dict.fromkeys(found))
    if not problems and table.train.any():
        pairs = table.entity * len(table.folds) + table.fold
        both = np.intersect1d(pairs[table.train], pairs[~table.train])
        if both.size:
            entity, fold = divmod(int(both[0]), len(table.folds))
            finding = f"group {table.entities[entity][:40]} is both trained on and validated in fold {names[fold]}"
            problems[Problem(place, finding, "keep a group out of the training rows of its own fold")] = None
    return list(problems)


def _leaks(table: OutOfFold, scheme: str, place: str) -> list[str]:
    """Return a warning where rows of one entity lie in several folds of a scheme that takes rows to be independent."""
    if table.entity is None or scheme not in EXCHANGEABLE:
        return []
    found = _shared(table, place)
    if not found:
        return []
    return [f"{found[0].place}: {found[0].finding}: if rows of an entity are alike, the folds promise too much"]


def _folds(table: OutOfFold, scheme: str) -> tuple[Fold, ...]:
    """Count every fold, its segments and its training rows."""
    number = len(table.folds)
    validation = np.flatnonzero(~table.train)
    counts = _tally(table, validation, table.fold[validation], number, by_class=True)
    trained = np.bincount(table.fold[table.train], minlength=number).tolist()
    train = _tally(table, np.flatnonzero(table.train), table.fold[table.train], number, by_class=False)
    segments: list[dict[str, Counts]] = [{} for _ in range(number)]
    for segment in table.segments:
        group = segment.codes[validation] * number + table.fold[validation]
        for at, part in enumerate(_tally(table, validation, group, len(segment.values) * number, by_class=True)):
            if part:
                segments[at % number][f"{segment.name}={segment.values[at // number]}"] = part
    implied: list[int] = []
    for repeat in sorted({repeat for repeat, _ in table.folds}):
        sizes = [part.labels for part, (own, _) in zip(counts, table.folds, strict=True) if own == repeat]
        implied += implied_n_train(scheme, sizes)
    return tuple(
        Fold(
            fold=fold,
            repeat=repeat,
            n_train=trained[at] or implied[at],
            counts=counts[at],
            train=train[at] if trained[at] else None,
            segments=segments[at],
        )
        for at, (repeat, fold) in enumerate(table.folds)
    )


def _tally(
    table: OutOfFold, rows: NDArray[np.int64], group: NDArray[np.int64], groups: int, *, by_class: bool
) -> list[Counts]:
    """Count these rows by group."""
    return tally_labelled(
        table.layout,
        table.y_true[rows],
        table.y_pred[rows],
        table.scores[rows],
        np.ones(len(rows), np.int64),
        group,
        groups,
        by_class=by_class,
    )


def _fingerprint(table: OutOfFold) -> str:
    """Return the fingerprint of what was read, whatever file it came from."""
    columns: dict[str, NDArray[np.generic]] = {
        "classes": np.array(table.classes, object),
        "y_true": table.y_true,
        "y_pred": table.y_pred,
        "scores": table.scores,
        "folds": np.array([f"{repeat}/{fold}" for repeat, fold in table.folds], object),
        "fold": table.fold,
        "train": table.train,
    }
    if table.entity is not None:
        columns |= {"entity": table.entity, "entities": np.array(table.entities, object)}
    for segment in table.segments:
        columns |= {f"segment_{segment.name}": segment.codes, segment.name: np.array(segment.values, object)}
    return fingerprints.of_columns(columns)


def _named(table: OutOfFold, at: int) -> str:
    """Return a fold's name, with its repeat where there are several."""
    repeat, fold = table.folds[at]
    return f"{fold} of repeat {repeat}" if table.folds[-1][0] else fold
