"""What is valid but will disappoint: nothing to compare with, or a baseline too small for what is asked of it."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from monitor.baselines.corridor import corridor
from monitor.errors import Problem
from monitor.statistics.names import LOSSES, PER_CLASS
from monitor.statistics.verdict import too_small

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.baselines.corridor import Reach
    from monitor.config import ModelSettings, Objective, Settings
    from monitor.statistics.baseline import Baseline

    Corridors = dict[str, list[Reach]]


def warnings(settings: Settings, baselines: Mapping[tuple[str, str], Baseline]) -> Iterator[Problem]:
    """Yield what a person would rather know before than find out from UNKNOWN verdicts.

    Corridors are those at the folds' own class shares: live ones may be wider or narrower.
    """
    for model in settings.models.values():
        place = f"{settings.path or 'configuration'}: models.{model.name}"
        if not model.baseline:
            remedy = "build one with `foldwatch baseline build` and name it: `baseline: {VERSION: FILE}`"
            yield Problem(place, "no version has a baseline, so everything is counted and nothing compared", remedy)
        if not model.objectives:
            remedy = (
                f"add one, such as `objectives: [{{name: NAME, metric: accuracy, window: {model.windows[0].text}}}]`"
            )
            yield Problem(place, "has no objectives, so no alert will ever come", remedy)
        for version in model.baseline:
            yield from _of_baseline(place, model, version, baselines[model.name, version])


def _of_baseline(place: str, model: ModelSettings, version: str, baseline: Baseline) -> Iterator[Problem]:
    """Yield the objectives that this baseline can never confirm."""
    corridors: dict[str | None, Corridors] = {}
    for objective in model.objectives:
        if objective.segment not in corridors:
            corridors[objective.segment] = corridor(baseline, segment=objective.segment)
        finding, remedy = _prospect(model, objective, corridors[objective.segment])
        if finding:
            key = f"{place}.objectives.{objective.name}"
            yield Problem(key, f"can never be OK for version {version}: {finding}", remedy)


def _prospect(model: ModelSettings, objective: Objective, corridors: Corridors) -> tuple[str, str]:
    """Return why no number of labels can make an objective OK, and the remedy; nothing where some number can."""
    if not corridors:
        return f"no folds for the segment {objective.segment}", "build the baseline with this segment's column"
    if objective.metric not in corridors:
        return f"the folds do not speak of {objective.metric}", "build the baseline from folds with scores"
    value, lower, upper = corridors[objective.metric][_index(model, objective)]
    if isnan(value):
        return f"the folds have no {objective.metric} of it", "build the baseline from folds that have this class"
    margin = model.margin if objective.margin is None else objective.margin
    width = value - lower if objective.metric in LOSSES else upper - value
    if width < margin:
        return "", ""
    return too_small(width, margin), f"widen the margin beyond {width:.2g}, or build the baseline from more rows"


def _index(model: ModelSettings, objective: Objective) -> int:
    """Return where an objective's value stands among those of its metric; without a class the positive one's."""
    if objective.class_ is not None:
        return model.classes.index(objective.class_)
    return model.layout.positive if objective.metric in PER_CLASS else 0
