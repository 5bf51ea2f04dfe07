import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from monitor.cli import main

CONFIG = """
source:
  kind: files
  predictions: {{path: predictions.jsonl}}
  labels: {{path: labels.jsonl}}
  dead_letters: {{path: dead-letters.jsonl, halt_share: 0.5}}
  defaults: {{model: churn, version: "3"}}
server: {{listen: "127.0.0.1:{port}"}}
evaluate_every: 1s
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h]
    label_horizon: 0s
"""
DEADLINE = 30


def prediction(i, y_pred="stay", **more):
    at = int(time.time() * 1000) - 60_000
    return json.dumps({"prediction_id": f"p{i}", "predicted_at": at, "y_pred": y_pred, **more}) + "\n"


def label(i, y_true="stay"):
    return json.dumps({"prediction_id": f"p{i}", "y_true": y_true, "labelled_at": int(time.time() * 1000)}) + "\n"


def append(path, text):
    with path.open("a") as file:
        file.write(text)


class Daemon:
    def __init__(self, folder, child, url):
        self.folder, self.child, self.url = folder, child, url

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def report(self):
        return json.loads(self.get("api/v1/report")[1])

    def until(self, holds):
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < deadline, self.report()["events"]
            time.sleep(0.05)

    def stop(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        _, err = self.child.communicate(timeout=10)
        return self.child.returncode, err


@contextmanager
def running(folder, *options):
    (folder / "foldwatch.yaml").write_text(CONFIG.format(port=0))
    command = [sys.executable, "-m", "monitor", "run", "--config", "foldwatch.yaml", "--log-format", "json", *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}  # noqa: PTH109 - for PYTHONPATH
    child = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in child.stderr:
            if found := re.search(r"http://[^\"]+/", line):
                yield Daemon(folder, child, found[0])
                break
    finally:
        child.kill()
        child.communicate()


def test_the_daemon_follows_growing_files_and_ends_within_seconds_of_sigterm(tmp_path):
    with running(tmp_path) as daemon:
        assert daemon.get("-/healthy")[0] == 200
        status, why = daemon.get("-/ready")
        assert status == 503
        assert "predictions.jsonl" in why
        append(tmp_path / "predictions.jsonl", "".join(prediction(i) for i in range(20)) + prediction(20)[:30])
        append(tmp_path / "labels.jsonl", "".join(label(i) for i in range(10)) + "nonsense\n\n" + label(99))
        daemon.until(lambda: daemon.report()["events"]["labels"] == 11)
        assert daemon.get("-/ready") == (200, "ready\n")
        events = daemon.report()["events"]
        assert (events["predictions"], events["matched"], events["labels_waiting"]) == (20, 10, 1)
        assert events["dead_letters"] == {"not JSON": 1}
        append(tmp_path / "predictions.jsonl", prediction(20)[30:] + prediction(99, "leave"))
        daemon.until(lambda: daemon.report()["events"]["matched"] == 11)
        (window,) = daemon.report()["windows"]
        assert (window["maturity"], window["predictions"], window["labels"]) == ("mature", 22, 11)
        assert window["confusion"]["counts"] == [[10, 1], [0, 0]]
        assert 'foldwatch_predictions_total{model="churn",version="3"} 22.0' in daemon.get("metrics")[1]
        code, err = daemon.stop()
        assert code == 0
        assert "Traceback" not in err
        assert [json.loads(line)["event"] for line in err.splitlines()][-1] == "stopped"
    (letter,) = map(json.loads, (tmp_path / "dead-letters.jsonl").read_text().splitlines())
    assert letter["reason"] == "not JSON"
    assert letter["value"] == "nonsense"
    assert letter["key"].endswith("labels.jsonl:11")


def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_beginning(tmp_path):
    log = tmp_path / "predictions.jsonl"
    append(log, "".join(prediction(i) for i in range(5)))
    append(tmp_path / "labels.jsonl", "")
    with running(tmp_path) as daemon:
        daemon.until(lambda: daemon.report()["events"]["predictions"] == 5)
        append(log, prediction(5))
        log.rename(tmp_path / "predictions.jsonl.1")
        append(log, "".join(prediction(i) for i in range(6, 9)))
        daemon.until(lambda: daemon.report()["events"]["predictions"] == 9)
        assert daemon.stop(signal.SIGINT)[0] == 0


def test_a_broken_producer_halts_reading_but_not_the_daemon(tmp_path):
    append(tmp_path / "labels.jsonl", "")
    append(tmp_path / "predictions.jsonl", "".join(prediction(i) for i in range(300)) + "broken\n" * 1000)
    with running(tmp_path) as daemon:
        daemon.until(lambda: daemon.get("-/ready")[0] == 503 and "rejected" in daemon.get("-/ready")[1])
        assert daemon.get("-/healthy")[0] == 200
        assert "foldwatch_halted 1.0" in daemon.get("metrics")[1]
        daemon.until(lambda: daemon.report()["events"]["dead_letters"] == {"not JSON": 1000})
        code, err = daemon.stop()
        assert code == 0
        halted = [json.loads(line) for line in err.splitlines() if json.loads(line)["event"] == "halted"]
        assert "restart" in halted[0]["why"]


def test_models_of_others_are_skipped_and_counted(tmp_path):
    append(tmp_path / "labels.jsonl", "")
    append(tmp_path / "predictions.jsonl", prediction(1) + prediction(2, model="another"))
    with running(tmp_path) as daemon:
        daemon.until(lambda: daemon.report()["events"]["predictions"] == 1)
        assert daemon.report()["events"]["skipped"] == {"unknown model": 1}


def test_a_port_in_use_is_named_before_anything_is_read(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "foldwatch.yaml").write_text(CONFIG.format(port=port))
        assert main(["run", "--config", str(tmp_path / "foldwatch.yaml")]) == 2
    err = capsys.readouterr().err
    assert f"127.0.0.1:{port}: the port is in use; stop the other program" in err


@pytest.mark.parametrize("missing", ["source", "predictions", "labels"])
def test_what_the_daemon_needs_to_read_events_is_asked_for(tmp_path, capsys, missing):
    config = CONFIG.format(port=0)
    if missing == "source":
        config = config[config.index("server:") :]
    else:
        config = "\n".join(line for line in config.splitlines() if not line.startswith(f"  {missing}:"))
    (tmp_path / "foldwatch.yaml").write_text(config)
    assert main(["run", "--config", str(tmp_path / "foldwatch.yaml")]) == 2
    assert missing in capsys.readouterr().err
