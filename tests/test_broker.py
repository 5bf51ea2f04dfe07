"""The broker that tests, demo and benchmarks run on is a real one, checked to the byte, and keeps what it was told."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broker import SCRIPT, Broker
from cluster import until
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secure_broker import SecureBroker


@pytest.fixture(scope="module")
def mortal(kafka: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("mortal"), script=kafka) as running:
        yield running


@pytest.fixture
def jars(kafka: Path, tmp_path: Path) -> Path:
    """A cache of its own: links to the shared one's jars."""
    shared = Path(_fetch(kafka).stdout.strip())
    copied = tmp_path / "foldwatch" / shared.name
    copied.mkdir(parents=True)
    for jar in shared.iterdir():
        (copied / jar.name).symlink_to(jar)
    return copied


def _fetch(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "fetch"]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_what_is_produced_is_read_again_in_order_with_key_time_and_headers(broker: Broker):
    topic = broker.topic("events", 2)
    broker.produce(topic, [("a", "1"), ("a", None)], partition=1, timestamp=[5, 6], headers={"trace": b"x"})
    broker.produce(topic, [b"2"], partition=0)
    first, *others = broker.consume(topic)
    assert (first.partition, first.offset, first.key, first.value) == (0, 0, None, b"2")
    marks = (("trace", b"x"),)
    assert others == [(1, 0, 5, b"a", b"1", marks), (1, 1, 6, b"a", None, marks)]


def test_a_topic_grows_loses_its_first_messages_and_is_deleted_and_made_again(broker: Broker):
    topic = broker.topic("events")
    broker.produce(topic, ["1", "2", "3"])
    broker.truncate(topic, 0, 2)
    assert [record.offset for record in broker.consume(topic)] == [2]
    broker.grow(topic, 2)
    assert broker.ends(topic) == {0: 3, 1: 0}
    broker.delete(topic)
    assert topic not in broker.topics()
    broker.create(topic)
    assert broker.ends(topic) == {0: 0}


def test_a_topic_is_configured_as_kafka_names_it(broker: Broker):
    topic = broker.topic("events", 1, {"cleanup.policy": "compact"})
    broker.configure(topic, {"retention.ms": "60000"})
    broker.produce(topic, [("a", "1")])
    assert len(broker.consume(topic)) == 1


def test_a_broker_that_was_stopped_or_killed_comes_back_where_it_was_with_what_it_had(mortal: Broker):
    address, topic = mortal.bootstrap, mortal.topic("kept")
    mortal.produce(topic, ["1"])
    mortal.stop()
    mortal.start()
    mortal.produce(topic, ["2"])
    mortal.kill()
    mortal.start()
    assert mortal.bootstrap == address
    assert [record.value for record in mortal.consume(topic)] == [b"1", b"2"]


def test_a_broker_that_stands_still_answers_nobody_until_it_goes_on(mortal: Broker):
    topic = mortal.topic("slow")
    mortal.pause()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": mortal.bootstrap, "log_level": 0}).list_topics(timeout=0.3)
    mortal.resume()
    mortal.produce(topic, ["1"])
    assert len(mortal.consume(topic)) == 1


def test_the_broker_dies_with_the_test_even_where_that_is_killed(kafka: Path, tmp_path: Path):
    lines = [
        f"import sys; sys.path.insert(0, {str(Path(__file__).with_name('support'))!r})",
        "import time; from pathlib import Path; from broker import Broker",
        f"print(Broker(Path({str(tmp_path)!r}), script=Path({str(kafka)!r})).pid, flush=True); time.sleep(60)",
    ]
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, text=True) as test:
        assert test.stdout is not None
        number = int(test.stdout.readline())
        assert _runs(number)
        test.send_signal(signal.SIGKILL)
    until(lambda: not _runs(number), "the broker is gone")


def _runs(number: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return False


def test_whoever_runs_a_broker_by_hand_ends_it_with_ctrl_c_and_nothing_is_left(kafka: Path, tmp_path: Path):
    command = [sys.executable, str(kafka), "run", "--port", "0"]
    places = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=places, stderr=subprocess.PIPE, text=True) as by_hand:
        assert by_hand.stderr is not None
        assert "Ctrl-C ends it" in by_hand.stderr.readline()
        until(lambda: any(tmp_path.glob("*/data/.lock")), "it begins")
        by_hand.send_signal(signal.SIGINT)
        assert by_hand.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_command_runs_beside_a_broker_of_its_own_which_ends_with_it(kafka: Path, tmp_path: Path):
    asks = (
        "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1].rpartition(':')[2]))); sys.exit(7)"
    )
    command = [sys.executable, str(kafka), "beside", sys.executable, "-c", asks, "{}"]
    places = os.environ | {"TMPDIR": str(tmp_path)}
    answer = subprocess.run(command, env=places, capture_output=True, text=True, check=False)
    assert answer.returncode == 7, answer.stderr
    address = re.search(r"on (127\.0\.0\.1):(\d+)$", answer.stderr.strip())
    assert address is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address[1], int(address[2])))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_not_what_was_pinned_is_refused_by_name(kafka: Path, jars: Path):
    (jars / "argparse4j-0.7.0.jar").unlink()
    (jars / "argparse4j-0.7.0.jar").write_bytes(b"something else")
    (jars / "lz4-java-1.8.0.jar").unlink()
    (jars / "stranger.jar").write_bytes(b"")
    answer = _fetch(kafka, XDG_CACHE_HOME=str(jars.parent.parent))
    assert answer.returncode == 2
    assert "lz4-java-1.8.0.jar is missing" in answer.stderr
    assert "stranger.jar does not belong there" in answer.stderr
    assert "argparse4j-0.7.0.jar has another checksum" in answer.stderr
    assert f"remove {jars}" in answer.stderr


def test_a_whole_cache_is_enough_without_maven(kafka: Path, jars: Path):
    answer = _fetch(kafka, XDG_CACHE_HOME=str(jars.parent.parent), PATH="/nowhere")
    assert (answer.returncode, answer.stdout) == (0, f"{jars}\n")


@pytest.mark.parametrize(("tools", "named"), [((), "mvn"), (("mvn",), "java")])
def test_a_tool_that_is_missing_is_named_with_the_remedy(tmp_path: Path, tools: tuple[str, ...], named: str):
    for tool in tools:
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    answer = _fetch(SCRIPT, XDG_CACHE_HOME=str(tmp_path / "cache"), PATH=str(tmp_path))
    assert answer.returncode == 2
    assert f"{named} is not on PATH" in answer.stderr
    assert "make system" in answer.stderr


def test_two_who_fetch_at_once_do_not_disturb_each_other(kafka: Path, tmp_path: Path):
    places = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, str(kafka), "fetch"]
    pair = [subprocess.Popen(command, env=places, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = {fetch.communicate()[0].strip() for fetch in pair}
    assert [fetch.returncode for fetch in pair] == [0, 0]
    assert folders == {str(tmp_path / "foldwatch" / "kafka-4.1.0")}
    assert sorted(path.name for path in (tmp_path / "foldwatch").iterdir()) == [".kafka-4.1.0.lock", "kafka-4.1.0"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_user_logs_in_with_his_password_and_with_no_other(secure_broker: SecureBroker, protocol: str, mechanism: str):
    topic = secure_broker.topic("secret")
    settings = {
        "bootstrap.servers": secure_broker.addresses[protocol],
        "security.protocol": protocol,
        "sasl.mechanism": mechanism,
        "sasl.username": secure_broker.login.username,
        "ssl.ca.location": str(secure_broker.certificates.ca),
        "log_level": 0,
    }
    right = AdminClient(settings | {"sasl.password": secure_broker.login.password})
    assert topic in right.list_topics(timeout=10).topics
    with pytest.raises(KafkaException):
        AdminClient(settings | {"sasl.password": "wrong"}).list_topics(timeout=0.5)


def test_tls_asks_for_a_certificate_that_its_own_authority_has_signed(secure_broker: SecureBroker):
    files = secure_broker.certificates
    settings = {"bootstrap.servers": secure_broker.addresses["SSL"], "security.protocol": "SSL", "log_level": 0}
    own = {"ssl.certificate.location": str(files.client), "ssl.key.location": str(files.client_key)}
    foreign = {
        "ssl.certificate.location": str(files.foreign_client),
        "ssl.key.location": str(files.foreign_client_key),
    }
    trusting = {"ssl.ca.location": str(files.ca)}
    assert AdminClient(settings | trusting | own).list_topics(timeout=10).brokers
    for refused in (trusting, trusting | foreign, own | {"ssl.ca.location": str(files.foreign_ca)}):
        with pytest.raises(KafkaException):
            AdminClient(settings | refused).list_topics(timeout=0.5)


def test_a_topic_may_be_closed_to_all_but_one(secure_broker: SecureBroker):
    topic = secure_broker.topic("closed")
    secure_broker.only(topic, "somebody-else", ["READ", "WRITE", "DESCRIBE"])
    address = secure_broker.addresses["SASL_PLAINTEXT"]
    settings = {"bootstrap.servers": address, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    login = {"sasl.username": secure_broker.login.username, "sasl.password": secure_broker.login.password}
    client = AdminClient(settings | login | {"log_level": 0})
    until(lambda: topic not in client.list_topics(timeout=10).topics, "the topic is hidden")
