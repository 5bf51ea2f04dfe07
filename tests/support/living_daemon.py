"""`foldwatch run` on files that grow, with a model that is re-validated: its feed, its metrics and its desk."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from alert_stack import free_port, until

from monitor.config import load
from monitor.revalidate.asking.reached import reached

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
source:
  kind: files
  predictions: {{path: predictions.jsonl}}
  labels: {{path: labels.jsonl}}
  dead_letters: {{path: dead-letters.jsonl}}
store: {{path: state}}
server: {{listen: "127.0.0.1:{port}"}}
evaluate_every: 1s
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {{"3": churn-3.json}}
    windows: [1h]
    label_horizon: 0s
    revalidate:
      action: {{kind: command, argv: ["true"]}}
      promote_to: baselines
"""


def folds(path, right, rows=3_000):
    """Out-of-fold predictions of which so many are right, in every class alike."""
    lines = ["fold,y_true,y_pred"]
    for i in range(rows):
        fold, y_true = i % 5, ("stay", "leave")[i // 5 % 2]
        y_pred = y_true if i // 10 * 0.618 % 1 < right else ("leave" if y_true == "stay" else "stay")
        lines.append(f"{fold},{y_true},{y_pred}")
    path.write_text("\n".join(lines) + "\n")


def foldwatch(folder, *words, check=True):
    """Run a command as a person would."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "monitor", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=check, timeout=120
    )


def build(folder, name, right, version="3"):
    """Make a baseline with `baseline build`, and return its content hash."""
    folds(folder / f"{name}.csv", right)
    words = ["baseline", "build", "--model", "churn", "--version", version, "--predictions", f"{name}.csv"]
    foldwatch(folder, *words, "--positive", "leave", "--output", f"{name}.json")
    return re.search(r"[0-9a-f]{64}", foldwatch(folder, "baseline", "show", f"{name}.json").stdout)[0]


class Feed:
    """Appends a prediction and its label every few milliseconds, from its start until its end."""

    def __init__(self, folder):
        self._folder, self.sent = folder, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with (
            (self._folder / "predictions.jsonl").open("a") as predictions,
            (self._folder / "labels.jsonl").open("a") as labels,
        ):
            while not self._stop.wait(0.01):
                now, i = int(time.time() * 1_000), self.sent
                y_true = ("stay", "leave")[i % 2]
                y_pred = y_true if i % 5 else "stay"
                one = {"prediction_id": f"id-{i}", "model": "churn"}
                at = {"version": "3", "predicted_at": now, "y_pred": y_pred}
                predictions.write(json.dumps(one | at) + "\n")
                labels.write(json.dumps(one | {"y_true": y_true, "labelled_at": now}) + "\n")
                predictions.flush()
                labels.flush()
                self.sent += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)


class LivingDaemon:
    """The daemon, again and again in the same folder and at the same address."""

    def __init__(self, folder, config=CONFIG):
        self.folder, self.port = folder, free_port()
        (folder / "foldwatch.yaml").write_text(config.format(port=self.port))
        for name in ("predictions.jsonl", "labels.jsonl"):
            (folder / name).touch()
        self.child = None

    def start(self):
        """Start it, and wait until it reads."""
        with (self.folder / "run.log").open("ab") as said:
            command = [sys.executable, "-m", "monitor", "run", "--config", "foldwatch.yaml"]
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            self.child = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=said)
        until(lambda: self.child.poll() is not None or self.ready(), "the daemon reads")
        assert self.child.poll() is None, self.log

    @property
    def log(self):
        """What it has said so far."""
        return (self.folder / "run.log").read_text()

    def ask(self, path, method="GET", body=None, **headers):
        """Return (status, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        """Tell whether it reads."""
        try:
            return self.ask("/-/ready")[0] == 200
        except OSError:
            return False

    def series(self, name):
        """Return (labels, value) of each series of a name, as text."""
        shown = self.ask("/metrics")[1]
        return re.findall(rf"^{name}\{{(.*)\}} (\S+)$", shown, re.MULTILINE)

    def hashes(self):
        """Return the baselines that `foldwatch_model_info` names."""
        return [re.search(r'baseline_sha256="([^"]*)"', labels)[1] for labels, _ in self.series("foldwatch_model_info")]

    def promised(self, class_="leave", metric="recall"):
        """Return the baseline of a class and metric in the window, as it is shown."""
        wanted = (f'class="{class_}"', f'metric="{metric}"')
        found = [v for labels, v in self.series("foldwatch_class_baseline_ratio") if all(w in labels for w in wanted)]
        return float(found[0]) if found else None

    def counted(self):
        """Return how many predictions it has counted."""
        found = [float(value) for _, value in self.series("foldwatch_predictions_total")]
        return sum(found)

    def desk(self, wait=10.0):
        """Reach the desk as the command does."""
        return reached(load(self.folder / "foldwatch.yaml"), wait)

    def stop(self, number=signal.SIGTERM):
        """End it, and return how it ended."""
        self.child.send_signal(number)
        try:
            return self.child.wait(30)
        finally:
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
