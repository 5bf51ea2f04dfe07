"""What a pod of deploy/kubernetes takes: its memory over a day of 1,000 events a second, and how soon it is ready.

    python benchmarks/pod.py [--short] [--only day|kafka|ready]

The day: 86.4 million events, a prediction every 2 ms and its label 1 minute to 6 hours later; it goes on beyond
midnight until the labels that come late make up for those that the first hours lacked. The daemon is the real one with
the base's own configuration (its windows, horizon, objectives, segments and baseline) and a durable state; its source
makes columns in memory, 5 s of them at a time, and its clock moves as they are read, so that it evaluates 1,440 times a
day. Metrics and API are read after each evaluation, the page after every tenth. It runs in a memory cgroup with the
pod's own limit where one can be made, so that the kernel would end it as a node's would. What it leaves out is the
Kafka client: the row beside it is the whole pod on a real broker at the same pace, for five minutes with either client.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from confluent_kafka import Producer
from pod_day import A_SECOND, BASE, REGIONS, THRESHOLD, ids_of, leaves, scores_of, status

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from broker import Broker, free_ports  # type: ignore[import-not-found] # the tests' own, found through the line above
from pod_checkout import room_of_checkout  # type: ignore[import-not-found] # the same
from pod_life import Pod  # type: ignore[import-not-found] # the same
from pod_manifest import Manifest  # type: ignore[import-not-found] # the same

if TYPE_CHECKING:
    from collections.abc import Iterator

APART = Path(__file__).with_name("pod_day.py")
CGROUPS = Path("/sys/fs/cgroup/memory")
DAY_OF_EVENTS, SHORT_DAY = 86_400_000, 600_000
WAITING, SHORT_WAITING = 1_000_000, 50_000
KAFKA_SECONDS, SHORT_SECONDS = 300, 15
STARTS = 3
PATIENCE = 150
MARGIN = 0.25
"""Share of the limit that must be left."""
MB = 2**20


@dataclass(frozen=True)
class Row:
    """One line of the table; less is better."""

    what: str
    measured: float
    unit: str
    must: float

    def __str__(self) -> str:
        """Return the line."""
        verdict = "MISSED" if self.missed else "met"
        return f"{self.what:58} {self.measured:9.1f} {self.unit:3} {self.must:8.0f}  {verdict}"

    @property
    def missed(self) -> bool:
        """Tell whether the must is missed."""
        return self.measured > self.must


def stateful_set() -> dict[str, Any]:
    """Return the container of the base's StatefulSet."""
    found = yaml.safe_load((BASE / "stateful-set.yaml").read_text())
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return dict(container)


def memory_limit() -> int:
    """Return the pod's, in bytes."""
    text = str(stateful_set()["resources"]["limits"]["memory"])
    return int(text.removesuffix("Mi")) * MB


def pod_environment() -> dict[str, str]:
    """Return the pod's own variables."""
    return {one["name"]: one["value"] for one in stateful_set().get("env", [])}


@contextmanager
def limited(limit: int) -> Iterator[list[str]]:
    """Yield the words that let a command run in a memory cgroup with so many bytes; none where it cannot be made."""
    group = CGROUPS / f"foldwatch-benchmark-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
    except OSError as error:
        print(f"  no memory cgroup can be made here ({error.strerror}): the kernel does not watch the limit")
        yield []
        return
    try:
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "limited"]
        most, refused = ((group / f"memory.{name}").read_text().strip() for name in ("max_usage_in_bytes", "failcnt"))
        killed = (group / "memory.oom_control").read_text().split()[-1]
        print(f"  its cgroup: at most {int(most) / MB:.0f} MB with the files that the system kept for it, ")
        print(f"  {refused} times at the limit, where the system gives such files up; ended by it {killed} times")
    finally:
        group.rmdir()


def day(folder: Path, events: int, limit: int) -> list[Row]:
    """Let a day go by in a process of its own, below the pod's limit; the rows."""
    command = [sys.executable, str(APART), "day", str(folder), str(events)]
    seen = []
    environment = os.environ | pod_environment()
    with limited(limit) as inside, subprocess.Popen(
        [*inside, *command], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:  # fmt: skip
        for line in child.stdout or ():
            seen.append(json.loads(line))
            now = seen[-1]
            print(f"  {now['events']:12,} events: {now['resident']:6.1f} MB, {now['peak']:6.1f} MB at most", flush=True)
    if child.returncode or "matched" not in seen[-1]:
        sys.exit(f"the daemon ended with {child.returncode}")
    end = seen[-1]
    print(
        f"  {end['hours']:.1f} hours, {end['evaluations']:,} evaluations, {end['predictions']:,} predictions, "
        f"{end['matched']:,} labelled; {end['seconds']:.0f} s, {end['cpu'] / end['events'] * 1e6:.1f} us of CPU an "
        f"event, {end['disk'] / end['predictions']:.0f} bytes of disk a prediction"
    )
    return [Row(f"memory over {events / 1e6:.1f} M events, at most", end["peak"], "MB", (1 - MARGIN) * limit / MB)]


@contextmanager
def placed(
    folder: Path, broker: Broker, prefix: list[str] | None = None, client: str = "kafka-python"
) -> Iterator[Pod]:
    """Yield a pod of the base with the broker's address, topics of its own and free ports; nothing of it is left."""
    manifest = Manifest.rendered(shutil.which("kubectl", path=str(Path(sys.prefix) / "bin")) or "kubectl")
    told = yaml.safe_load(manifest.configuration)
    for name, port in zip(("listen", "probes"), free_ports(2), strict=True):
        told["server"][name] = f"127.0.0.1:{port}"
    source = told["source"]
    source |= {"bootstrap_servers": [broker.bootstrap], "client": client}
    for role in ("predictions", "labels", "dead_letters"):
        source[role]["topic"] = broker.topic(role.replace("_", "-"), 1 if role == "dead_letters" else 2)
    root, mounts = room_of_checkout(folder / "room")
    pod = Pod(manifest, root, folder, yaml.safe_dump(told), mounts=mounts, prefix=prefix or [])
    try:
        yield pod
    finally:
        for life in pod.lives:
            life.kill()


def ready(folder: Path, broker: Broker, waiting: int) -> tuple[Row, float]:
    """Start a pod on a state in which so many predictions wait, that was killed; the row, and its seconds of CPU."""
    took = []
    filled = folder / f"filled-{waiting}"
    if waiting:
        command = [sys.executable, str(APART), "fill", str(filled), str(waiting)]
        subprocess.run(command, check=True)
    for number in range(STARTS):
        with placed(folder / f"{waiting}-{number}", broker) as pod:
            if waiting:
                shutil.copytree(filled / "state", pod.state)
                for path in (pod.state, *pod.state.rglob("*")):
                    os.chown(path, *pod.manifest.user[:2])
            begun = time.perf_counter()
            life = pod.start()
            while not life.ready():
                time.sleep(0.005)
            took.append((time.perf_counter() - begun, spent(life.pid)))
            life.stop()
    probe = Manifest.probe(pod.manifest, "startup")
    allowed = probe["periodSeconds"] * probe["failureThreshold"]
    seconds, cpu = (statistics.median(column) for column in zip(*took, strict=True))
    what = f"start to ready, {waiting:,} waiting after a kill" if waiting else "start to ready, empty state"
    return Row(what, seconds, "s", allowed), cpu


def spent(process: int) -> float:
    """Return the seconds of CPU that a process has taken."""
    words = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def on_kafka(folder: Path, broker: Broker, client: str, seconds: int, limit: int) -> Row:
    """Run the whole pod on a real broker at the same pace, in the limit's cgroup; the row.

    Its CPU is that of the last four fifths: what it takes to begin is not counted.
    """
    with limited(limit) as inside, placed(folder, broker, inside, client) as pod:
        source = yaml.safe_load(pod.configuration)["source"]
        producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
        life = pod.start()
        life.serves()
        begun, sent, scraped, warm, cpu = time.perf_counter(), 0, 0.0, 0.0, 0.0
        while (now := time.perf_counter() - begun) < seconds:
            number = np.arange(sent, int(now * A_SECOND) + 1)
            for i, score in zip(number.tolist(), scores_of(number).tolist(), strict=True):
                send(producer, source, i, score)
            sent = int(number[-1]) + 1
            producer.poll(0)
            if not warm and now >= seconds / 5:
                warm, cpu = now, spent(life.pid)
            if now >= scraped + 30:
                scraped = now
                life.get("metrics")
            time.sleep(0.005)
        share = (spent(life.pid) - cpu) / (time.perf_counter() - begun - warm)
        producer.flush()
        late = time.perf_counter() + PATIENCE
        while (read := life.report()["events"].get("predictions", 0)) < sent and time.perf_counter() < late:
            time.sleep(1)
        most = status("VmHWM", life.pid)
        print(
            f"  {client}: {2 * sent:,} events in {seconds} s, {read:,} predictions read, "
            f"{status('VmRSS', life.pid):.1f} MB, {share:.1%} of a core"
        )
        life.stop()
    return Row(
        f"memory with {client}, {2 * A_SECOND:,} events a second, {seconds} s",
        most,
        "MB",
        (1 - MARGIN) * limit / MB,
    )


def send(producer: Producer, source: dict[str, Any], number: int, score: float) -> None:
    """Write a prediction in the shape that the base reads, and its label."""
    now = time.time_ns() // 1_000_000
    one = np.array([number])
    name = str(ids_of(one)[0])
    prediction = {
        "id": name, "timestamp": now, "prediction": "leave" if score >= THRESHOLD else "stay", "proba": round(score, 6),
        "geo": {"country": REGIONS[number % len(REGIONS)]},
    }  # fmt: skip
    label = {"prediction_id": name, "y_true": "leave" if leaves(one)[0] else "stay", "labelled_at": now}
    for role, event in (("predictions", prediction), ("labels", label)):
        producer.produce(source[role]["topic"], json.dumps(event).encode(), partition=number % 2)


def main() -> int:
    """Print the table; 1 where a must is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="some minutes of the day, in half a minute")
    parser.add_argument("--only", choices=["day", "kafka", "ready"])
    parser.add_argument("--folder", type=Path, help="where to put states (default: a temporary folder)")
    args = parser.parse_args()
    limit = memory_limit()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=args.folder) as own:
        folder = Path(own)
        if args.only in {None, "day"}:
            rows += day(folder / "day", SHORT_DAY if args.short else DAY_OF_EVENTS, limit)
        if args.only != "day":
            with Broker(folder / "kafka", jvm="-Xmx512m") as broker:
                seconds = SHORT_SECONDS if args.short else KAFKA_SECONDS
                for client in ("kafka-python", "confluent") if args.only in {None, "kafka"} else ():
                    rows.append(on_kafka(folder / client, broker, client, seconds, limit))
                for waiting in (0, SHORT_WAITING if args.short else WAITING) if args.only in {None, "ready"} else ():
                    row, cpu = ready(folder, broker, waiting)
                    rows.append(row)
                    print(f"  {row.what}: {row.measured:.2f} s, {cpu:.2f} s of CPU")
    print(f"{'what':58} {'measured':>13} {'must':>8}")
    for row in rows:
        print(row)
    return int(any(row.missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
