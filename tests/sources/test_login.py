"""What a login is made of. That it lets us in: tests/contracts/test_client_security.py."""

from __future__ import annotations

import base64
import json
import socket
import time
from contextlib import closing

import pytest

from monitor.config import Security, SourceSettings
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.login import Secret, expiry_of, login_of, token_of
from monitor.sources.broker.reach import reach


@pytest.mark.parametrize(
    ("written", "meant"),
    [(b"secret\n", "secret"), (b"secret\r\n", "secret"), (b"secret", "secret"), (b" se\ncret \n\n", " se\ncret \n")],
)
def test_one_line_feed_at_the_end_is_no_part_of_a_password(tmp_path, written, meant):
    (tmp_path / "p").write_bytes(written)
    login = login_of(Security("SASL_PLAINTEXT", "PLAIN", "u", tmp_path / "p"))
    assert str(login.password) == meant
    assert meant not in repr(login)
    assert f"{login.password!r} {[login.password]}" == "'***' ['***']"


def test_a_login_reads_only_what_its_protocol_needs(tmp_path):
    nowhere = tmp_path / "nowhere"
    login = login_of(Security("PLAINTEXT", "PLAIN", "u", nowhere, nowhere, nowhere, nowhere, nowhere, nowhere))
    assert (login.password, login.key_password, login.tls, login.mechanism) == (None, None, None, None)


def test_a_token_that_is_missing_or_no_text_is_an_input_error(tmp_path):
    (tmp_path / "t").write_bytes(b"\xff")
    for security, finding in (
        (Security("SASL_SSL", "OAUTHBEARER"), "source.security.token_file: is missing"),
        (Security("SASL_SSL", "OAUTHBEARER", token_file=tmp_path / "t"), "is not UTF-8"),
        (Security("SASL_SSL", "OAUTHBEARER", token_file=tmp_path / "u"), "cannot be read"),
    ):
        with pytest.raises(InputError, match=finding):
            token_of(security)


def test_a_locked_key_without_its_password_is_said_and_not_asked_for(secure_broker):
    files = secure_broker.certificates
    security = Security("SSL", ca_file=files.ca, cert_file=files.client, key_file=files.client_locked_key)
    with pytest.raises(InputError, match=r"source.security.cert_file: .*key_password_file where the key has one"):
        login_of(security)


def test_a_token_says_itself_until_when_it_is_good():
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_900_000_000}).encode()).decode().rstrip("=")
    assert expiry_of(f"header.{claims}.signature") == 1_900_000_000
    for opaque in ("opaque", "a.b.c", "a.e30.c", ""):
        assert time.time() < expiry_of(opaque) <= time.time() + 300


def test_a_secret_shows_itself_to_nobody_but_its_user():
    secret = Secret("pass=word")
    assert (secret == "pass=word", secret.encode()) == (True, b"pass=word")  # noqa: S105 - the test's own


def reached(server, seconds=0.3, **security):
    source = SourceSettings(kind="kafka", bootstrap_servers=server, security=Security(**security))
    reach(source, login_of(source.security), seconds)


@pytest.fixture
def listening():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_one_server_that_answers_is_enough(listening):
    reached(("127.0.0.1:9", listening))


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("127.0.0.1:9", "127.0.0.1:9: connection refused; start the broker"),
        ("[::1]:9", r"\[::1\]:9: "),
        ("localhost:port", "localhost:port: is no HOST:PORT"),
        ("no-such-host.invalid:9092", "no-such-host.invalid:9092: the name is not known"),
    ],
)
def test_a_server_that_cannot_be_talked_to_is_named_with_the_reason(server, reason):
    with pytest.raises(SourceUnavailable, match=reason) as wrong:
        reached((server,))
    assert "correct source.bootstrap_servers" in str(wrong.value)


def test_a_server_that_never_shakes_hands_is_left_in_time(listening):
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable, match=f"{listening}: no connection within 0.3 s"):
        reached((listening,), protocol="SSL")
    assert time.monotonic() - begun < 2
