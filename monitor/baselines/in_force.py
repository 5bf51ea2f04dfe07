"""The baselines that a configuration names: all of them read and held against it, with every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.baselines.file import read
from monitor.baselines.reorder import in_order
from monitor.config.revalidation import MlflowRun
from monitor.errors import InputError, Problem
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import ModelSettings, Settings
    from monitor.statistics.baseline import Baseline


def load_baselines(settings: Settings) -> dict[tuple[str, str], Baseline]:
    """Read every baseline of the configuration: (model, version) -> Baseline.

    Classes are in the order and under the names of the configuration; of two the configured one is positive. Raises
    InputError with all problems: a file that is missing or cut, or that is of another model, version or classes.
    """
    baselines: dict[tuple[str, str], Baseline] = {}
    problems: list[Problem] = []
    for model in settings.models.values():
        for version, path in model.baseline.items():
            place = f"{settings.path}: models.{model.name}.baseline.{version}"
            try:
                baseline = _read(settings, path)
            except InputError as error:
                problems.extend(Problem(place, f"{p.place}: {p.finding}", p.remedy) for p in error.problems)
                continue
            found = list(_mismatches(baseline, model, version, path, place))
            problems.extend(found)
            if not found:
                baselines[model.name, version] = _as_configured(baseline, model)
    if problems:
        raise InputError(*problems)
    return baselines


def _read(settings: Settings, place: Path | MlflowRun) -> Baseline:
    """Read a baseline from its file, or from the run of MLflow that holds it."""
    if isinstance(place, MlflowRun):
        from monitor.baselines.tracked import read_tracked  # noqa: PLC0415 - only who names a run needs MLflow

        return read_tracked(settings, place.run_id)
    return read(place)


def _mismatches(
    baseline: Baseline, model: ModelSettings, version: str, path: Path | MlflowRun, place: str
) -> Iterator[Problem]:
    """Yield what of a baseline does not fit the model and version that name it."""
    if baseline.model != model.name:
        remedy = f"name a baseline of `{model.name}`, or build one with `--model {model.name}`"
        yield Problem(place, f"{path} is a baseline of the model `{baseline.model}`", remedy)
    if baseline.version != version:
        remedy = f'write `"{baseline.version}": …` in the configuration, or build one with `--version {version}`'
        yield Problem(place, f"{path} is a baseline of version `{baseline.version}`", remedy)
    ours, theirs = _normal(model.classes), _normal(baseline.classes)
    if sorted(ours) != sorted(theirs):
        finding = f"{path} has other classes than configured: {_difference(ours, theirs)}"
        yield Problem(place, finding, "name a baseline of these classes, or correct `classes`")


def _as_configured(baseline: Baseline, model: ModelSettings) -> Baseline:
    """Return the baseline with the classes as the configuration orders and writes them."""
    theirs = _normal(baseline.classes)
    return in_order(baseline, [theirs.index(name) for name in _normal(model.classes)], model.classes, model.layout)


def _normal(classes: tuple[str, ...]) -> list[str]:
    return [normal_class(name) for name in classes]


def _difference(ours: list[str], theirs: list[str]) -> str:
    """Say how two sets of classes differ."""
    parts = [
        f"{what} {', '.join(f'`{name}`' for name in names[:5])}{', …' if len(names) > 5 else ''}"  # noqa: PLR2004 - enough to see
        for what, names in (
            ("it lacks", [name for name in ours if name not in set(theirs)]),
            ("it alone has", [name for name in theirs if name not in set(ours)]),
        )
        if names
    ]
    return "; ".join(parts)
