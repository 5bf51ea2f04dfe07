"""A broken deploy on a real broker: halted, mended, replayed; and what must neither halt nor fill the dead letters."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from itertools import count

import pytest
from faults_scene import ROOT, Daemon, until
from history_oracle import Label, Prediction, World

# kafka-python reads its own files in an old way.
pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")

CONFIG = """
source:
  kind: kafka
  bootstrap_servers: ["{server}"]
  predictions: {{topic: {predictions}, fields: {{{fields}}}}}
  labels: {{topic: {labels}, fields: {{{label_fields}}}}}
  dead_letters: {{topic: {dead}, halt_share: 0.5}}
  defaults: {{model: churn, version: "3"}}
store: {{path: state}}
server: {{listen: "127.0.0.1:0"}}
evaluate_every: 1s
models:
  churn: {{classes: [stay, leave], positive: leave, windows: [24h], label_horizon: 0s, correction_window: 12h}}
"""
HOUR = 3_600_000


class Deployment:
    """Topics, a configuration that may be changed, and daemons one after the other."""

    def __init__(self, broker, folder):
        self.broker, self.folder = broker, folder
        self.topics = {name: broker.topic(name, n) for name, n in (("predictions", 3), ("labels", 2), ("dead", 2))}
        self.lives = []
        self.configure()

    def configure(self, fields="", label_fields=""):
        config = CONFIG.format(server=self.broker.bootstrap, fields=fields, label_fields=label_fields, **self.topics)
        (self.folder / "foldwatch.yaml").write_text(config)

    def command(self, *words):
        return [sys.executable, "-m", "monitor", *words, "--config", "foldwatch.yaml"]

    def start(self):
        log = self.folder / f"life-{len(self.lives)}.log"
        daemon = Daemon([*self.command("run"), "--log-format=json"], self.folder, log)
        self.lives.append(daemon)
        return daemon

    def dead_letters(self, *words):
        ended = subprocess.run(
            self.command("dead-letters", *words),
            cwd=self.folder,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout.splitlines()

    def produce(self, topic, events):
        """Write (id, event, timestamp) each, by key."""
        messages = [(key, json.dumps(event)) for key, event, _ in events]
        self.broker.produce(self.topics[topic], messages, timestamp=[at for *_, at in events])

    def originals(self):
        """Return every event that was ever sent, by its place."""
        return {
            f"{self.topics[topic]}/{record.partition}/{record.offset}": record
            for topic in ("predictions", "labels")
            for record in self.broker.consume(self.topics[topic])
        }

    def messages(self):
        """Return how many messages there are to read."""
        return sum(sum(self.broker.ends(self.topics[topic]).values()) for topic in ("predictions", "labels"))


@pytest.fixture
def deployment(broker, tmp_path):
    made = Deployment(broker, tmp_path)
    yield made
    for daemon in made.lives:
        daemon.kill()


class Traffic:
    """What an old and a new version of the producers send, and the same in the words of the oracle."""

    def __init__(self):
        self.begin = int(time.time() * 1000) - HOUR
        self.ids = count()
        self.predictions, self.labels = [], []

    def send(self, deployment, n, *, new):
        """Send `n` predictions, some twice, and labels for every third, some of them corrected."""
        identity, truth = ("id", "truth") if new else ("prediction_id", "y_true")
        predictions, labels = [], []
        for number in (next(self.ids) for _ in range(n)):
            name, at = f"p{number}", self.begin + number * 100
            y_pred = ("stay", "leave", "leave")[number % 3]
            for again in range(1 + (number % 10 == 0)):
                predictions.append((name, {identity: name, "predicted_at": at + again, "y_pred": y_pred}, at))
                self.predictions.append(Prediction(name, "3", at + again, y_pred, None, ""))
            for late in range(number % 3 == 0, -(number % 15 == 0), -1):
                # The later class comes first; it carries no time of its own: the message's stands in.
                moment, y_true = at + 1000 + late, ("stay", "leave")[(number + late) % 2]
                labels.append((name, {"prediction_id": name, truth: y_true}, moment))
                self.labels.append(Label(name, moment, y_true))
        deployment.produce("predictions", predictions)
        deployment.produce("labels", labels)

    def truth(self):
        """Return (confusion, totals) of a world in which nothing was ever broken."""
        world = World(self.predictions, self.labels, self.begin + 2 * HOUR, 12 * HOUR, 24 * HOUR)
        return world.confusion(0, 2**62, "3")[1], world.totals()


def counted(daemon):
    """Return (confusion, totals) as a daemon reports them."""
    report = daemon.report()
    (window,) = (each for each in report["windows"] if each["maturity"] == "mature")
    classes, counts = window["confusion"]["classes"], window["confusion"]["counts"]
    confusion = Counter({(t, p): counts[i][j] for i, t in enumerate(classes) for j, p in enumerate(classes)})
    return confusion, report["events"]


def halted(daemon):
    """Wait until a daemon has halted; it says so in every way it has."""
    until(lambda: "rejected" in daemon.get("-/ready")[1], lambda: daemon.said[-3000:])
    assert daemon.get("-/ready")[0] == 503
    assert daemon.get("-/healthy")[0] == 200
    until(lambda: "\nfoldwatch_halted 1.0" in daemon.get("metrics")[1], "the gauge does not show it")
    (line,) = (json.loads(line) for line in daemon.said.splitlines() if '"halted"' in line)
    assert line["why"].startswith("more than 50% of the last events were rejected; see the dead letters")
    assert line["why"].endswith("then restart to go on where reading stopped")


def test_after_a_broken_deploy_a_fix_and_a_replay_give_the_counts_of_a_world_without_it(deployment, broker):
    traffic = Traffic()
    traffic.send(deployment, 400, new=False)
    first = deployment.start()
    until(lambda: first.report()["events"].get("predictions") == 400, lambda: first.said[-3000:])
    traffic.send(deployment, 2_000, new=True)
    halted(first)
    traffic.send(deployment, 1_500, new=True)
    first.stop()

    second = deployment.start()  # the producers are as broken as before
    halted(second)
    second.stop()
    letters = broker.consume(deployment.topics["dead"])
    assert len(letters) > 2_000

    deployment.configure("prediction_id: id", "y_true: truth")
    traffic.send(deployment, 100, new=True)
    third = deployment.start()
    third.settle(deployment.messages())
    assert third.ready()
    assert counted(third)[1]["dead_letters"] == {"missing field": len(letters)}
    assert len(broker.consume(deployment.topics["dead"])) == len(letters) == len({letter.key for letter in letters})
    originals = deployment.originals()
    for letter in letters:
        original, headers = originals[letter.key.decode()], dict(letter.headers)
        assert letter.value == original.value
        assert headers["reason"] == b"missing field"
        assert headers["key"] == original.key
        assert headers["timestamp"] == str(original.timestamp).encode()

    n = f"{len(letters):,}"
    assert (
        deployment.dead_letters("list")[0] == f"{n} dead letters in {deployment.topics['dead']} on {broker.bootstrap}"
    )
    assert deployment.dead_letters("replay", "--dry-run")[1] == f"would be replayed: {n}"
    assert deployment.messages() == len(originals)
    confusion, totals = traffic.truth()
    for repeated in (set(), {"duplicate", "labels"}):
        assert deployment.dead_letters("replay")[1] == f"replayed: {n}"
        third.settle(deployment.messages())
        ours, events = counted(third)
        assert ours == confusion
        assert {name: events[name] for name in totals.keys() - repeated} == {
            name: totals[name] for name in totals.keys() - repeated
        }
    replayed = [dict(record.headers).get("foldwatch-replayed") for record in deployment.originals().values()]
    assert Counter(filter(None, replayed)) == Counter({letter.key: 2 for letter in letters})
    third.stop()


def test_models_of_others_tombstones_and_old_history_neither_halt_nor_fill_the_dead_letters(deployment, broker):
    now = int(time.time() * 1000)
    days = [now - day * 24 * HOUR + step * HOUR // 2 for day in range(60, 0, -1) for step in range(40)]
    history = [
        (f"p{n}", {"prediction_id": f"p{n}", "predicted_at": at, "y_pred": "stay"}, at) for n, at in enumerate(days)
    ]
    deployment.produce("predictions", history)
    foreign = [(f"f{n}", {"model": f"model {n}", "anything": n}, now) for n in range(1_000)]
    deployment.produce("predictions", foreign)
    broker.produce(deployment.topics["labels"], [(f"p{n}", None) for n in range(1_500)], timestamp=now)
    labels = [(key, {"prediction_id": key, "y_true": "stay"}, at + 1000) for key, _, at in history[::2]]
    deployment.produce("labels", labels)
    daemon = deployment.start()
    daemon.settle(deployment.messages())
    assert daemon.ready()
    assert "\nfoldwatch_halted 0.0" in daemon.get("metrics")[1]
    events = daemon.report()["events"]
    assert events["dead_letters"] == {}
    too_old = events["skipped"].pop("too old", 0)
    assert events["skipped"] == {"unknown model": 1_000, "tombstone": 1_500}
    assert events["predictions"] + events["labels"] + too_old == len(history) + len(labels)
    assert broker.consume(deployment.topics["dead"]) == []
    daemon.stop()
    assert deployment.dead_letters("list")[0].startswith("no dead letters in dead-")
