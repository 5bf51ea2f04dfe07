"""What the alerts of the daemon and its feeds say. `$labels` are those of the alert: names never become templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Words:
    """Templates of one alert."""

    summary: str
    """One line that never changes while the alert lasts."""
    description: str
    """What it means, how much, and what to look at first."""


WORDS: Final[Mapping[str, Words]] = {
    alerts.DOWN: Words(
        "foldwatch ({{ $labels.job }}) is not scraped",
        "Prometheus does not reach job {{ $labels.job }} at {{ $labels.instance }} (nothing there: it knows no such "
        "target). No quality of any of its models is known, and no other alert of it can ring.\n"
        "Look first: does the process run (`/-/healthy`), and what does its log say last? After a restart it goes on "
        "where it stopped, nothing is lost as long as the topics keep their events.\n",
    ),
    alerts.HALTED: Words(
        "foldwatch ({{ $labels.job }}) has stopped reading: too many events were rejected",
        "The share of rejected events passed `dead_letters.halt_share`, so reading stopped before a wrong format could "
        "pass for a bad model. Nothing is lost.\n"
        "Look first: `foldwatch dead-letters list` shows the reasons; mend the feed or `fields`, then restart the "
        "daemon.\n",
    ),
    alerts.STALLED: Words(
        "foldwatch ({{ $labels.job }}) no longer evaluates",
        "The last evaluation is {{ $value | humanizeDuration }} old: figures, verdicts and budgets stand still while "
        "the process is being scraped.\n"
        "Look first: `/-/healthy` and the log; a full disk, a slow disk or a processor that is taken are the usual "
        "reasons.\n",
    ),
    alerts.LAG: Words(
        "foldwatch ({{ $labels.job }}) falls behind on topic {{ $labels.topic }}",
        'The backlog of {{ $labels.topic }} grew by {{ $value | printf "%.0f" }} messages within a quarter of an hour '
        "and is not being caught up: figures are of the past, and get older.\n"
        "Look first: does far more arrive than usual, or is the daemon slow (processor, disk)?\n",
    ),
    alerts.DEAD_LETTERS: Words(
        "foldwatch ({{ $labels.job }}) rejects events: {{ $labels.reason }}",
        'About {{ $value | printf "%.0f" }} events of the last quarter of an hour were rejected: {{ $labels.reason }}. '
        "They are kept, and count for nothing.\n"
        "Look first: `foldwatch dead-letters list --reason '{{ $labels.reason }}'`; after a fix "
        "`foldwatch dead-letters replay` brings them back.\n",
    ),
    alerts.CERTIFICATE: Words(
        "A certificate of foldwatch ({{ $labels.job }}) expires soon",
        "It is valid for another {{ $value | humanizeDuration }}; below 0 it has expired. Without it connections are "
        "refused.\n"
        "Look first: which of the configured certificate files is the oldest (`openssl x509 -enddate -noout -in "
        "FILE`); renew it.\n",
    ),
    alerts.RULES_FAIL: Words(
        "Rules of foldwatch fail in Prometheus",
        '{{ $value | printf "%.0f" }} evaluations of {{ $labels.rule_group }} failed in the last quarter of an hour: '
        "alerts on quality may be silent.\n"
        "Look first: Prometheus' page of rules shows the error beside the rule.\n",
    ),
    alerts.WATCHDOG: Words(
        "foldwatch's alerts reach you",
        "It always rings, so that whoever hears it knows that Prometheus and Alertmanager work. When it stops, they do "
        "not: look at them first.\n",
    ),
    alerts.LABELS_LATE: Words(
        "{{ $labels.model }}: no labels any more",
        "The latest label of {{ $labels.model }} is {{ $value | humanizeDuration }} old. Quality is not known any "
        "more: what is shown is of the past, and its alerts can neither ring nor resolve.\n"
        "Look first: does the job or feed that writes labels run, and does its topic or file still grow?\n",
    ),
    alerts.PREDICTIONS_STOPPED: Words(
        "{{ $labels.model }}: no predictions any more",
        "The latest prediction of {{ $labels.model }} is {{ $value | humanizeDuration }} old.\n"
        "Look first: does the service that predicts run, and does it still write to the topic or file that foldwatch "
        "reads?\n",
    ),
    alerts.NOT_AS_USUAL: Words(
        "{{ $labels.model }}: {{ $labels.gate }} of its events is not as usual",
        "The data gate `{{ $labels.gate }}` of {{ $labels.model }} is closed: events or labels come other than usual, "
        "so that figures of quality may be of the feed and not of the model.\n"
        "Look first: foldwatch's page and `/api/v1/report` (`gates`) say what is usual and what came.\n",
    ),
    alerts.BASELINE_MISSING: Words(
        "{{ $labels.model }}: version {{ $labels.version }} has no baseline",
        'Version {{ $labels.version }} of {{ $labels.model }} predicts, {{ $value | printf "%.0f" }} times in the last '
        "hour, and there are no folds to compare it with: it is counted, never judged.\n"
        "Look first: `foldwatch baseline build` from its out-of-fold predictions, then name the file under "
        "`models.{{ $labels.model }}.baseline`.\n",
    ),
    alerts.BASELINE_OLD: Words(
        "{{ $labels.model }}: the baseline of version {{ $labels.version }} is old",
        "The folds that version {{ $labels.version }} of {{ $labels.model }} is compared with are "
        "{{ $value | humanizeDuration }} old.\n"
        "Look first: whether what they promise is still what you want to promise; else cross-validate anew.\n",
    ),
    alerts.REVALIDATION_OVERDUE: Words(
        "{{ $labels.model }}: nobody asks whether to re-validate it",
        "`foldwatch revalidate` last asked about {{ $labels.model }} {{ $value | humanizeDuration }} ago. It should "
        "run every hour: without it nothing is decided, nothing promoted, and an open run is not gone on with.\n"
        "Look first: does the CronJob, timer or pipeline run, and what did it say last?\n",
    ),
    alerts.REVALIDATION_FAILS: Words(
        "{{ $labels.model }}: re-validation fails again and again",
        'The last {{ $value | printf "%.0f" }} runs of {{ $labels.model }} came to no candidate: they failed, timed '
        "out or were cancelled. The old baseline stays in force.\n"
        "Look first: foldwatch's page names the reason of the last one; `foldwatch revalidate log` those of all.\n",
    ),
    alerts.FOLDS_UNSTABLE: Words(
        "{{ $labels.model }}: the folds of version {{ $labels.version }} disagree",
        "F1 of a class scatters by {{ $value | humanizePercentage }} (one standard deviation) between the folds of the "
        "baseline in force, more than `max_fold_sd`: what they promise is as uncertain.\n"
        "Look first: `foldwatch baseline show` tells which class (M1, M2, M6); few rows, or folds that are not alike, "
        "are the usual reasons.\n",
    ),
}
"""Alert -> what it says."""
