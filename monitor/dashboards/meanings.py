"""What each alert says and where to look first, in a sentence: whoever was woken should not have to look that up."""

from __future__ import annotations

from typing import Final

from monitor.alerting import names as alerts

MEANINGS: Final = {
    alerts.BURNS_FAST: "A budget burns much too fast: look at the classes below, and what changed just before",
    alerts.BURNS: "A budget burns too fast, for a day or three: look at the classes below, in working hours",
    alerts.SPENT: "Nothing of a budget is left: change nothing about the model that is no repair",
    alerts.DOWN: "Prometheus cannot scrape foldwatch: does it run, what does its log say last?",
    alerts.HALTED: "Too many events were rejected, reading has stopped: see the reasons of the dead letters",
    alerts.STALLED: "It answers and evaluates no more: its log, a full or slow disk",
    alerts.LABELS_LATE: "No label for too long, quality is not known: does the feed of labels run?",
    alerts.PREDICTIONS_STOPPED: "No prediction for too long: does the service that predicts run?",
    alerts.NOT_AS_USUAL: "Events come other than usual, figures may be of the feed and not of the model",
    alerts.LAG: "It reads more slowly than is written: far more events than usual, or a slow daemon?",
    alerts.DEAD_LETTERS: "Events were rejected: `foldwatch dead-letters list` shows them",
    alerts.BASELINE_MISSING: "A version predicts without folds to compare it with: it is never judged",
    alerts.BASELINE_OLD: "The folds are old: is their promise still the one you want?",
    alerts.REVALIDATION_OVERDUE: "Nobody asks whether to re-validate: does the timer or CronJob run?",
    alerts.REVALIDATION_FAILS: "Re-validation fails again and again: the page names the last reason",
    alerts.FOLDS_UNSTABLE: "Folds of the baseline disagree more than is allowed: its promise is as uncertain",
    alerts.CERTIFICATE: "A certificate expires soon: renew its file",
    alerts.RULES_FAIL: "Prometheus cannot evaluate our rules: its page of rules shows the error",
}
"""Alert -> sentence, of all but the dead man's switch."""
