"""`slo` and `alerting`: how long error budgets last, and whom their alerts reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import SECOND, format_duration
from monitor.config import alert_keys as keys
from monitor.config.kinds import entries
from monitor.config.section import Section
from monitor.config.settings import Alerting, Slo
from monitor.statistics.feasible import STEPS_PER_LONG, shortest_period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config.budgets import Terms
    from monitor.config.kinds import At
    from monitor.config.section import Table
    from monitor.config.settings import ModelSettings


def read_slo(top: Section, tables: tuple[Table, ...]) -> Slo | None:
    """Read `slo`; None where something in it is wrong, which is reported."""
    at = top.get(keys.SLO)
    if at is None:
        return Slo()
    section = Section(at, keys.SLO_TABLE, tables)
    before = len(at.problems)
    period, scrape_interval = section.get(keys.PERIOD), section.get(keys.SCRAPE_INTERVAL)
    retention = section.get(keys.RETENTION)
    if period is not None and retention is not None and period.millis > retention.millis:
        place, remedy = keys.RETENTION, f"write `retention: {period.text}` if Prometheus keeps so much, or "
        remedy += f"`period: {retention.text}`"
        finding = f"{retention.text} is less than the period of {period.text}: budgets would look back on a part of it"
        section.value(place).report_infeasible(finding, remedy)
    if len(at.problems) > before or period is None or scrape_interval is None:
        return None
    return Slo(period, scrape_interval, retention)


def read_alerting(top: Section, folder: Path, tables: tuple[Table, ...]) -> Alerting | None:
    """Read `alerting`; None where something in it is wrong, which is reported. Paths are below `folder`."""
    at = top.get(keys.ALERTING)
    if at is None:
        return Alerting()
    before = len(at.problems)
    section = Section(at, keys.ALERTING_TABLE, tables)
    false_pages, job = section.get(keys.FALSE_PAGES), section.get(keys.JOB)
    grafana_url, runbook_url = section.get(keys.GRAFANA_URL), section.get(keys.RUNBOOK_URL)
    pagerduty, slack = (section.get(key) for key in (keys.PAGERDUTY_KEY_FILE, keys.SLACK_URL_FILE))
    channel = section.get(keys.SLACK_CHANNEL)
    if len(at.problems) > before or job is None:
        return None
    return Alerting(
        false_pages_per_month=false_pages,
        job=job,
        grafana_url=grafana_url,
        runbook_url=runbook_url,
        pagerduty_key_file=folder / pagerduty if pagerduty else None,
        slack_url_file=folder / slack if slack else None,
        slack_channel=channel,
    )


def check_period(top: Section, terms: Terms | None, models: Sequence[ModelSettings | None]) -> None:
    """Report a period that is shorter than any window of its alerts; without a target nobody needs one."""
    budgets = any(one.target is not None for model in models if model is not None for one in model.objectives)
    slo = top.get(keys.SLO)
    written: dict[str, At] = {} if slo is None else dict(entries(slo))
    if terms is None or not (keys.PERIOD.name in written or budgets):
        return
    period, cadence = terms.slo.period, terms.cadence
    least = shortest_period(cadence)
    if period.millis >= least:
        return
    finding = f"{period.text} is too short for an error budget: its events come every {format_duration(cadence)}, and "
    finding += f"the shortest windows of alerts take {format_duration(least)}"
    slowest = period.millis // STEPS_PER_LONG // SECOND * SECOND
    or_else = f", or {terms.slower(slowest)}" if slowest else ""
    at = written.get(keys.PERIOD.name, top.at)
    at.report_infeasible(finding, f"write `period: {format_duration(least)}` or more{or_else}")
