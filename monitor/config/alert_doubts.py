"""What is valid in error budgets and their alerts, but will disappoint: things that `check` warns of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import DAY
from monitor.config.alert_keys import PAGE, SHADOW
from monitor.config.budgets import asks_for_pages
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.settings import Settings

_KEPT_UNLESS_TOLD = 15 * DAY
"""Prometheus' own `--storage.tsdb.retention.time`."""
_OURS = {
    "summary": "choose another name, such as `hypothesis`",
    "description": "choose another name, such as `hypothesis`",
    "runbook_url": "write `runbook` for a runbook of its own",
    "dashboard_url": "choose another name, such as `panel`",
}
"""Annotations that our rules write themselves -> what to do for one's own."""


def alert_doubts(settings: Settings) -> Iterator[Problem]:
    """Yield what a person should know of budgets and receivers before the night in which nobody is woken."""
    file = str(settings.path or "configuration")
    budgets = [
        (model.name, objective)
        for model in settings.models.values()
        for objective in model.objectives
        if objective.target is not None
    ]
    alerting, period = settings.alerting, settings.slo.period
    if budgets and settings.slo.retention is None and period.millis > _KEPT_UNLESS_TOLD:
        finding = f"is missing: Prometheus keeps 15d unless told, and a budget looks back on {period.text}"
        remedy = f"start it with --storage.tsdb.retention.time={period.text} or more, and write how much: "
        remedy += f"`slo: {{retention: {period.text}}}`"
        yield Problem(f"{file}: slo.retention", finding, remedy)
    woken = [
        f"{model}.{objective.name}"
        for model, objective in budgets
        if objective.routing == PAGE and asks_for_pages(objective.kind, objective.routing)
    ]
    if woken and alerting.pagerduty_key_file is None:
        finding = f"is missing, so a page of {_some(woken)} wakes nobody"
        remedy = "name the file that holds PagerDuty's integration key, or write `routing: ticket`"
        yield Problem(f"{file}: alerting.pagerduty_key_file", finding, remedy)
    told = [f"{model}.{objective.name}" for model, objective in budgets if objective.routing != SHADOW]
    if told and alerting.slack_url_file is None:
        finding = f"is missing, so tickets of {_some(told)} reach nobody"
        yield Problem(
            f"{file}: alerting.slack_url_file", finding, "name the file that holds the address of Slack's webhook"
        )
    if alerting.slack_channel is not None and alerting.slack_url_file is None:
        yield Problem(
            f"{file}: alerting.slack_channel", "is of no use without `slack_url_file`", "add it, or remove the channel"
        )
    for model in settings.models.values():
        for i, objective in enumerate(model.objectives):
            for name in sorted(objective.annotations.keys() & _OURS.keys()):
                place = f"{file}: models.{model.name}.objectives[{i}].annotations.{name}"
                yield Problem(place, "alerts have one of this name already, which wins", _OURS[name])


def _some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = 3
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
