"""The second listener: the two probes for whoever has no certificate and no token, and nothing else."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import fabricated as made
import pytest
from http_clients import ask, connected, opened, said

from monitor.config import Auth, ServerSettings
from monitor.errors import InputError
from monitor.serve import Probes, Server
from monitor.serve.limits import Limits

FINE = Probes(healthy=lambda: None, ready=lambda: "the topic is missing")
FREE = ("127.0.0.1", 0)


@pytest.fixture
def server(mounted, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    settings = ServerSettings(FREE, mounted.tls(clients=True), Auth(tmp_path / "token"), FREE)
    with Server(settings, FINE, made.empty_snapshot(), Limits(connections=20, head_seconds=0.3)) as running:
        yield running


def test_the_probes_are_answered_in_plain_to_anyone(server):
    assert ask(server.probes_address, "/-/healthy")[::2] == (200, "healthy\n")
    assert ask(server.probes_address, "/-/ready")[::2] == (503, "not ready: the topic is missing\n")
    assert ask(server.probes_address, "/-/healthy", "HEAD")[::2] == (200, "")


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/report", "/api/v1/objectives", "/-/", "/-/ready/", "/x"])
def test_everything_else_is_404_there(server, path):
    status, headers, body = ask(server.probes_address, path)
    assert (status, headers["X-Content-Type-Options"]) == (404, "nosniff")
    assert body == "not found: there are /-/healthy and /-/ready\n"


def test_there_is_authentication_on_the_first_listener_but_for_the_probes(server, known_client):
    assert ask(server, "/-/healthy", context=known_client)[0] == 200
    for path in ("/", "/metrics", "/nothing"):
        status, headers, _ = ask(server, path, context=known_client)
        assert (status, headers["X-Frame-Options"]) == (401, "DENY")
    answered = ask(server, context=known_client, Authorization="Bearer 0123456789abcdef0123456789abcdef")
    assert answered[0] == 200
    assert server.refused()["unauthorized"] == 3


def test_it_has_the_same_limits_and_a_crowd_on_one_listener_takes_no_place_on_the_other(server, known_client):
    with ExitStack() as crowd:
        for _ in range(30):
            crowd.enter_context(socket.create_connection(server.address))
        kubelet = connected(server.probes_address)
        kubelet.request("GET", "/-/healthy")
        assert kubelet.getresponse().read() == b"healthy\n"
        kubelet.close()
        for _ in range(30):
            crowd.enter_context(socket.create_connection(server.probes_address))
        assert ask(server, "/-/healthy", context=known_client)[0] == 200
        assert ask(server.probes_address, "/-/healthy")[0] == 200
    with opened(server.probes_address) as slow:
        slow.sendall(b"GET /")
        assert said(slow).startswith(b"HTTP/1.1 408 ")


def test_without_one_there_is_no_address():
    server = Server(ServerSettings(FREE), FINE, made.empty_snapshot())
    assert server.probes_address is None
    server.stop()


def test_a_port_in_use_is_found_at_once_and_the_first_listener_is_let_go():
    with socket.create_server(FREE) as taken, socket.create_server(FREE) as other:
        first = other.getsockname()
        other.close()
        probes = taken.getsockname()
        with pytest.raises(InputError) as caught:
            Server(ServerSettings(first, probes=probes), FINE, made.empty_snapshot())
        (problem,) = caught.value.problems
        assert (problem.place, problem.finding) == (f"server.probes 127.0.0.1:{probes[1]}", "the port is in use")
        socket.create_server(first).close()


def test_both_addresses_are_free_again_after_the_end(server):
    server.stop()
    for address in (server.address, server.probes_address):
        socket.create_server(address).close()
