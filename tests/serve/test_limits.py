"""Clients that send too much, too slowly or nothing: a scrape takes less than a second through all of it."""

from __future__ import annotations

import resource
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import fabricated as made
import pytest
from http_clients import ask, connected, descriptors, opened, pushed, said, scraped_within, until

from monitor.config import ServerSettings
from monitor.serve import Probes, Server
from monitor.serve.limits import Limits

FINE = Probes(healthy=lambda: None, ready=lambda: None)
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""How a handshake begins that goes no further."""


@pytest.fixture(params=["plain", "tls"])
def context(request):
    """What a client agrees upon: nothing, or TLS."""
    return request.getfixturevalue("trusting_client") if request.param == "tls" else None


@pytest.fixture
def serving(context, request):
    """A function that starts a server, plain or by TLS."""
    tls = request.getfixturevalue("mounted").tls() if context is not None else None

    @contextmanager
    def started(snapshot=None, **limits):
        settings = ServerSettings(("127.0.0.1", 0), tls=tls)
        with Server(settings, FINE, snapshot or made.empty_snapshot(), Limits(**limits)) as server:
            yield server

    return started


def test_two_hundred_idle_connections_do_not_block_a_scrape_and_leave_no_descriptor(serving, context):
    before = descriptors()
    with serving() as server, ExitStack() as idle:
        for i in range(200):
            one = idle.enter_context(socket.create_connection(server.address))
            if i % 2:  # half of them have begun what they never end
                one.sendall(HELLO if context else SCRAPE[:-2])
        for _ in range(3):
            scraped_within(server, 1, context)
        assert sum(server.refused().values()) == 0
    until(lambda: descriptors() <= before)


def test_two_hundred_idle_connections_that_once_asked_do_not_block_a_scrape(serving, context):
    with serving() as server, ExitStack() as idle:
        for _ in range(200):
            one = idle.enter_context(opened(server.address, context))
            one.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(65_536)
        scraped_within(server, 1, context)
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 5


def test_when_all_places_are_taken_the_oldest_idle_connection_gives_way(serving, context):
    with serving(connections=20) as server, ExitStack() as idle:
        crowd = [idle.enter_context(socket.create_connection(server.address)) for _ in range(50)]
        scraped_within(server, 1, context)
        until(lambda: server.refused()["too_many_connections"] == 31)
        assert said(crowd[0]) == b""
        crowd[-1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            crowd[-1].recv(1)


def test_a_scraper_that_stays_connected_is_not_sent_away_by_a_crowd_from_elsewhere(serving, context):
    with serving(connections=10) as server, ExitStack() as idle:
        scraper = connected(server.address, context)
        scraper.request("GET", "/-/ready")
        scraper.getresponse().read()
        kept = scraper.sock
        for _ in range(40):
            crowd = idle.enter_context(socket.socket())
            crowd.bind(("127.0.0.2", 0))
            crowd.connect(server.address)
        until(lambda: server.refused()["too_many_connections"] >= 31)
        scraper.request("GET", "/-/ready")
        assert scraper.getresponse().read() == b"ready\n"
        assert scraper.sock is kept
        scraper.close()


def test_handshakes_and_requests_that_never_end_are_cut_off(serving, context):
    with serving(handshake_seconds=0.2, head_seconds=0.2, linger_seconds=0.2) as server, ExitStack() as idle:
        slow = [idle.enter_context(socket.create_connection(server.address)) for _ in range(6)]
        for one in slow[:3]:
            one.sendall(HELLO if context else SCRAPE[:-2])
        heard = [said(one) for one in slow]
        reason = "handshake" if context else "too_slow"
        until(lambda: server.refused()[reason] == 6)
        assert all((b" 408 " in one) == (context is None) for one in heard[:3])
        assert heard[3:] == [b""] * 3


def test_one_byte_now_and_then_does_not_buy_time(serving, context):
    with serving(head_seconds=0.4) as server, opened(server.address, context) as slow:
        begin = time.monotonic()
        slow.settimeout(0.05)
        heard = b""
        while time.monotonic() < begin + 5 and not heard:
            pushed(slow, b"x")
            try:
                heard = slow.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - begin < 2
        assert b" 408 " in heard
        scraped_within(server, 1, context)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 1_000_000, b" 414 "),
        (b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 414 "),
        (SCRAPE[:-2] + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n", b" 431 "),
        (SCRAPE[:-2] + b"X: y\r\n" * 200_000 + b"\r\n", b" 431 "),
        (SCRAPE[:-2] + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, b" 413 "),
        (SCRAPE[:-2] + b"Transfer-Encoding: chunked\r\n\r\nFFFFFF\r\n" + b"x" * 1_000_000, b" 413 "),
        (b"POST" + SCRAPE[3:-2] + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, b" 405 "),
    ],
    ids=["line", "whole line", "header", "headers", "body", "chunks", "post"],
)
def test_what_is_too_large_is_refused_at_once_with_the_reason(serving, context, request_, status):
    with serving() as server, opened(server.address, context) as large:
        begin = time.monotonic()
        pushed(large, request_)
        heard = large.recv(65_536)
        assert time.monotonic() - begin < 1
        assert heard.startswith(b"HTTP/1.1" + status)
        for header in (b"Connection: close", b"X-Content-Type-Options: nosniff", b"Cache-Control: no-store"):
            assert header in heard
        assert server.refused()["too_large"] == 1
        scraped_within(server, 1, context)


def test_a_head_of_just_the_size_that_may_be_is_answered_and_one_byte_more_is_not(serving, context):
    with serving() as server:
        for extra, status in ((0, b" 200 "), (1, b" 431 ")):
            with opened(server.address, context) as client:
                client.sendall(SCRAPE[:-2] + b"X: " + b"x" * (16_384 - len(SCRAPE) - 5 + extra) + b"\r\n\r\n")
                assert status in client.recv(65_536).split(b"\r\n")[0]


def test_an_endless_upload_is_cut_off(serving, context):
    with serving(linger_bytes=100_000) as server, opened(server.address, context) as large:
        large.sendall(b"POST" + SCRAPE[3:-2] + b"Content-Length: 99999999999\r\n\r\n")
        piece = b"x" * 65_536
        until(lambda: not pushed(large, piece))


@pytest.mark.parametrize("length", [b"0", b"000"])
def test_a_body_of_nothing_is_no_body(serving, context, length):
    with serving() as server, opened(server.address, context) as client:
        client.sendall(SCRAPE[:-2] + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n")
        assert said(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nName : of a header\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(serving, context, sent):
    with serving() as server, opened(server.address, context) as client:
        client.sendall(sent)
        heard = client.recv(65_536)
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert b"X-Frame-Options: DENY" in heard
        assert server.refused()["unreadable"] == 1


def test_a_reader_that_does_not_read_is_cut_off_and_holds_little(serving, context, many_series):
    with serving(many_series, answer_seconds=0.5) as server, ExitStack() as readers:
        for _ in range(20):
            slow = readers.enter_context(opened(server.address, context, receive=4_096))
            slow.sendall(SCRAPE * 50)
        scraped_within(server, 1, context)
        until(lambda: server.refused()["too_slow"] == 20)
        scraped_within(server, 1, context)


def test_a_reader_that_is_slow_but_in_time_gets_all_of_it(serving, context, many_series):
    with serving(many_series) as server:
        whole = ask(server, context=context)[2].encode()
        assert len(whole) > 700_000
        with opened(server.address, context, receive=4_096) as slow:
            slow.sendall(SCRAPE[:-2] + b"Connection: close\r\n\r\n")
            heard = bytearray()
            while piece := slow.recv(50_000):
                heard += piece
        assert bytes(heard).partition(b"\r\n\r\n")[2] == whole
        assert server.refused()["too_slow"] == 0


def test_requests_in_one_go_are_answered_in_order_and_thousands_of_them_harm_nobody(serving, context):
    paths = [b"/-/healthy", b"/-/ready", b"/nothing"]
    asked = b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in paths)
    with serving(stop_seconds=0.2) as server, opened(server.address, context) as client:
        client.sendall(asked + SCRAPE[:-2] + b"Connection: close\r\n\r\n")
        heard = said(client)
        found = [heard.find(words) for words in (b"\r\n\r\nhealthy", b"\r\n\r\nready", b"\r\n\r\nnot found", b"build_")]
        assert found == sorted(found)
        assert found[0] > 0
        with opened(server.address, context) as flood:
            writing = threading.Thread(target=pushed, args=(flood, SCRAPE * 20_000))
            writing.start()
            scraped_within(server, 1, context)
            server.stop()
            writing.join(10)
            assert not writing.is_alive()


def test_a_client_that_says_no_more_still_gets_its_answer(many_series):
    with (
        Server(ServerSettings(("127.0.0.1", 0)), FINE, many_series) as server,
        opened(server.address) as client,
    ):
        client.sendall(SCRAPE)
        client.shutdown(socket.SHUT_WR)
        assert said(client).endswith(b"\n")


def test_an_idle_connection_is_closed_after_a_while(serving, context):
    with serving(idle_seconds=0.2) as server, opened(server.address, context) as client:
        client.sendall(SCRAPE)
        assert said(client).startswith(b"HTTP/1.1 200 ")
        assert sum(server.refused().values()) == 0


def test_the_next_scrape_goes_over_the_same_connection():
    assert Limits().idle_seconds > 30


def test_it_stops_within_seconds_with_all_of_these_connected(serving, context, many_series):
    before = descriptors()
    with serving(many_series) as server, ExitStack() as crowd:
        for i in range(40):
            crowd.enter_context(socket.create_connection(server.address)).sendall(HELLO[:i] if context else b"GE")
            one = crowd.enter_context(opened(server.address, context, receive=4_096))
            one.sendall([SCRAPE, SCRAPE[:-2], b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"][i % 4])
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 5
    until(lambda: descriptors() <= before)


def test_without_descriptors_the_oldest_idle_connection_gives_its_own_away(serving, context):
    with serving() as server, ExitStack() as crowd:
        waiting = [crowd.enter_context(socket.socket()) for _ in range(20)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(one.fileno() for one in waiting) + 8, hard))
        try:
            for one in waiting:
                one.connect(server.address)
            until(lambda: server.refused()["too_many_connections"] >= 3)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        scraped_within(server, 1, context)


def test_a_fault_of_ours_closes_the_addresses_so_that_probes_fail(monkeypatch, caplog):
    server = Server(ServerSettings(("127.0.0.1", 0)), FINE, made.empty_snapshot())

    async def faulty(_, __):
        message = "no more ticks"
        raise RuntimeError(message)

    monkeypatch.setattr(Server, "_tick", faulty)
    with server:
        until(lambda: "no more ticks" in caplog.text)
        until(lambda: not reached(server.address))


def reached(address):
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(("soft", "places"), [(1_024, 256), (256, 64), (20, 16), (resource.RLIM_INFINITY, 256)])
def test_connections_leave_most_descriptors_to_the_rest_of_the_daemon(monkeypatch, soft, places):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert Limits().places() == places
