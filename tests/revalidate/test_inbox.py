"""The inbox: who asks from another thread is answered by the loop, or told in time that he is not."""

from __future__ import annotations

import json
import threading

import pytest

from monitor.revalidate.asking.inbox import Inbox


class Watch:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def told(reply):
    status, content = reply.result(0)
    return int(status), json.loads(content).get("error")


def test_calls_are_made_in_their_order_one_at_a_time():
    inbox, made = Inbox(), []

    def make(name, body):
        made.append((name, body))
        return 200, body

    replies = [inbox.answer(name, name.encode(), "x") for name in ("one", "two")]
    assert inbox.work(make)
    assert (replies[0].result(0), replies[1].done()) == ((200, b"one"), False)
    assert inbox.work(make)
    assert not inbox.work(make)
    assert made == [("one", b"one"), ("two", b"two")]


def test_it_takes_so_many_and_no_more():
    inbox = Inbox(places=2)
    waiting = [inbox.answer("a", b"", "x") for _ in range(3)]
    assert [one.done() for one in waiting] == [False, False, True]
    assert told(waiting[2]) == (503, "too many calls wait: try again")
    inbox.work(lambda _, __: (200, b"{}"))
    assert not inbox.answer("a", b"", "x").done()


def test_what_waited_too_long_or_was_given_up_is_not_made_any_more():
    watch, made = Watch(), []
    inbox = Inbox(seconds=10.0, monotonic=watch)
    late, given_up, fresh = (inbox.answer(name, b"", "x") for name in ("late", "given up", "fresh"))
    given_up.cancel()
    watch.seconds = 10.5
    assert inbox.work(lambda name, _: made.append(name))
    assert told(late)[0] == 503
    assert inbox.work(lambda name, _: made.append(name))
    assert made == []
    watch.seconds = 9.0
    assert inbox.work(lambda name, _: (200, name.encode()))
    assert fresh.result(0) == (200, b"fresh")


def test_when_it_is_closed_everybody_is_told_those_who_come_later_too():
    inbox = Inbox()
    waiting, given_up = inbox.answer("a", b"", "x"), inbox.answer("a", b"", "x")
    given_up.cancel()
    inbox.close()
    inbox.close()
    assert told(waiting) == told(inbox.answer("a", b"", "x")) == (503, "the daemon stops")
    assert not inbox.work(pytest.fail)


def test_many_threads_get_each_its_own_answer():
    inbox, found = Inbox(places=100), {}

    def ask(i):
        found[i] = inbox.answer("a", str(i).encode(), "x").result(10)[1]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
    for one in threads:
        one.start()
    made = 0
    while made < 20:
        made += inbox.work(lambda _, body: (200, body))
    for one in threads:
        one.join(10)
    assert found == {i: str(i).encode() for i in range(20)}


def test_who_called_what_is_logged_and_what_was_said_is_not(caplog):
    inbox = Inbox()
    inbox.answer("hand-in", b"a secret", "192.0.2.7")
    with caplog.at_level("INFO", "foldwatch"):
        inbox.work(lambda _, __: (200, b"another secret"))
    (record,) = caplog.records
    assert (record.message, record.call, record.address, record.status) == ("called", "hand-in", "192.0.2.7", 200)
    assert "secret" not in caplog.text
