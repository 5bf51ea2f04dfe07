"""The gauges of an objective's metric, as the daemon exports them: for the words of its alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.alerting.promtool.case import Series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from monitor.alerting.promtool.promised import Promised


def live(one: Promised, samples: int) -> tuple[Series, ...]:
    """Return one version's mature series of the objective's metric, its band and its folds, each another whole number.

    They are no shares, but no rule reads them: they only show which series each place of the text is filled from.
    """
    objective = one.objective
    labels = {
        "job": one.job,
        "model": one.model.name,
        "version": "3",
        "segment": objective.segment or "",
        "window": objective.window,
        "maturity": "mature",
        "metric": objective.metric,
        **({} if objective.class_ is None else {"class": objective.class_}),
    }
    to = catalog.measured(objective.metric, objective.class_)
    families = (to.value, to.lower, to.upper, to.baseline, to.baseline_lower, to.baseline_upper, to.labels)
    return tuple(Series(family.name, labels, (number,) * samples) for number, family in enumerate(families, 1))
