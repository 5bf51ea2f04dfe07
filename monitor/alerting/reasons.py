"""Why a budget alert rings, in one sentence that a person can act on at 3 a.m."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting.burning import budget_left, burn_rate
from monitor.clock import format_duration
from monitor.config.alert_keys import TIMESLICES
from monitor.report import words
from monitor.report.course import judged
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.alerting.burning import Burn
    from monitor.config import ModelSettings, Objective
    from monitor.report.course import Judged
    from monitor.statistics.budget import Tally
    from monitor.statistics.report import WindowResult

_BAD: Final = {
    "recall": "of true class {class_} were predicted otherwise",
    "precision": "predicted as {class_} were something else",
    "specificity": "of other classes were predicted as {class_}",
    "accuracy": "labelled predictions were wrong",
}
"""What a bad occurrence of each metric is."""


def burns_in_words(objective: Objective, burn: Burn, period: tuple[str, Tally], newest: Judged | None = None) -> str:
    """Return the reason of an alert.

    burn: the level that rings. period: the period as configured, and what it held. newest: what the newest window of
    the objective says, where there is one.
    """
    target = objective.target
    if target is None:
        message = f"{objective.name} has no error budget"
        raise ValueError(message)
    level, long, short = burn.bar.level, burn.long, burn.short
    share = words.share(long.bad, long.events)
    counted = (
        f"{words.count(long.bad)} of {words.count(long.events)} {_what(objective)} in {format_duration(level.long)} "
        f"({share}, allowed {words.percent(1 - target)}) and {words.count(short.bad)} of {words.count(short.events)} "
        f"in {format_duration(level.short)}"
    )
    rate = burn_rate(long, target) or 0.0
    text, held = period
    left = budget_left(held, target) or 0.0
    remains = (
        f"{100 * left:.0f}\N{NO-BREAK SPACE}% of it is left" if left > 0 else f"it is spent {1 - left:.1f} times over"
    )
    burning = (
        f"the error budget of {text} burns {rate:.2f} times as fast as it lasts ({level.severity} above "
        f"{level.factor.normalize():f}), {remains}"
    )
    return "; ".join(filter(None, (f"{counted}: {burning}", _value(newest))))


def versions_in_force(models: Mapping[str, ModelSettings], results: Iterable[WindowResult]) -> dict[str, str]:
    """Return model -> the version that serves it, of one evaluation: most predictions in the shortest window with any.

    Of windows of one length those that end last count, of equals the later text. A model without any is left out.
    """
    best: dict[str, tuple[int, int, int, str]] = {}
    for result in results:
        if result.segment is None:
            length = result.end - result.start
            rank = (-length, result.end, result.predictions, result.version)
            best[result.model] = max(best.get(result.model, rank), rank)
    return {model: rank[-1] for model, rank in best.items() if model in models}


def newest_of(
    model: ModelSettings, objective: Objective, version: str, results: Sequence[WindowResult]
) -> Judged | None:
    """Return what the newest window of an objective's series that has a value says; of timeslices a mature one."""
    found = [
        seen
        for result in results
        if (result.model, result.version) == (model.name, version)
        for seen in judged(model, result)
        if seen.objective.name == objective.name and seen.result.value is not None
    ]
    mature = [seen for seen in found if seen.window.maturity is Maturity.MATURE]
    shown = (mature or found) if objective.kind == TIMESLICES else found
    return max(shown, key=lambda seen: seen.window.end, default=None)


def _what(objective: Objective) -> str:
    """Return what the bad ones are, after their number: `of 180 true leave were predicted otherwise`."""
    where = f" ({objective.segment})" if objective.segment else ""
    if objective.kind == TIMESLICES:
        what = words.title(objective.metric, objective.class_)
        return f"evaluations found {what} over {objective.window}{where} WORSE than promised"
    return _BAD[objective.metric].format(class_=objective.class_) + where


def _value(newest: Judged | None) -> str | None:
    """Return the value with its band against the promise with its corridor."""
    if newest is None:
        return None
    window, result = newest.window, newest.result
    band = words.band(result.lower, result.upper)
    said = f"{words.title(result.metric, result.class_)} of the {window.window} to {words.moment(window.end)} is "
    said += words.number(result.value) + (f" ({band})" if band else "")
    if result.baseline is None:
        return said
    corridor = words.band(result.baseline_lower, result.baseline_upper)
    return f"{said}, the folds promise {words.number(result.baseline)}" + (f" ({corridor})" if corridor else "")
