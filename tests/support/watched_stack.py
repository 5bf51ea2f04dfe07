"""A daemon that follows two files, with a baseline, budgets and rules: what real Prometheus needs to scrape."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alert_stack import free_port

from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.rule import Recording
from monitor.alerting.rules.text import text
from monitor.config import load

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
CONFIGURATION = """
source:
  kind: files
  predictions: {{path: p.jsonl}}
  labels: {{path: l.jsonl}}
  dead_letters: {{path: dead.jsonl}}
server: {{listen: 127.0.0.1:{port}}}
evaluate_every: 1s
slo: {{scrape_interval: 1s}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h]
    label_horizon: 0s
    baseline: {{"3": churn-3.json}}
    owner: team-growth
    objectives:
      - {{name: watched, metric: recall, class: leave, window: 1h, target: 0.95}}
      - {{name: floor, metric: accuracy, window: 1h, kind: occurrences, target: 0.95}}
"""


class Stack:
    """The files of one daemon in a folder: configuration, baseline, logs, rules, and an hour of history."""

    def __init__(self, folder):
        self.folder = folder
        self._chance, self._told = random.Random(3), 0
        self._build_baseline()
        self.port = free_port()
        (folder / "foldwatch.yaml").write_text(CONFIGURATION.format(port=self.port))
        self.settings = load(folder / "foldwatch.yaml")
        self.rules = rule_files(self.settings)

    def _run(self, *command):
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, env=ENVIRONMENT)

    def _build_baseline(self):
        rows = [("leave" if i % 3 == 0 else "stay", i) for i in range(900)]
        lines = [f"{i % 5},{true},{true if i % 10 else 'stay'},{0.9 if true == 'leave' else 0.1}" for true, i in rows]
        (self.folder / "oof.csv").write_text("\n".join(["fold,y_true,y_pred,score", *lines, ""]))
        build = ("--model", "churn", "--version", "3", "--predictions", "oof.csv", "--output", "churn-3.json")
        self._run(sys.executable, "-m", "monitor", "baseline", "build", *build)

    def tell(self, n):
        """Append so many predictions with their labels, every third of them wrong, and a line that is no event."""
        now = datetime.now(UTC)
        with (self.folder / "p.jsonl").open("a") as predictions, (self.folder / "l.jsonl").open("a") as labels:
            for i in range(n):
                self._told += 1
                at, true = now - timedelta(seconds=2), "leave" if i % 2 else "stay"
                said = true if i % 3 else "stay"
                one = {
                    "prediction_id": f"p{self._told}",
                    "model": "churn",
                    "version": "3",
                    "y_pred": said,
                    "score": 0.5,
                }
                predictions.write(json.dumps(one | {"predicted_at": at.isoformat()}) + "\n")
                label = {"prediction_id": f"p{self._told}", "model": "churn", "y_true": true}
                labels.write(json.dumps(label | {"labelled_at": (at + timedelta(seconds=1)).isoformat()}) + "\n")
            predictions.write("this is no event\n" + json.dumps({**one, "model": "unknown"}) + "\n")

    def history(self):
        """Make an hour of the counters, and of what rules record of them, as blocks: a period takes points."""
        now = int(time.time()) // 60 * 60
        lines = []
        for name, share in (("events", 1.0), ("bad_events", 0.1)):
            lines.append(f"# TYPE foldwatch_slo_{name} counter")
            lines += [
                f'foldwatch_slo_{name}_total{{job="foldwatch",instance="127.0.0.1:{self.port}",model="churn",'
                f'slo="{slo}"}} {100 * minute * share} {now - 60 * (60 - minute)}'
                for slo in ("floor", "watched")
                for minute in range(60)
            ]
        for record in ("slo:sli_events:total", "slo:sli_bad_events:total"):
            share = 0.1 if "bad" in record else 1.0
            lines.append(f"# TYPE {record} unknown")
            lines += [
                f'{record}{{model="churn",slo="{slo}",sloth_id="churn-{slo}",sloth_service="churn",sloth_slo="{slo}"}} '
                f"{100 * minute * share} {now - 60 * (60 - minute)}"
                for slo in ("floor", "watched")
                for minute in range(60)
            ]
        (self.folder / "history.txt").write_text("\n".join([*lines, "# EOF", ""]))
        self._run("promtool", "tsdb", "create-blocks-from", "openmetrics", "history.txt", "blocks")
        return self.folder / "blocks"

    def write_rules(self):
        """Write the files of rules as `foldwatch rules` does, but evaluated every second; return their paths."""
        paths = []
        for file in self.rules:
            path = self.folder / "rules" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(re.sub(r"\binterval: \w+", "interval: 1s", text(file)))
            paths.append(path)
        return paths

    @property
    def recorded(self):
        """The names of every recorded series."""
        rules = (rule for file in self.rules for group in file.groups for rule in group.rules)
        return {rule.record for rule in rules if isinstance(rule, Recording)}

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
