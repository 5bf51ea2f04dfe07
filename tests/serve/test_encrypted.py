"""TLS on the wire: in any pieces, with records that are none, and ends of every kind."""

from __future__ import annotations

import socket
import ssl

import pytest
from http_clients import ask, descriptors, opened, said, until

from monitor.config import ServerSettings
from monitor.serve import Probes, Server
from monitor.serve.limits import Limits

FINE = Probes(healthy=lambda: None, ready=lambda: None)
READY = b"HEAD /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def server(mounted, many_series):
    settings = ServerSettings(("127.0.0.1", 0), tls=mounted.tls())
    with Server(settings, FINE, many_series, Limits(linger_seconds=0.3, idle_seconds=5)) as running:
        yield running


class Wire:
    """A client that decides what goes over the wire, and in which pieces."""

    def __init__(self, connection, context, piece):
        self.connection, self._piece = connection, piece
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        self._until(self.tls.do_handshake)

    def _until(self, step):
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self.flush()
                self._in.write(self.connection.recv(self._piece))
            else:
                self.flush()
                return result

    def flush(self):
        """Send what is to be sent, piece by piece."""
        waiting = self._out.read()
        for at in range(0, len(waiting), self._piece):
            self.connection.sendall(waiting[at : at + self._piece])

    def asked(self, request):
        """Send a request, and return the first that comes back."""
        self.tls.write(request)
        return self._until(lambda: self.tls.read(65_536))


@pytest.mark.parametrize("piece", [1, 7, 65_536])
def test_it_does_not_matter_in_which_pieces_records_come(server, trusting_client, piece):
    with opened(server.address) as connection:
        wire = Wire(connection, trusting_client, piece)
        for _ in range(3):
            assert wire.asked(READY).startswith(b"HTTP/1.1 200 ")


def test_a_large_answer_comes_whole(server, trusting_client):
    bodies = {ask(server, context=trusting_client)[2] for _ in range(3)}
    assert len(bodies) == 1
    assert len(bodies.pop()) > 700_000


@pytest.mark.parametrize(
    "garbage", [b"\x16" + b"x" * 100, b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + b"x" * 70_000]
)
def test_what_only_begins_like_tls_is_turned_away(server, garbage, trusting_client):
    with opened(server.address) as client:
        client.sendall(garbage)
        assert said(client)[:1] in {b"", b"\x15"}  # an alert, where OpenSSL has one for it
        until(lambda: server.refused()["handshake"] == 1)
    assert ask(server, context=trusting_client)[0] == 200


@pytest.mark.parametrize("asked", [b"", READY, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_record_that_was_tampered_with_ends_the_connection(server, trusting_client, asked):
    with opened(server.address) as connection:
        wire = Wire(connection, trusting_client, 65_536)
        if asked:
            wire.asked(asked)
        connection.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        said(connection)
        assert server.refused()["handshake"] == 1


def test_the_end_is_said_so_that_nobody_can_cut_an_answer_short(server, trusting_client):
    with opened(server.address, trusting_client) as client:
        client.sendall(b"GET" + READY[4:-2] + b"Connection: close\r\n\r\n")
        heard = b""
        while piece := client.recv(65_536):  # an end without its alert would be an error
            heard += piece
        assert heard.endswith(b"ready\n")


@pytest.mark.parametrize("end", ["with the alert", "without", "reset"])
def test_however_a_client_leaves_nothing_stays(server, trusting_client, end):
    assert ask(server, "/-/ready", context=trusting_client)[0] == 200
    before = descriptors()
    with opened(server.address, trusting_client) as client:
        client.sendall(READY)
        assert client.recv(65_536)
        if end == "with the alert":
            client.settimeout(10)
            client.unwrap().close()
        elif end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    until(lambda: descriptors() <= before)
    assert sum(server.refused().values()) == 0
