"""Receivers: what PagerDuty and Slack are sent. Values in double braces are Go templates of foldwatch.tmpl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting.routes.quoting import in_yaml
from monitor.alerting.rules.template import literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import Alerting

PAGE: Final = "foldwatch-page"
"""Somebody is woken."""
TICKET: Final = "foldwatch-ticket"
"""Somebody reads it in working hours."""
SHADOW: Final = "foldwatch-shadow"
"""Nobody: the alert is only recorded, to see how loud it would have been."""
WATCHDOG: Final = "foldwatch-watchdog"
"""A dead man's switch outside, for those who have one."""


def receivers(alerting: Alerting) -> Iterator[str]:
    """Write the lines of `receivers:`; what is not configured is left out, and said."""
    yield "receivers:"
    yield "  # Pages: somebody is woken, and the others can read along in Slack."
    yield f"  - name: {PAGE}"
    if alerting.pagerduty_key_file is None:
        yield "    # Nobody is woken: `alerting.pagerduty_key_file` is not configured."
    else:
        yield from _pagerduty(alerting, alerting.pagerduty_key_file)
    yield from _slack(alerting)
    yield "  # Tickets, and what is only worth knowing: read in working hours. Never to PagerDuty."
    yield f"  - name: {TICKET}"
    yield from _slack(alerting)
    yield "  # `routing: shadow`: to nobody, on purpose. Prometheus records these alerts, and the page counts them."
    yield f"  - name: {SHADOW}"
    yield "  # The dead man's switch: Watchdog always fires, and is told every five minutes. Attach a service that"
    yield "  # calls when it hears no more of it, for then Prometheus or Alertmanager is gone:"
    yield "  #   webhook_configs: [{url: https://deadman.example/ping, send_resolved: false}]"
    yield f"  - name: {WATCHDOG}"


def _pagerduty(alerting: Alerting, key_file: Path) -> Iterator[str]:
    """Write the page: an event of PagerDuty's Events API v2, whose dedup key is the group's."""
    yield "    pagerduty_configs:"
    yield f"      - routing_key_file: {in_yaml(str(key_file))}"
    yield "        send_resolved: true"
    yield f"        client: {in_yaml(literal(alerting.job))}"
    if alerting.grafana_url is not None:
        yield "        client_url: '{{ template \"foldwatch.dashboard\" . }}'"
    yield "        description: '{{ template \"foldwatch.summary\" . }}'"
    yield "        severity: '{{ template \"foldwatch.severity\" . }}'"
    yield "        class: '{{ .CommonLabels.alertname }}'"
    yield "        component: '{{ template \"foldwatch.component\" . }}'"
    yield f"        group: {in_yaml(literal(alerting.job))}"
    yield "        links:"
    yield "          - {text: Runbook, href: '{{ template \"foldwatch.runbook\" . }}'}"
    if alerting.grafana_url is not None:
        yield "          - {text: Dashboard, href: '{{ template \"foldwatch.dashboard\" . }}'}"
    yield "        details:"
    yield "          what: '{{ template \"foldwatch.what\" . }}'"
    yield "          since: '{{ template \"foldwatch.since\" . }}'"
    yield "          firing: '{{ template \"foldwatch.firing\" . }}'"
    yield "          resolved: '{{ template \"foldwatch.resolved\" . }}'"


def _slack(alerting: Alerting) -> Iterator[str]:
    if alerting.slack_url_file is None:
        yield "    # Nothing is said in Slack: `alerting.slack_url_file` is not configured."
        return
    yield "    slack_configs:"
    yield f"      - api_url_file: {in_yaml(str(alerting.slack_url_file))}"
    if alerting.slack_channel is not None:
        yield f"        channel: {in_yaml(literal(alerting.slack_channel))}"
    yield "        send_resolved: true"
    yield "        color: '{{ template \"foldwatch.color\" . }}'"
    yield "        title: '{{ template \"foldwatch.title\" . }}'"
    yield "        title_link: '{{ template \"foldwatch.look\" . }}'"
    yield "        text: '{{ template \"foldwatch.text\" . }}'"
    yield "        fallback: '{{ template \"foldwatch.title\" . }}'"
