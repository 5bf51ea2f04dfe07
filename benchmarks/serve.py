"""What the edges cost: a scrape of 5,000 series over HTTP while the page is read, and `foldwatch --help`.

    python benchmarks/serve.py

The reference of the scrape is prometheus_client's own server with as many gauges, in the same run.
"""

from __future__ import annotations

import http.client
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from monitor import __version__
from monitor.config import Duration, Export, ModelSettings, ServerSettings, Settings
from monitor.counts import Layout, tally_labelled, tally_predicted
from monitor.report.snapshot import Snapshot
from monitor.serve import Probes, Server
from monitor.statistics.evaluate import evaluate
from monitor.statistics.report import Maturity, Report
from monitor.statistics.terms import WindowCounts

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES = 5_000
CLASSES = 50
TRIES = 50
HOUR = 3_600_000


@dataclass(frozen=True)
class Row:
    """One line of the table; less is better."""

    what: str
    milliseconds: float
    must: float
    goal: float

    def __str__(self) -> str:
        """Return the line."""
        verdict = "goal" if self.milliseconds <= self.goal else "must" if self.missed == 0 else "MISSED"
        return f"{self.what:52} {self.milliseconds:9.2f} ms {self.must:8.0f} {self.goal:8.0f}  {verdict}"

    @property
    def missed(self) -> int:
        """Return 1 where the must is missed."""
        return int(self.milliseconds > self.must)


def snapshot() -> Snapshot:
    """Return a snapshot of one model with many classes that exports a little over SERIES series."""
    names = tuple(f"class-{k}" for k in range(CLASSES))
    layout = Layout(CLASSES)
    rng = np.random.default_rng(1)
    n = 20_000
    y = rng.integers(0, CLASSES, n)
    y_pred = np.where(rng.random(n) < 0.8, y, rng.integers(0, CLASSES, n))
    one, group = np.ones(n, np.int64), np.zeros(n, np.int64)
    scores = np.full((n, CLASSES), np.nan)
    counts = (
        tally_labelled(layout, y, y_pred, scores, one, group, 1)[0] + tally_predicted(layout, y_pred, one, group, 1)[0]
    )
    windows = tuple(Duration(hours * HOUR, f"{hours}h") for hours in (1, 2, 4, 6, 12))
    day = Duration(24 * HOUR, "24h")
    model = ModelSettings("bench", names, layout, windows, day, day, day)
    exported = Export(("recall", "precision", "f1", "accuracy"), max_series=100_000)
    asked = [
        WindowCounts("1", None, window.text, 0, window.millis, window.millis, maturity, counts)
        for window in windows
        for maturity in Maturity
    ]
    return Snapshot(
        Settings({"bench": model}, export=exported),
        __version__,
        0,
        Report(day.millis, tuple(evaluate(model, asked, {}))),
    )


def scraped(address: tuple[str, int]) -> tuple[float, int]:
    """Return the median milliseconds of a scrape on a new connection, and how many series it holds."""
    took = []
    body = b""
    for _ in range(TRIES):
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.request("GET", "/metrics")
        body = connection.getresponse().read()
        connection.close()
        took.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(took), sum(not line.startswith(b"#") for line in body.splitlines())


def stock(series: int) -> float:
    """Return the milliseconds of a scrape of prometheus_client's own server with so many gauges."""
    registry = CollectorRegistry()
    gauge = Gauge("stock_ratio", "A gauge.", ["model", "version", "window", "class"], registry=registry)
    for i in range(series):
        gauge.labels("bench", "1", "24h", f"class-{i}").set(i / series)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        return scraped(("127.0.0.1", server.server_port))[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def whole_process(*arguments: str) -> float:
    """Return the median wall milliseconds of a whole process."""
    return statistics.median(
        timed(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)) for _ in range(9)
    )


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def main() -> int:
    """Print the table; 1 when a must is missed."""
    shown = snapshot()
    with Server(ServerSettings(("127.0.0.1", 0)), Probes(lambda: None, lambda: None), shown) as server:
        published = timed(lambda: server.publish(shown))
        took, series = scraped(server.address)
    rows = [
        Row(f"scrape of {series:,} series", took, 50, 10),
        Row("foldwatch --help, whole process", whole_process("-m", "monitor", "--help"), 500, 200),
    ]
    print(f"{'what':52} {'measured':>12} {'must':>8} {'goal':>8}  verdict")
    for row in rows:
        print(row)
    print(f"  rendering, once per evaluation: {published:.0f} ms")
    print(f"  prometheus_client's own server, as many series: {stock(series):.1f} ms a scrape")
    print(f"  python -c pass: {whole_process('-c', 'pass'):.0f} ms; peak memory {peak():.0f} MB")
    return int(any(row.missed for row in rows))


def peak() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
