"""The metrics by name: docs/reference/report.md. What a configuration may ask for and what a report lists."""

from __future__ import annotations

PER_CLASS = ("precision", "recall", "f1", "specificity", "support", "roc_auc", "pr_auc")
"""One versus rest, for every class."""
OVERALL = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "log_loss", "brier", "ece")
"""Of the whole model."""
OVERALL_BINARY = ("roc_auc", "pr_auc")
"""Of the whole model too where it has two classes: those of the positive class."""
METRICS = (*PER_CLASS, *OVERALL)
"""Every name once."""
LOSSES = ("log_loss", "brier")
"""Smaller is better, and no margin fits without asking: only an objective's margin gives them a verdict."""
NEVER_JUDGED = ("support", "ece")
"""Shown without a verdict."""
RANKED = ("roc_auc", "pr_auc", "log_loss", "brier")
"""They need every class's score: undefined for more than 50 classes, of which only the top score is kept."""
PROPORTIONS = ("recall", "precision", "specificity", "accuracy")
"""Each labelled prediction that they count is good or bad by itself: what occurrences can be of."""
