"""Other people's words for our metrics, so that a near miss is understood."""

from __future__ import annotations

from types import MappingProxyType

METRIC_SYNONYMS = MappingProxyType(
    {
        "auc": "roc_auc",
        "auroc": "roc_auc",
        "rocauc": "roc_auc",
        "auprc": "pr_auc",
        "average_precision": "pr_auc",
        "ap": "pr_auc",
        "sensitivity": "recall",
        "tpr": "recall",
        "hit_rate": "recall",
        "ppv": "precision",
        "tnr": "specificity",
        "f1_score": "f1",
        "f_score": "f1",
        "f1_macro": "macro_f1",
        "precision_macro": "macro_precision",
        "recall_macro": "macro_recall",
        "balanced_accuracy": "macro_recall",
        "acc": "accuracy",
        "logloss": "log_loss",
        "neg_log_loss": "log_loss",
        "cross_entropy": "log_loss",
        "brier_score": "brier",
        "brier_score_loss": "brier",
        "expected_calibration_error": "ece",
        "calibration_error": "ece",
    }
)
