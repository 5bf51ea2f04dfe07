"""Clients of every kind: a scraper who is in a hurry, and those who send too much, too little or nothing."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import contextmanager
from pathlib import Path


def until(holds, seconds=10):
    """Wait until `holds()`; it fails the test after so many seconds."""
    end = time.monotonic() + seconds
    while not (held := holds()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)
    return held


def connected(address, context=None, timeout=10):
    """Return a connection for http.client to use, keep-alive included."""
    if context is None:
        return http.client.HTTPConnection(*address, timeout=timeout)
    return http.client.HTTPSConnection("localhost", address[1], timeout=timeout, context=context)


def ask(server, path="/metrics", method="GET", context=None, **headers):
    """Return (status, headers, body) over a new connection. `server`: it, or an address."""
    connection = connected(getattr(server, "address", server), context)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def scraped_within(server, seconds, context=None):
    """Scrape over a new connection, and return how long it took, which is below so many seconds."""
    begin = time.monotonic()
    status, _, body = ask(server, context=context)
    took = time.monotonic() - begin
    assert (status, "foldwatch_build_info" in body) == (200, True)
    assert took < seconds
    return took


@contextmanager
def opened(address, context=None, receive=None):
    """A connection to `address`, encrypted where there is a context. `receive`: bytes that the system buffers."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plain:
        if receive is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.settimeout(10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.connect(address)
        if context is None:
            yield plain
        else:
            with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as encrypted:
                yield encrypted


def said(connection):
    """Return all that the server still says until it closes; a reset is an end too."""
    heard = b""
    while True:
        try:
            piece = connection.recv(65_536)
        except OSError:
            return heard
        if not piece:
            return heard
        heard += piece


def pushed(connection, content):
    """Send as much of `content` as the server takes."""
    try:
        connection.sendall(content)
    except OSError:
        return False
    return True


def descriptors():
    """Return how many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
