"""Every metric that foldwatch exports: name, type, labels and help. The only place where a name is written.

Rules, dashboards and the reference page are checked against it. Conventions: prefix `foldwatch_`, units of Prometheus'
own, `_total` only for what never falls, bands as series of their own (so that `sum` and `avg` keep their meaning).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SERIES: Final = ("model", "version", "segment", "window", "maturity", "metric")
"""Labels of whatever is measured in a window. `segment=""` is everything."""
CLASS_SERIES: Final = (*SERIES, "class")
_OBJECTIVE: Final = ("model", "slo")
"""Labels of whatever an objective counts; `slo` is its name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as Prometheus sees it."""

    name: str
    """In full, with `_total` where it is a counter."""
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The families that one kind of MetricResult fills: its value and band, the folds' corridor and its n."""

    value: Metric
    lower: Metric
    upper: Metric
    baseline: Metric
    baseline_lower: Metric
    baseline_upper: Metric
    labels: Metric


def _gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(f"foldwatch_{name}", "gauge", labels, text)


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(f"foldwatch_{name}_total", "counter", labels, text)


_CLASS_LABELS: Final = _gauge(
    "class_labels", "Labelled predictions that the metric of a class counts (its denominator).", CLASS_SERIES
)
_OVERALL_LABELS: Final = _gauge(
    "overall_labels", "Labelled predictions that the metric of the whole model counts (its denominator).", SERIES
)

OF_CLASS: Final = Measured(
    value=_gauge("class_quality_ratio", "Metric of a class in a window of production.", CLASS_SERIES),
    lower=_gauge("class_quality_lower_ratio", "Lower end of the band of the metric of a class.", CLASS_SERIES),
    upper=_gauge("class_quality_upper_ratio", "Upper end of the band of the metric of a class.", CLASS_SERIES),
    baseline=_gauge(
        "class_baseline_ratio", "What the folds promise for the metric of a class at the window's mix.", CLASS_SERIES
    ),
    baseline_lower=_gauge(
        "class_baseline_lower_ratio", "Lower end of the folds' corridor for the metric of a class.", CLASS_SERIES
    ),
    baseline_upper=_gauge(
        "class_baseline_upper_ratio", "Upper end of the folds' corridor for the metric of a class.", CLASS_SERIES
    ),
    labels=_CLASS_LABELS,
)
OF_MODEL: Final = Measured(
    value=_gauge("overall_quality_ratio", "Metric of the whole model in a window of production.", SERIES),
    lower=_gauge("overall_quality_lower_ratio", "Lower end of the band of the metric of the whole model.", SERIES),
    upper=_gauge("overall_quality_upper_ratio", "Upper end of the band of the metric of the whole model.", SERIES),
    baseline=_gauge(
        "overall_baseline_ratio",
        "What the folds promise for the metric of the whole model at the window's mix.",
        SERIES,
    ),
    baseline_lower=_gauge(
        "overall_baseline_lower_ratio", "Lower end of the folds' corridor for the metric of the whole model.", SERIES
    ),
    baseline_upper=_gauge(
        "overall_baseline_upper_ratio", "Upper end of the folds' corridor for the metric of the whole model.", SERIES
    ),
    labels=_OVERALL_LABELS,
)
LOSS: Final = Measured(
    value=_gauge("overall_loss", "Log-loss of the whole model in a window of production, in nats.", SERIES),
    lower=_gauge("overall_loss_lower", "Lower end of the band of the log-loss, in nats.", SERIES),
    upper=_gauge("overall_loss_upper", "Upper end of the band of the log-loss, in nats.", SERIES),
    baseline=_gauge("overall_baseline_loss", "Log-loss that the folds promise at the window's mix, in nats.", SERIES),
    baseline_lower=_gauge("overall_baseline_loss_lower", "Lower end of the folds' corridor, in nats.", SERIES),
    baseline_upper=_gauge("overall_baseline_loss_upper", "Upper end of the folds' corridor, in nats.", SERIES),
    labels=_OVERALL_LABELS,
)
SUPPORT: Final = _gauge("class_support", "Labelled predictions in a window whose true class it is.", CLASS_SERIES)
VERDICT: Final = _gauge(
    "verdict",
    "1 for the verdict that holds: does production agree with what cross-validation promised?",
    (*CLASS_SERIES, "verdict"),
)

PREDICTIONS: Final = _counter("predictions", "Predictions received, each identity once.", ("model", "version"))
LABELS: Final = _counter("labels", "Label events by what finally became of them.", ("model", "outcome"))
WAITING_PREDICTIONS: Final = _gauge("waiting_predictions", "Predictions without a label that may still get one.")
WAITING_LABELS: Final = _gauge("waiting_labels", "Label events whose prediction has not come and still may.")
DEAD_LETTERS: Final = _counter("dead_letters", "Events rejected as invalid, by reason.", ("reason",))
SKIPPED: Final = _counter("skipped", "Valid events that are not ours to count, by reason.", ("reason",))

LAG: Final = _gauge(
    "consumer_lag", "Messages of a partition that wait to be read, as last heard.", ("topic", "partition")
)
RESETS: Final = _counter(
    "offset_resets", "Partitions that began anew because what was to be read next was gone.", ("topic",)
)
HALTED: Final = _gauge("halted", "1 while reading has stopped because too many events were rejected.")
LAST_EVALUATION: Final = _gauge("last_evaluation_timestamp_seconds", "When the report was evaluated.")
LAST_LABEL: Final = _gauge(
    "last_label_timestamp_seconds", "Latest time of labelling among the labels received.", ("model",)
)
LAST_PREDICTION: Final = _gauge(
    "last_prediction_timestamp_seconds", "Latest time of prediction among the predictions received.", ("model",)
)
DATA_GATE: Final = _gauge(
    "data_gate",
    "1 while a model's events are not as usual, 0 while they are; no series as long as that is not known.",
    ("model", "gate"),
)
COMPLETENESS: Final = _gauge(
    "label_completeness_ratio", "Labelled share of the predictions of the newest mature window.", ("model",)
)
LABEL_DELAY: Final = _gauge(
    "label_delay_seconds",
    "From prediction to label, in the newest mature window: within it so many per cent of its labels came.",
    ("model", "percentile"),
)
PREDICTION_RATE: Final = _gauge("prediction_rate", "Predictions a second in the last hour.", ("model",))
DUPLICATES: Final = _gauge("duplicate_ratio", "Share of duplicates in the last hour's predictions.", ("model",))
ORPHANS: Final = _gauge("orphan_ratio", "Share of the last hour's labels whose prediction never came.", ("model",))
REJECTED: Final = _gauge("rejected_ratio", "Share of the last hour's events that were rejected, of all models.")
LATENCY: Final = _gauge(
    "prediction_latency_seconds",
    "`latency_ms` of the last hour's predictions: so many per cent of them took at most so long.",
    ("model", "percentile"),
)
SLO_EVENTS: Final = _counter(
    "slo_events", "Events that an error budget counts: good and bad ones, never the skipped.", _OBJECTIVE
)
SLO_BAD: Final = _counter("slo_bad_events", "Events that spend an error budget.", _OBJECTIVE)
SLO_SKIPPED: Final = _counter(
    "slo_skipped", "Evaluations that could not tell good from bad, for want of labels.", _OBJECTIVE
)
SLO_STATE: Final = _gauge(
    "slo_state",
    "1 for how an objective with an error budget stands; no series before it is known.",
    (*_OBJECTIVE, "state"),
)
SLO_BUDGET_LEFT: Final = _gauge(
    "slo_budget_left_ratio",
    "Share of the period's error budget that is left: 0 is spent, less is overspent; no series without events.",
    _OBJECTIVE,
)
SERIES_LEFT_OUT: Final = _gauge(
    "series_left_out", "Series of the report that are not exported because of export.max_series."
)
BUILD: Final = _gauge("build_info", "The version of foldwatch that runs.", ("version",))
MODEL: Final = _gauge(
    "model_info",
    "The baseline that a model's version is compared with.",
    ("model", "version", "owner", "baseline_sha256", "scheme", "folds"),
)
BASELINE_AT: Final = _gauge(
    "baseline_timestamp_seconds",
    "When the file of the baseline that a model's version is compared with was last written.",
    ("model", "version"),
)
TLS_EXPIRY: Final = _gauge(
    "tls_expiry_timestamp_seconds",
    "When the first of the configured certificates expires; no series where none is configured.",
)


def _families(measured: Measured) -> tuple[Metric, ...]:
    return tuple(getattr(measured, name) for name in Measured.__slots__)


CATALOG: Final[tuple[Metric, ...]] = (
    *_families(OF_CLASS),
    SUPPORT,
    *_families(OF_MODEL),
    *_families(LOSS)[:-1],
    VERDICT,
    PREDICTIONS,
    LABELS,
    WAITING_PREDICTIONS,
    WAITING_LABELS,
    DEAD_LETTERS,
    SKIPPED,
    LAG,
    RESETS,
    HALTED,
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
    SERIES_LEFT_OUT,
    BUILD,
    MODEL,
    BASELINE_AT,
    TLS_EXPIRY,
)
"""In the order of exposition; each name once."""

FINAL_OUTCOMES: Final = ("applied", "corrected", "retracted", "repeated", "orphan")
"""Values of `outcome` of foldwatch_labels_total: those that do not change any more."""


def measured(metric: str, class_: str | None) -> Measured:
    """Return the families of a metric. `support` has SUPPORT for its value, a count, instead."""
    if metric == "log_loss":
        return LOSS
    return OF_MODEL if class_ is None else OF_CLASS
