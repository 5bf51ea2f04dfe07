"""Every metric that foldwatch exports: name, type, labels and help. The only place where a name is written.

Rules, dashboards and the reference page are checked against it. Conventions: prefix `foldwatch_`, units of Prometheus'
own, `_total` only for what never falls, bands as series of their own (so that `sum` and `avg` keep their meaning).
"""

from __future__ import annotations

from typing import Final

from monitor.prometheus.metric import Measured, Metric, counter, gauge, histogram

SERIES: Final = ("model", "version", "segment", "window", "maturity", "metric")
"""Labels of whatever is measured in a window. `segment=""` is everything."""
CLASS_SERIES: Final = (*SERIES, "class")
_OBJECTIVE: Final = ("model", "slo")
"""Labels of whatever an objective counts; `slo` is its name."""
_MODEL: Final = ("model",)


_CLASS_LABELS: Final = gauge(
    "class_labels", "Labelled predictions that the metric of a class counts (its denominator).", CLASS_SERIES
)
_OVERALL_LABELS: Final = gauge(
    "overall_labels", "Labelled predictions that the metric of the whole model counts (its denominator).", SERIES
)

OF_CLASS: Final = Measured(
    value=gauge("class_quality_ratio", "Metric of a class in a window of production.", CLASS_SERIES),
    lower=gauge("class_quality_lower_ratio", "Lower end of the band of the metric of a class.", CLASS_SERIES),
    upper=gauge("class_quality_upper_ratio", "Upper end of the band of the metric of a class.", CLASS_SERIES),
    baseline=gauge(
        "class_baseline_ratio", "What the folds promise for the metric of a class at the window's mix.", CLASS_SERIES
    ),
    baseline_lower=gauge(
        "class_baseline_lower_ratio", "Lower end of the folds' corridor for the metric of a class.", CLASS_SERIES
    ),
    baseline_upper=gauge(
        "class_baseline_upper_ratio", "Upper end of the folds' corridor for the metric of a class.", CLASS_SERIES
    ),
    labels=_CLASS_LABELS,
)
OF_MODEL: Final = Measured(
    value=gauge("overall_quality_ratio", "Metric of the whole model in a window of production.", SERIES),
    lower=gauge("overall_quality_lower_ratio", "Lower end of the band of the metric of the whole model.", SERIES),
    upper=gauge("overall_quality_upper_ratio", "Upper end of the band of the metric of the whole model.", SERIES),
    baseline=gauge(
        "overall_baseline_ratio",
        "What the folds promise for the metric of the whole model at the window's mix.",
        SERIES,
    ),
    baseline_lower=gauge(
        "overall_baseline_lower_ratio", "Lower end of the folds' corridor for the metric of the whole model.", SERIES
    ),
    baseline_upper=gauge(
        "overall_baseline_upper_ratio", "Upper end of the folds' corridor for the metric of the whole model.", SERIES
    ),
    labels=_OVERALL_LABELS,
)
LOSS: Final = Measured(
    value=gauge("overall_loss", "Log-loss of the whole model in a window of production, in nats.", SERIES),
    lower=gauge("overall_loss_lower", "Lower end of the band of the log-loss, in nats.", SERIES),
    upper=gauge("overall_loss_upper", "Upper end of the band of the log-loss, in nats.", SERIES),
    baseline=gauge("overall_baseline_loss", "Log-loss that the folds promise at the window's mix, in nats.", SERIES),
    baseline_lower=gauge("overall_baseline_loss_lower", "Lower end of the folds' corridor, in nats.", SERIES),
    baseline_upper=gauge("overall_baseline_loss_upper", "Upper end of the folds' corridor, in nats.", SERIES),
    labels=_OVERALL_LABELS,
)
SUPPORT: Final = gauge("class_support", "Labelled predictions in a window whose true class it is.", CLASS_SERIES)
VERDICT: Final = gauge(
    "verdict",
    "1 for the verdict that holds: does production agree with what cross-validation promised?",
    (*CLASS_SERIES, "verdict"),
)

CLASS_FOLD: Final = gauge(
    "class_fold_ratio",
    "Metric of a class in one fold of the baseline; with repeats `fold` is REPEAT/FOLD, from 0.",
    ("model", "version", "metric", "class", "fold"),
)
OVERALL_FOLD: Final = gauge(
    "overall_fold_ratio",
    "Metric of the whole model in one fold of the baseline; with repeats `fold` is REPEAT/FOLD, from 0.",
    ("model", "version", "metric", "fold"),
)
FOLD_SHARE: Final = gauge(
    "fold_class_share_ratio",
    "Share of a class among the validation rows of one fold of the baseline.",
    ("model", "version", "fold", "class"),
)
CONFUSION: Final = gauge(
    "confusion",
    "Labelled predictions of the newest window by true and predicted class: every cell of up to 10 classes, else the "
    "20 largest wrong ones.",
    ("model", "version", "window", "maturity", "true_class", "predicted_class"),
)

PREDICTIONS: Final = counter("predictions", "Predictions received, each identity once.", ("model", "version"))
LABELS: Final = counter("labels", "Label events by what finally became of them.", ("model", "outcome"))
WAITING_PREDICTIONS: Final = gauge("waiting_predictions", "Predictions without a label that may still get one.")
WAITING_LABELS: Final = gauge("waiting_labels", "Label events whose prediction has not come and still may.")
DEAD_LETTERS: Final = counter("dead_letters", "Events rejected as invalid, by reason.", ("reason",))
SKIPPED: Final = counter("skipped", "Valid events that are not ours to count, by reason.", ("reason",))

LAG: Final = gauge(
    "consumer_lag", "Messages of a partition that wait to be read, as last heard.", ("topic", "partition")
)
RESETS: Final = counter(
    "offset_resets", "Partitions that began anew because what was to be read next was gone.", ("topic",)
)
HALTED: Final = gauge("halted", "1 while reading has stopped because too many events were rejected.")
LAST_EVALUATION: Final = gauge("last_evaluation_timestamp_seconds", "When the report was evaluated.")
LAST_LABEL: Final = gauge(
    "last_label_timestamp_seconds", "Latest time of labelling among the labels received.", ("model",)
)
LAST_PREDICTION: Final = gauge(
    "last_prediction_timestamp_seconds", "Latest time of prediction among the predictions received.", ("model",)
)
DATA_GATE: Final = gauge(
    "data_gate",
    "1 while a model's events are not as usual, 0 while they are; no series as long as that is not known.",
    ("model", "gate"),
)
COMPLETENESS: Final = gauge(
    "label_completeness_ratio", "Labelled share of the predictions of the newest mature window.", ("model",)
)
LABEL_DELAY: Final = gauge(
    "label_delay_seconds",
    "From prediction to label, in the newest mature window: within it so many per cent of its labels came.",
    ("model", "percentile"),
)
PREDICTION_RATE: Final = gauge("prediction_rate", "Predictions a second in the last hour.", ("model",))
DUPLICATES: Final = gauge("duplicate_ratio", "Share of duplicates in the last hour's predictions.", ("model",))
ORPHANS: Final = gauge("orphan_ratio", "Share of the last hour's labels whose prediction never came.", ("model",))
REJECTED: Final = gauge("rejected_ratio", "Share of the last hour's events that were rejected, of all models.")
LATENCY: Final = gauge(
    "prediction_latency_seconds",
    "`latency_ms` of the last hour's predictions: so many per cent of them took at most so long.",
    ("model", "percentile"),
)
SLO_EVENTS: Final = counter(
    "slo_events", "Events that an error budget counts: good and bad ones, never the skipped.", _OBJECTIVE
)
SLO_BAD: Final = counter("slo_bad_events", "Events that spend an error budget.", _OBJECTIVE)
SLO_SKIPPED: Final = counter(
    "slo_skipped", "Evaluations that could not tell good from bad, for want of labels.", _OBJECTIVE
)
SLO_STATE: Final = gauge(
    "slo_state",
    "1 for how an objective with an error budget stands; no series before it is known.",
    (*_OBJECTIVE, "state"),
)
SLO_BUDGET_LEFT: Final = gauge(
    "slo_budget_left_ratio",
    "Share of the period's error budget that is left: 0 is spent, less is overspent; no series without events.",
    _OBJECTIVE,
)
REVALIDATION_ASKED: Final = gauge(
    "revalidation_asked_timestamp_seconds",
    "When `foldwatch revalidate` last asked about a model; before that when its configuration was first read.",
    _MODEL,
)
REVALIDATION_OPEN: Final = gauge(
    "revalidation_open_timestamp_seconds", "When the run was started that is open now; no series while none is.", _MODEL
)
REVALIDATION_LIMIT: Final = gauge("revalidation_time_limit_seconds", "How long a run may take.", _MODEL)
REVALIDATION_WAITS: Final = gauge("revalidation_waits", "1 while a candidate waits for approval.", _MODEL)
REVALIDATIONS: Final = counter("revalidations", "Runs by how they ended.", (*_MODEL, "outcome"))
REVALIDATION_FAILURES: Final = gauge(
    "revalidation_failures", "Runs in a row that failed, timed out or were cancelled, up to now.", _MODEL
)
GATE_PASSED: Final = gauge(
    "gate_passed", "1 if the last candidate passed the gate, 0 if it did not; no series before one was judged.", _MODEL
)
PROMOTED: Final = gauge(
    "promotion_timestamp_seconds", "When a baseline was last promoted or rolled back; no series before.", _MODEL
)
FOLD_DEVIATION: Final = gauge(
    "fold_deviation_ratio",
    "Standard deviation of a class's F1 between the folds of the baseline in force.",
    ("model", "version", "class"),
)
FOLD_DEVIATION_LIMIT: Final = gauge(
    "fold_deviation_limit_ratio", "`max_fold_sd` of the gate; no series where it is not configured.", _MODEL
)
EVALUATION_SECONDS: Final = histogram(
    "evaluation_seconds",
    "How long an evaluation took: windows, bands and verdicts, until the report was made.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
STEP_SECONDS: Final = histogram(
    "step_seconds",
    "How long one step of the loop took: read a batch, join it, count it and commit it.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0),
)
SOURCE_UP: Final = gauge("source_up", "1 while the source can be read: as of the last try; 0 before the first one.")
LAST_COMMIT: Final = gauge(
    "last_commit_timestamp_seconds",
    "When events were last committed to the state; no series before this process committed any.",
)
STATE_BYTES: Final = gauge(
    "state_bytes", "What the state takes on the disk, as of the evaluation; no series where it is in memory."
)
REFUSED: Final = counter("http_refused", "Requests and connections turned away, by reason.", ("reason",))
SERIES_SHOWN: Final = gauge("series", "Samples in this exposition, this one included.")
SERIES_LEFT_OUT: Final = gauge(
    "series_left_out", "Series of versions that are not in this exposition because of export.max_series."
)
BUILD: Final = gauge("build_info", "The version of foldwatch that runs.", ("version",))
MODEL: Final = gauge(
    "model_info",
    "The baseline that a model's version is compared with.",
    ("model", "version", "owner", "baseline_sha256", "scheme", "folds"),
)
BASELINE_AT: Final = gauge(
    "baseline_timestamp_seconds",
    "When the file of the baseline that a model's version is compared with was last written.",
    ("model", "version"),
)
TLS_EXPIRY: Final = gauge(
    "tls_expiry_timestamp_seconds",
    "When the first of the configured certificates expires; no series where none is configured.",
)
FOOTPRINT: Final = (
    Metric("process_resident_memory_bytes", "gauge", (), "Memory of the process that is in RAM."),
    Metric("process_virtual_memory_bytes", "gauge", (), "Addresses that the process has reserved."),
    Metric("process_cpu_seconds_total", "counter", (), "CPU time of the process, its own and the system's for it."),
    Metric("process_start_time_seconds", "gauge", (), "When the process started."),
    Metric("process_open_fds", "gauge", (), "File descriptors that the process has open."),
    Metric("process_max_fds", "gauge", (), "File descriptors that the process may have open."),
)
"""What the process takes of the machine. The names are those of every Prometheus client."""

CATALOG: Final[tuple[Metric, ...]] = (
    *OF_CLASS.families,
    SUPPORT,
    *OF_MODEL.families,
    *LOSS.families[:-1],
    VERDICT,
    CLASS_FOLD,
    OVERALL_FOLD,
    FOLD_SHARE,
    CONFUSION,
    PREDICTIONS,
    LABELS,
    WAITING_PREDICTIONS,
    WAITING_LABELS,
    DEAD_LETTERS,
    SKIPPED,
    LAG,
    RESETS,
    HALTED,
    SOURCE_UP,
    LAST_COMMIT,
    STEP_SECONDS,
    EVALUATION_SECONDS,
    STATE_BYTES,
    LAST_EVALUATION,
    LAST_LABEL,
    LAST_PREDICTION,
    DATA_GATE,
    COMPLETENESS,
    LABEL_DELAY,
    PREDICTION_RATE,
    DUPLICATES,
    ORPHANS,
    REJECTED,
    LATENCY,
    SLO_EVENTS,
    SLO_BAD,
    SLO_SKIPPED,
    SLO_STATE,
    SLO_BUDGET_LEFT,
    REVALIDATION_ASKED,
    REVALIDATION_OPEN,
    REVALIDATION_LIMIT,
    REVALIDATION_WAITS,
    REVALIDATIONS,
    REVALIDATION_FAILURES,
    GATE_PASSED,
    PROMOTED,
    FOLD_DEVIATION,
    FOLD_DEVIATION_LIMIT,
    REFUSED,
    SERIES_SHOWN,
    SERIES_LEFT_OUT,
    BUILD,
    MODEL,
    BASELINE_AT,
    TLS_EXPIRY,
    *FOOTPRINT,
)
"""In the order of exposition; each name once."""

FINAL_OUTCOMES: Final = ("applied", "corrected", "retracted", "repeated", "orphan")
"""Values of `outcome` of foldwatch_labels_total: those that do not change any more."""


def measured(metric: str, class_: str | None) -> Measured:
    """Return the families of a metric. `support` has SUPPORT for its value, a count, instead."""
    if metric == "log_loss":
        return LOSS
    return OF_MODEL if class_ is None else OF_CLASS
