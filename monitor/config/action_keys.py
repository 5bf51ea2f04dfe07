"""Keys of `action` and `on_promote`: what a re-validation does, kind by kind, and where its rows come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds, revalidation_kinds
from monitor.config.alert_kinds import LINK
from monitor.config.placeholders import PLACEHOLDERS
from monitor.config.revalidation import SCHEMES
from monitor.config.section import Key, Table
from monitor.config.settings import Duration

if TYPE_CHECKING:
    from monitor.config.kinds import At

CROSSVAL = "crossval"
COMMAND = "command"
WEBHOOK = "webhook"
KUBERNETES = "kubernetes-job"

# --- of every kind -----------------------------------------------------------------------------------------------

KIND = Key(
    "kind",
    kinds.one_of(CROSSVAL, COMMAND, WEBHOOK, KUBERNETES),
    "`crossval`: cross-validates where `foldwatch revalidate` runs. `command`: a local program. `webhook`: a signed "
    "POST. `kubernetes-job`: a Job from a template.",
    required=True,
)
TIME_LIMIT = Key(
    "time_limit", kinds.PACE, "After this the run has failed: timed out.", Duration(3_600_000, "1h"), "`1h`"
)
MEMORY_LIMIT = Key(
    "memory_limit", revalidation_kinds.SIZE, "What everything that works on it may take together.", without="any"
)
VERSION = Key(
    "version",
    kinds.TEXT,
    "The candidate is a retrained model of this version, which is deployed after the promotion: see `on_promote`.",
    without="the candidate is of the version that is judged",
)
RESULT = Key(
    "result",
    kinds.PATH,
    "The baseline file that it leaves behind, newer than the start; it is handed in when the work has ended.",
    without="no result is awaited: the decision stays `start`",
)

# --- crossval ----------------------------------------------------------------------------------------------------

DATA: Key[At] = Key(
    "data",
    kinds.Kind("path, or a mapping", kinds.MAPPING.read),
    "The rows: a path (CSV, JSON Lines or Parquet, also .gz/.zst, a glob or a directory), or a mapping that names a "
    "`file`, a `command` or a `query`.",
    required=True,
)
TARGET = Key("target", kinds.TEXT, "The column of classes.", required=True)
ESTIMATOR = Key(
    "estimator",
    revalidation_kinds.FACTORY,
    "A function without arguments that returns an unfitted scikit-learn estimator; found on PYTHONPATH or beside the "
    "configuration.",
    required=True,
)
FEATURES = Key("features", kinds.TEXTS, "The columns that the model sees.", without="all but target, groups and time")
GROUPS = Key("groups", kinds.TEXT, "The column of groups; never a feature. `group` and `stratified-group` need it.")
TIME = Key("time", kinds.TEXT, "The column that says when a row was observed; never a feature.")
SCHEME = Key(
    "scheme",
    kinds.one_of(*SCHEMES),
    "How the rows are split, as for `foldwatch baseline crossval`.",
    "stratified",
    "`stratified`",
)
FOLDS = Key("folds", kinds.TWO_OR_MORE, "How many folds.", 5, "`5`")
REPEATS = Key(
    "repeats", kinds.COUNT, "Of `repeated-stratified`: how often it is split anew.", without="`10` there, else `1`"
)
SEED = Key("seed", revalidation_kinds.SEED, "The same seed and rows give the same baseline.", 0, "`0`")
JOBS = Key("jobs", kinds.COUNT, "Folds at a time.", without="as many as cores")
MAX_DATA_AGE = Key(
    "max_data_age", kinds.PACE, "A newest row that is older than this is a warning in the decision.", without="any age"
)
_TRAINING = (DATA, TARGET, ESTIMATOR, FEATURES, GROUPS, TIME, SCHEME, FOLDS, REPEATS, SEED, JOBS)
_PATH = "models.NAME.revalidate.action"
CROSSVAL_TABLE = Table(
    f"{_PATH} (kind: crossval)",
    "Cross-validation where the command runs. Needs the extra `crossval`.",
    (KIND, *_TRAINING, TIME_LIMIT, MEMORY_LIMIT, MAX_DATA_AGE, VERSION),
    synonyms={
        "label": "target",
        "y": "target",
        "columns": "features",
        "cv": "folds",
        "k": "folds",
        "n_splits": "folds",
        "n_repeats": "repeats",
        "random_state": "seed",
        "n_jobs": "jobs",
        "factory": "estimator",
        "timeout": "time_limit",
        "max_age": "max_data_age",
    },
)

DATA_FILE = Key("file", kinds.PATH, "The same as the path alone.")
DATA_COMMAND = Key(
    "command", kinds.TEXTS, "A local program and its arguments, without a shell: it prints the table on stdout."
)
DATA_FORMAT = Key("format", kinds.one_of("csv", "jsonl", "parquet"), "What `command` prints.", "csv", "`csv`")
DATA_QUERY = Key("query", kinds.TEXT, "SQL, one result row a row. Needs the extra `sql`.")
DATA_URL = Key(
    "url",
    revalidation_kinds.DATABASE,
    'The database, as SQLAlchemy writes it, without a password: `"sqlite:///warehouse.db"`, whose path is relative to '
    "the configuration.",
)
DATA_URL_FILE = Key("url_file", kinds.PATH, "The file that holds that address, where it has a password in it.")
DATA_TABLE = Table(
    f"{_PATH}.data",
    "Where the rows come from: exactly one of `file`, `command` and `query`.",
    (DATA_FILE, DATA_COMMAND, DATA_FORMAT, DATA_QUERY, DATA_URL, DATA_URL_FILE),
    secrets=True,
    synonyms={"path": "file", "sql": "query", "database": "url", "dsn": "url_file", "password": "url_file"},
)

# --- the other kinds ---------------------------------------------------------------------------------------------

ARGV = Key(
    "argv",
    kinds.TEXTS,
    "The program and its arguments, without a shell. `{run}`, `{model}`, `{version}` and `{baseline}` in them are "
    "filled in, and stand in the environment too.",
    required=True,
)
COMMAND_TABLE = Table(
    f"{_PATH} (kind: command)",
    "A local program.",
    (KIND, ARGV, RESULT, TIME_LIMIT, MEMORY_LIMIT, VERSION),
    synonyms={"command": "argv", "args": "argv", "output": "result", "timeout": "time_limit"},
)

URL = Key("url", LINK, "Where the POST goes.", required=True)
SECRET_FILE = Key(
    "secret_file",
    kinds.PATH,
    "The file that holds the secret of `X-Foldwatch-Signature-256`, HMAC-SHA256 of timestamp, a full stop and body.",
    without="not signed",
)
TOKEN_FILE = Key(
    "token_file",
    kinds.PATH,
    "The file that holds the token of `Authorization: Bearer`, which GitHub, Airflow and Argo ask for.",
)
BODY = Key(
    "body",
    kinds.TEXT,
    "A template of the body, JSON. Filled in are: " + ", ".join(f"`{{{name}}}`" for name in PLACEHOLDERS) + ".",
    without="the decision as JSON",
)
HEADERS: Key[At] = Key("headers", kinds.MAPPING, "Name -> text, beside our own. No secrets: they stand in files.")
WEBHOOK_TABLE = Table(
    f"{_PATH} (kind: webhook)",
    "A signed POST, sent again on 5xx and where no answer comes, with the same `Idempotency-Key`.",
    (KIND, URL, SECRET_FILE, TOKEN_FILE, BODY, HEADERS, RESULT, TIME_LIMIT, VERSION),
    secrets=True,
    synonyms={
        "bearer": "token_file",
        "bearer_token": "token_file",
        "bearer_token_file": "token_file",
        "password": "token_file",
        "authorization": "token_file",
        "hmac": "secret_file",
        "signing_key": "secret_file",
        "template": "body",
        "payload": "body",
        "timeout": "time_limit",
    },
)

TEMPLATE = Key("template", kinds.PATH, "The file of a `batch/v1` Job, YAML.", required=True)
NAMESPACE = Key(
    "namespace", kinds.TEXT, "Where the Job runs.", without="the template's, else the one that the command runs in"
)
KUBERNETES_TABLE = Table(
    f"{_PATH} (kind: kubernetes-job)",
    "A Job from a template, which is followed to its end. Needs the extra `kubernetes`.",
    (KIND, TEMPLATE, NAMESPACE, RESULT, TIME_LIMIT, VERSION),
    synonyms={"job": "template", "manifest": "template", "deadline": "time_limit", "timeout": "time_limit"},
)

TELL_KIND = Key("kind", kinds.one_of(WEBHOOK, COMMAND), "`webhook` or `command`.", required=True)
_TOLD = "models.NAME.revalidate.on_promote"
TELL_WEBHOOK_TABLE = Table(
    f"{_TOLD} (kind: webhook)",
    "A signed POST after the promotion. Where it fails, the promotion stands, and it is told again next time.",
    (TELL_KIND, URL, SECRET_FILE, TOKEN_FILE, BODY, HEADERS, TIME_LIMIT),
    secrets=True,
    synonyms=WEBHOOK_TABLE.synonyms,
)
TELL_COMMAND_TABLE = Table(
    f"{_TOLD} (kind: command)",
    "A local program after the promotion. Where it fails, the promotion stands, and it is told again next time.",
    (TELL_KIND, ARGV, TIME_LIMIT, MEMORY_LIMIT),
    synonyms={"command": "argv", "args": "argv", "timeout": "time_limit"},
)

BY_KIND = (
    (CROSSVAL, CROSSVAL_TABLE),
    (COMMAND, COMMAND_TABLE),
    (WEBHOOK, WEBHOOK_TABLE),
    (KUBERNETES, KUBERNETES_TABLE),
)
"""Kind of an action -> its keys."""
TELL_BY_KIND = ((WEBHOOK, TELL_WEBHOOK_TABLE), (COMMAND, TELL_COMMAND_TABLE))
ACTION_TABLES = (
    CROSSVAL_TABLE,
    DATA_TABLE,
    COMMAND_TABLE,
    WEBHOOK_TABLE,
    KUBERNETES_TABLE,
    TELL_WEBHOOK_TABLE,
    TELL_COMMAND_TABLE,
)
