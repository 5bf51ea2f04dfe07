"""What `check` shows of error budgets: what each level means in events, and whom its alerts reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import format_duration
from monitor.config.alert_keys import OCCURRENCES, SHADOW, TICKET
from monitor.config.budgets import asks_for_pages
from monitor.config.settings import Alerting, Slo
from monitor.statistics.feasible import asked, least_bad
from monitor.statistics.ladder import ladder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from monitor.config import Objective, Settings
    from monitor.statistics.ladder import Level

_EVENTS = {OCCURRENCES: "labelled predictions"}


def alerting_lines(settings: Settings) -> Iterator[str]:
    """Yield whom alerts reach, where anything asks for alerts."""
    slo, alerting = settings.slo, settings.alerting
    budgets = any(one.target is not None for model in settings.models.values() for one in model.objectives)
    if not budgets and (slo, alerting) == (Slo(), Alerting()):
        return
    kept = f", kept for {slo.retention.text}" if slo.retention else ""
    yield f"budgets    of {slo.period.text}; scraped every {slo.scrape_interval.text} as job {alerting.job}{kept}"
    receivers = []
    if alerting.pagerduty_key_file is not None:
        receivers.append(f"PagerDuty, key in {alerting.pagerduty_key_file}")
    if alerting.slack_url_file is not None:
        channel = f" {alerting.slack_channel}" if alerting.slack_channel else ""
        receivers.append(f"Slack{channel}, address in {alerting.slack_url_file}")
    yield f"receivers  {'; '.join(receivers) or 'none'}"
    links = (("Grafana", alerting.grafana_url), ("runbooks", alerting.runbook_url))
    named = ", ".join(f"{name} {url}" for name, url in links if url is not None)
    if named:
        yield f"links      {named}"


def budget_lines(settings: Settings, objective: Objective) -> Iterator[str]:
    """Yield the budget of one objective and its levels; nothing where it has no target."""
    if objective.target is None:
        return
    pages = asks_for_pages(objective.kind, objective.routing)
    events = _EVENTS.get(objective.kind, "evaluations")
    loudest = "pages and tickets" if pages else "tickets alone"
    if objective.routing == SHADOW:
        loudest += ", in the shadow: they reach nobody"
    elif not pages and objective.routing != TICKET:
        loudest += ": timeslices page nobody"
    share, period = _percent(objective.target), settings.slo.period.text
    yield f"    budget   {objective.kind}: {share} of {events} good in {period}; {loudest}"
    for level in asked(ladder(settings.slo.period.millis, settings.cadence), pages=pages):
        yield _level(level, objective.target, events)


def _level(level: Level, target: Decimal, events: str) -> str:
    """Say when a level rings: share, windows, and how many bad ones that is at least."""
    long, short = format_duration(level.long), format_duration(level.short)
    least, bad = level.least_events(target), least_bad(level, target)
    share, factor = _percent(level.threshold(target)), f"{level.factor.normalize():f}x"
    return (
        f"      {level.severity:<6} when more than {share} of the last {long} and of the last {short} are bad "
        f"({factor}), from {least:,} {events} on: {bad:,} bad of {least:,}"
    )


def _percent(share: Decimal) -> str:
    """Return a share in per cent, exactly, without zeros at its end."""
    return f"{(share * 100).normalize():f} %"
