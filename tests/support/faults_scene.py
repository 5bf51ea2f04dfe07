"""A broker, two topics of a bad day, and the daemon as a child process that one may start, kill, watch and question."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from itertools import groupby
from pathlib import Path

from confluent_kafka import Producer
from faults_counters import with_objectives
from faults_events import DAY, HOUR, LABELS, MODELS, PREDICTIONS, Day, generate
from faults_oracle import Record, truth_of

ROOT = Path(__file__).parents[2]
CHILD = ROOT / "tests" / "faults" / "child.py"
BEGIN = 1_767_571_200_000
"""2026-01-05: when the events of a simulated day begin."""
PATIENCE = 30.0
FAULT_OF_OURS = 70
"""The exit code of an exception that nobody expected."""
ABREAST = 2 * HOUR
LARGE = {"retention.ms": "-1", "max.message.bytes": "3000000"}
CONFIG = """
source:
  kind: kafka
  client: {client}
  bootstrap_servers: ["{bootstrap}"]
  group_id: {group}
  predictions: {{topic: {predictions}}}
  labels: {{topic: {labels}}}
  dead_letters: {{topic: {dead_letters}}}
  defaults: {{model: churn, version: "3"}}
store: {{path: {store}}}
server: {{listen: "127.0.0.1:0"}}
evaluate_every: 1s
"""


def until(holds, what, seconds=PATIENCE, every=0.02):
    """Wait until `holds()` gives something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(every)
    return found


class Daemon:
    """One life of the daemon."""

    def __init__(self, command, folder, log):
        self.log = log
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with log.open("wb") as file:
            self.child = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        self._url = None

    @property
    def pid(self):
        return self.child.pid

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def alive(self):
        return self.child.poll() is None

    @property
    def url(self):
        """Where it serves; waits until it does."""
        if self._url is None:
            self._url = until(self._served, lambda: f"it does not serve:\n{self.said[-3000:]}")
        return self._url

    def _served(self):
        found = re.search(r"http://[^\"\s]+/", self.said)
        assert found or self.alive, f"it ended with {self.child.returncode}:\n{self.said[-3000:]}"
        return found and found[0]

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def report(self):
        return json.loads(self.get("api/v1/report")[1])

    def ready(self):
        return self.get("-/ready")[0] == 200

    def read(self):
        """How many messages it has taken, whatever became of them, as of the last evaluation."""
        events = self.report()["events"]
        return (
            sum(events.get(name, 0) for name in ("predictions", "duplicate", "labels"))
            + sum(events.get("dead_letters", {}).values())
            + sum(events.get("skipped", {}).values())
        )

    def settle(self, n, seconds=PATIENCE):
        """Wait until it has read exactly so many messages in all its lives."""
        until(lambda: self.read() >= n, lambda: f"{self.read()} of {n} are read:\n{self.said[-3000:]}", seconds, 0.2)
        assert self.read() == n, self.said[-3000:]

    def kill(self):
        self.child.kill()
        self.child.wait()

    def wait(self, seconds=PATIENCE):
        """Wait for its end; returns the exit code."""
        until(lambda: not self.alive, lambda: f"it lives on:\n{self.said[-3000:]}", seconds)
        return self.child.returncode

    def stop(self, number=signal.SIGTERM):
        """Ask it to end: it does within 10 s, with exit code 0."""
        self.child.send_signal(number)
        code = self.wait(10)
        assert code == 0, (code, self.said[-3000:])


class Watch(threading.Thread):
    """Asks both probes of a daemon again and again, until the `with` ends."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self._daemon, self._ended = daemon, threading.Event()
        self.healthy, self.ready = [], []

    def run(self):
        while not self._ended.wait(0.1):
            healthy, ready = (self._daemon.get(path)[0] for path in ("-/healthy", "-/ready"))
            self.healthy.append(healthy)
            self.ready.append(ready)

    def __enter__(self):
        assert self._daemon.url
        self.start()
        return self

    def __exit__(self, *_):
        self.over()

    def over(self):
        """Ask no more."""
        self._ended.set()
        self.join()


class Scene:
    """Topics full of trouble, and the daemon that reads them into a durable state."""

    def __init__(self, broker, folder, seed, *, client="kafka-python", day=None, begin=BEGIN, bootstrap=None, **tight):
        """`tight`: `keep` and `most` of child.py."""
        self.broker, self.folder, self.day, self.tight = broker, folder, day or Day(), tight
        self.client, self.bootstrap = client, bootstrap or broker.bootstrap
        self.messages = generate(seed, begin, self.day)
        self.topics = {
            role: broker.topic(role, partitions, LARGE)
            for role, partitions in zip((PREDICTIONS, LABELS), self.day.partitions, strict=True)
        }
        self.dead_letters = broker.topic("dead-letters", 1, LARGE)
        self.store = folder / "state"
        self.latest = begin + self.day.span + 4 * DAY
        self.clock = folder / "clock"
        self.move_to(self.latest)
        self.lives = []

    def move_to(self, present):
        """Set the daemons' simulated present, from where it goes on with the wall clock."""
        self._place(present - time.time_ns() // 1_000_000)

    def jump(self, millis):
        """Let the simulated clock jump."""
        self._place(int(self.clock.read_text()) + millis)

    def _place(self, offset):
        new = self.clock.with_suffix(".new")
        new.write_text(str(offset))
        new.replace(self.clock)

    def config(self, name="foldwatch.yaml", **changes):
        """Write the configuration; `changes` replace what CONFIG asks for."""
        asked = {
            "client": self.client,
            "bootstrap": self.bootstrap,
            "group": self.topics[PREDICTIONS],
            "store": self.store,
            "dead_letters": self.dead_letters,
            **self.topics,
        }
        path = self.folder / name
        path.write_text(CONFIG.format(**asked | changes) + with_objectives(MODELS))
        return path

    # Daemons

    def start(self, *, die="", prefix=(), config=None, real=False):
        """Start a daemon; `die` is POINT:N of child.py, `prefix` a command before it; `real`: as a person would."""
        config = config or self.config()
        command = [*prefix, sys.executable, str(CHILD), f"--config={config}", f"--clock={self.clock}", f"--die={die}"]
        command += [f"--{name}={n}" for name, n in self.tight.items()]
        if real:
            command = [*prefix, sys.executable, "-m", "monitor", "run", f"--config={config}", "--log-format=json"]
        daemon = Daemon(command, self.folder, self.folder / f"life-{len(self.lives)}.log")
        self.lives.append(daemon)
        return daemon

    def close(self):
        """End whoever is left; nobody has ever shown a traceback."""
        for daemon in self.lives:
            daemon.kill()
        for daemon in self.lives:
            assert "Traceback" not in daemon.said, daemon.said[-5000:]
            assert daemon.child.returncode != FAULT_OF_OURS, daemon.said[-5000:]

    # Messages

    def produce(self, messages=None):
        """Write messages, all unless told which; returns when the broker has them.

        They come in the order of their time, all partitions abreast: none is hours behind another one.
        """
        messages = self.messages if messages is None else messages
        producer = Producer(
            {"bootstrap.servers": self.broker.bootstrap, "linger.ms": 0, "message.max.bytes": 3_000_000, "log_level": 0}
        )
        failed = []
        for _, some in groupby(messages, key=lambda message: message.timestamp // ABREAST):
            for message in some:
                producer.produce(
                    self.topics[message.role],
                    message.value,
                    message.key,
                    message.partition,
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                    timestamp=message.timestamp,
                )
            assert not producer.flush(PATIENCE), "the broker did not take all messages"
        assert not failed, failed[:3]

    def records(self):
        """All messages as the broker has them."""
        return [
            Record(role, topic, found.partition, found.offset, found.key, found.value, found.timestamp)
            for role, topic in self.topics.items()
            for found in self.broker.consume(topic)
        ]

    def truth(self):
        return truth_of(self.records(), self.latest)
