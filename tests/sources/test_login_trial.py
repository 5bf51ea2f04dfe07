import socket
import struct
import threading
from contextlib import closing, suppress

import pytest

from monitor.config import Security, SourceSettings
from monitor.sources.broker.login import login_of
from monitor.sources.broker.trial import refused_login

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


def tried(address, security, *more):
    source = SourceSettings(kind="kafka", bootstrap_servers=(*more, address), security=security)
    return refused_login(source, login_of(security), 2.0)


@pytest.fixture
def security(secure_broker):
    """Return how to log in over a protocol by a mechanism, with the right secret or a wrong one."""

    def made(protocol, mechanism, *, right):
        login = secure_broker.login
        tls = {"ca_file": secure_broker.certificates.ca} if protocol.endswith("SSL") else {}
        if mechanism == "OAUTHBEARER":
            token = secure_broker.token_file() if right else secure_broker.token_file("over", lasts=-60.0)
            return Security(protocol, mechanism, token_file=token, **tls)
        password = login.password_file if right else login.wrong_password_file
        return Security(protocol, mechanism, login.username, password, **tls)

    return made


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_right_secret_is_accepted_and_a_wrong_one_refused_in_the_broker_s_words(
    secure_broker, security, protocol, mechanism
):
    address = secure_broker.addresses[protocol]
    assert tried(address, security(protocol, mechanism, right=True)) is None
    reason = tried(address, security(protocol, mechanism, right=False))
    assert "invalid" in reason.lower()
    assert "battery" not in reason


def test_a_mechanism_that_the_broker_does_not_offer_is_named_with_those_that_it_does(secure_broker, tmp_path):
    (tmp_path / "password").write_text("x")
    security = Security("SASL_PLAINTEXT", "SCRAM-SHA-1", "monitor", tmp_path / "password")
    reason = tried(secure_broker.addresses["SASL_PLAINTEXT"], security)
    assert reason.startswith("it offers ")
    assert "SCRAM-SHA-512" in reason
    assert reason.endswith(", not SCRAM-SHA-1")


def test_without_a_login_there_is_nothing_to_refuse(secure_broker):
    assert tried(secure_broker.bootstrap, Security()) is None


def test_a_broker_that_is_away_says_nothing_and_the_next_one_is_asked(secure_broker, security):
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        nobody = f"127.0.0.1:{gone.getsockname()[1]}"
    wrong = security("SASL_PLAINTEXT", "PLAIN", right=False)
    assert tried(nobody, wrong) is None
    assert "Invalid" in tried(secure_broker.addresses["SASL_PLAINTEXT"], wrong, nobody)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack(">i", 2**31 - 1),
        struct.pack(">ii", 4, 1),
        struct.pack(">iihi", 10, 1, 33, 2**30),
    ],
)
def test_what_is_no_broker_says_nothing(security, answer):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def speak():
            with suppress(OSError), closing(server.accept()[0]) as someone:
                someone.recv(1_000)
                someone.sendall(answer)

        threading.Thread(target=speak, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert tried(address, security("SASL_PLAINTEXT", "PLAIN", right=True)) is None
