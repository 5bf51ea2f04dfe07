"""The baselines that a configuration names: all of them read and held against it, with every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.baselines.file import read
from monitor.errors import InputError, Problem
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from monitor.config import ModelSettings, Settings
    from monitor.statistics.baseline import Baseline


def load_baselines(settings: Settings) -> dict[tuple[str, str], Baseline]:
    """Read every baseline of the configuration: (model, version) -> Baseline.

    Raises InputError with all problems: a file that is missing or cut, or that is of another model, version, classes,
    order of classes or positive class.
    """
    baselines: dict[tuple[str, str], Baseline] = {}
    problems: list[Problem] = []
    for model in settings.models.values():
        for version, path in model.baseline.items():
            place = f"{settings.path}: models.{model.name}.baseline.{version}"
            try:
                baseline = read(path)
            except InputError as error:
                problems.extend(Problem(place, f"{p.place}: {p.finding}", p.remedy) for p in error.problems)
                continue
            baselines[model.name, version] = baseline
            problems.extend(_mismatches(baseline, model, version, path, place))
    if problems:
        raise InputError(*problems)
    return baselines


def _mismatches(baseline: Baseline, model: ModelSettings, version: str, path: Path, place: str) -> Iterator[Problem]:
    """Yield what of a baseline does not fit the model and version that name it."""
    if baseline.model != model.name:
        remedy = f"name a baseline of `{model.name}`, or build one with `--model {model.name}`"
        yield Problem(place, f"{path} is a baseline of the model `{baseline.model}`", remedy)
    if baseline.version != version:
        remedy = f'write `"{baseline.version}": …` in the configuration, or build one with `--version {version}`'
        yield Problem(place, f"{path} is a baseline of version `{baseline.version}`", remedy)
    ours = [normal_class(name) for name in model.classes]
    theirs = [normal_class(name) for name in baseline.classes]
    if ours == theirs:
        if baseline.layout != model.layout:
            positive, configured = baseline.classes[baseline.layout.positive], model.classes[model.layout.positive]
            remedy = f"write `positive: {positive}`, or build it again with `--positive {configured}`"
            yield Problem(place, f"{path}: its positive class is `{positive}`, not `{configured}`", remedy)
    elif sorted(ours) == sorted(theirs):
        remedy = f"write `classes: [{', '.join(baseline.classes)}]` in the configuration"
        yield Problem(place, f"{path} has the same classes in another order", remedy)
    else:
        yield Problem(
            place,
            f"{path} has other classes than configured: {_difference(ours, theirs)}",
            "name a baseline of these classes, or correct `classes`",
        )


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


def warnings(settings: Settings, baselines: Mapping[tuple[str, str], Baseline]) -> Iterator[Problem]:
    """Yield what is valid but will disappoint: nothing to compare with, or nothing promised."""
    for model in settings.models.values():
        place = f"{settings.path}: models.{model.name}"
        if not any(name == model.name for name, _ in baselines):
            remedy = "build one with `foldwatch baseline build` and name it: `baseline: {VERSION: FILE}`"
            yield Problem(place, "no version has a baseline, so everything is counted and nothing compared", remedy)
        if not model.objectives:
            remedy = (
                f"add one, such as `objectives: [{{name: NAME, metric: accuracy, window: {model.windows[0].text}}}]`"
            )
            yield Problem(place, "has no objectives, so no alert will ever come", remedy)
