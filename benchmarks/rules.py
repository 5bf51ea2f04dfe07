"""What the generated rules cost a real Prometheus: 50 models of 4 objectives each, over a whole period of history.

    python benchmarks/rules.py [--models N] [--days N] [--rounds N] [--top N]

The history is real blocks: the counters as scraped every 30 s for as long as the longest window looks back, and what
the rules record of them for the whole period. Then Prometheus scrapes a fake daemon whose counters move on, and
evaluates every group. The figure is the time that all groups take in an interval of 60 s; those that ask for five
minutes count a fifth.
"""

from __future__ import annotations

import argparse
import http.client
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from alert_stack import Prometheus, until  # type: ignore[import-not-found] # the tests' own, found through the line above

from monitor.alerting.rules import names
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import text
from monitor.config import Duration, ModelSettings, Objective, Settings
from monitor.counts import Layout
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

JOB: Final = "foldwatch"
SCRAPE, MINUTE, DAY = 30, 60, 86_400
_PAUSE: Final = 2.0
"""Seconds between two looks at the rules."""
LONGEST_LEVEL = 3 * DAY
MUST, MUST_MEMORY = 1.0, 2_000.0
OBJECTIVES = (
    Objective("watched", "recall", "leave", "24h", target=Decimal("0.95")),
    Objective("weekly", "accuracy", None, "7d", target=Decimal("0.9")),
    Objective("floor", "recall", "leave", "24h", target=Decimal("0.95"), kind="occurrences"),
    Objective("precise", "precision", "leave", "24h", target=Decimal("0.99"), kind="occurrences"),
)


@dataclass(frozen=True)
class Cost:
    """What one evaluation of all groups took."""

    seconds: float
    processor: float
    """Seconds of processor time that Prometheus took meanwhile, scrapes and all."""
    groups: int
    rules: int
    by_kind: Mapping[str, float]
    """Recorded series or alert -> seconds."""


class Daemon(ThreadingHTTPServer):
    """Shows the counters of every objective, a little higher at each scrape."""

    def __init__(self, settings: Settings, begun: int) -> None:
        """Listen on a free port; counters go on from where the history ends."""
        super().__init__(("127.0.0.1", 0), Scraped)
        self._labels = list(labels_of(settings))
        self._begun = begun
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def exposition(self) -> bytes:
        """Return the text of a scrape."""
        lines = []
        steps = self._begun + int(time.time()) // SCRAPE * SCRAPE
        for metric, share in COUNTERS:
            lines.append(f"# TYPE {metric.name} counter")
            lines += [f"{metric.name}{{{labels}}} {int(steps * share)}" for labels in self._labels]
        return ("\n".join(lines) + "\n").encode()


class Scraped(BaseHTTPRequestHandler):
    """Answers a scrape."""

    server: Daemon

    def do_GET(self) -> None:
        """Answer."""
        body = self.server.exposition()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


COUNTERS: Final = ((catalog.SLO_EVENTS, 1.0), (catalog.SLO_BAD, 0.005), (catalog.SLO_SKIPPED, 0.1))


def settings_of(models: int) -> Settings:
    """Return so many models, each with four objectives."""
    windows = (Duration(DAY * 1000, "24h"), Duration(7 * DAY * 1000, "7d"))
    two_days = Duration(2 * DAY * 1000, "2d")
    month = Duration(30 * DAY * 1000, "30d")
    named = [f"model-{i:02d}" for i in range(models)]
    return Settings(
        models={
            name: ModelSettings(
                name, ("stay", "leave"), Layout(2), windows, two_days, month, two_days, objectives=OBJECTIVES
            )
            for name in named
        }
    )


def labels_of(settings: Settings) -> Iterator[str]:
    """Yield the labels of each objective's counters."""
    for model in settings.models.values():
        for objective in model.objectives:
            yield f'model="{model.name}",slo="{objective.name}"'


def write_history(path: Path, series: Mapping[str, Sequence[tuple[str, float]]], moments: Sequence[int]) -> int:
    """Write counters that grow by their share each second as OpenMetrics text; return how many samples."""
    with path.open("w") as out:
        for family, members in series.items():
            out.write(f"# TYPE {family} {'counter' if family.startswith('foldwatch') else 'unknown'}\n")
            tails: dict[float, list[str]] = {}
            for labels, share in members:
                if share not in tails:
                    tails[share] = [f" {int(at * share)} {at}" for at in moments]
                prefix = (family + "_total" if family.startswith("foldwatch") else family) + labels
                out.write(prefix + f"\n{prefix}".join(tails[share]) + "\n")
        out.write("# EOF\n")
    return len(moments) * sum(map(len, series.values()))


def history(folder: Path, blocks: Path, settings: Settings, instance: str, days: int, now: int) -> int:
    """Make the blocks that Prometheus would have; return how many samples they hold."""
    samples, recording = 0, max(intervals(settings).values()) // 1000
    scraped = {
        metric.name.removesuffix("_total"): [
            (f'{{job="{JOB}",instance="{instance}",{labels}}}', share) for labels in labels_of(settings)
        ]
        for metric, share in COUNTERS[:2]
    }
    recorded = {
        record: [
            (f"{{{labels},{','.join(f'{k}={chr(34)}{v}{chr(34)}' for k, v in sloth.items())}}}", share)
            for labels, sloth in recorded_labels(settings)
        ]
        for record, share in ((names.EVENTS, 1.0), (names.BAD, 0.005))
    }
    plans = (
        (scraped, range(now - min(days * DAY, LONGEST_LEVEL), now, SCRAPE)),
        (recorded, range(now - days * DAY, now, recording)),
    )
    for i, (series, moments) in enumerate(plans):
        file = folder / f"history-{i}.txt"
        samples += write_history(file, series, moments)
        command = ("promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=168h", "-q")
        subprocess.run([*command, file, blocks], check=True, capture_output=True)
        file.unlink()
    return samples


def recorded_labels(settings: Settings) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the labels that the rules give what they record of each objective."""
    for model in settings.models.values():
        for objective in model.objectives:
            labels = f'model="{model.name}",slo="{objective.name}"'
            yield labels, names.sloth_labels(model.name, objective.name)


def intervals(settings: Settings) -> dict[str, int]:
    """Return how often each group is evaluated, ms: the period's less often than the others."""
    return {group.name: group.interval for file in rule_files(settings) for group in file.groups}


def write_rules(folder: Path, settings: Settings, interval: int) -> list[Path]:
    """Write the rules, evaluated more often than they ask for, so that the benchmark ends; return the files."""
    paths = []
    for file in rule_files(settings):
        path = folder / "rules" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        written = text(file)
        path.write_text(re.sub(r"\binterval: \w+", f"interval: {interval}s", written))
        paths.append(path)
    return paths


def measure(prometheus: Prometheus, asked: Mapping[str, int], rounds: int, interval: int) -> list[Cost]:
    """Return what each round of evaluations took, after a first one that fills caches.

    A group that asks to be evaluated every five minutes counts a fifth in an interval of one.
    """
    share = {name: min(asked.values()) / each for name, each in asked.items()}
    used = process(prometheus, "process_cpu_seconds_total")
    costs, seen = [], {group["name"]: group["lastEvaluation"] for group in prometheus.rules()}
    for _ in range(rounds + 1):
        fresh: dict[str, str] = {}

        def evaluated(known: Mapping[str, str] = seen, fresh: dict[str, str] = fresh) -> bool:
            time.sleep(_PAUSE)  # to tell of thousands of rules costs as much as to evaluate them
            fresh |= {group["name"]: group["lastEvaluation"] for group in prometheus.rules()}
            return all(fresh[name] != at for name, at in known.items())

        until(evaluated, "every group is evaluated", 20 * interval)
        groups = prometheus.rules()
        by_kind: defaultdict[str, float] = defaultdict(float)
        for group in groups:
            for rule in group["rules"]:
                if rule["health"] != "ok":
                    sys.exit(f"{rule['name']} could not be evaluated: {rule.get('lastError')}")
                by_kind[rule["name"]] += rule["evaluationTime"] * share[group["name"]]
        rules = sum(len(group["rules"]) for group in groups)
        before, used = used, process(prometheus, "process_cpu_seconds_total")
        seconds = sum(group["evaluationTime"] * share[group["name"]] for group in groups)
        costs.append(Cost(seconds, used - before, len(groups), rules, by_kind))
        seen = {group["name"]: group["lastEvaluation"] for group in groups}
    return costs[1:]


def process(prometheus: Prometheus, name: str) -> float:
    """Return what Prometheus tells of its own process."""
    connection = http.client.HTTPConnection(prometheus.address, timeout=20)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> int:
    """Print the table; 1 when a must is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--days", type=int, default=28, help="of history")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interval", type=int, default=20, help="seconds between evaluations")
    parser.add_argument("--history", type=Path, metavar="DIR", help="keep the blocks there, or take them from there")
    parser.add_argument("--top", type=int, default=12, help="so many of the dearest series")
    args = parser.parse_args()
    settings = settings_of(args.models)
    folder = Path(tempfile.mkdtemp(prefix="foldwatch-rules-"))
    try:
        now = int(time.time()) // MINUTE * MINUTE
        with Daemon(settings, 0) as daemon:
            instance = f"127.0.0.1:{daemon.server_port}"
            blocks = args.history or folder / "blocks"
            if not blocks.exists():
                begun = time.perf_counter()
                samples = history(folder, blocks, settings, instance, args.days, now)
                print(f"history: {samples:,} samples of {args.days} days in {time.perf_counter() - begun:.0f} s")
            rules = write_rules(folder, settings, args.interval)
            scraped = {"targets": {JOB: [instance]}, "scrape_interval": f"{SCRAPE}s"}
            with Prometheus(folder / "prometheus", rules=rules, blocks=blocks, **scraped) as prometheus:
                costs = measure(prometheus, intervals(settings), args.rounds, args.interval)
                used = process(prometheus, "process_resident_memory_bytes") / 2**20
            daemon.shutdown()
    finally:
        shutil.rmtree(folder)
    return report(costs, used, args.models, args.top)


def report(costs: Sequence[Cost], used: float, models: int, top: int) -> int:
    """Print the table; return 1 when a must is missed."""
    seconds = sorted(cost.seconds for cost in costs)[len(costs) // 2]
    one = costs[-1]
    print(f"{'what':58} {'measured':>12} {'must':>8}  verdict")
    rows = (
        (f"all rules, {models} models x {len(OBJECTIVES)} objectives, an interval", seconds, MUST, "s"),
        ("memory of Prometheus", used, MUST_MEMORY, "MB"),
    )
    missed = 0
    for what, measured, must, unit in rows:
        missed |= measured > must
        print(f"{what:58} {measured:9.2f} {unit:>2} {must:8.0f}  {'MISSED' if measured > must else 'must'}")
    print(f"  {one.groups} groups, {one.rules} rules; rounds: {', '.join(f'{cost.seconds:.2f}' for cost in costs)} s")
    print(f"  processor time a round: {', '.join(f'{cost.processor:.2f}' for cost in costs)} s, with the scrapes")
    for name, took in sorted(one.by_kind.items(), key=lambda item: -item[1])[:top]:
        print(f"  {name:50} {took:7.3f} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
