"""Every alert there is: its name and severity. Rules, runbooks, routes and tests are checked against this list."""

from __future__ import annotations

from typing import Final

CRITICAL: Final = "critical"
"""Somebody is woken: PagerDuty and Slack."""
WARNING: Final = "warning"
"""Somebody looks at it in working hours: Slack."""
INFORMATION: Final = "info"
"""Worth knowing: Slack."""
NONE: Final = "none"
"""For machines: the dead man's switch."""

BURNS_FAST: Final = "FoldwatchBudgetBurnsFast"
BURNS: Final = "FoldwatchBudgetBurns"
SPENT: Final = "FoldwatchBudgetSpent"
DOWN: Final = "FoldwatchDown"
HALTED: Final = "FoldwatchHalted"
STALLED: Final = "FoldwatchEvaluationStalled"
LABELS_LATE: Final = "FoldwatchLabelsLate"
PREDICTIONS_STOPPED: Final = "FoldwatchPredictionsStopped"
NOT_AS_USUAL: Final = "FoldwatchDataNotAsUsual"
LAG: Final = "FoldwatchLagGrows"
DEAD_LETTERS: Final = "FoldwatchDeadLetters"
BASELINE_MISSING: Final = "FoldwatchBaselineMissing"
BASELINE_OLD: Final = "FoldwatchBaselineOld"
REVALIDATION_OVERDUE: Final = "FoldwatchRevalidationOverdue"
REVALIDATION_FAILS: Final = "FoldwatchRevalidationFails"
FOLDS_UNSTABLE: Final = "FoldwatchFoldsUnstable"
CERTIFICATE: Final = "FoldwatchCertificateExpires"
RULES_FAIL: Final = "FoldwatchRulesFail"
WATCHDOG: Final = "Watchdog"

QUALITY: Final = {BURNS_FAST: CRITICAL, BURNS: WARNING, SPENT: INFORMATION}
"""Of each objective with a target; label `severity`."""
OPERATION: Final = {
    DOWN: CRITICAL,
    HALTED: CRITICAL,
    STALLED: CRITICAL,
    LABELS_LATE: WARNING,
    PREDICTIONS_STOPPED: WARNING,
    NOT_AS_USUAL: WARNING,
    LAG: WARNING,
    DEAD_LETTERS: WARNING,
    BASELINE_MISSING: WARNING,
    BASELINE_OLD: INFORMATION,
    REVALIDATION_OVERDUE: WARNING,
    REVALIDATION_FAILS: WARNING,
    FOLDS_UNSTABLE: WARNING,
    CERTIFICATE: WARNING,
    RULES_FAIL: WARNING,
    WATCHDOG: NONE,
}
"""Of the daemon and of what it is fed with."""
SEVERITY_OF: Final = {"page": CRITICAL, "ticket": WARNING}
"""How loud in our own words -> label `severity`."""
