from pathlib import Path

import pytest

from monitor.config import Security, load, require_source
from monitor.errors import InputError

MODELS = "models: {churn: {classes: [stay, leave]}}\n"
GOOD = """\
source:
  kind: kafka
  bootstrap_servers: [localhost:9092]
  predictions: {topic: predictions}
  labels: {topic: labels}
  dead_letters: {topic: dead}
  security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password_file: p}
store: {path: state}
models: {churn: {classes: [stay, leave]}}
"""
SERVERS = "source.bootstrap_servers"
SECURITY = "source.security"
LOGIN = "{protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password_file: p}"
FOR_KAFKA = "is for `kind: kafka`, and this source is `kind: files`"
FOR_FILES = "is for `kind: files`, and this source is `kind: kafka`"

# what stands in GOOD, what is written instead, where the problem is, what it says, what is to be done
BAD = [
    ("kind: kafka", "kind: kafak", "2: source.kind", "`kafak` is not known", "did you mean `kafka`?"),
    ("kind: kafka", "kind: Kafka", "2: source.kind", "not known", "did you mean `kafka`?"),
    ("kind: kafka", "client: kafka", "2: source.client", "not known", "kafka-python, confluent"),
    ("kind: kafka", "client: confluent-kafka", "2: source.client", "not known", "kafka-python, confluent"),
    ("kind: kafka", "group_id: ''", "2: source.group_id", "is empty", "write a text"),
    ("kind: kafka", "bootstrap_server: a:1", "2: source.bootstrap_server", "unknown key", "`bootstrap_servers`"),
    ("kind: kafka", "topic: t", "2: source.topic", "unknown key", "source.predictions or source.labels"),
    ("kind: kafka", "username: u", "2: source.username", "unknown key", "it belongs to source.security"),
    ("[localhost:9092]", "[]", f"3: {SERVERS}", "is empty", "`localhost:9092`"),
    ("[localhost:9092]", "", f"3: {SERVERS}", "is empty", "`localhost:9092`"),
    ("[localhost:9092]", "{a: 1}", f"3: {SERVERS}", "is a mapping", "write a list"),
    ("[localhost:9092]", "[a:1, [b:1]]", f"3: {SERVERS}[1]", "is a list", "single text"),
    ("[localhost:9092]", "[localhost]", f"3: {SERVERS}[0]", "`localhost` has no port", "`localhost:9092`"),
    ("[localhost:9092]", "kafka-1", f"3: {SERVERS}", "`kafka-1` has no port", "`kafka-1:9092`"),
    ("[localhost:9092]", "[a:9092, b:x]", f"3: {SERVERS}[1]", "`b:x` is not HOST:PORT", "`kafka-1:9092`"),
    ("[localhost:9092]", "[a:99999]", f"3: {SERVERS}[0]", "is not HOST:PORT", "`kafka-1:9092`"),
    ("[localhost:9092]", "[a:0]", f"3: {SERVERS}[0]", "names port 0", "the broker listens on"),
    ("[localhost:9092]", "['::1:9092']", f"3: {SERVERS}[0]", "is not HOST:PORT", "`[::1]:9092`"),
    ("[localhost:9092]", "['[kafka]:9092']", f"3: {SERVERS}[0]", "is not HOST:PORT", "`[::1]:9092`"),
    ("[localhost:9092]", "['a b:9092']", f"3: {SERVERS}[0]", "is not HOST:PORT", "`kafka-1:9092`"),
    ("[localhost:9092]", "a:9092,b", f"3: {SERVERS}", "`b` has no port", "`b:9092`"),
    ("[localhost:9092]", "SASL_SSL://a:1", f"3: {SERVERS}", "begins like a URL", "leave `SASL_SSL://` out"),
    ("[localhost:9092]", "[a:1, b:1, a:1]", f"3: {SERVERS}[2]", "`a:1` stands there twice", "once"),
    ("topic: predictions", "topic: a/b", "4: source.predictions.topic", "`a/b` cannot name a topic", "letters"),
    ("topic: predictions", "topic: préd", "4: source.predictions.topic", "cannot name a topic", "letters"),
    ("topic: predictions", "topic: ..", "4: source.predictions.topic", "`..` cannot name a topic", "name"),
    ("topic: labels", "topic: .", "5: source.labels.topic", "`.` cannot name a topic", "name"),
    ("topic: labels", f"topic: {'t' * 250}", "5: source.labels.topic", "has 250 characters", "up to 249"),
    ("topic: labels", "topic: [a]", "5: source.labels.topic", "is a list", "single text"),
    ("topic: labels", "topic: ''", "5: source.labels.topic", "is empty", "write a text"),
    ("topic: labels", "topics: labels", "5: source.labels.topics", "unknown key", "`topic`"),
    ("topic: labels", "topic: predictions", "2: source", "`labels` and `predictions` name the same topic", "its own"),
    ("topic: dead", "topic: labels", "2: source", "`dead_letters` and `labels` name the same topic", "its own"),
    ("topic: predictions", "path: p.jsonl", "4: source.predictions.path", FOR_FILES, "write `topic: predictions`"),
    ("topic: labels", "topic: l, path: l.jsonl", "5: source.labels.path", FOR_FILES, "write `topic: labels`"),
    ("topic: dead", "path: d.jsonl", "6: source.dead_letters.path", FOR_FILES, "`topic: foldwatch-dead-letters`"),
    (LOGIN, "SASL_SSL", f"7: {SECURITY}", "single value", "write a mapping"),
    ("SASL_SSL", "SASL-SSL", f"7: {SECURITY}.protocol", "`SASL-SSL` is not known", "did you mean `SASL_SSL`?"),
    ("SASL_SSL", "TLS", f"7: {SECURITY}.protocol", "not known", "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    ("SCRAM-SHA-512", "SCRAM_SHA_512", f"7: {SECURITY}.mechanism", "not known", "did you mean `SCRAM-SHA-512`?"),
    ("SCRAM-SHA-512", "GSSAPI", f"7: {SECURITY}.mechanism", "not known", "PLAIN, SCRAM-SHA-256"),
    ("mechanism: SCRAM-SHA-512, ", "", f"7: {SECURITY}", "`mechanism` is missing: SASL_SSL", "mechanism: PLAIN"),
    ("username: u, ", "", f"7: {SECURITY}", "`username` is missing: SCRAM-SHA-512", "add `username`"),
    (", password_file: p", "", f"7: {SECURITY}", "`password_file` is missing: SCRAM", "add `password_file`"),
    ("SCRAM-SHA-512, username: u, password_file: p", "OAUTHBEARER", f"7: {SECURITY}", "`token_file` is missing: OAUTH",
     "add `token_file`"),
    ("SCRAM-SHA-512, username: u, password_file: p", "OAUTHBEARER, token_file: t, username: u",
     f"7: {SECURITY}.username", "not used by OAUTHBEARER", "remove it: OAUTHBEARER logs in with `token_file`"),
    ("password_file: p", "password_file: p, token_file: t", f"7: {SECURITY}.token_file", "not used by SCRAM-SHA-512",
     "logs in with `username` and `password_file`"),
    ("password_file: p", "password_file: p, cert_file: c", f"7: {SECURITY}.cert_file", "no use without `key_file`",
     "add `key_file`"),
    ("password_file: p", "password_file: p, key_file: k", f"7: {SECURITY}.key_file", "no use without `cert_file`",
     "add `cert_file`"),
    ("password_file: p", "password_file: p, key_password_file: k", f"7: {SECURITY}.key_password_file",
     "no use without `key_file`", "add `key_file`"),
    (LOGIN, "{protocol: PLAINTEXT, ca_file: c}", f"7: {SECURITY}.ca_file", "`protocol: PLAINTEXT` does not encrypt",
     "`protocol: SSL`, or remove it"),
    (LOGIN, "{ca_file: c}", f"7: {SECURITY}.ca_file", "without `protocol` it is PLAINTEXT", "`protocol: SSL`"),
    ("SASL_SSL, ", "SASL_PLAINTEXT, ca_file: c, ", f"7: {SECURITY}.ca_file", "does not encrypt", "`protocol: SASL_SSL"),
    ("SASL_SSL", "SSL", f"7: {SECURITY}.mechanism", "`protocol: SSL` has no login", "`protocol: SASL_SSL`"),
    ("protocol: SASL_SSL, ", "", f"7: {SECURITY}.mechanism", "without `protocol` it is PLAINTEXT, which has no login",
     "`protocol: SASL_PLAINTEXT`"),
    (LOGIN, "{protocol: SSL, username: u}", f"7: {SECURITY}.username", "has no login", "`protocol: SASL_SSL`"),
    ("password_file: p", "password_file:", f"7: {SECURITY}.password_file", "is empty", "write a text"),
    ("p}", "p, sasl_mechanism: PLAIN}", f"7: {SECURITY}.sasl_mechanism", "unknown key", "`mechanism`"),
    ("p}", "p, password: hunter2}", f"7: {SECURITY}.password", "unknown key", "`password_file: PATH`"),
    ("p}", "p, ssl.key.password: hunter2}", f"7: {SECURITY}.ssl.key.password", "unknown", "`key_password_file: PATH`"),
    ("p}", "p, token: hunter2}", f"7: {SECURITY}.token", "secrets stand in files of their own", "`token_file: PATH`"),
    ("{path: state}", "{path: ''}", "8: store.path", "is empty", "write a text"),
    ("{path: state}", "{paht: state, path: s}", "8: store.paht", "unknown key", "`path`"),
    ("{path: state}", "", "8: store", "`path` is missing", "add `path`"),
    ("{path: state}", "state", "8: store", "single value", "mapping"),
]  # fmt: skip
FILES = """\
source:
  kind: files
  predictions: {path: p.jsonl}
  labels: {path: l.jsonl}
  dead_letters: {path: d.jsonl}
models: {churn: {classes: [stay, leave]}}
"""
BAD_FILES = [
    ("kind: files", "kind: files\n  client: confluent", "3: source.client", FOR_KAFKA, "remove it"),
    ("kind: files", "kind: files\n  bootstrap_servers: a:1", "3: source.bootstrap_servers", FOR_KAFKA, "kind: kafka"),
    ("kind: files", "kind: files\n  group_id: g", "3: source.group_id", FOR_KAFKA, "remove it"),
    ("kind: files", "kind: files\n  security: {}", "3: source.security", FOR_KAFKA, "remove it"),
    ("path: p.jsonl", "topic: p", "3: source.predictions.topic", FOR_KAFKA, "write `path: logs/predictions.jsonl`"),
    ("path: l.jsonl", "topic: l", "4: source.labels.topic", FOR_KAFKA, "write `path: logs/labels.jsonl`"),
    ("path: d.jsonl", "topic: d/", "5: source.dead_letters.topic", FOR_KAFKA, "write `path: dead-letters.jsonl`"),
]


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        return load(tmp_path / "c.yaml")

    return written


@pytest.fixture
def problems(read):
    """Return what is wrong with a text."""

    def found(text):
        with pytest.raises(InputError) as failed:
            read(text)
        return failed.value.problems

    return found


def test_the_configuration_of_a_cluster_is_understood_as_a_whole(read, tmp_path):
    settings = read(
        "source:\n"
        "  kind: kafka\n"
        "  client: confluent\n"
        "  bootstrap_servers: [kafka-1:9092, '[::1]:9093', 10.0.0.1:9094]\n"
        "  group_id: watch\n"
        "  start: latest\n"
        "  predictions: {topic: predictions, fields: {prediction_id: id}}\n"
        "  labels:      {topic: la.be_ls-2, fields: {}}\n"
        "  dead_letters: {topic: foldwatch-dead-letters, halt_share: 0.25}\n"
        "  security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password_file: p, ca_file: /etc/c,\n"
        "             cert_file: ce, key_file: k, key_password_file: kp}\n"
        "store: {path: state}\n" + MODELS
    )
    source = settings.source
    assert (source.kind, source.client, source.group_id, source.start) == ("kafka", "confluent", "watch", "latest")
    assert source.bootstrap_servers == ("kafka-1:9092", "[::1]:9093", "10.0.0.1:9094")
    assert (source.predictions.topic, source.predictions.path) == ("predictions", None)
    assert source.predictions.fields == {"prediction_id": "id"}
    assert (source.labels.topic, source.labels.path) == ("la.be_ls-2", None)
    assert (source.dead_letters.topic, source.dead_letters.path) == ("foldwatch-dead-letters", None)
    assert source.dead_letters.halt_share == 0.25
    assert source.security == Security(
        "SASL_SSL",
        "SCRAM-SHA-512",
        "u",
        tmp_path / "p",
        None,
        Path("/etc/c"),
        tmp_path / "ce",
        tmp_path / "k",
        tmp_path / "kp",
    )
    assert settings.store == tmp_path / "state"
    require_source(settings)


def test_what_is_absent_has_its_default(read):
    source = read(f"source: {{kind: kafka}}\n{MODELS}").source
    assert (source.client, source.bootstrap_servers, source.group_id) == ("kafka-python", (), "foldwatch")
    assert source.start == "earliest"
    assert source.security == Security("PLAINTEXT")
    assert (source.dead_letters.topic, source.dead_letters.halt_share) == (None, 0.5)


def test_an_empty_security_is_none(read):
    assert read(f"source: {{kind: kafka, security: }}\n{MODELS}").source.security == Security()


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("localhost:9092", ("localhost:9092",)),
        ("'a:1,b:2, c:3'", ("a:1", "b:2", "c:3")),
        ("'[fe80::1]:9092'", ("[fe80::1]:9092",)),
        ("[a_b.c-d:1]", ("a_b.c-d:1",)),
        ("[' a:1 ']", ("a:1",)),
    ],
)
def test_brokers_are_a_list_or_a_single_text(read, written, understood):
    source = read(f"source: {{kind: kafka, bootstrap_servers: {written}}}\n{MODELS}").source
    assert source.bootstrap_servers == understood


@pytest.mark.parametrize("name", ["a", "0", "A.b_c-9", "...", "t" * 249])
def test_every_name_that_kafka_takes_is_a_topic(read, name):
    assert read(f"source: {{kind: kafka, labels: {{topic: {name}}}}}\n{MODELS}").source.labels.topic == name


@pytest.mark.parametrize(
    "security",
    [
        "{protocol: PLAINTEXT}",
        "{protocol: SSL}",
        "{protocol: SSL, ca_file: c, cert_file: c, key_file: k}",
        "{protocol: SASL_PLAINTEXT, mechanism: PLAIN, username: u, password_file: p}",
        "{protocol: SASL_SSL, mechanism: SCRAM-SHA-256, username: u, password_file: p}",
        "{protocol: SASL_SSL, mechanism: OAUTHBEARER, token_file: t, ca_file: c}",
    ],
)
def test_what_goes_together_is_fine_and_the_files_need_not_be_there(read, security):
    assert read(f"source: {{kind: kafka, security: {security}}}\n{MODELS}").source.security.protocol in security


@pytest.mark.parametrize(("good", "bad", "place", "finding", "remedy"), BAD, ids=[f"{b[1]}" for b in BAD])
def test_what_is_wrong_with_a_cluster_is_said_with_its_place_and_remedy(
    problems, tmp_path, good, bad, place, finding, remedy
):
    assert GOOD.count(good) == 1
    (problem,) = problems(GOOD.replace(good, bad))
    assert problem.place == f"{tmp_path}/c.yaml:{place}"
    assert finding in f"{problem.finding}; {problem.remedy}"
    assert remedy in problem.remedy
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(("good", "bad", "place", "finding", "remedy"), BAD_FILES, ids=[f"{b[1]}" for b in BAD_FILES])
def test_what_files_have_no_use_for_is_said(problems, tmp_path, good, bad, place, finding, remedy):
    assert FILES.count(good) == 1
    (problem,) = problems(FILES.replace(good, bad))
    assert (problem.place, problem.finding) == (f"{tmp_path}/c.yaml:{place}", finding)
    assert remedy in problem.remedy


def test_all_problems_of_a_cluster_come_at_once_in_the_order_of_their_lines(problems):
    text = GOOD
    for good, bad in [
        ("[localhost:9092]", "[a, b:1, c]"),
        ("topic: labels", "topic: a b"),
        ("SASL_SSL", "SSL"),
        ("password_file: p", "password_file: p, cert_file: c"),
        ("{path: state}", "{}"),
    ]:
        text = text.replace(good, bad)
    assert [problem.place.partition("c.yaml:")[2] for problem in problems(text)] == [
        "3: source.bootstrap_servers[0]",
        "3: source.bootstrap_servers[2]",
        "5: source.labels.topic",
        "7: source.security.mechanism",
        "7: source.security.cert_file",
        "8: store",
    ]


def test_without_a_kind_topics_and_paths_may_stand_there_for_a_backtest_does_not_ask(read):
    text = "source: {bootstrap_servers: a:1, predictions: {topic: p, path: p.jsonl}, labels: {path: l.jsonl}}\n"
    source = read(text + MODELS).source
    assert (source.kind, source.predictions.topic, source.predictions.path.name) == (None, "p", "p.jsonl")


def test_what_run_needs_of_a_cluster_is_demanded_by_run_alone(read):
    settings = read(f"source: {{kind: kafka, dead_letters: {{topic: d}}}}\n{MODELS}")
    with pytest.raises(InputError) as failed:
        require_source(settings)
    assert [problem.place.rpartition(": ")[2] for problem in failed.value.problems] == [
        "source.bootstrap_servers",
        "source.predictions.topic",
        "source.labels.topic",
    ]
    assert all("`run` needs it" in problem.finding and problem.remedy for problem in failed.value.problems)


def test_files_may_have_a_store_too(read):
    settings = read(FILES + "store: {path: /var/state}\n")
    assert settings.store == Path("/var/state")
    require_source(settings)
    assert read(FILES).store is None


def test_the_whole_example_of_the_reference_is_valid(read):
    settings = read(
        """\
source:                             # backtest and baseline need only `fields`, `defaults`, `dead_letters` of it
  kind: kafka                       # kafka | files
  client: kafka-python              # or confluent (installed by the extra `confluent`)
  bootstrap_servers: [localhost:9092]
  group_id: foldwatch
  start: earliest                   # where an empty state begins; or latest
  predictions: {topic: predictions, fields: {}}     # files: {path: logs/predictions.jsonl}
  labels:      {topic: labels,      fields: {}}
  dead_letters: {topic: foldwatch-dead-letters, halt_share: 0.5}    # files: {path: dead-letters.jsonl}
  defaults: {model: churn, version: "3"}            # for logs that do not carry them
  max_clock_skew: 5m
  security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password_file: p, ca_file: c}
store: {path: state}                # RocksDB directory; absent: memory (demo, backtest)
server: {listen: 127.0.0.1:9464}
evaluate_every: 60s
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {"3": baselines/churn-3.json}
    windows: [1h, 24h, 7d]
    label_horizon: 14d
    correction_window: 30d
    label_first_wait: 1d
    segments: [region]
    margin: 0.03
    owner: team-growth
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.03, target: 0.95}
"""
    )
    assert settings.source.security.mechanism == "SCRAM-SHA-512"
    assert settings.models["churn"].correction_window.text == "30d"
    require_source(settings)
