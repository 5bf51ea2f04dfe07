"""Cross-validation with scikit-learn's own splitters; the only file that imports scikit-learn.

Every fold is fitted and scored (`fitting.py`) in a child of its own (`workers.py`). What comes back are Counts: no row
leaves a fold.
"""

from __future__ import annotations

import re
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from monitor.baselines import feature_summary, fingerprints, refusals, thin
from monitor.baselines.classes import coded, interned, layout_of, natural_order
from monitor.baselines.file import sealed
from monitor.baselines.fitting import Split, Work, described_estimator, validate_fold
from monitor.baselines.schemes import GROUPED, NESTED, REPEATED, TIME_SERIES
from monitor.baselines.timings import FoldTiming, Timings
from monitor.baselines.workers import default_jobs, in_children
from monitor.errors import InputError, Problem
from monitor.statistics.baseline import Baseline, Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_BINARY = 2
REPEATS = 10
"""Of `repeated-stratified`, as in scikit-learn."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to validate, and how."""

    model: str
    version: str
    scheme: str = "stratified"
    folds: int = 5
    repeats: int = 1
    """More than one for `repeated-stratified` only."""
    seed: int = 0
    """0 to 2^32 - 1: of the splitter, and of whatever the estimator leaves open (`fitting.seeded`)."""
    positive: str | None = None


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """What a cross-validation leaves behind."""

    baseline: Baseline
    assignment: str
    """FILE.folds.csv"""
    timings: Timings
    warnings: tuple[str, ...]
    features: bytes | None = None
    """FILE.features.json; None where the rows were no frame."""


def cross_validate(
    x: Any,  # noqa: ANN401 - an array or a frame, whatever the estimator takes
    y: NDArray[Any],
    factory: Callable[[], Any],
    *,
    model: str,
    version: str,
    scheme: str = "stratified",
    folds: int = 5,
    seed: int = 0,
    repeats: int = 1,
    groups: NDArray[Any] | None = None,
    positive: str | None = None,
    jobs: int | None = None,
) -> Baseline:
    """Return the baseline of `factory()`, an unfitted estimator, on rows x (n, …) with classes y (n,).

    Raises InputError where the folds could promise nothing, or the estimator raises.
    """
    plan = Plan(model, version, scheme, folds, repeats, seed, positive)
    return run(x, y, factory, plan, groups=groups, jobs=jobs).baseline


def run(
    x: Any,  # noqa: ANN401 - an array or a frame, whatever the estimator takes
    y: NDArray[Any],
    factory: Callable[[], Any],
    plan: Plan,
    *,
    groups: NDArray[Any] | None = None,
    jobs: int | None = None,
    about: Mapping[str, Any] | None = None,
    place: str = "y",
    estimator: str = "estimator",
    finished: Callable[[], None] = lambda: None,
    segments: Mapping[str, NDArray[Any]] | None = None,
) -> CrossValidated:
    """Split, fit and count. `about` joins the baseline's; `place` and `estimator` name data and estimator in messages.

    `finished` is called as each fold ends. segments: name -> its value in each row, (n,), for the summary of the
    features alone. Raises InputError with every problem found.
    """
    started = time.perf_counter()
    codes, classes = _classes(y, place, plan)
    problems = _refuse_plan(plan, len(codes), groups, place)
    problems += refusals.few_members(place, classes, codes, plan.folds)
    if problems:
        raise InputError(*problems)
    splits = split(plan, codes, groups, place)
    _refuse_absent_classes(plan, classes, codes, splits, place)
    layout = layout_of(classes, plan.positive)
    targets = _targets(classes)[codes]
    described = described_estimator(factory, plan.seed, estimator, search=plan.scheme == NESTED)
    work = Work(x, targets, codes, classes, layout, splits, factory, plan.seed)
    done = in_children(
        partial(validate_fold, work), len(splits), jobs=jobs or default_jobs(), preload=__name__, finished=finished
    )
    folds, timings = [], []
    predicted = np.full(len(codes), -1, np.int64)
    warned: Counter[str] = Counter()
    for one, fold in zip(done, splits, strict=False):
        if one.result is None:
            finding = f"{one.error} in fold {_named(fold, plan)}"
            raise InputError(Problem(estimator, finding, "mend the estimator or the columns it is given"))
        folds.append(Fold(fold.fold, fold.repeat, len(fold.train), one.result.validation, one.result.train))
        timings.append(FoldTiming(fold.fold, fold.repeat, one.cpu_seconds, one.peak_memory))
        warned.update(one.result.warned)
        if fold.repeat == 0:
            predicted[fold.validation] = one.result.y_pred
    assignment = fingerprints.assignment_text((fold.repeat, fold.fold, fold.validation) for fold in splits)
    baseline = sealed(
        Baseline(
            model=plan.model,
            version=plan.version,
            classes=classes,
            layout=layout,
            scheme=plan.scheme,
            folds=tuple(folds),
            content_hash="",
            seed=plan.seed,
            repeats=plan.repeats,
            about={
                "made_by": "crossval",
                "estimator": described,
                "libraries": fingerprints.libraries(("numpy", "scipy", "scikit-learn", "joblib")),
                "fold_assignment": {"sha256": fingerprints.of_text(assignment), "rows": assignment.count("\n") - 1},
                **(about if about is not None else {"data": _fingerprint(x, y)}),
            },
        )
    )
    said = [f"{estimator}: {text} (in {n} of {len(folds)} folds)" for text, n in warned.items()]
    said += thin.warnings(baseline)
    features = None
    if hasattr(x, "columns"):
        columns = {str(name): np.asarray(x[name]) for name in x.columns}
        summary = feature_summary.summarised(columns, baseline.content_hash, predicted, classes, segments)
        features = feature_summary.encoded(summary)
    took = Timings(time.perf_counter() - started, tuple(timings))
    return CrossValidated(baseline, assignment, took, tuple(said), features)


def split(plan: Plan, codes: NDArray[np.int64], groups: NDArray[Any] | None, place: str) -> tuple[Split, ...]:
    """Return the folds of a plan, as scikit-learn splits classes (n,) and groups (n,), repeat by repeat.

    Raises InputError where scikit-learn cannot.
    """
    n, k = len(codes), plan.folds
    rows = np.zeros((n, 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few members are refused by us, with the class named
            pairs = list(_splitter(plan).split(rows, codes, groups if plan.scheme in GROUPED else None))
    except ValueError as error:
        raise InputError(Problem(place, f"cannot be split: {error}", "use fewer folds")) from None
    return tuple(
        Split(str(at % k), at // k, train.astype(np.int64), validation.astype(np.int64))
        for at, (train, validation) in enumerate(pairs)
    )


def _splitter(plan: Plan) -> Any:  # noqa: ANN401 - scikit-learn ships no types
    """Return scikit-learn's splitter of the scheme."""
    if plan.scheme == TIME_SERIES:
        return TimeSeriesSplit(plan.folds)
    if plan.scheme == REPEATED:
        return RepeatedStratifiedKFold(n_splits=plan.folds, n_repeats=plan.repeats, random_state=plan.seed)
    kinds = {
        "stratified": StratifiedKFold,
        NESTED: StratifiedKFold,
        "group": GroupKFold,
        "stratified-group": StratifiedGroupKFold,
        "plain": KFold,
    }
    return kinds[plan.scheme](plan.folds, shuffle=True, random_state=plan.seed)


def _refuse_plan(plan: Plan, n: int, groups: NDArray[Any] | None, place: str) -> list[Problem]:
    """Return what keeps a plan from being split at all."""
    problems = []
    if plan.repeats > 1 and plan.scheme != REPEATED:
        problems.append(Problem("--repeats", f"scheme {plan.scheme} has no repeats", f"use --scheme {REPEATED}"))
    if plan.scheme in GROUPED and groups is None:
        finding = f"scheme {plan.scheme} needs a group of each row"
        problems.append(Problem("--groups", finding, "name the column, or use another scheme"))
    if plan.folds < 2 or plan.repeats < 1:  # noqa: PLR2004 - one fold validates nothing
        problems.append(Problem("--folds", f"{plan.folds} folds, {plan.repeats} repeats", "use at least 2 and 1"))
    elif n < plan.folds + (plan.scheme == TIME_SERIES):
        problems.append(Problem(place, f"{n} rows leave a fold without rows", "use fewer folds"))
    elif groups is not None and plan.scheme in GROUPED:
        found = len(np.unique(groups))
        if found < plan.folds:
            problems.append(Problem(place, f"{found} groups leave a fold without rows", f"use at most {found} folds"))
    return problems


def _refuse_absent_classes(
    plan: Plan, classes: tuple[str, ...], codes: NDArray[np.int64], splits: tuple[Split, ...], place: str
) -> None:
    """Raise InputError where a fold has no row of a class, to fit on or to validate."""
    names = [_named(fold, plan) for fold in splits]
    problems = []
    for rows, parts in (
        ("rows", [fold.validation for fold in splits]),
        ("training rows", [fold.train for fold in splits]),
    ):
        fold = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        problems += refusals.absent_classes(place, classes, names, codes[np.concatenate(parts)], fold, rows=rows)
    if problems:
        raise InputError(*problems)


def _classes(y: NDArray[Any], place: str, plan: Plan) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return (class index (n,), classes) of a target column."""
    codes, texts = interned(np.asarray(y))
    missing = [at for at, text in enumerate(texts) if text is None]
    if missing:
        rows = np.flatnonzero(np.isin(codes, missing))
        finding = f"{len(rows)} rows have no class (the first: row {rows[0] + 1})"
        raise InputError(Problem(place, finding, "leave these rows out, or give them a class"))
    classes = natural_order(text for text in texts if text is not None)
    if len(classes) < _BINARY:
        found = f"only the class {classes[0]}" if classes else "no rows"
        raise InputError(Problem(place, f"holds {found}", "a classifier needs at least two classes"))
    if plan.positive is not None and plan.positive not in classes:
        found = ", ".join(classes[:10])
        raise InputError(
            Problem("--positive", f"{plan.positive} is not among the classes ({found})", "name one of them")
        )
    if plan.positive is not None and len(classes) > _BINARY:
        raise InputError(Problem("--positive", f"there are {len(classes)} classes", "leave it out"))
    return coded(codes, texts, classes), classes


def _targets(classes: Sequence[str]) -> NDArray[Any]:
    """Return the classes as estimators get them: integers where every text is one, else texts."""
    if all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", name) for name in classes):
        return np.array([int(name) for name in classes])
    return np.array(classes, object)


def _fingerprint(x: Any, y: NDArray[Any]) -> dict[str, Any]:  # noqa: ANN401 - an array or a frame
    """Return the fingerprint of arrays."""
    columns = {str(name): x[name].to_numpy() for name in x.columns} if hasattr(x, "columns") else {"x": np.asarray(x)}
    return {"sha256": fingerprints.of_columns({**columns, "y": np.asarray(y)}), "rows": len(y)}


def _named(fold: Split, plan: Plan) -> str:
    """Return the fold's name, with its repeat where there are several."""
    return f"{fold.fold} of repeat {fold.repeat}" if plan.repeats > 1 else fold.fold
