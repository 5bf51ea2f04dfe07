"""A model in production that is re-validated: files, folds, a state that a real daemon left, and the real commands."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression

from monitor.baselines.crossval import cross_validate
from monitor.baselines.file import document_bytes, write
from monitor.cli import main

ROWS = 600
DEADLINE = 60

ESTIMATORS = '''
import itertools, os, time
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from sklearn.dummy import DummyClassifier

HERE = Path(__file__).parent


def fine():
    return LogisticRegression()


def poor():
    return DummyClassifier(strategy="stratified", random_state=1)


class Third(LogisticRegression):
    """Cannot be fitted where the rows of the third fold are left out."""

    def fit(self, x, y):
        if len(list(HERE.glob("fitted-*"))) >= 2:
            raise RuntimeError("the matrix is singular")
        (HERE / f"fitted-{time.monotonic_ns()}").touch()
        return super().fit(x, y)


def third():
    return Third()


class Slow(LogisticRegression):
    """Takes its time, and leaves a trace of when it began."""

    def fit(self, x, y):
        (HERE / "begun").touch()
        while not (HERE / "go").exists():
            time.sleep(0.02)
        return super().fit(x, y)


def slow():
    return Slow()
'''


class Endpoint(threading.Thread):
    """An HTTP service that answers every POST alike, or never."""

    def __init__(self, status):
        super().__init__(daemon=True)
        self.requests, requests, over = [], [], threading.Event()
        self.requests, self.over = requests, over

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((dict(self.headers), body))
                if status is None:
                    over.wait(60)
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def run(self):
        self.server.serve_forever(poll_interval=0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.join()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def drawn(seed, n=ROWS, noise=0.7):
    """Return x (n, 2) and y: `leave` where both together are large, but for the noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    y = np.where(x.sum(axis=1) + noise * rng.normal(size=n) > 0, "leave", "stay")
    return x, y


def csv_of(x, y, target="y"):
    lines = [f"a,b,{target}", *(f"{row[0]:.5f},{row[1]:.5f},{label}" for row, label in zip(x, y, strict=True))]
    return "\n".join(lines) + "\n"


def promise(seed, version="3", flip=0.0, classes=None):
    """Return a baseline: cross-validated in this process; `flip`: so many labels are wrong."""
    x, y = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    wrong = rng.random(len(y)) < flip
    y = np.where(wrong, rng.permutation(y), y)
    if classes is not None:
        y = np.where(y == "leave", classes[1], classes[0])
    return cross_validate(
        x, y, LogisticRegression, model="churn", version=version, scheme="stratified", folds=5, seed=seed, jobs=1
    )  # fmt: skip


def configuration(port, revalidate, **more):
    """Return a configuration; `revalidate` and top-level keys as given."""
    return {
        "source": {
            "kind": "files",
            "predictions": {"path": "predictions.jsonl"},
            "labels": {"path": "labels.jsonl"},
            "dead_letters": {"path": "dead-letters.jsonl"},
            "defaults": {"model": "churn", "version": "3"},
        },
        "store": {"path": "state"},
        "server": {"listen": f"127.0.0.1:{port}"},
        "evaluate_every": "1s",
        "models": {
            "churn": {
                "classes": ["stay", "leave"],
                "positive": "leave",
                "baseline": {"3": "churn-3.json"},
                "windows": ["1h"],
                "label_horizon": "0s",
                "margin": 0.05,
                "objectives": [{"name": "leave-recall", "metric": "recall", "class": "leave", "window": "1h"}],
                "revalidate": revalidate,
            }
        },
        **more,
    }


COPIES = {"kind": "command", "argv": ["cp", "candidate.json", "result.json"], "result": "result.json"}
"""An action that takes no time."""
CROSSVAL = {
    "kind": "crossval", "data": "train.csv", "target": "y", "estimator": "estimators:fine", "folds": 5, "seed": 7,
    "jobs": 1,
}  # fmt: skip


class Scene:
    """One folder with everything in it."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    @property
    def config(self):
        return self.folder / "foldwatch.yaml"

    @property
    def pointer(self):
        path = self.folder / "baselines" / "current.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def ledger(self):
        path = self.folder / "state" / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def configure(self, action=COPIES, *, when=None, unless=None, gate=None, top=None, **more):
        wanted = {
            "when": {"new_labels": 10} if when is None else when,
            "unless": {"cool_down": "0s"} if unless is None else unless,
            "action": action,
            "promote_to": "baselines",
            **({} if gate is None else {"gate": gate}),
            **more,
        }
        (self.folder / "baselines").mkdir(exist_ok=True)
        self.config.write_text(yaml.safe_dump(configuration(self.port, wanted, **(top or {})), sort_keys=False))

    def candidate(self, baseline):
        (self.folder / "candidate.json").write_bytes(document_bytes(baseline))
        return baseline.content_hash

    def start(self, *arguments, **more):
        """Start a command; what it prints is text."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
        command = [sys.executable, "-m", "monitor", *arguments, "--config", "foldwatch.yaml"]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
        )

    def run(self, *arguments):
        """Run a command in this process; return (exit code, JSON or None, standard error)."""
        answer, err = self.folder / "answer", io.StringIO()
        answer.unlink(missing_ok=True)
        with redirect_stdout(io.StringIO()), redirect_stderr(err):
            code = main([*arguments, "--config", str(self.config), "--json", str(answer)])
        said = json.loads(answer.read_text()) if answer.exists() else None
        answer.unlink(missing_ok=True)
        return code, said, err.getvalue()

    def decided(self, *arguments):
        """Run `revalidate` and return (exit code, the only decision, standard error)."""
        code, said, err = self.run("revalidate", *arguments)
        assert said is not None, err
        (decision,) = said["decisions"]
        return code, decision, err

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def append(self, name, version, n, right):
        """Append n labelled predictions of a version to the logs; a share `right` of them is."""
        rng, now = np.random.default_rng(n), int(time.time() * 1000)
        y_true = np.where(rng.random(n) < 0.5, "leave", "stay")
        y_pred = np.where(rng.random(n) < right, y_true, np.where(y_true == "stay", "leave", "stay"))
        with (self.folder / "predictions.jsonl").open("a") as predictions:
            for i in range(n):
                event = {"prediction_id": f"{name}{i}", "version": version, "predicted_at": now - 60_000 - i}
                predictions.write(json.dumps(event | {"y_pred": y_pred[i]}) + "\n")
        with (self.folder / "labels.jsonl").open("a") as labels:
            for i in range(n):
                event = {"prediction_id": f"{name}{i}", "y_true": y_true[i], "labelled_at": now - 30_000}
                labels.write(json.dumps(event) + "\n")

    @contextmanager
    def daemon(self, labels=ROWS):
        """A running daemon that has read everything and evaluated it."""
        child = self.start("run")
        try:
            self.until(lambda: self._counted() == labels)
            yield child
        finally:
            child.terminate()
            _, err = child.communicate(timeout=30)
        assert child.returncode == 0, err

    def _counted(self):
        try:
            return json.loads(self.get("api/v1/report")[1])["events"].get("matched")
        except OSError:
            return None

    def until(self, holds, seconds=DEADLINE):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "nothing came of it"
            time.sleep(0.05)


def made(folder):
    """Make a folder whose state a real daemon has left."""
    scene = Scene(folder, free_port())
    x, y = drawn(1)
    (folder / "train.csv").write_text(csv_of(x, y))
    (folder / "estimators.py").write_text(ESTIMATORS)
    write(promise(2), folder / "churn-3.json")
    model = LogisticRegression().fit(x, y)
    live, truth = drawn(3)
    now = int(time.time() * 1000)
    with (folder / "predictions.jsonl").open("w") as predictions, (folder / "labels.jsonl").open("w") as labels:
        for i, (y_pred, y_true) in enumerate(zip(model.predict(live), truth, strict=True)):
            at = now - 10 * 60_000 + i * 900
            features = {"a": live[i, 0] + 3.0, "b": live[i, 1]}  # `a` is not what the folds have seen
            event = {"prediction_id": f"p{i}", "predicted_at": at, "y_pred": y_pred, "features": features}
            predictions.write(json.dumps(event) + "\n")
            labels.write(json.dumps({"prediction_id": f"p{i}", "y_true": y_true, "labelled_at": at + 1}) + "\n")
    scene.configure(when={"drift_share": 0.5})  # so that features are sampled
    with scene.daemon():
        pass
    return scene


def copied(scene, folder):
    """Return the same in another folder, with a port of its own."""
    shutil.copytree(scene.folder, folder, dirs_exist_ok=True)
    return Scene(folder, free_port())
