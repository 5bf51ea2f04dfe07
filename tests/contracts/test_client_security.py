"""Logging in, with both Kafka clients, to a broker that asks who is there. No secret is ever shown."""

from __future__ import annotations

import gc
import logging
import time
from pathlib import Path

import pytest
from certificates import KEY_PASSWORD
from client_drive import client_of
from cluster import until

from monitor.config.settings import Security
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.client import Partition, Produced
from monitor.sources.broker.clients import CLIENTS

pytestmark = [
    pytest.mark.parametrize("library", CLIENTS),
    # kafka-python leaves sockets that were refused to the collector.
    pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <(ssl|socket):pytest.PytestUnraisableExceptionWarning"),
]


class Door:
    """One listener of the broker, and who knocks there."""

    def __init__(self, broker, library, protocol, listener=None, **security):
        self.address = broker.addresses[listener or protocol]
        known = {"protocol": protocol}
        if protocol.endswith("SSL"):
            known["ca_file"] = broker.certificates.ca
        if protocol.startswith("SASL"):
            known |= {"mechanism": "SCRAM-SHA-512", "username": broker.login.username}
            known["password_file"] = broker.login.password_file
        self.security = Security(**known | security)
        self.client = client_of(library, self.address, security=self.security)


@pytest.fixture
def door(secure_broker, library):
    made = []

    def knock(protocol, **more):
        made.append(Door(secure_broker, library, protocol, **more))
        return made[-1]

    yield knock
    for each in made:
        each.client.close()
    made.clear()
    gc.collect()


def write_and_read(client, topic, n=1):
    """Do all that the daemon does with a client."""
    assert client.topics([topic])[topic].partitions == (0,)
    client.produce(topic, [Produced(b"k", b"v", {})])
    where = Partition(topic, 0)
    assert client.bounds([where])[where].end == n
    client.assign({where: 0})
    found = []
    until(lambda: found.extend(v for m in client.fetch(10, 0.1).messages for v in m.values) or len(found) == n, "it")
    client.commit({where: n})
    assert found == [b"v"] * n


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SASL_SSL", "SCRAM-SHA-512"),
        ("SASL_SSL", "SCRAM-SHA-256"),
        ("SASL_SSL", "PLAIN"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
    ],
)
def test_a_password_lets_us_in(door, secure_broker, protocol, mechanism):
    topic = secure_broker.topic("in")
    write_and_read(door(protocol, mechanism=mechanism).client, topic)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_wrong_password_is_said_within_seconds_and_the_right_one_is_taken_once_it_is_there(
    door, secure_broker, tmp_path, mechanism
):
    topic = secure_broker.topic("wrong")
    password = tmp_path / "password"
    password.write_bytes(secure_broker.login.wrong_password_file.read_bytes())
    here = door("SASL_SSL", mechanism=mechanism, password_file=password)
    for ask in (
        lambda: here.client.topics([topic]),
        lambda: here.client.bounds([Partition(topic, 0)]),
        lambda: here.client.produce(topic, [Produced(None, b"v", {})]),
    ):
        begun = time.monotonic()
        with pytest.raises(SourceUnavailable) as wrong:
            ask()
        assert time.monotonic() - begun < 6
        words = str(wrong.value)
        assert words.startswith(f"{here.address}: the login of the user monitor was refused: ")
        assert "correct source.security (mechanism, username and password_file)" in words
        assert "battery staple" not in words
    password.write_bytes(secure_broker.login.password_file.read_bytes())
    write_and_read(here.client, topic)


def test_a_user_nobody_knows_is_refused(door):
    here = door("SASL_SSL", username="nobody")
    with pytest.raises(SourceUnavailable, match=r"the login of the user nobody was refused"):
        here.client.topics(["t"])


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
def test_a_broker_of_a_foreign_authority_is_not_trusted(door, secure_broker, protocol):
    here = door(protocol, ca_file=secure_broker.certificates.foreign_ca)
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable) as wrong:
        here.client.topics(["t"])
    assert time.monotonic() - begun < 3
    assert str(wrong.value).startswith(f"{here.address}: its certificate is not trusted: ")
    assert "source.security.ca_file" in str(wrong.value)


def test_a_client_certificate_lets_us_in_also_with_a_locked_key(door, secure_broker, tmp_path):
    certificates, topic = secure_broker.certificates, secure_broker.topic("certificate")
    plain = door("SSL", cert_file=certificates.client, key_file=certificates.client_key)
    write_and_read(plain.client, topic)
    password = tmp_path / "key-password"
    password.write_text(KEY_PASSWORD + "\n")
    locked = door(
        "SSL", cert_file=certificates.client, key_file=certificates.client_locked_key, key_password_file=password
    )
    write_and_read(locked.client, topic, 2)
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.client_key.read_bytes() + certificates.client.read_bytes())
    write_and_read(door("SSL", cert_file=both).client, topic, 3)


@pytest.mark.parametrize("foreign", [True, False], ids=["foreign", "none"])
def test_a_certificate_that_the_broker_does_not_take_is_said(door, secure_broker, foreign):
    certificates = secure_broker.certificates
    files = {"cert_file": certificates.foreign_client, "key_file": certificates.foreign_client_key} if foreign else {}
    here = door("SSL", **files)
    with pytest.raises(SourceUnavailable) as wrong:
        here.client.topics(["t"])
    assert f"{here.address}: " in str(wrong.value)
    assert "certificate" in str(wrong.value)


def test_a_token_lets_us_in_and_is_read_anew_for_each_connection(door, secure_broker, library):
    topic = secure_broker.topic("token")
    token = secure_broker.token_file(f"token-{library}", lasts=-3600)
    here = door("SASL_SSL", mechanism="OAUTHBEARER", username=None, password_file=None, token_file=token)
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable) as wrong:
        here.client.topics([topic])
    assert time.monotonic() - begun < 6
    assert "correct source.security (token_file)" in str(wrong.value)
    assert token.read_text().strip() not in str(wrong.value)
    secure_broker.token_file(f"token-{library}")
    write_and_read(here.client, topic)


@pytest.mark.parametrize(("listener", "protocol"), [("SASL_SSL", "SSL"), ("SSL", "PLAINTEXT")])
def test_the_wrong_protocol_is_named_within_seconds(door, listener, protocol):
    here = door(protocol, listener=listener)
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable) as wrong:
        here.client.topics(["t"])
    assert time.monotonic() - begun < 6
    assert f"{here.address}: no answer over {protocol}" in str(wrong.value)
    assert "source.security.protocol" in str(wrong.value)


def test_tls_at_a_plain_port_is_said(secure_broker, library):
    here = client_of(library, secure_broker.bootstrap, security=Security("SSL", ca_file=secure_broker.certificates.ca))
    with pytest.raises(SourceUnavailable, match=rf"{secure_broker.bootstrap}: (no TLS|the connection was closed)"):
        here.topics(["t"])
    here.close()


def test_a_right_that_lacks_is_named(door, secure_broker):
    closed, shut = secure_broker.topic("closed"), secure_broker.topic("shut")
    secure_broker.only(closed, "monitor", ["DESCRIBE"])
    secure_broker.only(shut, "somebody-else", ["READ"])
    here = door("SASL_SSL")
    until(lambda: here.client.topics([closed])[closed].rights == ("DESCRIBE",), "the rule is in force")
    assert here.client.topics([closed])[closed].rights == ("DESCRIBE",)
    where = Partition(closed, 0)
    here.client.bounds([where])
    here.client.assign({where: 0})
    refusals = []

    def read():
        try:
            here.client.fetch(1, 0.1)
        except SourceUnavailable as wrong:
            refusals.append(str(wrong))
        return refusals

    until(read, "reading is refused")
    assert f"the user monitor may not use the topic {closed}" in refusals[0]
    assert "READ" in refusals[0]
    with pytest.raises(SourceUnavailable, match=f"the user monitor may not use the topic {closed} .*WRITE"):
        here.client.produce(closed, [Produced(None, b"v", {})])
    with pytest.raises(SourceUnavailable, match=rf"the user monitor may not .*{shut}|topic {shut} does not exist"):
        here.client.bounds([Partition(shut, 0)])


def test_no_secret_is_shown_in_logs_words_representations_or_the_list_of_processes(door, secure_broker, caplog, capfd):
    topic = secure_broker.topic("secret")
    token = secure_broker.token_file("secret-token")
    caplog.set_level(logging.DEBUG)
    shown = []
    doors = [
        door("SASL_SSL", mechanism="PLAIN"),
        door("SASL_PLAINTEXT", mechanism="PLAIN", password_file=secure_broker.login.wrong_password_file),
        door("SASL_SSL", mechanism="OAUTHBEARER", username=None, password_file=None, token_file=token),
    ]
    for n, each in enumerate(doors):
        try:
            write_and_read(each.client, topic, 1 if n == 0 else 2)
        except SourceUnavailable as wrong:
            shown += [str(wrong), repr(wrong), repr(wrong.__cause__)]
        shown += [repr(vars(each.client)), repr(each.security)]
    assert len(broker_values := secure_broker.consume(topic)) == 2, broker_values
    shown += [caplog.text, *capfd.readouterr(), Path("/proc/self/cmdline").read_text()]
    for secret in ("correct horse", "battery staple", token.read_text().strip()):
        assert secret not in "\n".join(shown)


def test_files_that_cannot_be_used_are_named_all_at_once_before_anything_is_asked(library, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    security = Security(
        "SASL_SSL",
        "PLAIN",
        "u",
        password_file=tmp_path / "missing",
        token_file=empty,
        ca_file=nonsense,
        cert_file=nonsense,
    )
    with pytest.raises(InputError) as wrong:
        client_of(library, "127.0.0.1:1", security=security)
    found = {problem.place: str(problem) for problem in wrong.value.problems}
    assert set(found) == {f"source.security.{key}_file" for key in ("password", "token", "ca", "cert")}
    assert "No such file or directory" in found["source.security.password_file"]
    assert f"{empty} is empty" in found["source.security.token_file"]


def test_a_password_file_that_went_away_is_waited_for(door, secure_broker, tmp_path):
    password = tmp_path / "password"
    password.write_bytes(secure_broker.login.password_file.read_bytes())
    here = door("SASL_SSL", password_file=password)
    content = password.read_bytes()
    password.unlink()
    with pytest.raises(SourceUnavailable, match=r"source.security.password_file: .* cannot be read"):
        here.client.topics(["t"])
    password.write_bytes(content)
    assert here.client.topics(["t"]) == {}
