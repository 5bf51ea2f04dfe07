"""Absolute floors held against the folds: nobody can keep a promise that the model's own cross-validation does not."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from monitor.config.alert_keys import OCCURRENCES, TICKET, TIMESLICES
from monitor.config.budgets import asks_for_pages
from monitor.errors import Problem
from monitor.statistics.confusion import cell_margins, cells
from monitor.statistics.feasible import asked, feasible, nearest_target
from monitor.statistics.folds import folds_of
from monitor.statistics.ladder import ladder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import ModelSettings, Objective, Settings
    from monitor.statistics.baseline import Baseline

_PLACES = Decimal("0.0001")


def floor_problems(settings: Settings, baselines: Mapping[tuple[str, str], Baseline]) -> list[Problem]:
    """Return the occurrences whose target lies above what the folds of a version promise, with the nearest feasible.

    What the folds promise is their pooled value as it is, at their own class shares; of a segment that of its own
    folds. A version whose folds say nothing of it promises nothing.
    """
    return [
        problem
        for model in settings.models.values()
        for i, objective in enumerate(model.objectives)
        if objective.kind == OCCURRENCES and objective.target is not None
        for problem in _of_objective(settings, model, i, objective.target, baselines)
    ]


def promised(baseline: Baseline, metric: str, class_: int | None, segment: str | None = None) -> tuple[int, int] | None:
    """Return (good, all) of the labelled predictions in the pooled folds that a metric counts; None without any.

    metric: recall, precision, specificity of class number `class_`, or accuracy.
    """
    folds = folds_of(baseline, segment)
    if folds is None:
        return None
    m = cell_margins(cells(*folds.pooled.sparse("confusion"), len(baseline.classes)), len(baseline.classes))
    total = int(m.total)
    if metric == "accuracy":
        return (int(m.tp.sum()), total) if total else None
    if class_ is None:
        return None
    tp, row, col = (int(margin[class_]) for margin in (m.tp, m.row, m.col))
    good, events = {"recall": (tp, row), "precision": (tp, col), "specificity": (total - row - col + tp, total - row)}[
        metric
    ]
    return (good, events) if events else None


def _of_objective(
    settings: Settings, model: ModelSettings, i: int, target: Decimal, baselines: Mapping[tuple[str, str], Baseline]
) -> Iterator[Problem]:
    """Yield the problem of one objective: held against the version that promises least."""
    objective = model.objectives[i]
    class_ = None if objective.class_ is None else model.classes.index(objective.class_)
    least: tuple[Decimal, str] | None = None
    for version in model.baseline:
        counted = promised(baselines[model.name, version], objective.metric, class_, objective.segment)
        if counted is not None and target * counted[1] > counted[0]:
            value = Decimal(counted[0]) / counted[1]
            least = min(least or (value, version), (value, version), key=lambda one: one[0])
    if least is None:
        return
    value, version = least
    of = f" of {objective.class_}" if objective.class_ is not None else ""
    where = f" in {objective.segment}" if objective.segment else ""
    floor = value.quantize(_PLACES, ROUND_FLOOR)
    finding = f"the folds of version {version} promise a {objective.metric}{of}{where} of {floor.normalize():f}: "
    finding += f"{target:f} would burn its budget although nothing got worse"
    line = f":{objective.line}" if objective.line else ""
    place = f"{settings.path or 'configuration'}{line}: models.{model.name}.objectives[{i}].target"
    yield Problem(place, finding, _remedy(settings, objective, floor))


def _remedy(settings: Settings, objective: Objective, floor: Decimal) -> str:
    """Return the nearest target that the folds keep and whose alerts can ring."""
    levels = ladder(settings.slo.period.millis, settings.cadence)
    tickets = asked(levels, pages=False)
    if asks_for_pages(objective.kind, objective.routing):
        if floor and feasible(levels, floor):
            return f"lower it to {floor:f}"
        if floor and feasible(tickets, floor):
            least = nearest_target(levels, floor)
            pages = f": no page could ring below {least:f}" if least is not None else ""
            return f"lower it to {floor:f} and write `routing: {TICKET}`{pages}"
    elif floor and feasible(tickets, floor):
        return f"lower it to {floor:f}"
    least = nearest_target(tickets, floor)
    rings = f"no alert could ring below {least:f}: " if least is not None else ""
    return f"{rings}write `kind: {TIMESLICES}`, which compares with the folds, or train a better model"
