"""Calls: who may make them, what is read of a body, and what it costs everybody else."""

from __future__ import annotations

import json
import logging
import select
import socket
import stat
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

import fabricated as made
import pytest
from asked import basic
from guarded_daemon import hashed
from http_clients import ask, connected, opened, pushed, said, scraped_within, until

from monitor.config import Auth, ServerSettings
from monitor.errors import InputError
from monitor.serve import Probes, Server, Taken
from monitor.serve.limits import Limits

FINE = Probes(healthy=lambda: None, ready=lambda: None)
TOKEN = "5f0c8e5b0a7d4c1e9b3a2f6d8e7c1b0a"  # noqa: S105 - the test's own
BEARER = f"Bearer {TOKEN}"
PASSWORD = "correct horse"  # noqa: S105 - the test's own
CALL = "/api/v1/revalidate/decide"
HAND_IN = "/api/v1/revalidate/hand-in"


class Echo:
    """Answers each call with what it was; or keeps it waiting."""

    def __init__(self):
        self.heard, self.hold, self.waiting = [], False, []

    def answer(self, name, body, by):
        future = Future()
        self.heard.append((name, body, by))
        if self.hold:
            self.waiting.append(future)
        else:
            future.set_result((200, json.dumps({"name": name, "bytes": len(body)}).encode()))
        return future


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture(params=["plain", "tls"])
def context(request):
    """What a client agrees upon: nothing, or TLS."""
    return request.getfixturevalue("trusting_client") if request.param == "tls" else None


@pytest.fixture
def files(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "users").write_text(f"amy:{hashed(PASSWORD, 4)}\n")
    return tmp_path


@pytest.fixture
def serving(context, request, files, echo):
    """A function that starts a server with a token, plain or by TLS."""
    tls = request.getfixturevalue("mounted").tls() if context is not None else None

    @contextmanager
    def started(auth=None, **limits):
        settings = ServerSettings(("127.0.0.1", 0), tls=tls, auth=auth or Auth(files / "token"))
        with Server(settings, FINE, made.empty_snapshot(), Limits(**limits), Taken(echo)) as server:
            yield server

    return started


def posted(server, path=CALL, body=b"{}", context=None, **headers):
    """Return (status, headers, text) of a POST."""
    connection = connected(server.address, context)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def scraped(server, context):
    """Scrape with the token, and return how long it took."""
    begin = time.monotonic()
    assert ask(server, context=context, Authorization=BEARER)[0] == 200
    return time.monotonic() - begin


def head(path=CALL, length=2, *more):
    """A request's head."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: {BEARER}", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_call_with_the_token_is_handed_on_with_its_body_and_who_asks(serving, context, echo):
    with serving() as server:
        body = json.dumps({"model": "häufig"}).encode()
        status, headers, text = posted(server, body=body, context=context, Authorization=BEARER)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(text) == {"name": "decide", "bytes": len(body)}
        assert echo.heard == [("decide", body, "127.0.0.1")]
        assert (headers["Cache-Control"], headers["Connection"]) == ("no-store", "close")
        assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("size", [0, 1, 8_192, 65_536, 65_537, 3_000_000], ids=str)
def test_bodies_of_every_size_arrive_whole(serving, context, echo, size):
    body = bytes(range(256)) * (size // 256 + 1)
    with serving() as server:
        assert posted(server, body=body[:size], context=context, Authorization=BEARER)[0] == 200
    assert [found for _, found, _ in echo.heard] == [body[:size]]


def test_a_body_in_small_pieces_and_one_behind_another_request_arrive_too(serving, context, echo):
    with serving() as server, opened(server.address, context) as client:
        scrape = f"GET /-/ready HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER}\r\n\r\n".encode()
        for piece in (scrape + head(length=6)[:30], head(length=6)[30:] + b"ab", b"c", b"def"):
            client.sendall(piece)
            time.sleep(0.01)
        heard = said(client)
        assert heard.count(b"HTTP/1.1 200 ") == 2
        assert b"ready\n" in heard
    assert [found for _, found, _ in echo.heard] == [b"abcdef"]


def test_who_waits_to_be_asked_for_the_body_is_asked_only_if_he_may_send_it(serving, context):
    with serving() as server:
        with opened(server.address, context) as client:
            client.sendall(head(CALL, 2, "Expect: 100-continue"))
            assert client.recv(65_536).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"{}")
            assert said(client).startswith(b"HTTP/1.1 200 ")
        with opened(server.address, context) as client:
            client.sendall(head(CALL, 2, "Expect: 100-continue").replace(TOKEN.encode(), b"wrong"))
            assert said(client).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("path", "length", "more", "status"),
    [
        (CALL, 8 * 2**20 + 1, (), b" 413 "),
        (HAND_IN, 64 * 2**20 + 1, (), b" 413 "),
        (CALL, "9" * 30, (), b" 400 "),
        (CALL, -1, (), b" 400 "),
        (CALL, "0x10", (), b" 400 "),
        (CALL, 2, ("Content-Length: 3",), b" 400 "),
        (CALL, 2, ("Content-Length: 2",), b" 400 "),
        (CALL, 2, ("Transfer-Encoding: chunked",), b" 411 "),
        (CALL + "?a=1", 2, (), b" 405 "),
        ("/api/v1/revalidate/", 2, (), b" 405 "),
        ("/api/v1/revalidate/%64ecide", 2, (), b" 405 "),
        ("/api/v1/revalidate/a/b", 2, (), b" 405 "),
        ("/api/v1/ledger", 2, (), b" 405 "),
        ("/metrics", 2, (), b" 405 "),
        ("/-/ready", 2, (), b" 405 "),
    ],
)
def test_every_other_body_is_refused_before_a_byte_of_it_is_read(serving, context, echo, path, length, more, status):
    with serving() as server, opened(server.address, context) as client:
        client.sendall(head(path, length, *more))
        assert client.recv(65_536).startswith(b"HTTP/1.1" + status)
        assert echo.heard == []


def test_without_calls_every_body_is_refused_as_before(context, request, files):
    tls = request.getfixturevalue("mounted").tls() if context is not None else None
    settings = ServerSettings(("127.0.0.1", 0), tls=tls, auth=Auth(files / "token"))
    with Server(settings, FINE, made.empty_snapshot()) as server:
        assert posted(server, context=context, Authorization=BEARER)[0] == 405
        assert ask(server, CALL, context=context, Authorization=BEARER)[0] == 404
        shown = ask(server, "/api/v1/ledger", context=context, Authorization=BEARER)
        assert (shown[0], json.loads(shown[2])) == (200, {"entries": [], "number": 0, "hash": ""})


def test_a_get_of_a_call_is_told_how_calls_are_made_and_a_post_without_a_body_what_is_missing(serving, context):
    with serving() as server:
        status, headers, text = ask(server, CALL, context=context, Authorization=BEARER)
        assert (status, headers["Allow"], "POST" in text) == (405, "POST", True)
        with opened(server.address, context) as client:
            client.sendall(head().replace(b"Content-Length: 2\r\n", b""))
            assert client.recv(65_536).startswith(b"HTTP/1.1 411 ")


def test_a_body_that_stops_is_cut_off_and_says_why(serving, context, echo):
    with serving(progress_seconds=0.2, linger_seconds=0.2) as server, opened(server.address, context) as slow:
        slow.sendall(head(length=1_000) + b"x" * 999)
        assert b" 408 " in said(slow)
        assert server.refused()["too_slow"] == 1
        assert scraped(server, context) < 1
    assert echo.heard == []


def test_a_body_that_trickles_is_cut_off_when_its_time_is_over_however_it_moves(serving, context):
    limits = {"progress_seconds": 0.1, "progress_bytes": 1, "body_seconds": 0.6, "linger_seconds": 0.2}
    with serving(**limits) as server, opened(server.address, context) as slow:
        slow.sendall(head(length=1_000_000))
        begin = time.monotonic()
        while pushed(slow, b"x") and time.monotonic() < begin + 5 and not server.refused()["too_slow"]:
            time.sleep(0.02)
        assert 0.3 < time.monotonic() - begin < 3
        assert b" 408 " in said(slow)


def test_a_client_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind(serving, context, echo, caplog):
    with serving() as server:
        for _ in range(3):
            with opened(server.address, context) as client:
                client.sendall(head(length=1_000) + b"x")
        assert scraped(server, context) < 1
        assert posted(server, context=context, Authorization=BEARER)[0] == 200
    assert len(echo.heard) == 1
    assert "Traceback" not in caplog.text


def test_a_flood_of_posts_without_credentials_keeps_no_scrape_waiting(serving, context, echo):
    with serving(connections=20) as server, ExitStack() as flood:
        stopped = threading.Event()

        def push(client):
            pushed(client, head(HAND_IN, 60_000_000).replace(TOKEN.encode(), b"wrong"))
            while not stopped.is_set() and pushed(client, b"x" * 65_536):
                pass

        writers = []
        for _ in range(8):
            client = flood.enter_context(opened(server.address, context))
            writers.append(threading.Thread(target=push, args=(client,)))
            writers[-1].start()
        try:
            assert all(scraped(server, context) < 1 for _ in range(3))
        finally:
            stopped.set()
            for one in writers:
                one.join(10)
        assert server.refused()["unauthorized"] == 8
    assert echo.heard == []


def test_calls_that_wait_for_their_answer_are_few_and_a_scrape_passes_them(serving, context, echo):
    echo.hold = True
    with serving(calls=2, connections=10) as server, ExitStack() as crowd:
        clients = [crowd.enter_context(opened(server.address, context)) for _ in range(5)]
        for client in clients[:2]:
            client.sendall(head() + b"{}")
        until(lambda: len(echo.waiting) == 2)
        for client in clients[2:]:
            client.sendall(head() + b"{}")
        heard = [said(client) for client in clients[2:]]
        assert all(one.startswith(b"HTTP/1.1 503 ") for one in heard)
        assert all(b"retry-after" in one.lower() for one in heard)
        assert scraped(server, context) < 1
        for future in echo.waiting:
            future.set_result((200, b"[]"))
        assert [said(client).startswith(b"HTTP/1.1 200 ") for client in clients[:2]] == [True, True]


def test_bodies_together_are_bounded_and_the_room_of_one_that_ended_is_free_again(serving, context):
    with serving(bodies_bytes=1_000, progress_seconds=5.0) as server:
        with opened(server.address, context) as first:
            first.sendall(head(length=900) + b"x" * 899)
            until(lambda: posted(server, body=b"y" * 200, context=context, Authorization=BEARER)[0] == 503)
            first.sendall(b"x")
            assert said(first).startswith(b"HTTP/1.1 200 ")
        assert posted(server, body=b"y" * 200, context=context, Authorization=BEARER)[0] == 200


def test_a_call_that_is_not_answered_in_time_is_told_so_and_given_up(serving, context, echo):
    echo.hold = True
    with serving(call_seconds=0.2) as server:
        status, _, text = posted(server, context=context, Authorization=BEARER)
        assert (status, "in time" in json.loads(text)["error"]) == (503, True)
        until(echo.waiting[0].cancelled)


def test_it_stops_within_seconds_with_bodies_and_calls_under_way(serving, context, echo):
    echo.hold = True
    with serving(stop_seconds=0.5) as server, ExitStack() as crowd:
        for i in range(6):
            crowd.enter_context(opened(server.address, context)).sendall(head(length=2 + i % 2) + b"{}")
        until(lambda: len(echo.waiting) == 3)
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 3


def test_users_may_read_and_not_write(serving, context, files, echo):
    login = basic("amy", PASSWORD).decode()
    for auth, remedy in (
        (Auth(files / "token", files / "users"), "with a token"),
        (Auth(None, files / "users"), "beare"),
    ):
        with serving(auth) as server:
            assert ask(server, context=context, Authorization=login)[0] == 200
            status, _, text = posted(server, context=context, Authorization=login)
            assert (status, remedy in text, "users may only read" in text) == (403, True, True)
            assert posted(server, context=context, Authorization=basic("amy", "x").decode())[0] == 401
            assert server.refused()["unauthorized"] == 2
    assert echo.heard == []


@pytest.mark.parametrize("wrong", ["", "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}"])
def test_a_wrong_token_is_counted_and_logged_and_its_body_not_read(serving, context, echo, caplog, wrong):
    with serving() as server:
        status, headers, text = posted(server, context=context, Authorization=wrong)
        assert (status, "Bearer" in headers["WWW-Authenticate"], TOKEN in text) == (401, True, False)
        assert server.refused()["unauthorized"] == 1
    assert "unauthorized" in [record.message for record in caplog.records]
    assert echo.heard == []


@contextmanager
def open_server(folder, echo, host="127.0.0.1"):
    """A server without authentication."""
    with Server(
        ServerSettings((host, 0), insecure=True), FINE, made.empty_snapshot(), taken=Taken(echo, folder)
    ) as one:
        yield one


def test_on_loopback_without_authentication_the_token_in_the_folder_writes_and_reading_stays_open(tmp_path, echo):
    with open_server(tmp_path, echo) as server:
        path = tmp_path / "token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token = path.read_text().strip()
        assert len(token) >= 40
        assert scraped_within(server, 1) < 1
        assert posted(server)[0] == 401
        assert posted(server, Authorization="Bearer wrong")[0] == 401
        assert server.refused()["unauthorized"] == 2
        assert posted(server, Authorization=f"Bearer {token}")[0] == 200
    assert len(echo.heard) == 1
    with open_server(tmp_path, echo):
        assert path.read_text().strip() == token
    assert [each.name for each in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("text", "mode", "kept"),
    [(TOKEN, 0o600, True), (TOKEN, 0o400, True), (TOKEN, 0o640, False), (TOKEN, 0o604, False), ("", 0o600, False)],
    ids=["fine", "read-only", "group", "others", "empty"],
)
def test_a_token_that_others_could_read_or_that_is_none_is_made_anew(tmp_path, echo, caplog, text, mode, kept):
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    with caplog.at_level(logging.WARNING, "foldwatch"), open_server(tmp_path, echo) as server:
        token = path.read_text().strip()
        assert (token == TOKEN) is kept
        assert path.stat().st_mode & 0o077 == 0
        assert posted(server, Authorization=f"Bearer {token}")[0] == 200
    assert ("token made anew" in [record.message for record in caplog.records]) is not kept
    assert TOKEN not in caplog.text


def test_a_token_that_is_a_link_or_cannot_be_written_is_refused_with_the_remedy(tmp_path, echo):
    (tmp_path / "elsewhere").write_text(TOKEN)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "token").symlink_to(tmp_path / "elsewhere")
    for folder, finding in ((tmp_path / "linked", "is no file of ours"), (tmp_path / "missing", "cannot be written")):
        with pytest.raises(InputError) as caught, open_server(folder, echo):
            pass
        (problem,) = caught.value.problems
        assert (problem.place, finding in problem.finding) == (f"the token {folder / 'token'}", True)
        assert problem.remedy


@pytest.mark.parametrize(("host", "folder"), [("127.0.0.1", False), ("0.0.0.0", True)], ids=["no store", "public"])  # noqa: S104
def test_where_there_is_no_token_to_be_had_nobody_writes_and_learns_what_to_do(tmp_path, echo, host, folder):
    with open_server(tmp_path if folder else None, echo, host) as server:
        address = ("127.0.0.1", server.address[1])
        assert ask(address)[0] == 200
        connection = connected(address)
        connection.request("POST", CALL, b"{}", {"Authorization": BEARER})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert (answer.status, "server.auth.bearer_token_file" in text) == (403, True)
        assert ("store.path" in text) is not folder
    assert (echo.heard, list(tmp_path.iterdir())) == ([], [])


def test_all_who_read_the_ledger_at_once_get_one_answer_that_was_fetched_once(tmp_path, echo):
    echo.hold = True
    with open_server(tmp_path, echo) as server, ExitStack() as crowd:
        clients = [crowd.enter_context(socket.create_connection(server.address)) for _ in range(20)]
        for client in clients:
            client.sendall(b"GET /api/v1/ledger HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: len(select.select(clients, [], [], 0)[0]) == 4)
        full = select.select(clients, [], [], 0)[0]
        assert all(said(one).startswith(b"HTTP/1.1 503 ") for one in full)
        assert scraped_within(server, 1) < 1
        assert [name for name, _, _ in echo.heard] == ["ledger"]
        echo.waiting[0].set_result((200, b'{"entries":[]}'))
        assert all(said(one).endswith(b'{"entries":[]}') for one in clients if one not in full)
        clients[0] = crowd.enter_context(socket.create_connection(server.address))
        clients[0].sendall(b"GET /api/v1/ledger HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: len(echo.waiting) == 2)
        echo.waiting[1].set_result((200, b"new"))
        assert said(clients[0]).endswith(b"new")
