"""The daemon on Kafka: events a second against the client's bare poll, and the delay from an event to its gauge.

    python benchmarks/daemon.py [--events N] [--only kafka-python|confluent|delay]

One million predictions and as many labels of about 180 bytes, two partitions each, on a real broker on the same
machine. Every row is a whole process, `foldwatch run` with a durable state, timed from its start until its report holds
every event; the reference reads the same messages in the same run and does nothing with them.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from broker import Broker  # type: ignore[import-not-found] # the tests' own, found through the line above

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3_600_000
PARTITIONS = 2
LEAVE_SHARE, THRESHOLD = 0.3, 0.5
SHARES = {"kafka-python": (0.4, 0.6), "confluent": (0.3, 0.5)}
"""Client -> events a second as a share of its bare poll: must, goal."""
DELAYS = (3.0, 1.5)
"""Seconds from an event to its gauge, 99 % of them: must, goal."""
STEADY_SECONDS = 30


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: float
    must: float
    goal: float
    note: str
    more_is_better: bool

    @property
    def missed(self) -> bool:
        """Tell whether the must is missed."""
        return self._misses(self.must)

    def __str__(self) -> str:
        """Return the line."""
        verdict = "MISSED" if self.missed else "must" if self._misses(self.goal) else "goal"
        return f"{self.what:46} {self.value:7.2f} {self.must:6.2f} {self.goal:6.2f}  {verdict:6}  {self.note}"

    def _misses(self, target: float) -> bool:
        return self.value < target if self.more_is_better else self.value > target


class Log:
    """Messages of one run: predictions, and the label of each, from a seed."""

    def __init__(self, events: int, begin: int) -> None:
        """Draw `events` predictions over an hour from `begin` (epoch ms), and the label of each."""
        rng = np.random.default_rng(20260101)
        self.at = begin + np.sort(rng.integers(0, HOUR, events))
        y = rng.random(events) < LEAVE_SHARE
        self.score = 1 / (1 + np.exp(-(rng.normal(np.where(y, 1.2, -1.2), 1.2) - 0.4)))
        self.y_true = np.where(y, "leave", "stay")
        self.y_pred = np.where(self.score >= THRESHOLD, "leave", "stay")
        self.labelled_at = self.at + rng.integers(1_000, HOUR, events)

    def prediction(self, i: int, at: int | None = None) -> bytes:
        """Return the JSON of one prediction, about 180 bytes."""
        return (
            f'{{"prediction_id":"request-{i:012d}-{i % 9973:04x}","model":"churn","version":"3",'
            f'"predicted_at":{self.at[i] if at is None else at},"y_pred":"{self.y_pred[i]}",'
            f'"score":{self.score[i]:.6f},'
            f'"segment_region":"eu","entity":"user-{i % 100_000:06d}"}}'
        ).encode()

    def label(self, i: int) -> bytes:
        """Return the JSON of its label."""
        return (
            f'{{"prediction_id":"request-{i:012d}-{i % 9973:04x}","model":"churn","y_true":"{self.y_true[i]}",'
            f'"labelled_at":{self.labelled_at[i]},"source":"crm-export","batch":"2026-01-01T00","reviewer":"team-growth"}}'
        ).encode()


def fill(broker: Broker, log: Log, predictions: str, labels: str) -> None:
    """Write every message, in order of time."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 500_000}
    )
    for i in range(len(log.at)):
        producer.produce(predictions, log.prediction(i), partition=i % PARTITIONS)
        producer.produce(labels, log.label(i), partition=i % PARTITIONS)
        if i % 1_000 == 0:
            producer.poll(0)
            while len(producer) > 300_000:
                producer.poll(0.05)
    producer.flush()


def bare_poll(client: str, broker: Broker, topics: list[str], events: int) -> float:
    """Read everything and do nothing with it, in a process of its own; return messages a second."""
    command = [sys.executable, "-c", _BARE[client], broker.bootstrap, str(events), str(PARTITIONS), *topics]
    return events / float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


_BARE = {
    "kafka-python": """
import sys, time
from kafka import KafkaConsumer, TopicPartition
address, events, partitions, *topics = sys.argv[1:]
consumer = KafkaConsumer(
    bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed",
    max_poll_records=10_000, max_partition_fetch_bytes=8 * 2**20)
consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(int(partitions))])
read, begun = 0, time.perf_counter()
while read < int(events):
    read += sum(map(len, consumer.poll(1000).values()))
print(time.perf_counter() - begun)
""",
    "confluent": """
import sys, time
from confluent_kafka import Consumer, TopicPartition
address, events, partitions, *topics = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": address, "group.id": "bare", "enable.auto.commit": False,
                     "isolation.level": "read_committed"})
consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(int(partitions))])
read, begun = 0, time.perf_counter()
while read < int(events):
    read += len([message.value() for message in consumer.consume(10_000, 0.2)])
print(time.perf_counter() - begun)
""",
}


class Daemon:
    """`foldwatch run` as a child."""

    def __init__(self, child: subprocess.Popen[str], url: str) -> None:
        """Know the child and where it serves."""
        self.child, self.url = child, url

    def get(self, path: str) -> str:
        """Return a page."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:  # noqa: S310 - our own server
            return str(answer.read().decode())

    def counter(self, name: str) -> int:
        """Return the sum of a counter over its labels."""
        return sum(
            int(float(n)) for n in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("metrics"), re.MULTILINE)
        )

    def resident(self) -> float:
        """Return its memory in MB."""
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20


@contextmanager
def daemon(folder: Path, broker: Broker, client: str, predictions: str, labels: str, every: str) -> Iterator[Daemon]:
    """Run the daemon on these topics with an empty state, evaluating at this pace, and end it."""
    settings = {
        "source": {
            "kind": "kafka", "client": client, "bootstrap_servers": [broker.bootstrap],
            "predictions": {"topic": predictions}, "labels": {"topic": labels},
        },
        "store": {"path": f"state-{client}-{predictions}"},
        "server": {"listen": "127.0.0.1:0"},
        "evaluate_every": every,
        "models": {
            "churn": {
                "classes": ["stay", "leave"],
                "windows": ["1h", "24h"],
                "label_horizon": "1h",
                "segments": ["region"],
            }
        },
    }  # fmt: skip
    config = folder / "foldwatch.yaml"
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "monitor", "run", "--config", str(config), "--log-format", "json"]
    with (folder / "log").open("w+") as log, subprocess.Popen(command, stderr=log, text=True) as child:
        try:
            yield Daemon(child, _address(folder / "log", child))
        finally:
            child.send_signal(signal.SIGTERM)
            if child.wait(30):
                sys.exit(f"foldwatch run ended with {child.returncode}:\n{(folder / 'log').read_text()[-2000:]}")


def _address(log: Path, child: subprocess.Popen[str]) -> str:
    """Return the address that the log tells."""
    while child.poll() is None:
        found = re.search(r'"url": ?"([^"]+)"', log.read_text())
        if found:
            return found[1].rstrip("/") + "/"
        time.sleep(0.02)
    sys.exit(f"foldwatch run ended with {child.returncode}:\n{log.read_text()[-2000:]}")


def throughput(folder: Path, broker: Broker, client: str, topics: list[str], events: int) -> tuple[Row, float]:
    """Time the daemon until everything is counted, beside the bare poll; the row, and events a second."""
    bare = bare_poll(client, broker, topics, events)
    begun = time.perf_counter()
    with daemon(folder, broker, client, topics[0], topics[1], "5s") as running:
        while (seen := json.loads(running.get("api/v1/report"))["events"])["predictions"] + seen["labels"] < events:
            time.sleep(0.5)
        seconds = time.perf_counter() - begun
        memory = running.resident()
    if seen["matched"] != events // 2 or seen["dead_letters"] or seen["duplicate"]:
        sys.exit(f"counted wrongly: {seen}")
    rate = events / seconds
    note = f"{rate:,.0f} events/s of {bare:,.0f} polled bare, {memory:.0f} MB"
    return Row(f"{client}: share of its bare poll", rate / bare, *SHARES[client], note, more_is_better=True), rate


def delay(folder: Path, broker: Broker, client: str, rate: float) -> Row:
    """Produce at half of full load and watch the counter: seconds from an event to the first scrape that shows it."""
    predictions, labels = broker.topic("delay-predictions", PARTITIONS), broker.topic("delay-labels", PARTITIONS)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
    per_tick = int(rate / 2 / 2 / 20)
    log = Log(per_tick * 20 * STEADY_SECONDS, _now() - HOUR)
    produced, seen, n = [], [], 0
    with daemon(folder, broker, client, predictions, labels, "1s") as running:
        begun = time.perf_counter()
        for tick in range(STEADY_SECONDS * 20):
            at = _now()
            log.labelled_at[n : n + per_tick] = at
            for i in range(n, n + per_tick):
                producer.produce(predictions, log.prediction(i, at), partition=i % PARTITIONS)
                producer.produce(labels, log.label(i), partition=i % PARTITIONS)
            n += per_tick
            producer.poll(0)
            produced.append((n, time.perf_counter()))
            seen.append((running.counter("foldwatch_predictions_total"), time.perf_counter()))
            time.sleep(max(0.0, begun + (tick + 1) / 20 - time.perf_counter()))
        producer.flush()
        while seen[-1][0] < n:
            seen.append((running.counter("foldwatch_predictions_total"), time.perf_counter()))
            time.sleep(0.02)
    late = [next(at for count, at in seen if count >= sent) - when for sent, when in produced]
    took = produced[-1][1] - begun
    note = f"{client}, {2 * n / took:,.0f} events/s for {took:.0f} s, median {np.median(late):.2f} s"
    return Row("event to gauge, 99 %, seconds", float(np.quantile(late, 0.99)), *DELAYS, note, more_is_better=False)


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> int:
    """Print the table; 1 where a must is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="predictions, and as many labels")
    parser.add_argument("--only", choices=[*SHARES, "delay"])
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, Broker(Path(name) / "kafka", jvm="-Xmx1g") as broker:
        folder = Path(name)
        topics = [broker.topic("predictions", PARTITIONS), broker.topic("labels", PARTITIONS)]
        fill(broker, Log(args.events, _now() - 3 * HOUR), *topics)
        print(f"{'':46} {'seen':>7} {'must':>6} {'goal':>6}", flush=True)
        for client in SHARES if args.only in {None, "delay"} else [args.only]:
            row, rate = throughput(folder, broker, client, topics, 2 * args.events)
            rows.append(row)
            print(row, flush=True)
            if args.only in {None, "delay"}:
                rows.append(delay(folder, broker, client, rate))
                print(rows[-1], flush=True)
    return int(any(row.missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
