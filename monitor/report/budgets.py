"""Error budgets on the page: of each objective with a target what is left, how fast it burns, and what rings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from monitor.clock import format_duration
from monitor.config.alert_keys import OCCURRENCES, SHADOW
from monitor.report import words
from monitor.report.markup import Markup, joined, tag
from monitor.report.objectives import firing, standings
from monitor.statistics.budget import BudgetState
from monitor.statistics.ladder import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import ModelSettings, Objective
    from monitor.report.snapshot import AlertEntry, Snapshot
    from monitor.statistics.budget import Standing
    from monitor.statistics.ladder import Level

_STATES: Final = {
    BudgetState.EXHAUSTED: ("worse", "■", "exhausted"),
    BudgetState.BURNING: ("worse", "▼", "burning"),
    BudgetState.INSUFFICIENT: ("unknown", "□", "insufficient labels"),
    BudgetState.OK: ("ok", "●", "ok"),
}
"""Class, shape and words of each state, the most serious first."""
_FEW_PERCENT: Final = 10
"""Below it a percentage is shown with two digits that count."""
_SERIOUS: Final = tuple(_STATES)
_A_ROW: Final = 3
"""So many cards stand side by side on a wide screen."""
_MEANING: Final = {
    "recall": "Of the predictions that are truly {class_} at least {target} say so",
    "precision": "Of the predictions that say {class_} at least {target} are right",
    "specificity": "Of the predictions that are truly something else at least {target} do not say {class_}",
    "accuracy": "Of all predictions at least {target} are right",
}


def budgets(snapshot: Snapshot) -> Markup | None:
    """Return the section of all error budgets, by model; None where no objective has a target."""
    shown = standings(snapshot)
    if not shown:
        return None
    parts = []
    for model in snapshot.settings.models.values():
        own = [one for one in shown if one.model == model.name]
        if own:
            parts += [tag("h3", model.name, tag("small", _tallied(own))), *_cards(snapshot, model, own)]
    period = snapshot.settings.slo.period.text
    said = f"What each objective may still miss of the last {period}, and how fast that is being used up."
    heading = tag("h2", "Error budgets", id="budgets")
    return tag("section", heading, tag("p", said, class_="folds"), *parts, class_="budgets", aria_labelledby="budgets")


def _cards(snapshot: Snapshot, model: ModelSettings, own: Sequence[Standing]) -> list[Markup]:
    """Return the cards of a model, the most urgent first; many that give no alarm are folded away."""
    loud = [one for one in own if _SERIOUS.index(one.state) <= _SERIOUS.index(BudgetState.BURNING)]
    quiet = [one for one in own if one not in loud]
    rows = [
        tag(
            "div",
            *(_card(snapshot, model, one) for one in sorted(some, key=partial(_urgency, snapshot))),
            class_="cards",
        )
        for some in (loud, quiet)
        if some
    ]
    if len(quiet) > _A_ROW:
        rows[-1] = tag("details", tag("summary", f"The budgets that give no alarm: {_tallied(quiet)}"), rows[-1])
    return rows


def state_badge(state: BudgetState) -> Markup:
    """Return the badge of a state: grey, neither green nor red, where labels are too few to say."""
    class_, shape, text = _STATES[state]
    return tag("span", tag("i", shape, aria_hidden="true"), text, class_=f"badge {class_}")


def _urgency(snapshot: Snapshot, standing: Standing) -> tuple[bool, int]:
    """Return what sorts: who is paged for first, then the most serious state."""
    heard = standing.routing != SHADOW and any(one.severity == PAGE for one in firing(snapshot, standing))
    return not heard, _SERIOUS.index(standing.state)


def _tallied(own: Sequence[Standing]) -> str:
    """Return `1 burning, 2 ok`."""
    counted = [(_STATES[state][2], sum(one.state is state for one in own)) for state in _SERIOUS]
    return ", ".join(f"{n} {text}" for text, n in counted if n)


def _card(snapshot: Snapshot, model: ModelSettings, standing: Standing) -> Markup:
    objective = next(one for one in model.objectives if one.name == standing.slo)
    now = snapshot.report.as_of if snapshot.report else snapshot.started_at
    loudest = sorted(firing(snapshot, standing), key=lambda alert: alert.severity != PAGE)
    rings = [_rings(alert, now, standing) for alert in loudest]
    return tag(
        "article",
        tag("header", tag("h4", standing.slo), state_badge(standing.state)),
        tag("p", promise_in_words(objective, standing, model.margin), class_="promise"),
        _left(standing, snapshot.settings.slo.period.text),
        tag("ul", *rings, class_="rings") if rings else None,
        _levels(standing),
        _coming(standing),
        _reach(standing, snapshot.settings.slo.period.text),
        class_=f"card {_STATES[standing.state][0]}",
    )


def promise_in_words(objective: Objective, standing: Standing, margin: float) -> str:
    """Return what is promised, as a sentence without a full stop."""
    target = words.percent(standing.target)
    where = f", {objective.segment}" if objective.segment else ""
    if standing.kind == OCCURRENCES:
        said = _MEANING[objective.metric].format(class_=objective.class_, target=target)
        return f"{said}{where} (each labelled prediction counts once)"
    own = margin if objective.margin is None else objective.margin
    what = words.title(objective.metric, objective.class_)
    return (
        f"In {target} of the evaluations {what} over {objective.window}{where} is not WORSE than the folds' promise "
        f"by more than {own:g}"
    )


def _left(standing: Standing, period: str) -> Markup:
    """Return the bar of what is left, and the counts that it is made of."""
    counts = standing.period
    what = "labelled predictions" if standing.kind == OCCURRENCES else "evaluations"
    parts = [f"{words.count(counts.bad)} of {words.count(counts.events)} {what} bad in {period}"]
    if counts.skipped:
        parts.append(f"{words.count(counts.skipped)} skipped (UNKNOWN)")
    left = standing.budget_left
    share = 0.0 if left is None else min(max(left, 0.0), 1.0)
    bar = tag("i", None, class_="bar", style=f"--share:{share:.3f}")
    return tag("p", bar, tag("b", left_in_words(left)), tag("small", " · ".join(parts)), class_="left")


def left_in_words(left: float | None) -> str:
    """Return `42 % of the budget left`; overspent budgets by how often they were spent."""
    if left is None:
        return "nothing counted yet"
    if left <= 0:
        return f"budget spent {1 - left:.2f} times" if left < 0 else "budget spent"
    return f"{_percent(left)} of the budget left"


def _rings(alert: AlertEntry, now: int, standing: Standing) -> Markup:
    """Return since when an alert fires, and why."""
    loud = f"would {alert.severity}" if standing.routing == SHADOW else alert.severity
    since = f" since {words.moment(alert.at)} ({words.length(max(now - alert.at, 0))}): "
    return tag("li", tag("b", loud, class_=alert.severity), since, alert.reason)


def _levels(standing: Standing) -> Markup | None:
    """Return the ladder: what both windows of each level burn, and from where on it rings."""
    if not standing.levels:
        return None
    head = ("Burn rate", "Long", "Short", "Rings above")
    return tag(
        "table",
        tag("caption", f"Burn rates of {standing.slo}: both windows must be above the threshold", class_="unseen"),
        tag("thead", tag("tr", *(tag("th", text, scope="col") for text in head))),
        tag("tbody", *(_level(level, standing) for level in standing.levels)),
        class_="ladder",
    )


def _level(level: Level, standing: Standing) -> Markup:
    bad = _percent(float(level.threshold(standing.target)))
    least = words.count(level.least_events(standing.target))
    what = "labels" if standing.kind == OCCURRENCES else "evaluations"
    return tag(
        "tr",
        tag("th", level.severity, scope="row"),
        _rate(level, format_duration(level.long), standing),
        _rate(level, format_duration(level.short), standing),
        tag("td", f"{level.factor.normalize():f}", tag("small", f"{bad} bad, at least {least} {what}")),
    )


def _rate(level: Level, window: str, standing: Standing) -> Markup:
    rate = standing.burn.get(window)
    over = rate is not None and rate > level.factor
    text = words.DASH if rate is None else f"{rate:.2f}"
    shown = joined((text, tag("span", " above the threshold", class_="unseen"))) if over else text
    return tag("td", shown, tag("small", window), class_="over" if over else None)


def _coming(standing: Standing) -> Markup | None:
    """Return how often events come, and what it means where a short window is faster than that."""
    if standing.event_cadence is None or not standing.levels:
        return None
    come = words.length(standing.event_cadence)
    what = "Labels that count" if standing.kind == OCCURRENCES else "Evaluations that count"
    faster = sorted({level.short for level in standing.levels if level.short < standing.event_cadence})
    said = f"{what} come about every {come}"
    if not faster:
        return tag("p", f"{said}.", class_="note")
    *most, last = map(format_duration, faster)
    windows = f"{', '.join(most)} and {last}" if most else last
    many = "windows" if most else "window"
    consequence = (
        f"{said}, less often than the short {many} of {windows}: such a level rings only just after labels came, "
        "and falls silent before the next come."
    )
    return tag("p", consequence, class_="note slow")


def _reach(standing: Standing, period: str) -> Markup | None:
    """Return what of an objective in the shadow was counted, and whom its alerts reach."""
    if standing.routing == SHADOW:
        times = "once" if standing.shadow_pages == 1 else f"{words.count(standing.shadow_pages)} times"
        paged = f"would have paged {times}" if standing.shadow_pages else "would not have paged"
        return tag("p", f"In the shadow: {paged} in the last {period}; it reaches nobody.", class_="note")
    if any(level.severity == PAGE for level in standing.levels):
        return None
    why = "timeslices never page" if standing.kind != OCCURRENCES else "routing: ticket"
    return tag("p", f"Tickets alone ({why}).", class_="note")


def _percent(share: float) -> str:
    """Return a share as a percentage with as many digits as a person compares."""
    percent = 100 * share
    return f"{percent:.0f}\N{NO-BREAK SPACE}%" if percent >= _FEW_PERCENT else f"{percent:.2g}\N{NO-BREAK SPACE}%"
