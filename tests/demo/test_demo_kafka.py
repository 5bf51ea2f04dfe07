import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from monitor.clock import HOUR, MINUTE, ManualClock
from monitor.counts.slices import AgingSlices
from monitor.demo import phases
from monitor.demo.digits import prepare
from monitor.demo.feed import Feed, topics_on
from monitor.demo.followed import Followed
from monitor.demo.production import Production
from monitor.demo.source import DemoSource
from monitor.errors import SourceUnavailable
from monitor.sources.broker.clients import open_client
from monitor.sources.opened import open_source
from monitor.state.memory import MemoryState
from monitor.stream import Stream

END = phases.BEGIN + HOUR + 7 * MINUTE


@pytest.fixture(scope="module")
def promise():
    return prepare()


@contextmanager
def started(*options):
    command = [sys.executable, "-m", "monitor", "demo", "--listen", "127.0.0.1:0", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            yield child
        finally:
            child.kill()


def counted(settings, source, clock, n):
    """Read until so many events have been read; return what they count."""
    state = MemoryState(settings.models)
    stream = Stream(settings, source, state, AgingSlices.at(clock.now(), None))
    read, deadline = 0, time.monotonic() + 60
    while read < n:
        assert time.monotonic() < deadline, f"{read} of {n} events"
        step = stream.step()
        assert not step.rejected
        read += step.read
    slices = {one: list(state.slices(one, 0, 2**53)) for one in state.series()}
    return slices, stream.totals()


class Faltering:
    """A client whose sixth call to write fails after it has written."""

    def __init__(self, client):
        self._client, self._calls = client, 0

    def produce(self, topic, messages):
        self._client.produce(topic, messages)
        self._calls += 1
        if self._calls == 6:
            lost = "the answer was lost"
            raise SourceUnavailable(lost)

    def close(self):
        self._client.close()


def test_what_goes_through_kafka_is_counted_as_what_is_embedded_even_where_some_of_it_arrives_twice(promise, broker):
    clock = ManualClock(phases.BEGIN)
    settings = replace(phases.settings(("127.0.0.1", 0), 60), source=topics_on(broker.bootstrap))
    with closing(open_client(settings.source)) as client:
        feed = Feed(settings.source, Production(promise.pools), clock, Faltering(client))
        for moment in (phases.BEGIN + 20 * MINUTE, phases.BEGIN + 50 * MINUTE):
            clock.move_to(moment)
            feed.write()
        clock.move_to(END)
        with pytest.raises(SourceUnavailable):
            feed.write()
        feed.write()
    source = settings.source
    written = [broker.consume(topic) for topic in (source.predictions.topic, source.labels.topic)]
    assert [{record.partition for record in records} for records in written] == [{0, 1}, {0, 1}]
    ids = [[record.key for record in records] for records in written]
    assert len(ids[0]) > len(set(ids[0]))
    n = sum(map(len, written))
    with closing(open_source(settings, clock)) as topics:
        slices, totals = counted(settings, topics, clock, n)
    embedded = DemoSource(promise.pools, clock)
    expected_slices, expected = counted(settings, embedded, clock, len(set(ids[0])) + len(set(ids[1])))
    assert slices == expected_slices
    assert totals == replace(
        expected,
        duplicate=len(ids[0]) - len(set(ids[0])),
        labels=len(ids[1]),
        repeated=len(ids[1]) - len(set(ids[1])),
    )


def test_the_clock_of_what_is_read_never_runs_ahead_of_it(promise):
    clock = ManualClock(phases.BEGIN)
    followed = Followed(DemoSource(promise.pools, clock))
    assert followed.now() == phases.BEGIN
    seen = [followed.now()]
    for moment in phases.BEGIN + np.array([3, 7, 8, 40, 90]) * MINUTE:
        clock.move_to(int(moment))
        followed.poll()
        assert moment - MINUTE < followed.now() <= moment
        seen.append(followed.now())
    assert all(earlier < later for earlier, later in pairwise(seen))
    followed.poll()
    assert followed.now() == seen[-1]


def test_the_demo_on_kafka_shows_the_same_three_phases_and_verdicts(broker):
    with started("--seconds", "40", "--kafka", broker.bootstrap) as child:
        out, err = child.communicate(timeout=150)
    assert (child.returncode, err) == (0, "")
    for name in ("healthy", "mix", "damage"):
        assert re.search(rf"^{name} +as announced$", out, re.MULTILINE), out
    assert "WORSE" in out
    assert broker.bootstrap in out
    topics = re.findall(r"foldwatch-demo-\S+", out)
    assert len(topics) == 2
    assert {len(broker.ends(topic)) for topic in topics} == {2}


def test_ctrl_c_ends_the_demo_on_kafka_with_exit_code_0(broker):
    with started("--kafka", broker.bootstrap) as child:
        url = next(found[0] for line in child.stdout if (found := re.search(r"http://\S+/", line)))
        deadline = time.monotonic() + 30
        body = ""
        while not re.search(r"^foldwatch_predictions_total\{.*\} [1-9]", body, re.MULTILINE):
            assert time.monotonic() < deadline, body
            with urllib.request.urlopen(url + "metrics", timeout=10) as answer:
                body = answer.read().decode()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=15)
    assert (child.returncode, err) == (0, "")


def refusal(address):
    begun = time.monotonic()
    with started("--kafka", address) as child:
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert time.monotonic() - begun < 20
    return err


def test_a_broker_that_is_away_is_named_before_anything_is_cross_validated():
    err = refusal("127.0.0.1:1")
    assert err.startswith("--kafka: 127.0.0.1:1: connection refused; start the broker")
    assert "make demo-kafka" in err


def test_whoever_listens_there_and_does_not_answer_is_named():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert refusal(address).startswith(f"--kafka: {address}: no answer over PLAINTEXT within 3 s")


def test_what_is_no_address_is_refused():
    assert refusal("nowhere").startswith("--kafka: `nowhere` is no address; write HOST:PORT")
