"""What the alerts of an objective say: to somebody who was asleep a minute ago, or who comes to work.

The summary never changes while an alert lasts. The description holds the figures: Prometheus expands it at every
evaluation, so that a repeated notification tells how it goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.alerting import names as alerts
from monitor.alerting.rules import names, template
from monitor.alerting.rules.links import links
from monitor.alerting.rules.promql import exact, quoted, selector, span
from monitor.alerting.rules.template import asked, literal, where
from monitor.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from monitor.alerting.rules.promise import Promised
    from monitor.prometheus.metric import Metric
    from monitor.statistics.ladder import Level

_WRONG = {
    "recall": "missed ones",
    "precision": "false alarms",
    "specificity": "false alarms",
}
"""Metric of a class -> its bad events, where they are single predictions."""


def burn_annotations(of: Promised, alert: str, levels: Sequence[Level]) -> Mapping[str, str]:
    """Return the annotations of a page or a ticket."""
    fast = "much too fast" if alert == alerts.BURNS_FAST else "too fast"
    lines = [
        _promise(of),
        _live(of),
        *(_burns(of, level) for level in levels),
        _left(of, levels[0]),
        _since(of, alert),
        _first(of),
    ]
    return _annotations(of, alert, f"{_subject(of)}: its error budget burns {fast}", lines)


def spent_annotations(of: Promised) -> Mapping[str, str]:
    """Return the annotations of a budget that is spent."""
    bad = asked(f"max({_own(of, names.ratio(of.period))})", template.SHARE)
    events = asked(f"round(max({_own(of, names.events(of.period))}))", template.NUMBER)
    lines = [
        _promise(of),
        _live(of),
        f"Spent: of {events} events in the last {span(of.period)} {bad} were bad; {_percent(of.budget)} may be.\n",
        _since(of, alerts.SPENT),
        "What follows: change nothing about this model that is not a repair until the budget is back.\n",
    ]
    return _annotations(of, alerts.SPENT, f"{_subject(of)}: its error budget is spent", lines)


def _annotations(of: Promised, alert: str, summary: str, lines: Sequence[str]) -> Mapping[str, str]:
    """Return summary, description, links, and what the objective says itself; ours win where it has the same name."""
    own = {name: literal(text) for name, text in of.objective.annotations.items() if name != "runbook"}
    runbook = of.objective.annotations.get("runbook")
    linked = links(of.alerting, alert, runbook, model=of.model.name, slo=of.slo)
    said = {"summary": literal(" ".join(summary.split())), "description": "".join(lines)}
    return {**said, **linked, **{name: text for name, text in own.items() if name not in {**said, **linked}}}


def _measure(of: Promised) -> str:
    """Return what is promised, in words."""
    objective = of.objective
    class_ = f" of class {objective.class_}" if objective.class_ is not None else ""
    where_ = f" where {objective.segment}" if objective.segment else ""
    return f"{objective.metric.replace('_', ' ')}{class_}{where_}"


def _subject(of: Promised) -> str:
    return f"{of.model.name}: {_measure(of)} ({of.slo})"


def _percent(share: Decimal) -> str:
    return f"{exact(100 * share)}%"


def _promise(of: Promised) -> str:
    """Say which promise it is."""
    target, objective = _percent(of.target), of.objective
    if objective.kind == "occurrences":
        events = f"{target} of the predictions that it counts are right, each judged at its first label"
    else:
        events = f"in {target} of the evaluations the last {objective.window} are not worse than the folds promise"
    owner = f" Owner: {of.model.owner}." if of.model.owner else ""
    return literal(f"Promise: {_measure(of)} of model {of.model.name} (objective {of.slo}): {events}.{owner}\n")


def _burns(of: Promised, level: Level) -> str:
    """Say how fast one level's windows burn."""
    long, short = span(level.long), span(level.short)
    # All of one recording: asked for itself, the number of bad ones would be a moment older or newer than their share.
    counted, ratio = (f"max({_own(of, name)})" for name in (names.events(level.long), names.ratio(level.long)))
    events = asked(f"round({counted})", template.NUMBER)
    bad = asked(f"round({ratio} * {counted})", template.NUMBER)
    share = asked(ratio, template.SHARE)
    over_long, over_short = (
        asked(f"max({_own(of, names.ratio(window))}) / {exact(of.budget)}", template.RATE)
        for window in (level.long, level.short)
    )
    return (
        f"Last {long}: {bad} of {events} events bad ({share}). Burn rate {over_long} over {long}, {over_short} over "
        f"{short}; it rings while both are above {exact(level.factor)} and {long} has {level.least_events(of.target)} "
        f"events.\n"
    )


def _left(of: Promised, level: Level) -> str:
    """Say what is left of the budget, and until when it lasts at this rate."""
    left, long = f"max({_own(of, names.BUDGET_LEFT)})", span(level.long)
    rate = f"(max({_own(of, names.ratio(level.long))}) / {exact(of.budget)} > 0)"
    lasts = f"({left} > 0) * {of.period // SECOND} / {rate}"
    until = where(lasts, f"; at the rate of the last {long} it is spent in ", template.SPAN, "")
    return f"Error budget left of {span(of.period)}: {asked(left, template.SHARE)}{until}.\n"


def _live(of: Promised) -> str:
    """Say what the metric is now, with its band, and what the folds promise, of each version and maturity."""
    to = of.measured()
    lower, upper, labels = (_beside(of, metric) for metric in (to.lower, to.upper, to.labels))
    promise, low, high = (_beside(of, metric) for metric in (to.baseline, to.baseline_lower, to.baseline_upper))
    return (
        f"{{{{ range query {quoted(of.series(to.value))} }}}}"
        "{{ $version := .Labels.version }}{{ $maturity := .Labels.maturity }}"
        f"Now: {{{{ .Value | {template.QUALITY} }}}} over {of.objective.window} (band {lower} to {upper}, {labels} "
        f"labels, version {{{{ $version }}}}, {{{{ $maturity }}}}); the folds promise {promise} ({low} to {high}).\n"
        "{{ end }}"
    )


def _beside(of: Promised, metric: Metric) -> str:
    """Return a template for another metric of the series that a `range` is at."""
    shown = template.NUMBER if metric.name.endswith("_labels") else template.QUALITY
    series = of.series(metric).removesuffix("}").replace("%", "%%")
    query = f"printf {quoted(series + ', version=%q, maturity=%q}')} $version $maturity | query"
    return f"{{{{ with {query} }}}}{{{{ . | first | value | {shown} }}}}{{{{ else }}}}{template.UNKNOWN}{{{{ end }}}}"


def _since(of: Promised, alert: str) -> str:
    """Say since when it rings, as soon as Prometheus knows."""
    series = selector("ALERTS_FOR_STATE", alertname=alert, model=of.model.name, slo=of.slo)
    return where(f"min({series})", "Since: ", template.MOMENT, ".\n")


def _first(of: Promised) -> str:
    """Say what to look at first."""
    missed = of.objective.kind == "occurrences" and of.objective.class_ is not None
    confusion = f" Then what the {_WRONG[of.objective.metric]} are confused with." if missed else ""
    place = "The on-call dashboard" if of.alerting.grafana_url else "foldwatch's own page"
    return literal(
        f"Look first: does {alerts.NOT_AS_USUAL} or {alerts.LABELS_LATE} ring for this model too? Then labels or "
        f"events are broken, and not the model. {place} shows whether it began with a new version.{confusion}\n"
    )


def _own(of: Promised, series: str) -> str:
    return selector(series, model=of.model.name, slo=of.slo)
