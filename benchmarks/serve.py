"""What the edges cost: scrapes of 5,000 series, plain and over TLS with either login, and `foldwatch --help`.

    python benchmarks/serve.py

A scrape is timed from its connection to its last byte, on a new connection each (with the handshake) and on one that
stays, as Prometheus' does; client and server share this process. The reference is prometheus_client's own server with
as many gauges, plain and over TLS, in the same run; it keeps no connection and knows no login.
"""

from __future__ import annotations

import base64
import http.client
import resource
import secrets
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import numpy as np
from prometheus_client import CollectorRegistry, Gauge, start_http_server

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from certificates import Certificates, certify  # type: ignore[import-not-found] # the tests' own, see the line above

from monitor import __version__
from monitor.config import Auth, Duration, Export, ModelSettings, ServerSettings, Settings, Tls
from monitor.counts import Layout, tally_labelled, tally_predicted
from monitor.report.snapshot import Snapshot
from monitor.serve import Probes, Server
from monitor.statistics.evaluate import evaluate
from monitor.statistics.report import Maturity, Report
from monitor.statistics.terms import WindowCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBES = Probes(lambda: None, lambda: None)
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


@dataclass(frozen=True)
class Way:
    """How a client comes to /metrics."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None = None
    login: str | None = None
    """The header `Authorization`."""

    def connected(self) -> http.client.HTTPConnection:
        """Return a client, which connects when it asks."""
        if self.tls is None:
            return http.client.HTTPConnection(*self.address, timeout=10)
        return http.client.HTTPSConnection(*self.address, timeout=10, context=self.tls)

    def asked(self, connection: http.client.HTTPConnection) -> bytes:
        """Return what a scrape on this connection gets."""
        connection.request("GET", "/metrics", headers={} if self.login is None else {"Authorization": self.login})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            sys.exit(f"a scrape was answered with {answer.status}")
        return body


def scraped(way: Way, *, stays: bool = False) -> tuple[float, int]:
    """Return the median milliseconds of a scrape on a new connection, or on one that stays, and how many series."""
    took = []
    connection = way.connected()
    body = way.asked(connection) if stays else b""
    for _ in range(TRIES):
        begun = time.perf_counter()
        connection = connection if stays else way.connected()
        body = way.asked(connection)
        if not stays:
            connection.close()
        took.append((time.perf_counter() - begun) * 1e3)
    connection.close()
    return statistics.median(took), sum(not line.startswith(b"#") for line in body.splitlines())


def stock(series: int, made: Certificates | None = None) -> float:
    """Return the milliseconds of a scrape of prometheus_client's own server with so many gauges, or over TLS."""
    registry = CollectorRegistry()
    gauge = Gauge("stock_ratio", "A gauge.", ["model", "version", "window", "class"], registry=registry)
    for i in range(series):
        gauge.labels("bench", "1", "24h", f"class-{i}").set(i / series)
    file = None if made is None else str(made.server)
    server, thread = start_http_server(0, "127.0.0.1", registry, certfile=file, keyfile=file)
    try:
        return scraped(Way(("127.0.0.1", server.server_port), None if made is None else trusting(made)))[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trusting(made: Certificates) -> ssl.SSLContext:
    """Return a client's TLS that knows the authority."""
    return ssl.create_default_context(cafile=str(made.ca))


def encrypted(folder: Path, made: Certificates, shown: Snapshot) -> Iterator[tuple[str, float, float, int]]:
    """Yield, for either login over TLS, its name, the milliseconds on a new and on one connection, and how many series.

    A login by password takes bcrypt's time once: cost 12, as the documentation says.
    """
    token, password = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    (folder / "token").write_text(f"{token}\n")
    (folder / "users").write_text(f"reader:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(12)).decode()}\n")
    settings = ServerSettings(("127.0.0.1", 0), Tls(made.server, made.server), Auth(folder / "token", folder / "users"))
    basic = base64.b64encode(f"reader:{password}".encode()).decode()
    with Server(settings, PROBES, shown) as server:
        for name, login in (("bearer", f"Bearer {token}"), ("basic", f"Basic {basic}")):
            way = Way(server.address, trusting(made), login)
            first = timed(partial(way.asked, way.connected()))
            fresh, series = scraped(way)
            kept, _ = scraped(way, stays=True)
            print(f"  TLS, {name}: the very first scrape {first:.1f} ms")
            yield name, fresh, kept, series


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
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = certify(shutil.which("openssl") or "openssl", folder / "certificates")
        with Server(ServerSettings(("127.0.0.1", 0)), PROBES, shown) as server:
            published = timed(lambda: server.publish(shown))
            took, series = scraped(Way(server.address))
            kept, _ = scraped(Way(server.address), stays=True)
        rows.append(Row(f"scrape of {series:,} series", took, 50, 10))
        rows.append(Row("the same on one connection", kept, 50, 10))
        before = resident()
        for login, fresh, stayed, series in encrypted(folder, made, shown):
            rows.append(Row(f"scrape of {series:,} series, TLS, {login}", fresh, 60, 30))
            rows.append(Row("the same on one connection", stayed, 60, 15))
        more = resident() - before
        plain, over_tls = stock(series), stock(series, made)
    rows.append(Row("foldwatch --help, whole process", whole_process("-m", "monitor", "--help"), 500, 200))
    print(f"{'what':52} {'measured':>12} {'must':>8} {'goal':>8}  verdict")
    for row in rows:
        print(row)
    print(f"  rendering, once per evaluation: {published:.0f} ms")
    print(f"  prometheus_client's own server, as many series: {plain:.1f} ms a scrape, {over_tls:.1f} ms over TLS")
    print(f"  python -c pass: {whole_process('-c', 'pass'):.0f} ms")
    print(f"  memory: {resident():.0f} MB, {peak():.0f} MB at most; TLS and logins took {more:.1f} MB of it")
    return int(any(row.missed for row in rows))


def resident() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def peak() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
