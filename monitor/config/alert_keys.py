"""Every key of error budgets and of whom their alerts reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds
from monitor.config.alert_kinds import ADDRESS, CHANNEL
from monitor.config.alert_kinds import ANNOTATIONS as ANNOTATIONS_KIND
from monitor.config.section import Key, Table
from monitor.config.settings import Alerting, Slo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.kinds import At

TIMESLICES = "timeslices"
OCCURRENCES = "occurrences"
PAGE = "page"
TICKET = "ticket"
SHADOW = "shadow"

# --- top level ---------------------------------------------------------------------------------------------------

SLO: Key[At] = Key("slo", kinds.MAPPING, "How long an error budget lasts, and what Prometheus keeps of it.")
ALERTING: Key[At] = Key("alerting", kinds.MAPPING, "Whom alerts reach, and where their links lead.")

# --- slo ---------------------------------------------------------------------------------------------------------

PERIOD = Key(
    "period",
    kinds.PACE,
    "What an error budget lasts for. The windows of its alerts follow: of 28d they are 1h, 6h, 1d and 3d, of a shorter "
    "period shorter in proportion. At least 24 times the larger of `scrape_interval` and `evaluate_every`.",
    Slo().period,
    "`28d`",
)
SCRAPE_INTERVAL = Key(
    "scrape_interval",
    kinds.PACE,
    "How often Prometheus scrapes the daemon. Windows of alerts are never shorter than two of them.",
    Slo().scrape_interval,
    "`30s`",
)
RETENTION = Key(
    "retention",
    kinds.PACE,
    "How long Prometheus keeps samples (`--storage.tsdb.retention.time`); a longer `period` than that is refused.",
    without="not known; Prometheus itself keeps 15d unless told",
)
SLO_TABLE = Table("slo", "Error budgets.", (PERIOD, SCRAPE_INTERVAL, RETENTION))

# --- alerting ----------------------------------------------------------------------------------------------------

FALSE_PAGES = Key(
    "false_pages_per_month",
    kinds.POSITIVE,
    "How many pages a month may come although nothing is wrong: shared by all paging objectives of timeslices. "
    "No alert rests on it yet.",
)
JOB = Key(
    "job", kinds.TEXT, "The label `job` that Prometheus gives the daemon's series.", Alerting().job, "`foldwatch`"
)
GRAFANA_URL = Key("grafana_url", ADDRESS, "Where Grafana is, as seen by who gets the alert; alerts link to it.")
RUNBOOK_URL = Key(
    "runbook_url",
    ADDRESS,
    "Folder of the runbooks: the alert's name comes behind it. `annotations.runbook` of an objective wins.",
)
PAGERDUTY_KEY_FILE = Key(
    "pagerduty_key_file", kinds.PATH, "The file that holds PagerDuty's integration key. For pages."
)
SLACK_URL_FILE = Key(
    "slack_url_file", kinds.PATH, "The file that holds Slack's webhook address. For pages and tickets."
)
SLACK_CHANNEL = Key("slack_channel", CHANNEL, 'The channel, in quotes: `"#ml-alerts"`.', without="the webhook's own")
ALERTING_TABLE = Table(
    "alerting",
    "Alerts. Secrets stand in files of their own, named relative to the configuration, never in it.",
    (FALSE_PAGES, JOB, GRAFANA_URL, RUNBOOK_URL, PAGERDUTY_KEY_FILE, SLACK_URL_FILE, SLACK_CHANNEL),
    secrets=True,
)
ALERT_TABLES = (SLO_TABLE, ALERTING_TABLE)

# --- of an objective ---------------------------------------------------------------------------------------------

SLO_KIND = Key(
    "kind",
    kinds.one_of(TIMESLICES, OCCURRENCES),
    "What its events are. `timeslices`: each evaluation of a mature window is good, bad when its verdict is WORSE, and "
    "left out when UNKNOWN. `occurrences` (recall, precision, specificity, accuracy): each labelled prediction that "
    "the metric counts is good or bad, once, at its first label.",
    TIMESLICES,
    "`timeslices`",
)
TARGET = Key(
    "target",
    kinds.TARGET,
    "The share of good events; the rest is the error budget.",
    without="no budget, verdicts alone",
)
ROUTING = Key(
    "routing",
    kinds.one_of(PAGE, TICKET, SHADOW),
    "The loudest that it may get: `page` wakes somebody, `ticket` waits for the morning, `shadow` reaches nobody and "
    "is only counted.",
    PAGE,
    "`page`",
)
ANNOTATIONS: Key[Mapping[str, str]] = Key(
    "annotations",
    ANNOTATIONS_KIND,
    'Texts for its alerts, beside our own: `{hypothesis: …, escalation: …, runbook: "https://…"}`. `runbook` is a link '
    "and wins over `alerting.runbook_url`.",
)
