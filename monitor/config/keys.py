"""Every key that a configuration may hold, with its kind, default and meaning: what the reference shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import DAY
from monitor.config import kinds
from monitor.config.alert_keys import ALERT_TABLES, ALERTING, ANNOTATIONS, ROUTING, SLO, SLO_KIND, TARGET
from monitor.config.revalidation_keys import (
    DAEMON,
    LEDGER,
    MLFLOW,
    REVALIDATE,
    REVALIDATION_TABLES,
    REVALIDATION_TOP_TABLES,
)
from monitor.config.section import Key, Table
from monitor.config.server_keys import SERVER_TABLES
from monitor.config.settings import Duration, Export
from monitor.config.source_keys import SOURCE_TABLES

if TYPE_CHECKING:
    from monitor.config.kinds import At

# --- top level ---------------------------------------------------------------------------------------------------

SOURCE: Key[At] = Key("source", kinds.MAPPING, "Where events come from, and what their fields are called.")
STORE: Key[At] = Key(
    "store",
    kinds.MAPPING,
    "Where the state is kept, so that a restart goes on where the last one ended.",
    without="memory: a restart begins anew",
)
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
TOP = Table(
    "",
    "The file as a whole.",
    (SOURCE, STORE, SERVER, EVALUATE_EVERY, EXPORT, SLO, ALERTING, LEDGER, MLFLOW, DAEMON, MODELS),
)

# --- store ---------------------------------------------------------------------------------------------------------

STORE_PATH = Key(
    "path",
    kinds.PATH,
    "Folder of the state (RocksDB), made where it is not there. One daemon at a time uses it.",
    required=True,
)
STORE_TABLE = Table("store", "The state.", (STORE_PATH,))

# --- export -----------------------------------------------------------------------------------------------------------

EXPORT_METRICS = Key(
    "metrics",
    kinds.TEXTS,
    "Metrics to export for every model, class and window.",
    Export().metrics,
    "`[recall, precision, f1, accuracy]`",
)
EXPORT_SEGMENTS = Key("segments", kinds.BOOLEAN, "Whether segments are exported too.", default=False, without="`false`")
MAX_SERIES = Key(
    "max_series",
    kinds.COUNT,
    "The most series of versions that are exported: segments give way first, metrics of objectives last.",
    10_000,
    "`10000`",
)
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
    "Version -> baseline file to begin with, relative to the configuration, or `mlflow:RUN_ID`, the run that holds it. "
    "A version without one is counted, not compared.",
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
        REVALIDATE,
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
OBJECTIVE_TABLE = Table(
    "models.NAME.objectives[]",
    "One promise about one metric over one window.",
    (
        OBJECTIVE_NAME,
        OBJECTIVE_METRIC,
        OBJECTIVE_CLASS,
        OBJECTIVE_WINDOW,
        OBJECTIVE_SEGMENT,
        OBJECTIVE_MARGIN,
        SLO_KIND,
        TARGET,
        ROUTING,
        ANNOTATIONS,
    ),
)

TABLES: tuple[Table, ...] = (
    TOP,
    *SOURCE_TABLES,
    STORE_TABLE,
    *SERVER_TABLES,
    EXPORT_TABLE,
    *ALERT_TABLES,
    *REVALIDATION_TOP_TABLES,
    MODEL_TABLE,
    OBJECTIVE_TABLE,
    *REVALIDATION_TABLES,
)
