"""The baselines in force, all of them read and held against the configuration, with every problem at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.baselines import pointer
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
    """Read every baseline in force: (model, version) -> Baseline.

    Those are the ones that `current.json` of a model's `promote_to` names, and for other versions those of the
    configuration. Classes are in the order and under the names of the configuration; of two the configured one is
    positive. Raises InputError with all problems: a file that is missing or cut, or that is of another model, version
    or classes.
    """
    baselines: dict[tuple[str, str], Baseline] = {}
    problems: list[Problem] = []
    for model in settings.models.values():
        try:
            found = sources(settings, model)
        except InputError as error:
            problems.extend(error.problems)
            continue
        for version, source in found.items():
            try:
                baselines[model.name, version] = as_configured(stored(settings, source), model, version, source)
            except InputError as error:
                problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return baselines


def pointed(settings: Settings) -> Settings:
    """Return the settings with `baseline` of each model as it is in force: with what `current.json` names.

    Raises InputError where a pointer is damaged.
    """
    models = {
        name: replace(model, baseline={version: source.at for version, source in sources(settings, model).items()})
        for name, model in settings.models.items()
    }
    return replace(settings, models=models)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the baseline in force of one version comes from."""

    at: Path | MlflowRun
    place: str
    """Who says so, for messages."""
    promoted: bool = False
    """Whether `current.json` says so."""


def sources(settings: Settings, model: ModelSettings) -> dict[str, Source]:
    """Return version -> where its baseline in force is: the pointer wins over the configuration, and adds versions.

    Raises InputError where the pointer is damaged.
    """
    found = {
        version: Source(at, f"{settings.path}: models.{model.name}.baseline.{version}")
        for version, at in model.baseline.items()
    }
    if model.revalidation is not None:
        folder = model.revalidation.promote_to
        for version, content_hash in sorted(pointer.in_force(folder, model.name).items()):
            place = f"{folder / pointer.NAME}: {model.name}.{version}"
            found[version] = Source(pointer.path_of(folder, content_hash), place, promoted=True)
    return found


def stored(settings: Settings, source: Source) -> Baseline:
    """Return a baseline as it was written, whatever the configuration says of its classes.

    Raises InputError with the place that names it.
    """
    try:
        if isinstance(source.at, MlflowRun):
            from monitor.baselines.tracked import read_tracked  # noqa: PLC0415 - MLflow takes seconds

            return read_tracked(settings, source.at.run_id)
        return read(source.at)
    except InputError as error:
        back = "restore it from a copy, or take the entry out: then the configuration's own is in force"
        raise InputError(
            *(
                Problem(source.place, f"{p.place}: {p.finding}", back if source.promoted else p.remedy)
                for p in error.problems
            )
        ) from None


def as_configured(baseline: Baseline, model: ModelSettings, version: str, source: Source) -> Baseline:
    """Return a baseline with the classes as the configuration orders and writes them.

    Raises InputError where it is of another model, version or classes.
    """
    problems = list(_mismatches(baseline, model, version, source))
    if problems:
        raise InputError(*problems)
    return _as_configured(baseline, model)


def _mismatches(baseline: Baseline, model: ModelSettings, version: str, source: Source) -> Iterator[Problem]:
    """Yield what of a baseline does not fit the model and version that name it."""
    place, path = source.place, source.at
    if baseline.model != model.name:
        remedy = f"name a baseline of `{model.name}`, or build one with `--model {model.name}`"
        yield Problem(place, f"{path} is a baseline of the model `{baseline.model}`", remedy)
    if baseline.version != version:
        where = pointer.NAME if source.promoted else "the configuration"
        remedy = f'write `"{baseline.version}": …` in {where}, or build one with `--version {version}`'
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
