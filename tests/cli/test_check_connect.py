import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress

import pytest

from monitor.cli import main

# kafka-python reads its own files in a way that Python 3.11 calls deprecated, and 3.13 does not any more
pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")

CONFIG = """\
source:
  kind: kafka
  client: {client}
  bootstrap_servers: [{servers}]
  predictions: {{topic: {predictions}}}
  labels: {{topic: {labels}}}
  dead_letters: {{topic: {dead_letters}}}
  security: {security}
store: {{path: {store}}}
models:
  churn: {{classes: [stay, leave], correction_window: 30d}}
"""
DAY = 86_400_000
NOW = int(time.time() * 1000)
CLIENTS = ["kafka-python", "confluent"]


def prediction(id_, **changed):
    whole = {"prediction_id": id_, "model": "churn", "version": "3", "predicted_at": NOW, "y_pred": "stay"}
    return id_, json.dumps(whole | changed)


def label(id_, **changed):
    return id_, json.dumps({"prediction_id": id_, "model": "churn", "y_true": "stay", "labelled_at": NOW} | changed)


@pytest.fixture
def connected(tmp_path, capsys):
    """Write a configuration, run `check --connect`, and return (exit code, lines of findings, all that is said)."""

    def run(text=None, **values):
        if text is None:
            store = values.pop("store", tmp_path / "state")
            security = values.pop("security", "{}")
            values = {"client": "kafka-python", "predictions": "p", "labels": "l", "dead_letters": "d"} | values
            text = CONFIG.format(store=store, security=security, **values)
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        begun = time.monotonic()
        code = main(["check", "--config", str(tmp_path / "c.yaml"), "--connect"])
        assert time.monotonic() - begun < 30
        said = capsys.readouterr()
        assert code in (0, 1), said.err
        assert "Traceback" not in said.out + said.err
        lines = [line for line in said.out.splitlines() if re.match("(ok|warning|failed) ", line)]
        return code, lines, said.out + said.err

    return run


@pytest.fixture
def cluster(broker):
    """Three topics with a hundred good events each, as values of a configuration."""
    topics = {
        "predictions": broker.topic("predictions", 2),
        "labels": broker.topic("labels", 2),
        "dead_letters": broker.topic("dead"),
    }
    broker.produce(topics["predictions"], [prediction(f"id-{i}") for i in range(100)])
    broker.produce(topics["labels"], [label(f"id-{i}") for i in range(100)])
    return {"servers": broker.bootstrap} | topics


def found(lines, subject):
    """Return (level, text) of the lines about a subject."""
    parts = [re.fullmatch(r"(ok|warning|failed) +(dead letters|\S+) +(\S.*)", line).groups() for line in lines]
    return [(level, text) for level, about, text in parts if about == subject]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_cluster_that_is_well_is_a_column_of_ok(connected, cluster, broker, client, tmp_path):
    before = broker.topics()
    code, lines, _ = connected(**cluster, client=client)
    assert code == 0
    assert [re.match(r"(ok) +(dead letters|\S+)", line)[2] for line in lines] == [
        "broker", "login", "predictions", "predictions", "labels", "labels", "dead letters", "state",
    ]  # fmt: skip
    assert len({re.match(r"ok +(dead letters|\S+) +", line).end() for line in lines}) == 1
    assert re.match(re.escape(f"{broker.bootstrap} takes connections (0."), found(lines, "broker")[0][1])
    assert found(lines, "login") == [("ok", "none needed over PLAINTEXT")]
    (_, topic), (_, sample) = found(lines, "predictions")
    assert f"topic {cluster['predictions']}: 2 partitions, 100 messages, the latest of 20" in topic
    assert topic.endswith("Z, kept for ever")
    assert sample == "of 100 sampled predictions none would be a dead letter"
    assert found(lines, "labels")[1][1] == "of 100 sampled labels none would be a dead letter"
    assert "1 partition, 0 messages, kept for ever, and we may write" in found(lines, "dead letters")[0][1]
    assert found(lines, "state")[0][1].endswith("is not there yet and can be made: the first start begins anew")
    assert broker.topics() == before
    assert broker.consume(cluster["dead_letters"]) == []
    assert broker.committed("foldwatch", cluster["predictions"]) == {}
    assert not (tmp_path / "state").exists()


def test_a_topic_that_is_not_there_fails_with_its_name_and_is_not_made(connected, cluster, broker):
    before = broker.topics()
    values = cluster | {"predictions": "nowhere", "dead_letters": "never"}
    code, lines, _ = connected(**values)
    assert code == 1
    (level, text), = found(lines, "predictions")  # fmt: skip
    assert level == "failed"
    assert text.startswith("topic nowhere does not exist")
    assert "kafka-topics --create --topic nowhere" in text
    assert "source.predictions.topic" in text
    assert [level for level, _ in found(lines, "labels")] == ["ok", "ok"]
    assert "source.dead_letters.topic" in found(lines, "dead letters")[0][1]
    assert broker.topics() == before


def test_retention_shorter_than_the_correction_window_is_a_warning_with_its_consequence(connected, cluster, broker):
    for name in ("predictions", "labels"):
        broker.configure(cluster[name], {"retention.ms": str(7 * DAY)})
    code, lines, _ = connected(**cluster)
    assert code == 0
    short = "keeps messages for 7d, shorter than the correction_window of churn, 30d: after losing the state"
    for name, consequence in (("predictions", "cannot give the same numbers"), ("labels", "labels older than that")):
        (_, topic), (level, text), _ = found(lines, name)
        assert topic.endswith("kept for 7d")
        assert (level, short in text, consequence in text) == ("warning", True, True)
        assert f"--entity-name {cluster[name]} --add-config retention.ms={30 * DAY}`" in text


def test_a_compacted_topic_of_predictions_is_a_warning_and_one_of_labels_is_fine(connected, cluster, broker):
    for name in ("predictions", "labels"):
        broker.configure(cluster[name], {"cleanup.policy": "compact", "retention.ms": "1000"})
    code, lines, _ = connected(**cluster)
    assert code == 0
    assert [level for level, _ in found(lines, "predictions")] == ["ok", "warning", "ok"]
    assert "only the last one stays" in found(lines, "predictions")[1][1]
    assert found(lines, "labels")[0][1].endswith(", compacted")
    assert [level for level, _ in found(lines, "labels")] == ["ok", "ok"]


@pytest.mark.parametrize("client", CLIENTS)
def test_producers_that_do_not_key_by_id_are_warned_of(connected, cluster, broker, client):
    for partition in (0, 1):
        broker.produce(cluster["predictions"], [prediction("twice")[1]], partition=partition)
        broker.produce(cluster["labels"], [label("a")[1], label("b")[1]], partition=partition)
    code, lines, _ = connected(**cluster, client=client)
    assert code == 0
    level, text = found(lines, "predictions")[2]
    assert level == "warning"
    assert "1 of 101 sampled ids lie in two partitions, such as 'twice' in 0 and 1: " in text
    assert text.endswith("let producers send the prediction id as the message's key")
    level, text = found(lines, "labels")[2]
    assert (level, "2 of 102 sampled ids" in text, "outcomes" in text) == ("warning", True, True)


def test_the_same_id_of_two_models_is_two_ids(connected, cluster, broker):
    broker.produce(cluster["predictions"], [prediction("twice")[1]], partition=0)
    broker.produce(cluster["predictions"], [prediction("twice", model="fraud")[1]], partition=1)
    config = CONFIG.replace("30d}}", "30d}}\n  fraud: {{classes: [stay, leave]}}")
    text = config.format(store="s", security="{}", client="kafka-python", **cluster)
    assert [level for level, _ in found(connected(text)[1], "predictions")] == ["ok", "ok"]


def test_what_would_be_a_dead_letter_is_said_by_reason(connected, cluster, broker):
    bad = ["junk", *[prediction(f"c{i}", y_pred="maybe")[1] for i in range(3)], None]
    broker.produce(cluster["predictions"], [("k", value) for value in bad])
    broker.produce(cluster["labels"], [label("other", model="fraud"), ("k", '{\n"prediction_id": "spread"\n}')])
    code, lines, _ = connected(**cluster)
    assert code == 0
    level, text = found(lines, "predictions")[1]
    assert level == "warning"
    assert text.startswith("of 105 sampled predictions 4 would be dead letters: unknown class 3 (")
    assert "not JSON 1 (" in text
    assert "source.predictions.fields" in text
    level, text = found(lines, "labels")[1]
    assert (level, "102 sampled labels 1 would be dead letters: missing field 1" in text) == ("warning", True)


def test_a_label_without_a_time_of_its_own_is_fine(connected, cluster, broker):
    broker.produce(cluster["labels"], [("x", '{"prediction_id": "x", "model": "churn", "y_true": null}')])
    _, lines, _ = connected(**cluster)
    assert found(lines, "labels")[1] == ("ok", "of 101 sampled labels none would be a dead letter")


def test_a_share_that_would_halt_the_daemon_fails(connected, cluster, broker):
    broker.produce(cluster["predictions"], [(f"{i}", "junk") for i in range(1_200)])
    code, lines, _ = connected(**cluster)
    assert code == 1
    level, text = found(lines, "predictions")[1]
    assert level == "failed"
    assert "more than halt_share 0.5, and the daemon would stop reading" in text


def test_events_of_models_that_nobody_configured_are_said_to_be_so(connected, cluster, broker):
    predictions = broker.topic("predictions")
    broker.produce(predictions, [prediction(f"{i}", model="fraud") for i in range(10)])
    broker.produce(cluster["labels"], [label("x", model="fraud")])
    _, lines, _ = connected(**cluster | {"predictions": predictions})
    assert found(lines, "predictions")[1][0] == "warning"
    assert "of 10 sampled predictions not one is of a model that is configured" in found(lines, "predictions")[1][1]
    assert found(lines, "labels")[1][0] == "ok"
    assert "1 of them are of models that are not configured" in found(lines, "labels")[1][1]


def test_only_the_latest_messages_are_looked_at_and_empty_topics_are_fine(connected, broker):
    topic, empty = broker.topic("predictions"), broker.topic("labels", 3)
    broker.produce(topic, ["junk"] * 2_000)
    broker.produce(topic, [prediction(f"{i}") for i in range(4_000)])
    values = {"servers": broker.bootstrap, "predictions": topic, "labels": empty, "dead_letters": broker.topic("d")}
    code, lines, _ = connected(**values)
    assert code == 0
    assert found(lines, "predictions")[1] == ("ok", "of 4,000 sampled predictions none would be a dead letter")
    assert found(lines, "labels") == [("ok", f"topic {empty}: 3 partitions, 0 messages, kept for ever")]


def test_one_broker_of_two_is_enough_and_the_other_is_warned_of(connected, cluster):
    (port,) = free()
    values = cluster | {"servers": f"127.0.0.1:{port}, {cluster['servers']}"}
    code, lines, _ = connected(**values)
    assert code == 0
    assert [level for level, _ in found(lines, "broker")] == ["ok", "warning"]
    assert f"127.0.0.1:{port}: connection refused" in found(lines, "broker")[1][1]


def free(n=1):
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(n)]
        return [probe.getsockname()[1] for probe in probes]


def test_a_port_that_nobody_listens_on_fails_and_the_state_is_looked_at_all_the_same(connected):
    (port,) = free()
    code, lines, _ = connected(servers=f"127.0.0.1:{port}")
    assert code == 1
    (level, text), = found(lines, "broker")  # fmt: skip
    assert (level, text.startswith(f"127.0.0.1:{port}: connection refused; ")) == ("failed", True)
    assert "source.bootstrap_servers" in text
    assert "tried again" not in text
    assert [level for level, _ in found(lines, "state")] == ["ok"]
    assert len(lines) == 2


def test_a_name_that_does_not_exist_fails(connected):
    code, lines, _ = connected(servers="no-such-host.invalid:9092")
    assert code == 1
    assert found(lines, "broker")[0][0] == "failed"
    assert "no-such-host.invalid:9092: " in lines[0]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_port_that_takes_connections_and_says_nothing_fails_in_time(connected, client):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        code, lines, _ = connected(servers=f"127.0.0.1:{port}", client=client)
    assert code == 1
    assert [level for level, _ in found(lines, "broker")] == ["ok", "failed"]
    assert "no answer over PLAINTEXT within" in found(lines, "broker")[1][1]


def test_the_real_command_ends_too_and_says_the_same(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        servers = f"127.0.0.1:{silent.getsockname()[1]}"
        values = {"client": "kafka-python", "predictions": "p", "labels": "l", "dead_letters": "d", "security": "{}"}
        (tmp_path / "c.yaml").write_text(CONFIG.format(servers=servers, store="state", **values))
        command = [sys.executable, "-m", "monitor", "check", "--config", str(tmp_path / "c.yaml"), "--connect"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 1
    assert [line.split()[:2] for line in ended.stdout.splitlines()[-3:]] == [
        ["ok", "broker"],
        ["failed", "broker"],
        ["ok", "state"],
    ]
    assert "Traceback" not in ended.stderr


def test_a_black_hole_fails_in_time(connected):
    with ExitStack() as stack:
        hole = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
        address = hole.getsockname()
        for _ in range(4):  # once nobody accepts those who wait, further ones get no answer at all
            waiting = stack.enter_context(closing(socket.socket()))
            waiting.settimeout(0)
            waiting.connect_ex(address)
        code, lines, _ = connected(servers=f"127.0.0.1:{address[1]}")
    assert code == 1
    assert f"127.0.0.1:{address[1]}: no connection within" in found(lines, "broker")[0][1]


def test_a_port_that_speaks_something_else_fails(connected):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def greet():
            with suppress(OSError):
                while True:
                    with closing(server.accept()[0]) as someone:
                        someone.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        code, lines, _ = connected(servers=f"127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
    assert code == 1
    assert "failed" in [level for level, _ in found(lines, "broker")]


SECRETS = ("correct horse", "battery staple")


@pytest.fixture
def guarded(secure_broker):
    """Topics of the broker that asks who is there, as values of a configuration."""
    login = secure_broker.login
    security = {
        "protocol": "SASL_SSL",
        "mechanism": "SCRAM-SHA-512",
        "username": login.username,
        "password_file": str(login.password_file),
        "ca_file": str(secure_broker.certificates.ca),
    }
    topics = {name: secure_broker.topic(name) for name in ("predictions", "labels", "dead_letters")}
    secure_broker.produce(topics["predictions"], [prediction("id")])
    return {"servers": secure_broker.addresses["SASL_SSL"], "security": security} | topics


def secured(values, **changed):
    """Return the values with these keys of `security` changed, None: left out."""
    security = {key: value for key, value in (values["security"] | changed).items() if value is not None}
    return values | {"security": json.dumps(security)}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_login_over_tls_is_accepted_and_its_user_named(connected, guarded, client):
    code, lines, said = connected(**secured(guarded), client=client)
    assert code == 0
    assert found(lines, "broker")[0][1].endswith("and its certificate is trusted")
    assert found(lines, "login") == [("ok", "accepted: SCRAM-SHA-512 as monitor over SASL_SSL")]
    assert {level for level, _ in found(lines, "predictions")} == {"ok"}
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_wrong_password_fails_at_the_login(connected, guarded, secure_broker, client):
    wrong = secured(guarded, password_file=str(secure_broker.login.wrong_password_file))
    code, lines, said = connected(**wrong, client=client)
    assert code == 1
    (level, text), = found(lines, "login")  # fmt: skip
    assert (level, "the login of the user monitor was refused" in text) == ("failed", True)
    assert "source.security" in text.partition("; ")[2]
    assert found(lines, "predictions") == []
    assert not [secret for secret in SECRETS if secret in said]


def test_a_foreign_authority_fails_at_the_broker(connected, guarded, secure_broker):
    code, lines, _ = connected(**secured(guarded, ca_file=str(secure_broker.certificates.foreign_ca)))
    assert code == 1
    (level, text), = found(lines, "broker")  # fmt: skip
    assert (level, "its certificate is not trusted" in text, "ca_file" in text) == ("failed", True, True)


def test_a_password_file_that_is_not_there_fails_at_the_login_with_its_key(connected, guarded):
    code, lines, _ = connected(**secured(guarded, password_file="none"))  # noqa: S106 - a file's name
    assert code == 1
    (level, text), = found(lines, "login")  # fmt: skip
    assert (level, text.startswith("source.security.password_file: ")) == ("failed", True)


@pytest.mark.parametrize("client", CLIENTS)
def test_rights_that_are_lacking_fail_each_with_its_topic_and_remedy(connected, guarded, secure_broker, client):
    secure_broker.only(guarded["predictions"], "somebody", ["READ"])
    secure_broker.only(guarded["labels"], "monitor", ["DESCRIBE", "DESCRIBE_CONFIGS"])
    secure_broker.only(guarded["dead_letters"], "monitor", ["READ"])
    code, lines, _ = connected(**secured(guarded), client=client)
    assert code == 1
    assert [level for level, _ in found(lines, "login")] == ["ok"]
    (level, text), = found(lines, "predictions")  # fmt: skip
    assert (level, guarded["predictions"] in text) == ("failed", True)
    (level, text), = found(lines, "labels")  # fmt: skip
    assert (level, f"topic {guarded['labels']}: the user monitor may not read it" in text) == ("failed", True)
    assert f"`kafka-acls --add --allow-principal User:monitor --operation Read --topic {guarded['labels']}`" in text
    (level, text), = found(lines, "dead letters")  # fmt: skip
    assert (level, "the user monitor may not write it" in text) == ("failed", True)


def test_rights_that_are_just_enough_are_fine_and_what_they_hide_is_a_warning(connected, guarded, secure_broker):
    secure_broker.only(guarded["predictions"], "monitor", ["READ"])
    secure_broker.only(guarded["labels"], "monitor", ["READ", "DESCRIBE_CONFIGS"])
    secure_broker.only(guarded["dead_letters"], "monitor", ["WRITE"])
    code, lines, _ = connected(**secured(guarded))
    assert code == 0
    assert [level for level, _ in found(lines, "predictions")] == ["ok", "warning", "ok"]
    assert "may not see how long" in found(lines, "predictions")[1][1]
    assert "--operation DescribeConfigs" in found(lines, "predictions")[1][1]
    assert [level for level, _ in found(lines, "labels")] == ["ok"]
    (level, text), = found(lines, "dead letters")  # fmt: skip
    assert (level, text.endswith("and we may write")) == ("ok", True)
    assert secure_broker.consume(guarded["dead_letters"]) == []
