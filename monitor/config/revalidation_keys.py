"""Keys of re-validation: when a model is cross-validated again, what holds it back, and what becomes of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds, revalidation_kinds
from monitor.config.action_keys import ACTION_TABLES
from monitor.config.alert_kinds import ADDRESS
from monitor.config.revalidation import GateSettings, MlflowSettings
from monitor.config.section import Key, Table

if TYPE_CHECKING:
    from monitor.config.kinds import At

# --- top level ---------------------------------------------------------------------------------------------------

LEDGER: Key[At] = Key(
    "ledger",
    kinds.MAPPING,
    "Where every decision, promotion and rollback is written down.",
    without="`ledger.jsonl` in the state's folder; without `store`, in the first `promote_to`",
)
MLFLOW: Key[At] = Key(
    "mlflow",
    kinds.MAPPING,
    "Where each re-validation becomes a run, and where baselines may be read from. Needs the extra `mlflow`.",
    without="no MLflow",
)
DAEMON: Key[At] = Key(
    "daemon", kinds.MAPPING, "Where `foldwatch revalidate` finds the daemon.", without="`server.listen`"
)

LEDGER_PATH = Key(
    "path", kinds.PATH, "The file, JSON lines, each with the hash of the one before. It only grows.", required=True
)
LEDGER_TABLE = Table("ledger", "The ledger.", (LEDGER_PATH,), synonyms={"file": "path"})

TRACKING_URI = Key(
    "tracking_uri",
    revalidation_kinds.TRACKING,
    'MLflow\'s address: a server, or such as `"sqlite:///mlflow.db"`, whose path is relative to the configuration. '
    "Without a password: MLflow takes MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD from the environment.",
    required=True,
)
EXPERIMENT = Key("experiment", kinds.TEXT, "The experiment of our runs.", MlflowSettings("").experiment, "`foldwatch`")
MLFLOW_TABLE = Table(
    "mlflow",
    "MLflow. When it is away, the decision stands and the upload is tried again.",
    (TRACKING_URI, EXPERIMENT),
    synonyms={"uri": "tracking_uri", "url": "tracking_uri", "tracking_url": "tracking_uri"},
)

DAEMON_URL = Key("url", ADDRESS, "The daemon's address.", without="`server.listen` on this machine")
DAEMON_TOKEN_FILE = Key(
    "token_file",
    kinds.PATH,
    "The file that holds the daemon's bearer token.",
    without="`server.auth.bearer_token_file`, else the token in the state's folder",
)
DAEMON_CA_FILE = Key(
    "ca_file",
    kinds.PATH,
    "Authorities, PEM, of the daemon's certificate.",
    without="the system's; for `server.listen` its own certificate",
)
DAEMON_CERT_FILE = Key("cert_file", kinds.PATH, "Our certificate, PEM, where the daemon asks for one.")
DAEMON_KEY_FILE = Key("key_file", kinds.PATH, "The private key, PEM, of `cert_file`.")
DAEMON_TABLE = Table(
    "daemon",
    "The daemon, as `foldwatch revalidate` sees it. Where none answers, the command takes the state's lock and does "
    "the same itself.",
    (DAEMON_URL, DAEMON_TOKEN_FILE, DAEMON_CA_FILE, DAEMON_CERT_FILE, DAEMON_KEY_FILE),
    secrets=True,
    synonyms={"address": "url", "bearer_token": "token_file", "bearer_token_file": "token_file", "ca": "ca_file"},
)

# --- of a model --------------------------------------------------------------------------------------------------

REVALIDATE: Key[At] = Key(
    "revalidate",
    kinds.MAPPING,
    "When the model is validated again, and when the result becomes the new baseline.",
    without="nobody re-validates it",
)
WHEN: Key[At] = Key("when", kinds.MAPPING, "What starts a run.", without="only `--force` does")
UNLESS: Key[At] = Key(
    "unless", kinds.MAPPING, "What holds a run back that something would start.", without="`{cool_down: 1d}`"
)
ACTION: Key[At] = Key("action", kinds.MAPPING, "What a run does, by its `kind`.", required=True)
GATE: Key[At] = Key("gate", kinds.MAPPING, "What a candidate has to pass to become the baseline.")
PROMOTE_TO = Key(
    "promote_to",
    kinds.PATH,
    "Folder of the baselines, each named by its hash; `current.json` in it points to those in force and outlives a "
    "restart. Made where it is not there.",
    "baselines",
    "`baselines`",
)
ON_PROMOTE: Key[At] = Key(
    "on_promote", kinds.MAPPING, "Whom to tell of a promotion: `webhook` or `command`.", without="nobody"
)
REVALIDATE_TABLE = Table(
    "models.NAME.revalidate",
    "Re-validation: `foldwatch revalidate`, run by a timer, decides and does it.",
    (WHEN, UNLESS, ACTION, GATE, PROMOTE_TO, ON_PROMOTE),
    synonyms={"triggers": "when", "guards": "unless", "promote": "promote_to"},
)

BUDGET_SPENT = Key(
    "budget_spent",
    kinds.ABOVE_ZERO,
    "An objective has spent more than this share of its error budget; 1 is all of it.",
)
WORSE_EVALUATIONS = Key(
    "worse_evaluations", kinds.COUNT, "So many mature evaluations of an objective, one after another, were WORSE."
)
DRIFT_SHARE = Key(
    "drift_share",
    kinds.SOME_SHARE,
    "This share, or more, of features and predictions drifted. Needs the extra `drift`.",
)
BASELINE_AGE = Key("baseline_age", kinds.PACE, "The baseline in force is older than this.")
NEW_LABELS = Key("new_labels", kinds.COUNT, "More labels than this came since the last run was started.")
NEW_VERSION = Key(
    "new_version",
    kinds.BOOLEAN,
    "A version in production has no baseline.",
    default=False,
    without="`false`",
)
WHEN_TABLE = Table(
    "models.NAME.revalidate.when",
    "Any one of these starts a run.",
    (BUDGET_SPENT, WORSE_EVALUATIONS, DRIFT_SHARE, BASELINE_AGE, NEW_LABELS, NEW_VERSION),
    synonyms={"drift": "drift_share", "age": "baseline_age", "worse": "worse_evaluations"},
)

COOL_DOWN = Key(
    "cool_down",
    kinds.DURATION,
    "The last run was started less than this ago.",
    without="no cool-down; `1d` where `unless` is absent",
)
PER_WEEK = Key("per_week", kinds.COUNT, "So many runs were started within the last seven days.")
QUIET = Key(
    "quiet", revalidation_kinds.QUIET, 'Hours in UTC in which nothing starts: `["22:00-06:00"]`, also over midnight.'
)
LABELS_PER_CLASS = Key(
    "labels_per_class", kinds.COUNT, "A class has fewer mature labels than this in the longest window."
)
UNLESS_TABLE = Table(
    "models.NAME.revalidate.unless",
    "Each of these holds a run back. So do, always, data gates that are red (`data_gates`: never retrain on broken "
    "data) and a run that is open (`open_run`). `--force` overrides all but the latter.",
    (COOL_DOWN, PER_WEEK, QUIET, LABELS_PER_CLASS),
    synonyms={"cooldown": "cool_down", "quiet_hours": "quiet", "max_per_week": "per_week"},
)

YARDSTICK = Key(
    "yardstick",
    kinds.one_of("baseline", "live"),
    "What the candidate is held against. `baseline`: the one in force, so that the bar is never lowered. `live`: what "
    "production delivers now, which accepts that the world has changed.",
    GateSettings().yardstick,
    "`baseline`",
)
MAX_FOLD_SD = Key(
    "max_fold_sd",
    kinds.SOME_SHARE,
    "The largest standard deviation of a class's F1 between folds.",
    without="any",
)
APPROVAL = Key(
    "approval",
    kinds.one_of("none", "manual"),
    "`manual`: a candidate that passes waits for `foldwatch revalidate approve`.",
    GateSettings().approval,
    "`none`",
)
GATE_TABLE = Table(
    "models.NAME.revalidate.gate",
    "A candidate becomes the baseline when no class is worse than the yardstick by more than its margin, and every "
    "objective can be kept.",
    (YARDSTICK, MAX_FOLD_SD, APPROVAL),
)

REVALIDATION_TOP_TABLES = (LEDGER_TABLE, MLFLOW_TABLE, DAEMON_TABLE)
REVALIDATION_TABLES = (REVALIDATE_TABLE, WHEN_TABLE, UNLESS_TABLE, *ACTION_TABLES, GATE_TABLE)
