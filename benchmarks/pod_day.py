"""The daemon on events that nobody wrote anywhere, faster than the clock: what benchmarks/pod.py runs apart.

    python benchmarks/pod_day.py day|fill FOLDER EVENTS

`day`: 1,000 events a second, half of them predictions, evaluated as often as the base's configuration says; prints the
process' memory as it goes, one JSON a line. `fill`: so many predictions of 30 days wait in a state that is not closed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.baselines.in_force import load_baselines
from monitor.clock import DAY, HOUR, SECOND, ManualClock
from monitor.config import Duration, load
from monitor.daemon import Daemon
from monitor.join.events import Labels, Predictions, Words
from monitor.sources.source import Batch, ModelEvents
from monitor.state.disk.durable import RocksState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.config import Settings
    from monitor.report.snapshot import Snapshot

BASE = Path(__file__).parents[1] / "deploy" / "kubernetes" / "base"
BEGIN = 1_767_571_200_000
"""2026-01-05, when the day begins."""
A_SECOND = 500
"""Predictions, and as many labels."""
PARTS = 24
"""So often the memory of a day is told."""
STEP = 5
"""Seconds of events that are read at once."""
DELAYS = tuple(60 * minutes for minutes in (1, 5, 15, 30, 60, 120, 240, 360))
"""Seconds after which labels come, an eighth of them each."""
REGIONS = ("DE", "FR", "PL")
LEAVE_SHARE, THRESHOLD = 0.3, 0.5
WAITING_DAYS = 30


class Day:
    """A source of events that nobody wrote anywhere, and the clock that goes with them."""

    def __init__(self, clock: ManualClock, events: int, stop: threading.Event) -> None:
        """Begin at BEGIN; stop when so many events are read."""
        self._clock, self._events, self._stop = clock, events, stop
        self._seconds = 0
        self.read = 0
        self.spent = 0.0
        """Seconds of CPU that making the events took."""

    def poll(self) -> Batch:
        """Return the events of the next STEP seconds."""
        if self.read >= self._events:
            self._stop.set()
            return Batch()
        spent = time.thread_time()
        begun, ended = self._seconds, self._seconds + STEP
        self._seconds = ended
        number = np.arange(begun * A_SECOND, ended * A_SECOND)
        predictions = predictions_of(number, BEGIN + number * SECOND // A_SECOND)
        labels = self._labels(begun, ended, len(predictions.ids))
        self.read += len(predictions.ids) + len(labels.ids)
        self._clock.move_to(BEGIN + ended * SECOND)
        self.spent += time.thread_time() - spent
        offsets = {"predictions/0": ended * A_SECOND, "labels/0": self.read - ended * A_SECOND}
        return Batch(
            {"churn": ModelEvents(predictions, labels)}, read=len(predictions.ids) + len(labels.ids), offsets=offsets
        )

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Nothing: a day is read once."""

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _labels(self, begun: int, ended: int, after: int) -> Labels:
        parts = []
        for k, delay in enumerate(DELAYS):
            number = np.arange(max(0, begun - delay) * A_SECOND, max(0, ended - delay) * A_SECOND)
            number = number[number % len(DELAYS) == k]
            parts.append((number, BEGIN + number * SECOND // A_SECOND + delay * SECOND))
        number = np.concatenate([part for part, _ in parts])
        return Labels(
            ids_of(number),
            after + np.arange(len(number)),
            np.concatenate([at for _, at in parts]),
            leaves(number).astype(np.int32),
        )


def predictions_of(number: NDArray[np.int64], at: NDArray[np.int64]) -> Predictions:
    """Return predictions of these numbers and moments, (n,) each: 18 of 19 right, three regions."""
    score = scores_of(number)
    return Predictions(
        ids_of(number),
        number - number[0],
        at,
        Words(np.zeros(len(number), np.int32), ("3",)),
        (score >= THRESHOLD).astype(np.int32),
        score[:, None],
        {"region": Words((number % len(REGIONS)).astype(np.int32), REGIONS)},
    )


def scores_of(number: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability that each of these customers leaves, as the model sees it; (n,)."""
    rng = np.random.default_rng(int(number[0]))
    return 1 / (1 + np.exp(-(rng.normal(np.where(leaves(number), 2.0, -2.0), 1.2))))


def leaves(number: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which customers leave, three in ten; (n,)."""
    return (number * 2_654_435_761) % 2**32 < LEAVE_SHARE * 2**32


def ids_of(number: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return an id for each prediction, 28 characters."""
    ids = np.empty(len(number), np.object_)
    ids[:] = [f"request-{i:012d}-{i % 9973:07d}" for i in number.tolist()]
    return ids


def settings_of(folder: Path) -> Settings:
    """Return the base's configuration with a state below `folder` and a port of loopback."""
    settings = load(BASE / "foldwatch.yaml")
    server = replace(settings.server, listen=("127.0.0.1", 0), probes=None)
    return replace(settings, server=server, store=folder / "state")


def one_day(folder: Path, events: int) -> None:
    """Run the daemon until so many events are read; print what is seen, one JSON a line. In a process of its own."""
    settings = settings_of(folder)
    clock, stop = ManualClock(BEGIN), threading.Event()
    source = Day(clock, events, stop)
    evaluations = 0
    told = 0

    def look(_: Snapshot) -> None:
        nonlocal evaluations, told
        for path in ("metrics", "api/v1/report", *([""] if evaluations % 10 == 0 else [])):
            with urllib.request.urlopen(f"{daemon.server.url}{path}", timeout=60) as answer:  # noqa: S310 - our own
                answer.read()
        evaluations += 1
        if source.read * PARTS // events >= told:
            told += 1
            print(json.dumps({"events": source.read, "resident": status("VmRSS"), "peak": status("VmHWM")}), flush=True)

    state = RocksState(settings.store or folder, settings.models)
    daemon = Daemon(
        settings, source, clock, load_baselines(settings), state=state, watch=look,
        monotonic=lambda: clock.now() / SECOND,
    )  # fmt: skip
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    begun, spent = time.perf_counter(), time.process_time()
    daemon.run(stop)
    known = state.totals()["churn"]
    print(
        json.dumps(
            {
                "events": source.read, "resident": status("VmRSS"), "peak": status("VmHWM"), "evaluations": evaluations,
                "seconds": time.perf_counter() - begun, "cpu": time.process_time() - spent - source.spent,
                "hours": (clock.now() - BEGIN) / HOUR, "disk": size(folder / "state"),
                "predictions": known.predictions, "matched": known.matched,
            }
        )
    )  # fmt: skip


class Waiting:
    """A source of predictions alone, spread over days, that dies with its process when the last one is durable."""

    def __init__(self, clock: ManualClock, predictions: int) -> None:
        """Begin where the clock stands; the last one comes WAITING_DAYS later."""
        self._clock, self._left, self._next, self._begun = clock, predictions, 0, clock.now()
        self._each = WAITING_DAYS * DAY // predictions

    def poll(self) -> Batch:
        """Return the predictions of the next hour."""
        n = min(HOUR // self._each, self._left)
        if not n:
            os._exit(0)  # as a kill would
        number = np.arange(self._next, self._next + n)
        self._next, self._left = self._next + n, self._left - n
        made = predictions_of(number, self._begun + number * self._each)
        self._clock.move_to(self._begun + self._next * self._each)
        return Batch({"churn": ModelEvents(made)}, read=n, offsets={"predictions/0": self._next})

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Nothing: it begins with nothing."""

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def fill(folder: Path, predictions: int) -> None:
    """Let so many predictions wait in a state that nobody closes, evaluated four times a day. For a process apart."""
    settings = settings_of(folder)
    clock = ManualClock(time.time_ns() // 1_000_000 - WAITING_DAYS * DAY)
    state = RocksState(folder / "state", settings.models)
    rarely = replace(settings, evaluate_every=Duration(6 * HOUR, "6h"))
    source, baselines = Waiting(clock, predictions), load_baselines(settings)
    daemon = Daemon(rarely, source, clock, baselines, state=state, monotonic=lambda: clock.now() / SECOND)
    daemon.run(threading.Event())


def size(folder: Path) -> int:
    """Return the bytes of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def status(word: str, process: int | str = "self") -> float:
    """Return what the system knows of a process' memory, in MB: VmRSS is what it has, VmHWM the most that it had."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(text.split(f"{word}:")[1].split()[0]) / 1024


if __name__ == "__main__":
    {"day": one_day, "fill": fill}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
