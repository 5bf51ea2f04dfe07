"""Every key that a configuration may hold, with its kind, default and meaning: what the reference shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import DAY
from monitor.config import kinds
from monitor.config.section import Key, Table
from monitor.config.settings import Duration, Export

if TYPE_CHECKING:
    from monitor.config.kinds import At

# --- top level ---------------------------------------------------------------------------------------------------

SOURCE: Key[At] = Key("source", kinds.MAPPING, "Where events come from, and what their fields are called.")
SERVER: Key[At] = Key("server", kinds.MAPPING, "Where HTTP listens.")
EVALUATE_EVERY = Key(
    "evaluate_every",
    kinds.PACE,
    "Wall time between evaluations of the daemon; the first comes right after start.",
    Duration(60_000, "60s"),
    "`60s`",
)
EXPORT: Key[At] = Key(
    "export",
    kinds.MAPPING,
    "Which metrics Prometheus gets beside those of objectives, which are always in.",
    without="recall, precision and F1 per class and accuracy, without segments",
)
MODELS: Key[At] = Key("models", kinds.MAPPING, "The models to watch, by name, as events name them.", required=True)
TOP = Table("", "The file as a whole.", (SOURCE, SERVER, EVALUATE_EVERY, EXPORT, MODELS))

# --- source ------------------------------------------------------------------------------------------------------

KIND = Key("kind", kinds.TEXT, "`files`: follows growing JSON Lines files. `run` needs it, `backtest` does not.")
START = Key(
    "start",
    kinds.TEXT,
    "Where an empty state begins to read: `earliest`, or `latest` for what is new alone.",
    "earliest",
    "`earliest`",
)
PREDICTIONS: Key[At] = Key("predictions", kinds.MAPPING, "The log of predictions.")
LABELS: Key[At] = Key("labels", kinds.MAPPING, "The log of labels.")
DEAD_LETTERS: Key[At] = Key("dead_letters", kinds.MAPPING, "Where rejected events go.")
DEFAULTS: Key[At] = Key("defaults", kinds.MAPPING, "What holds for events that do not carry it.")
MAX_CLOCK_SKEW = Key(
    "max_clock_skew",
    kinds.DURATION,
    "An event timed later than now and this is a dead letter. In a backtest now is the moment it starts.",
    Duration(300_000, "5m"),
    "`5m`",
)
SOURCE_TABLE = Table(
    "source",
    "`backtest` and `baseline` need only `fields`, `defaults` and `dead_letters` of it, and none is fine too.",
    (KIND, START, PREDICTIONS, LABELS, DEAD_LETTERS, DEFAULTS, MAX_CLOCK_SKEW),
)
INPUT_PATH = Key("path", kinds.PATH, "The JSON Lines file to follow, relative to the configuration. `run` needs it.")
FIELDS: Key[At] = Key("fields", kinds.MAPPING, "Our names for the fields of an event, and theirs.")
PREDICTIONS_TABLE = Table("source.predictions", "One input of events.", (INPUT_PATH, FIELDS))
LABELS_TABLE = Table("source.labels", "One input of events.", (INPUT_PATH, FIELDS))
DEAD_LETTERS_PATH = Key(
    "path",
    kinds.PATH,
    "JSON Lines file to which rejected events are appended, each with its reason.",
    without="rejected events are counted alone",
)
HALT_SHARE = Key(
    "halt_share",
    kinds.SHARE,
    "The daemon stops reading when more than this share of the last 10,000 events (at least 1,000) were rejected.",
    0.5,
    "`0.5`",
)
DEAD_LETTERS_TABLE = Table("source.dead_letters", "What becomes of rejected events.", (DEAD_LETTERS_PATH, HALT_SHARE))
DEFAULT_MODEL = Key("model", kinds.TEXT, "The model of events that name none.")
DEFAULT_VERSION = Key("version", kinds.TEXT, "The version of predictions that name none.")
DEFAULTS_TABLE = Table("source.defaults", "For logs of one model.", (DEFAULT_MODEL, DEFAULT_VERSION))

FLAT_FIELDS = {
    "prediction_id": "Names the prediction; a label names the same.",
    "model": "Name of the model.",
    "version": "Version of the model.",
    "predicted_at": "When it was predicted.",
    "y_pred": "The predicted class; it may be left out when `positive` and `threshold` are set.",
    "score": "Score of the positive class.",
    "entity": "User or session.",
    "latency_ms": "How long the prediction took.",
    "features": "Features of the prediction.",
    "y_true": "The class that came true; null retracts.",
    "labelled_at": "When the label was given.",
}
"""Our names of fields that map to one field of theirs."""
MAPPED_FIELDS = {"scores": "Class -> its score.", "segment": "Segment -> its value."}
"""Our names of fields that map to one field of theirs (a mapping), or name by name."""
FIELD_PREFIXES = {"score_": "scores", "segment_": "segment"}
"""`score_leave: p` is another way to write `scores: {leave: p}`."""
LABEL_FIELDS = ("prediction_id", "model", "y_true", "labelled_at")
"""What the labels' `fields` may map."""

# --- server, export ----------------------------------------------------------------------------------------------

SERVER_LISTEN = Key(
    "listen",
    kinds.LISTEN,
    "Address of `/metrics`, the probes, the page and its API. Port 0 takes any that is free.",
    ("127.0.0.1", 9464),
    "`127.0.0.1:9464`",
)
SERVER_TABLE = Table("server", "HTTP.", (SERVER_LISTEN,))
EXPORT_METRICS = Key(
    "metrics",
    kinds.TEXTS,
    "Metrics to export for every model, class and window.",
    Export().metrics,
    "`[recall, precision, f1, accuracy]`",
)
EXPORT_SEGMENTS = Key("segments", kinds.BOOLEAN, "Whether segments are exported too.", default=False, without="`false`")
MAX_SERIES = Key("max_series", kinds.COUNT, "The most series that are exported.", 10_000, "`10000`")
EXPORT_TABLE = Table("export", "What Prometheus gets.", (EXPORT_METRICS, EXPORT_SEGMENTS, MAX_SERIES))

# --- models ------------------------------------------------------------------------------------------------------

CLASSES = Key(
    "classes",
    kinds.TEXTS,
    "Every class, in the order in which matrices show them.",
    required=True,
)
POSITIVE = Key(
    "positive",
    kinds.TEXT,
    "Of two classes the one that `score` belongs to.",
    without="the last of two classes",
)
THRESHOLD = Key(
    "threshold",
    kinds.SHARE,
    "Of two classes: the positive one is predicted from this score on, where events carry no `y_pred`.",
)
BASELINE: Key[At] = Key(
    "baseline",
    kinds.MAPPING,
    "Version -> baseline file, relative to the configuration. A version without one is counted, not compared.",
)
WINDOWS = Key(
    "windows",
    kinds.WINDOWS,
    "Lengths of the rolling windows. A day shows a break soon, a week gathers labels enough to judge rare classes.",
    (Duration(DAY, "24h"), Duration(7 * DAY, "7d")),
    "`[24h, 7d]`",
)
LABEL_HORIZON = Key(
    "label_horizon",
    kinds.DURATION,
    "How long after its end a window waits for labels until it is mature and gets verdicts. "
    "The default would rather wait too long than judge before the slow labels are in.",
    Duration(7 * DAY, "7d"),
    "`7d`",
)
CORRECTION_WINDOW = Key(
    "correction_window",
    kinds.DURATION,
    "A label belongs to its prediction up to this long after it. Never less than `label_horizon`.",
    without="`label_horizon` and the longest window together",
)
LABEL_FIRST_WAIT = Key(
    "label_first_wait",
    kinds.DURATION,
    "A label belongs to its prediction up to this long before it.",
    Duration(DAY, "1d"),
    "`1d`",
)
SEGMENTS: Key[At] = Key(
    "segments",
    kinds.LIST_OR_MAPPING,
    "Names of segments to look at one by one. Of each name up to 50 values as they come, further ones are `(other)`; "
    "`{region: [eu, us]}` fixes them. An event without it is `(none)`.",
)
MARGIN = Key(
    "margin",
    kinds.MARGIN,
    "How far below the baseline a metric may lie, in its own units. For metrics without an objective of their own, "
    "and for objectives without a margin of their own; not for `log_loss` and `brier`.",
    0.03,
    "`0.03`",
)
OWNER = Key("owner", kinds.TEXT, "Whom to ask about the model.", "")
OBJECTIVES: Key[At] = Key("objectives", kinds.LIST, "The promises that matter most; their names are unique per model.")
MODEL_TABLE = Table(
    "models.NAME",
    "One model.",
    (
        CLASSES,
        POSITIVE,
        THRESHOLD,
        BASELINE,
        WINDOWS,
        LABEL_HORIZON,
        CORRECTION_WINDOW,
        LABEL_FIRST_WAIT,
        SEGMENTS,
        MARGIN,
        OWNER,
        OBJECTIVES,
    ),
)
OBJECTIVE_NAME = Key("name", kinds.TEXT, "A name for reports and alerts.", required=True)
OBJECTIVE_METRIC = Key("metric", kinds.TEXT, "The metric that is promised.", required=True)
OBJECTIVE_CLASS = Key("class", kinds.TEXT, "Its class; whole-model metrics have none.")
OBJECTIVE_WINDOW = Key("window", kinds.TEXT, "One of `windows`.", required=True)
OBJECTIVE_SEGMENT = Key("segment", kinds.TEXT, "`name=value`: this segment alone.", without="everything")
OBJECTIVE_MARGIN = Key(
    "margin", kinds.LOSS_MARGIN, "How much worse than the baseline is still fine.", without="`margin` of the model"
)
TARGET = Key("target", kinds.TARGET, "The share of good events.")
OBJECTIVE_TABLE = Table(
    "models.NAME.objectives[]",
    "One promise about one metric over one window.",
    (OBJECTIVE_NAME, OBJECTIVE_METRIC, OBJECTIVE_CLASS, OBJECTIVE_WINDOW, OBJECTIVE_SEGMENT, OBJECTIVE_MARGIN, TARGET),
)

TABLES: tuple[Table, ...] = (
    TOP,
    SOURCE_TABLE,
    PREDICTIONS_TABLE,
    LABELS_TABLE,
    DEAD_LETTERS_TABLE,
    DEFAULTS_TABLE,
    SERVER_TABLE,
    EXPORT_TABLE,
    MODEL_TABLE,
    OBJECTIVE_TABLE,
)
