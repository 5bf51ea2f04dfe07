"""A real Prometheus and a real Alertmanager on free ports of loopback, which end with the test.

    with Prometheus(folder, rules=[folder / "foldwatch.yml"], targets={"foldwatch": ["127.0.0.1:9464"]}) as prometheus:
        prometheus.query("up")                                  # [Sample(labels={...}, value=1.0)]
        prometheus.query_range("up", start, end, 60_000)        # [Course(labels={...}, points=((ms, value), ...))]
        prometheus.alerts()

    with Alertmanager(folder, configuration) as alertmanager:
        Prometheus(..., alertmanager=alertmanager.address)

Times are epoch milliseconds. A folder keeps configuration, samples and log (`prometheus.log`), and is left as it is at
the end. History: `promtool tsdb create-blocks-from openmetrics FILE BLOCKS`, then `Prometheus(folder, blocks=BLOCKS)`.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PATIENCE = 60.0
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections."""
_TRIES = 5
_TEMPORARY = 10
ENDS_WITH_ME = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""What comes behind is killed when the thread that started it ends, however. PR_SET_PDEATHSIG is 1, SIGKILL 9."""


class Sample(NamedTuple):
    """One series at one time."""

    labels: dict[str, str]
    value: float


class Course(NamedTuple):
    """One series through time."""

    labels: dict[str, str]
    points: tuple[tuple[int, float], ...]
    """(epoch ms, value)"""


class Server:
    """A server on a free port of loopback; the log lies beside its configuration."""

    def __init__(self, folder: Path, binary: str, package: str) -> None:
        """`package`: what to install where the binary is missing."""
        self.folder, self.name = folder, binary
        found = shutil.which(binary)
        assert found is not None, f"{binary} is not on PATH: run `make system`, or install the package `{package}`"
        self._path = found
        self._running: subprocess.Popen[bytes] | None = None
        self.port = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / f"{self.name}.log").read_text()

    def options(self) -> Sequence[str]:
        """Return the command's options; the port is known by now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, on another port where somebody was quicker; returns once it is ready."""
        for attempt in range(_TRIES):
            self.port = free_port()
            command = [sys.executable, "-S", "-E", "-c", ENDS_WITH_ME, self._path, *self.options()]
            with (self.folder / f"{self.name}.log").open("wb") as log:
                self._running = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
                )
            try:
                until(lambda: self._ready() or self._ended(), f"{self.name} is ready")
            except AssertionError:
                self.stop()
                raise
            if not self._ended():
                return
            again = "address already in use" in self.log and attempt < _TRIES - 1
            assert again, f"{self.name} ended by itself:\n{self.log[-3000:]}"

    def stop(self) -> None:
        """End it for sure. A second call does nothing."""
        if self._running is not None:
            self._running.terminate()
            try:
                self._running.wait(_TEMPORARY)
            except subprocess.TimeoutExpired:
                self._running.kill()
            self._running.wait()
            self._running = None

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return what the API answers, as JSON; the parameters are posted as a form where there are any."""
        body = urlencode(parameters).encode() if parameters else None
        with urlopen(Request(self.url + path, body), timeout=PATIENCE) as answer:
            return json.load(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ended(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def _ready(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}/-/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
        return False


class Prometheus(Server):
    """Scrapes, evaluates rules, answers queries."""

    def __init__(
        self,
        folder: Path,
        *,
        rules: Sequence[Path] = (),
        targets: Mapping[str, Sequence[str]] | None = None,
        alertmanager: str | None = None,
        scrape_interval: str = "1s",
        evaluation_interval: str = "1s",
        blocks: Path | None = None,
        options: Sequence[str] = (),
        scrape_configs: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """Start and wait until it is ready.

        `rules`: files of rules, their absolute paths. `targets`: job -> addresses. `alertmanager`: HOST:PORT.
        `blocks`: samples to begin with, as promtool made them. A group of rules may have an interval of its own.
        `scrape_configs`: further jobs as Prometheus' own configuration has them, with TLS and passwords for example.
        """
        super().__init__(folder, "prometheus", "prometheus")
        self._samples, self._options = blocks or folder / "samples", options
        configuration: dict[str, object] = {
            "global": {"scrape_interval": scrape_interval, "evaluation_interval": evaluation_interval},
            "rule_files": [str(path.resolve()) for path in rules],
            "scrape_configs": [
                {"job_name": job, "scrape_timeout": scrape_interval, "static_configs": [{"targets": list(addresses)}]}
                for job, addresses in (targets or {}).items()
            ]
            + [dict(job) for job in scrape_configs],
        }
        if alertmanager is not None:
            configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        self._configuration = folder / "prometheus.json"
        self._configuration.write_text(json.dumps(configuration, indent=1))  # JSON is YAML
        self.start()

    def options(self) -> Sequence[str]:
        """Return the command's options: samples are kept for ever, and no query may be too large."""
        return (
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={self._samples}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={self.address}",
            f"--web.external-url={self.url}",
            "--web.enable-lifecycle",
            "--query.max-samples=200000000",
            "--rules.alert.resend-delay=1s",  # it finds Alertmanager after some seconds: what rang before is told then
            "--log.level=warn",
            *self._options,
        )

    def query(self, expression: str, at: int | None = None) -> list[Sample]:
        """Evaluate an expression, at a time or now. Of a scalar the labels are empty."""
        found = self._data("query", {"query": expression} | ({} if at is None else {"time": _seconds(at)}))
        if found["resultType"] in {"scalar", "string"}:
            return [Sample({}, float(found["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in found["result"]]

    def query_range(self, expression: str, start: int, end: int, step: int) -> list[Course]:
        """Evaluate an expression every `step` milliseconds (at most 11,000 points)."""
        asked = {"query": expression, "start": _seconds(start), "end": _seconds(end), "step": _seconds(step)}
        return [
            Course(each["metric"], tuple((round(float(at) * 1000), float(value)) for at, value in each["values"]))
            for each in self._data("query_range", asked)["result"]
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing: `labels`, `annotations`, `state`, `activeAt`, `value`."""
        return list(self.get("/api/v1/alerts")["data"]["alerts"])

    def firing(self) -> list[dict[str, str]]:
        """Return the labels of every alert that fires."""
        return [alert["labels"] for alert in self.alerts() if alert["state"] == "firing"]

    def rules(self) -> list[dict[str, Any]]:
        """Return the groups of rules: `name`, `interval`, `evaluationTime`, `rules` with `health` and `lastError`."""
        return list(self.get("/api/v1/rules")["data"]["groups"])

    def targets(self) -> list[dict[str, Any]]:
        """Return what is scraped: `labels`, `health` (up, down, unknown), `lastError`."""
        return list(self.get("/api/v1/targets")["data"]["activeTargets"])

    def reload(self) -> None:
        """Let it read its configuration and rules anew."""
        urlopen(Request(f"{self.url}/-/reload", method="POST"), timeout=PATIENCE).close()

    def _data(self, path: str, parameters: Mapping[str, str]) -> Any:
        return self.get(f"/api/v1/{path}", parameters)["data"]


class Alertmanager(Server):
    """Groups alerts and tells receivers."""

    def __init__(self, folder: Path, configuration: Path) -> None:
        """Start from a configuration, whose templates and secrets lie where it says, and wait until it is ready."""
        super().__init__(folder, "prometheus-alertmanager", "prometheus-alertmanager")
        self._configuration = configuration.resolve()
        self.start()

    def options(self) -> Sequence[str]:
        """Return the command's options: one node, no cluster."""
        return (
            f"--config.file={self._configuration}",
            f"--storage.path={self.folder / 'state'}",
            f"--web.listen-address={self.address}",
            f"--web.external-url={self.url}",
            "--cluster.listen-address=",
        )

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it knows: `labels`, `annotations`, `receivers`, `status` with `inhibitedBy`."""
        return list(self.get("/api/v2/alerts"))

    def tell(self, *alerts: Mapping[str, Mapping[str, str]]) -> None:
        """Let it know of alerts as Prometheus does: `labels` and `annotations` each. They fire for five minutes."""
        told = json.dumps([{"labels": dict(of["labels"]), "annotations": dict(of["annotations"])} for of in alerts])
        kind = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.url}/api/v2/alerts", told.encode(), kind), timeout=PATIENCE).close()


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until something holds; a clear failure at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    while True:
        port = random.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _seconds(millis: int) -> str:
    return f"{millis // 1000}.{millis % 1000:03d}"
