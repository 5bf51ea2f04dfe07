"""What an answer tells a browser, and what it does not tell anybody; and methods that are not for reading."""

from __future__ import annotations

import fabricated as made
import pytest
from http_clients import ask, opened, until

from monitor.config import ServerSettings
from monitor.serve import Probes, Server


def broken():
    message = "a fault of ours"
    raise ValueError(message)


@pytest.fixture(scope="module")
def server():
    probes = Probes(healthy=broken, ready=lambda: None)
    with Server(ServerSettings(("127.0.0.1", 0)), probes, made.churn_snapshot(days=1)) as running:
        yield running


PATHS = ["/", "/metrics", "/api/v1/report", "/api/v1/objectives", "/-/ready", "/nothing"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers_once(server, path, method):
    headers = ask(server, path, method)[1]
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }.items():
        assert headers.get_all(name) == [value]
    (policy,) = headers.get_all("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(headers.get_all("Date")) == 1
    for name in ("Server", "X-Powered-By", "Strict-Transport-Security", "Access-Control-Allow-Origin", "Set-Cookie"):
        assert headers[name] is None


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_would_and_no_more(server, path):
    got, head = ask(server, path), ask(server, path, "HEAD")
    assert (head[0], head[2]) == (got[0], "")
    for name in ("Content-Length", "Content-Type", "Content-Security-Policy"):
        assert head[1][name] == got[1][name]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH", "PUT", "DELETE", "PROPFIND", "CONNECT"])
def test_other_methods_are_refused(server, method):
    status, headers, body = ask(server, "/metrics", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert "Host" not in body


@pytest.mark.parametrize(
    "request_",
    [
        b"GET http://elsewhere/metrics HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_odd_addresses_lead_nowhere(server, request_):
    with opened(server.address) as client:
        client.sendall(request_)
        status = client.recv(65_536).split(b" ")[1]
    assert status in {b"404", b"405"}


def test_an_upgrade_is_not_followed(server):
    with opened(server.address) as client:
        client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_fault_of_ours_is_500_with_the_headers_and_without_the_fault(server, caplog):
    status, headers, body = ask(server, "/-/healthy")
    assert (status, headers["X-Frame-Options"]) == (500, "DENY")
    assert "fault" not in body
    until(lambda: "a fault of ours" in caplog.text)
