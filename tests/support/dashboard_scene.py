"""A filled Prometheus: a month of history, then a real daemon that reads a real Kafka, scraped every second.

    with filled(folder, broker) as scene:
        scene.prometheus.query("ALERTS")

The daemon has read the whole month from Kafka before Prometheus comes, and goes on with what happens now.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.request import urlopen

import dashboard_story as story
from alert_scene import Daemon, command, environment
from alert_stack import Prometheus, free_port, until
from dashboard_history import LOOK_BACK, blocks, promtool, replayed
from dashboard_past import made_up

from monitor.alerting import names
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import text
from monitor.cli import main
from monitor.clock import MINUTE, SECOND
from monitor.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from broker import Broker

    from monitor.alerting.rules.rule import RuleFile

HISTORY = """\
evaluate_every: 1m
"""
NOW = """\
evaluate_every: 1s
source:
  kind: kafka
  bootstrap_servers: ["{bootstrap}"]
  group_id: {group}
  predictions: {{topic: {predictions}}}
  labels: {{topic: {labels}}}
  dead_letters: {{topic: {dead}}}
server: {{listen: "127.0.0.1:{port}"}}
store: {{path: state}}
"""
_SCRAPES = 6
_BURST_SECONDS = 0.3


@dataclass(frozen=True)
class Scene:
    """What runs, and what it knows."""

    prometheus: Prometheus
    daemon: Daemon
    logs: story.Logs


@contextmanager
def filled(folder: Path, broker: Broker, *, past: bool = False) -> Iterator[Scene]:
    """Run it all; everything ends at the end. `past`: make up a day of what only a daemon tells, to look at."""
    port = free_port()
    end = int(time.time() * 1_000) // (15 * MINUTE) * (15 * MINUTE)
    history = folder / "history"
    history.mkdir(parents=True)
    logs = story.written(history, end)
    _build_baselines(history)
    (history / "foldwatch.yaml").write_text(HISTORY + story.MODELS)
    files = rule_files(load(history / "foldwatch.yaml"))
    topics = {name: broker.topic(name, 2) for name in ("predictions", "labels", "dead")}
    kafka = NOW.format(bootstrap=broker.bootstrap, group=topics["predictions"], port=port, **topics)
    (folder / "foldwatch.yaml").write_text(kafka + story.MODELS)
    for path in history.glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    with ExitStack() as held:
        with ThreadPoolExecutor(1) as pool:
            filling = pool.submit(lambda: blocks(folder, replayed(history, end, f"127.0.0.1:{port}"), files, end))
            for topic, messages in zip(topics, logs.events(), strict=False):
                broker.produce(topics[topic], messages)
            made = filling.result()
        daemon = held.enter_context(Daemon(folder))
        until(lambda: _predictions(daemon) >= len(logs.predictions), "the daemon has read the month")
        _revalidate(folder, daemon)
        if past:
            _make_up(folder, daemon, f'instance="127.0.0.1:{port}",job="{story.JOB}"', end / SECOND, made)
        held.enter_context(_Traffic(broker, topics["predictions"], topics["labels"]))
        prometheus = held.enter_context(
            Prometheus(
                folder / "prometheus",
                rules=_write_rules(folder / "rules", files),
                targets={story.JOB: [daemon.address]},
                blocks=made,
                options=(LOOK_BACK,),
            )
        )
        _scrape_itself(prometheus)
        scraped = f'count_over_time(up{{job="{story.JOB}"}}[5m]) >= {_SCRAPES}'
        until(lambda: prometheus.query(scraped), "it was scraped some times")
        until(lambda: {names.BURNS_FAST, names.LABELS_LATE} <= _firing(prometheus), "alerts fire")
        until(lambda: prometheus.query("prometheus_rule_evaluation_failures_total"), "it scraped itself")
        yield Scene(prometheus, daemon, logs)


def _build_baselines(folder: Path) -> None:
    """Build every baseline, and what will be candidates for one."""
    for model, version, name in story.baselines():
        of = f"{folder}/{name}"
        words = ["--model", model, "--version", version, "--scheme", "stratified"]
        assert main(["baseline", "build", *words, "--predictions", f"{of}.csv", "--output", f"{of}.json"]) == 0


def _revalidate(folder: Path, daemon: Daemon) -> None:
    """Re-validate by hand what can be: one candidate is promoted, one is rejected, and the daemon tells of both."""
    words = command("revalidate", "--config", "foldwatch.yaml", "--force", "--json", "decisions.json")
    ended = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    decisions = json.loads((folder / "decisions.json").read_text())["decisions"]
    found = {each["model"]: each["decision"] for each in decisions if each["decision"] != "none"}
    assert found == {"churn": "promoted", "tickets": "rejected"}, decisions
    told = [f'foldwatch_gate_passed{{model="{model}"}} {int(found[model] == "promoted")}' for model in found]
    until(lambda: all(line in _metrics(daemon) for line in told), "the daemon tells what the gate said")


def _write_rules(folder: Path, files: Sequence[RuleFile]) -> list[Path]:
    """Write the files of rules as `foldwatch rules` does, but evaluated every second and at once; return the paths."""
    paths = []
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"\b(interval|for): \w+", r"\1: 1s", text(file)))
        paths.append(path)
    return paths


def _make_up(folder: Path, daemon: Daemon, labels: str, end: float, into: Path) -> None:
    """Make a past of what the history does not tell."""
    scrape = _metrics(daemon)
    scrape += "# TYPE up gauge\nup 1\n# TYPE scrape_duration_seconds gauge\nscrape_duration_seconds 0.02\n"
    scrape = re.sub(r"^([a-z_]+)\{", rf"\1{{{labels},", scrape, flags=re.MULTILINE)
    scrape = re.sub(r"^([a-z_]+) ", rf"\1{{{labels}}} ", scrape, flags=re.MULTILINE)
    known = set(re.findall(r"^# TYPE (\S+)", (folder / "history/history.txt").read_text(), re.MULTILINE))
    (folder / "past.txt").write_text(made_up(scrape, known, end))
    promtool("openmetrics", folder / "past.txt", into)


def _scrape_itself(prometheus: Prometheus) -> None:
    """Let Prometheus scrape itself as well, as installations do: it knows its address only once it runs."""
    path = prometheus.folder / "prometheus.json"
    configuration = json.loads(path.read_text())
    configuration["scrape_configs"].append(
        {"job_name": "prometheus", "static_configs": [{"targets": [prometheus.address]}]}
    )
    path.write_text(json.dumps(configuration))
    prometheus.reload()


def _firing(prometheus: Prometheus) -> set[str]:
    return {labels["alertname"] for labels in prometheus.firing()}


def _predictions(daemon: Daemon) -> float:
    """Return how many predictions a daemon says it has read."""
    told = [line for line in _metrics(daemon).splitlines() if line.startswith("foldwatch_predictions_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in told)


def _metrics(daemon: Daemon) -> str:
    """Return one scrape of a daemon."""
    with urlopen(f"{daemon.url}/metrics") as answer:
        told: str = answer.read().decode()
    return told


class _Traffic:
    """What happens now, burst by burst."""

    def __init__(self, broker: Broker, predictions: str, labels: str) -> None:
        self._broker, self._topics = broker, (predictions, labels)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ended.wait(_BURST_SECONDS):
            number += 1
            for topic, events in zip(self._topics, story.live(number, int(time.time() * 1_000)), strict=True):
                self._broker.produce(topic, events)
