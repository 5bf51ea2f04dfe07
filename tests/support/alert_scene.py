"""What alerts need to ring for real: a configuration, its generated rules and routes, a daemon, and traffic.

Windows are shortened where they can be configured (`slo.period` of 168m makes the workbook's ladder 240 times as fast),
and waiting times of Alertmanager by an edit of the generated file: `shorten` says which.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import yaml
from alert_stack import ENDS_WITH_ME, Alertmanager, Prometheus
from fake_receivers import KEY, FakeReceivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Events = list[dict[str, object]]
    Send = Callable[[Events, Events], None]

ROOT = Path(__file__).parents[2]
ALERTING = """alerting:
  job: foldwatch
  pagerduty_key_file: keys/pagerduty
  slack_url_file: keys/slack
  slack_channel: "#ml-alerts"
  grafana_url: https://grafana.example
  runbook_url: https://runbooks.example
slo: {period: 168m, scrape_interval: 1s}
evaluate_every: 1s
"""
"""The ladder of this period: 24s/2s and 96s/8s for pages, 6m/30s and 18m/90s for tickets."""
MODELS = """models:
  churn:
    classes: [stay, leave]
    windows: [1h]
    label_horizon: 0s
    baseline: {"3": baseline.json}
    owner: team-growth
    objectives:
      - name: leave-floor
        metric: recall
        class: leave
        window: 1h
        kind: occurrences
        target: 0.95
        annotations: {escalation: "Call <Kim>"}
      - {name: all-floor, metric: accuracy, window: 1h, kind: occurrences, target: 0.95, routing: ticket}
      - {name: new-floor, metric: accuracy, window: 1h, kind: occurrences, target: 0.95, routing: shadow}
"""
"""One objective that pages, one that gives tickets, one in the shadow."""
_PATIENCE = 30


def foldwatch(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of foldwatch in a folder."""
    return subprocess.run(command(*words), cwd=folder, env=environment(), capture_output=True, text=True, check=True)


def command(*words: str | Path) -> list[str | Path]:
    """Return a command of foldwatch from this checkout."""
    return [sys.executable, "-m", "monitor", *words]


def environment() -> dict[str, str]:
    """Return the environment in which this checkout is found from any folder."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def write_keys(folder: Path, receivers: FakeReceivers) -> None:
    """Write the secrets that ALERTING names: PagerDuty's key, and the fake Slack's address."""
    (folder / "keys").mkdir()
    (folder / "keys/pagerduty").write_text(KEY + "\n")
    (folder / "keys/slack").write_text(receivers.slack_url + "\n")


def write_baseline(folder: Path, path: str, recall: float = 0.99) -> None:
    """Write a baseline of `churn` 3 whose five folds promise this recall of both classes."""
    lines = ["fold,y_true,y_pred"]
    for fold in range(5):
        for true, other in (("leave", "stay"), ("stay", "leave")):
            right = round(200 * recall)
            lines += [f"{fold},{true},{true}"] * right + [f"{fold},{true},{other}"] * (200 - right)
    (folder / "out-of-fold.csv").write_text("\n".join(lines) + "\n")
    words = ("--model", "churn", "--version", "3", "--predictions", "out-of-fold.csv", "--output", path)
    foldwatch(folder, "baseline", "build", *words)


def shorten(configuration: Path, receivers: FakeReceivers) -> Path:
    """Let Alertmanager's configuration speak to the fake PagerDuty, and at once: returns the edited copy beside it.

    Edited: `global.pagerduty_url`; `group_wait` and `group_interval`, everywhere 1s. All else is as generated.
    """
    document = yaml.safe_load(configuration.read_text())
    document["global"] = {"pagerduty_url": receivers.pagerduty_url}
    for route in (document["route"], *document["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    edited = configuration.with_name("shortened.yml")
    edited.write_text(yaml.safe_dump(document, sort_keys=False))
    return edited


def rule_paths(folder: Path) -> Sequence[Path]:
    """Return the files of rules below a folder, as the contract tells them: they have `groups` and are no tests."""
    found = sorted(path for path in folder.rglob("*.yml") if not path.name.endswith("_test.yml"))
    return [path for path in found if "groups" in yaml.safe_load(path.read_text())]


class Daemon:
    """`foldwatch run` on a configuration; knows its address once it listens."""

    def __init__(self, folder: Path, config: str = "foldwatch.yaml") -> None:
        """Start; its log goes to daemon.log."""
        self.log = folder / "daemon.log"
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", ENDS_WITH_ME, *command("run", "--config", config)],
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(r"http://([^/\s\"]+)/", self.log.read_text())):
            ended = self._child.poll() is not None or time.monotonic() > deadline
            if ended:
                self.stop()
            assert not ended, self.log.read_text()
            time.sleep(0.05)
        self.address = found[1]
        self.url = f"http://{self.address}"

    def stop(self) -> None:
        """End it for sure."""
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(15)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Running(NamedTuple):
    """All that runs."""

    receivers: FakeReceivers
    alertmanager: Alertmanager
    prometheus: Prometheus
    daemon: Daemon
    traffic: Traffic


@contextmanager
def running(folder: Path, source: str, send: Send) -> Iterator[Running]:
    """Run everything on one configuration: ALERTING, `source` (with `server`), MODELS; ends all of it at the end."""
    (folder / "foldwatch.yaml").write_text(ALERTING + source + MODELS)
    write_baseline(folder, "baseline.json")
    with FakeReceivers() as receivers:
        write_keys(folder, receivers)
        foldwatch(folder, "rules", "--config", "foldwatch.yaml", "--output", "rules")
        configuration = shorten(folder / "rules/alertmanager/alertmanager.yml", receivers)
        # Relative key files are looked for from where Alertmanager is started: where the rules were written.
        with (
            Alertmanager(folder, configuration) as alertmanager,
            Traffic(send) as traffic,
            Daemon(folder) as daemon,
            Prometheus(
                folder / "prometheus",
                rules=rule_paths(folder / "rules"),
                targets={"foldwatch": [daemon.address]},
                alertmanager=alertmanager.address,
            ) as prometheus,
        ):
            yield Running(receivers, alertmanager, prometheus, daemon, traffic)


class Traffic:
    """A model at work: twenty predictions a second whose labels come at once, half of them of the class `leave`.

    While it is `broken` every true `leave` is predicted as `stay`.
    """

    def __init__(self, send: Send) -> None:
        """`send`: takes predictions and labels."""
        self.broken = False
        self._send, self._ended = send, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        sent = 0
        while not self._ended.wait(0.2):
            now = int(time.time() * 1000)
            ids = [(f"p{sent + i}", "leave" if i % 2 else "stay") for i in range(4)]
            sent += len(ids)
            self._send(
                [
                    {"prediction_id": id_, "predicted_at": now, "y_pred": "stay" if self.broken else true}
                    for id_, true in ids
                ],
                [{"prediction_id": id_, "labelled_at": now, "y_true": true} for id_, true in ids],
            )
