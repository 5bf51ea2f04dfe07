"""Every key below `source`: where events come from, and how we log in there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds
from monitor.config.kafka_kinds import SERVERS, TOPIC
from monitor.config.section import Key, Table
from monitor.config.settings import Duration

if TYPE_CHECKING:
    from monitor.config.kinds import At

KIND = Key(
    "kind",
    kinds.one_of("kafka", "files"),
    "`kafka`: reads topics. `files`: follows growing JSON Lines files. `run` needs it, `backtest` does not.",
)
CLIENT = Key(
    "client",
    kinds.one_of("kafka-python", "confluent"),
    "Of `kafka`: the library that speaks to the broker. `confluent` is faster and needs the extra `confluent`.",
    "kafka-python",
    "`kafka-python`",
)
BOOTSTRAP_SERVERS = Key(
    "bootstrap_servers", SERVERS, "Of `kafka`: brokers to begin with; they name the others. `run` needs it."
)
GROUP_ID = Key(
    "group_id",
    kinds.TEXT,
    "Of `kafka`: the name under which offsets are committed, for tools that show lag. The state's own offsets count.",
    "foldwatch",
    "`foldwatch`",
)
START = Key(
    "start",
    kinds.one_of("earliest", "latest"),
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
SECURITY: Key[At] = Key("security", kinds.MAPPING, "Of `kafka`: encryption and login.", without="neither")
KAFKA_ALONE = (CLIENT, BOOTSTRAP_SERVERS, GROUP_ID, SECURITY)
"""What `kind: files` has no use for."""
SOURCE_TABLE = Table(
    "source",
    "`backtest` and `baseline` need only `fields`, `defaults` and `dead_letters` of it, and none is fine too.",
    (
        KIND,
        CLIENT,
        BOOTSTRAP_SERVERS,
        GROUP_ID,
        START,
        PREDICTIONS,
        LABELS,
        DEAD_LETTERS,
        DEFAULTS,
        MAX_CLOCK_SKEW,
        SECURITY,
    ),
)

# --- inputs ------------------------------------------------------------------------------------------------------

INPUT_TOPIC = Key("topic", TOPIC, "Of `kafka`: the topic to read. `run` needs it.")
INPUT_PATH = Key(
    "path", kinds.PATH, "Of `files`: the JSON Lines file to follow, relative to the configuration. `run` needs it."
)
FIELDS: Key[At] = Key("fields", kinds.MAPPING, "Our names for the fields of an event, and theirs.")
PREDICTIONS_TABLE = Table("source.predictions", "One input of events.", (INPUT_TOPIC, INPUT_PATH, FIELDS))
LABELS_TABLE = Table("source.labels", "One input of events.", (INPUT_TOPIC, INPUT_PATH, FIELDS))
DEAD_LETTERS_TOPIC = Key(
    "topic",
    TOPIC,
    "Of `kafka`: the topic to which rejected events are written, each with its reason. It has to be there.",
    without="rejected events are counted alone",
)
DEAD_LETTERS_PATH = Key(
    "path",
    kinds.PATH,
    "Of `files`: the JSON Lines file to which rejected events are appended, each with its reason.",
    without="rejected events are counted alone",
)
HALT_SHARE = Key(
    "halt_share",
    kinds.SHARE,
    "The daemon stops reading when more than this share of the last 10,000 events (at least 1,000) were rejected.",
    0.5,
    "`0.5`",
)
DEAD_LETTERS_TABLE = Table(
    "source.dead_letters", "What becomes of rejected events.", (DEAD_LETTERS_TOPIC, DEAD_LETTERS_PATH, HALT_SHARE)
)
DEFAULT_MODEL = Key("model", kinds.TEXT, "The model of events that name none.")
DEFAULT_VERSION = Key("version", kinds.TEXT, "The version of predictions that name none.")
DEFAULTS_TABLE = Table("source.defaults", "For logs of one model.", (DEFAULT_MODEL, DEFAULT_VERSION))

# --- security ----------------------------------------------------------------------------------------------------

PROTOCOL = Key(
    "protocol",
    kinds.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "`SSL` encrypts, `SASL_PLAINTEXT` logs in, `SASL_SSL` does both.",
    "PLAINTEXT",
    "`PLAINTEXT`",
)
MECHANISM = Key(
    "mechanism",
    kinds.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"),
    "How to log in; `SASL_PLAINTEXT` and `SASL_SSL` need it.",
)
USERNAME = Key("username", kinds.TEXT, "Of `PLAIN` and `SCRAM-SHA-…`: who logs in.")
PASSWORD_FILE = Key(
    "password_file",
    kinds.PATH,
    "Of `PLAIN` and `SCRAM-SHA-…`: the file that holds the password. A line feed at its end is not part of it.",
)
TOKEN_FILE = Key(
    "token_file",
    kinds.PATH,
    "Of `OAUTHBEARER`: the file that holds the token. It is read anew for each login: whatever renews the token only "
    "writes the file.",
)
CA_FILE = Key(
    "ca_file",
    kinds.PATH,
    "Of `SSL` and `SASL_SSL`: certificates (PEM) of who vouches for the brokers.",
    without="the system's",
)
CERT_FILE = Key("cert_file", kinds.PATH, "Of `SSL` and `SASL_SSL`: our certificate (PEM), where brokers ask for one.")
KEY_FILE = Key("key_file", kinds.PATH, "The private key (PEM) of `cert_file`.")
KEY_PASSWORD_FILE = Key("key_password_file", kinds.PATH, "The file that holds the password of `key_file`.")
SECURITY_TABLE = Table(
    "source.security",
    "Encryption and login. Secrets stand in files of their own, named relative to the configuration, never in it.",
    (
        PROTOCOL,
        MECHANISM,
        USERNAME,
        PASSWORD_FILE,
        TOKEN_FILE,
        CA_FILE,
        CERT_FILE,
        KEY_FILE,
        KEY_PASSWORD_FILE,
    ),
    secrets=True,
)

SOURCE_TABLES = (
    SOURCE_TABLE,
    PREDICTIONS_TABLE,
    LABELS_TABLE,
    DEAD_LETTERS_TABLE,
    DEFAULTS_TABLE,
    SECURITY_TABLE,
)

# --- fields ------------------------------------------------------------------------------------------------------

FLAT_FIELDS = {
    "prediction_id": "Names the prediction; a label names the same.",
    "model": "Name of the model.",
    "version": "Version of the model.",
    "predicted_at": "When it was predicted.",
    "y_pred": "The predicted class; it may be left out when `positive` and `threshold` are set.",
    "score": "Score of the positive class.",
    "entity": "User or session.",
    "latency_ms": "How long the prediction took, ms, from 0 on; anything else counts as absent.",
    "y_true": "The class that came true; null retracts.",
    "labelled_at": "When the label was given.",
}
"""Our names of fields that map to one field of theirs."""
MAPPED_FIELDS = {
    "scores": "Class -> its score.",
    "segment": "Segment -> its value.",
    "features": "Feature -> its value; sampled where `revalidate.when.drift_share` is set.",
}
"""Our names of fields that map to one field of theirs (a mapping), or name by name."""
FIELD_PREFIXES = {"score_": "scores", "segment_": "segment"}
"""`score_leave: p` is another way to write `scores: {leave: p}`."""
LABEL_FIELDS = ("prediction_id", "model", "y_true", "labelled_at")
"""What the labels' `fields` may map."""
