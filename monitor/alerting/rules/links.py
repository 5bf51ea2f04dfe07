"""Links of alerts: what to do, and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from monitor.alerting.rules.template import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.settings import Alerting

_DASHBOARD: Final = "d/foldwatch-on-call"
_SHOWN: Final = {"from": "now-24h", "to": "now"}


def links(alerting: Alerting, alert: str, own_runbook: str | None = None, **variables: str) -> Mapping[str, str]:
    """Return the annotations `runbook_url` and `dashboard_url`, each where it is configured.

    `own_runbook` wins over ours; the variables choose what the dashboard shows.
    """
    found = {}
    runbook = own_runbook or (f"{alerting.runbook_url}/{alert}" if alerting.runbook_url else None)
    if runbook:
        found["runbook_url"] = literal(runbook)
    if alerting.grafana_url:
        asked = {f"var-{name}": text for name, text in variables.items()} | _SHOWN
        query = "&".join(f"{name}={quote(text, safe='')}" for name, text in asked.items())
        found["dashboard_url"] = literal(f"{alerting.grafana_url}/{_DASHBOARD}?{query}")
    return found
