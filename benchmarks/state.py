"""What the durable state costs with many predictions waiting: memory, disk, the time to open it, and an event.

    python benchmarks/state.py [--waiting 10_000_000] [--folder DIR]

Everything is done through the one loop. Predictions of 30 days wait. An event is a prediction of a new id or the first
label of one that waits, as old as any of them; its cost is all CPU of the process (decoding its 180 bytes of JSON,
join, counts, commit, RocksDB's own threads), the broker apart. Memory is that of a process of its own (`VmRSS`, files
that the system keeps in its cache do not count) while it takes these events, against the same process with an empty
state.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.clock import DAY, format_time
from monitor.config import Duration, ModelSettings, Settings
from monitor.counts import Layout
from monitor.counts.slices import AgingSlices
from monitor.join.events import Predictions, Words
from monitor.sources.decoding.codec import Codec, Kind, batch_of
from monitor.sources.source import Batch, ModelEvents
from monitor.state.disk.durable import RocksState
from monitor.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

FEW = 100_000
BATCH = 10_000
ROUNDS = 16
TURNS = 3
LIMIT = 0.5
END = 1_700_000_000_000
DAYS = 30
SETTINGS = Settings(
    {
        "m": ModelSettings(
            "m",
            ("stay", "leave"),
            Layout(2),
            (Duration(DAY, "24h"),),
            Duration(14 * DAY, "14d"),
            Duration(DAYS * DAY, f"{DAYS}d"),
            Duration(DAY, "1d"),
            segments={"region": None},
        )
    }
)


@dataclass(frozen=True)
class Row:
    """One line of the table; less is better."""

    what: str
    measured: float
    unit: str
    must: float
    goal: float

    def __str__(self) -> str:
        """Return the line."""
        verdict = "goal" if self.measured <= self.goal else "must" if not self.missed else "MISSED"
        return f"{self.what:58} {self.measured:9.2f} {self.unit:5} {self.must:8.1f} {self.goal:8.1f}  {verdict}"

    @property
    def missed(self) -> bool:
        """Tell whether the must is missed."""
        return self.measured > self.must


class Given:
    """A source of one batch, which it decodes when it is asked."""

    def __init__(self) -> None:
        """Begin with none."""
        self.batch = Batch()
        self.lines: dict[Kind, bytes] = {}
        self._codec = Codec(SETTINGS)

    def poll(self) -> Batch:
        """Return the batch."""
        if not self.lines:
            return self.batch
        decoded = [self._codec.decode(kind, text, now=END + DAY, place=str) for kind, text in self.lines.items()]
        return batch_of(self._codec, *decoded, offsets=self.batch.offsets, passed=self.batch.passed)

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Nothing."""

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def ids(numbers: np.ndarray) -> np.ndarray:
    """Return the ids of predictions, as long as a UUID."""
    return np.array(
        [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}-{number:019d}" for number in numbers.tolist()], object
    )


def predictions(numbers: np.ndarray, moments: np.ndarray) -> Predictions:
    """Return predictions."""
    rng, n = np.random.default_rng(int(numbers[0])), len(numbers)
    return Predictions(
        ids(numbers),
        np.arange(n),
        moments,
        Words(np.zeros(n, np.int32), ("1",)),
        rng.integers(0, 2, n).astype(np.int32),
        rng.random((n, 1)),
        {"region": Words(rng.integers(0, 5, n).astype(np.int32), ("eu", "us", "cn", "br", "in"))},
    )


def lines(numbers: np.ndarray, moment: int) -> bytes:
    """Return predictions of new ids as JSON Lines, of 180 bytes each."""
    rng, regions = np.random.default_rng(int(numbers[0])), ("eu", "us", "cn", "br", "in")
    at, score, region = format_time(moment), rng.random(len(numbers)), rng.integers(0, 5, len(numbers))
    return b"".join(
        b'{"model":"m","prediction_id":"%s","version":"1","predicted_at":"%s","y_pred":"%s","score":%.12f,"segment_region":"%s"}\n'
        % (id_.encode(), at.encode(), b"leave" if p > LIMIT else b"stay", p, regions[r].encode())
        for id_, p, r in zip(ids(numbers), score.tolist(), region.tolist(), strict=True)
    )


def labels(numbers: np.ndarray, rng: np.random.Generator) -> bytes:
    """Return labels of predictions as JSON Lines."""
    at = format_time(END).encode()
    return b"".join(
        b'{"model":"m","prediction_id":"%s","y_true":"%s","labelled_at":"%s"}\n'
        % (id_.encode(), b"leave" if y else b"stay", at)
        for id_, y in zip(ids(numbers), rng.integers(0, 2, len(numbers)).tolist(), strict=True)
    )


def fill(folder: Path, waiting: int) -> float:
    """Let predictions wait, in the order of their times; return the bytes a row took at most on the way."""
    state, source = RocksState(folder, SETTINGS.models), Given()
    stream = Stream(SETTINGS, source, state, AgingSlices.at(END))
    most = 0.0
    for first in range(0, waiting, BATCH):
        numbers = np.arange(first, min(first + BATCH, waiting))
        moments = END - DAYS * DAY + numbers * (DAYS * DAY) // waiting
        source.batch = Batch(
            {"m": ModelEvents(predictions(numbers, moments))},
            read=len(numbers),
            offsets={"predictions/0": first + BATCH},
            passed=int(moments[0]) - DAYS * DAY,
        )
        stream.step()
        if first % (BATCH * 20) == 0 and first >= waiting // 10:
            most = max(most, size(folder) / (first + BATCH))
    state.close()
    return most


def size(folder: Path) -> int:
    """Return the bytes of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def memory() -> float:
    """Return the resident memory of this process in MB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def spend(folder: Path, waiting: int) -> dict[str, float]:
    """Open a filled state and spend events on it; return what it cost. Run in a process of its own, that then dies."""
    begun = time.perf_counter()
    state, source = RocksState(folder, SETTINGS.models), Given()
    opened = time.perf_counter() - begun
    stream = Stream(SETTINGS, source, state, AgingSlices.at(END))
    rng, half = np.random.default_rng(5), BATCH // 2
    old = rng.permutation(np.unique(rng.integers(0, waiting, 4 * ROUNDS * half))) if waiting else np.zeros(0, np.int64)
    spent = peak = 0.0
    read = 0
    for number in range(ROUNDS):
        own = old[number * half : (number + 1) * half]
        new = 10**12 + number * half + np.arange(half)
        source.lines = {Kind.PREDICTIONS: lines(new, END - number)}
        if len(own):
            source.lines[Kind.LABELS] = labels(own, rng)
        source.batch = Batch(offsets={"predictions/0": 10**9 + number}, passed=END - DAYS * DAY)
        before = time.process_time()
        done = stream.step()
        spent += time.process_time() - before
        if done.read != half + len(own) or done.rejected:
            message = f"{done.read} events read, {len(done.rejected)} rejected: {done.rejected[:1]}"
            raise SystemExit(message)
        read += done.read
        peak = max(peak, memory())
    return {"opened": opened, "event": spent / read * 1e6, "memory": peak}


def apart(folder: Path, waiting: int) -> dict[str, float]:
    """Spend on a copy of a filled state, in a process of its own."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    command = [sys.executable, __file__, "--folder", str(copy), "--spend", str(waiting)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    begun = time.perf_counter()
    state = RocksState(copy, SETTINGS.models)
    found["killed"] = time.perf_counter() - begun
    state.close()
    shutil.rmtree(copy)
    return found


def main() -> int:
    """Print the table; 1 when a must is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=10_000_000, help="predictions that wait (default: 10 million)")
    parser.add_argument("--folder", type=Path, help="where to put the states (default: a temporary folder)")
    parser.add_argument("--spend", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.spend is not None:
        print(json.dumps(spend(arguments.folder, arguments.spend)), flush=True)
        os._exit(0)  # as a kill would
    with tempfile.TemporaryDirectory(dir=arguments.folder) as own:
        return measured(Path(own), arguments.waiting)


def measured(own: Path, waiting: int) -> int:
    """Fill and spend; print the table."""
    most = 0.0
    for number in (0, FEW, waiting):
        begun = time.process_time()
        most = fill(own / str(number), number)
        took = time.process_time() - begun
        if number:
            print(f"  {number:,} predictions taken: {took / number * 1e6:.1f} us each, join and counts included")
    disk = size(own / str(waiting)) / waiting
    costs = {n: [apart(own / str(n), n) for _ in range(TURNS)] for n in (0, FEW, waiting)}
    none, few, many = ({key: min(one[key] for one in costs[n]) for key in costs[n][0]} for n in (0, FEW, waiting))
    rows = [
        Row(f"memory with {waiting:,} waiting, above none", many["memory"] - none["memory"], "MB", 150, 80),
        Row("memory in all then", many["memory"], "MB", 400, 300),
        Row("disk per waiting prediction", disk, "B", 150, 80),
        Row(f"ready after restart with {waiting:,} waiting", many["opened"], "s", 5, 2),
        Row("the same after a kill", many["killed"], "s", 5, 2),
        Row(f"cost per event against {FEW:,} waiting", many["event"] / few["event"], "x", 1.6, 1.3),
    ]
    print(f"{'what':58} {'measured':>15} {'must':>8} {'goal':>8}  verdict")
    for row in rows:
        print(row)
    print(f"  an event: {few['event']:.1f} us with {FEW:,} waiting, {many['event']:.1f} us with {waiting:,}")
    print(f"  disk per waiting prediction while they come, at most: {most:.0f} B")
    print(f"  memory with none: {none['memory']:.0f} MB")
    return int(any(row.missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
