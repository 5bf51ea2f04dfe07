"""A daemon that followed two log files for a while, and the state that it left behind."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace

import numpy as np

from monitor.clock import HOUR, MINUTE, ManualClock
from monitor.config.read import understand
from monitor.counts import Counts
from monitor.daemon import Daemon
from monitor.sources.files import Files
from monitor.state.opened import open_state
from monitor.statistics.baseline import Baseline, Fold

BEGIN = 1_767_225_600_000
CONFIGURATION = """\
source: {kind: files, predictions: {path: p.jsonl}, labels: {path: l.jsonl}}
store: {path: state}
server: {listen: "127.0.0.1:0"}
models:
  churn:
    classes: [stay, leave]
    windows: [1h, 6h]
    label_horizon: 2h
    segments: [region]
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 6h, margin: 0.05}
      - {name: slices, metric: recall, class: leave, window: 6h, margin: 0.05, target: 0.9}
      - {name: floor, metric: recall, class: leave, window: 6h, kind: occurrences, target: 0.9, routing: ticket}
      - {name: eu, metric: recall, class: leave, window: 6h, segment: region=eu, margin: 0.05}
    revalidate:
      when: {budget_spent: 0.5, worse_evaluations: 3, new_version: true}
      unless: {cool_down: 1h, labels_per_class: 10}
      action: {kind: command, argv: ["true"]}
  other:
    classes: [a, b]
"""


def settings_in(folder):
    """The configuration, lying in a folder."""
    return understand(CONFIGURATION.encode(), folder / "foldwatch.yaml")


def baselines_of(settings):
    """What the folds of version 3 promise: 90 % recall of either class."""
    model = settings.models["churn"]
    counts = Counts.from_planes(model.layout, {"confusion": np.array([[450, 50], [50, 450]])})
    folds = tuple(Fold(str(at), 0, 4_000, counts) for at in range(5))
    three = Baseline("churn", "3", model.classes, model.layout, "stratified", folds, "5be1" + "a" * 60)
    return {("churn", "3"): replace(three, written_at=BEGIN - HOUR)}


class Scene:
    """Logs that grow as time goes on; version 3 turns bad in its fifth hour, version 4 comes beside it in its tenth."""

    def __init__(self, folder, *, labels_until=None):
        self.settings, self.clock = settings_in(folder), ManualClock(BEGIN)
        self.baselines = baselines_of(self.settings)
        self._random, self._until, self._told, self._late = random.Random(7), BEGIN, 0, []
        self._labels_until = labels_until
        for name in ("p.jsonl", "l.jsonl"):
            (folder / name).touch()

    def advance(self, moment):
        """Write what comes until then."""
        predictions, rng = [], self._random
        while self._until < moment:
            self._until += rng.randrange(MINUTE // 2, 2 * MINUTE)
            truth, hours = rng.choice(["stay", "leave"]), (self._until - BEGIN) / HOUR
            version = "4" if hours > 10 and rng.random() < 0.3 else "3"
            wrong = rng.random() < (0.5 if version == "3" and hours > 5 else 0.08)
            self._told += 1
            predictions.append({
                "prediction_id": f"p{self._told}", "model": "churn", "version": version, "predicted_at": self._until,
                "y_pred": truth if not wrong else {"stay": "leave", "leave": "stay"}[truth],
                "segment": {"region": rng.choice(["eu", "us"])},
            })  # fmt: skip
            self._late.append((self._until + rng.randrange(HOUR), f"p{self._told}", truth))
        due = sorted(one for one in self._late if one[0] <= moment)
        self._late = [one for one in self._late if one[0] > moment]
        labels = [
            {"prediction_id": name, "model": "churn", "labelled_at": at, "y_true": truth}
            for at, name, truth in due
            if self._labels_until is None or at < self._labels_until
        ]
        self._append(self.settings.source.predictions.path, predictions)
        self._append(self.settings.source.labels.path, labels)

    @staticmethod
    def _append(path, events):
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    def live(self, plan):
        """One daemon, which evaluates at each moment of the plan; return its snapshots. Its state is closed then."""
        snapshots, stop, left, seconds = [], threading.Event(), iter(plan), [0.0]

        def go_on(snapshot=None):
            if snapshot is not None:
                snapshots.append(snapshot)
            moment = next(left, None)
            if moment is None:
                stop.set()
            else:
                self.clock.move_to(moment)
                self.advance(moment)

        def monotonic():
            seconds[0] += 1_000.0
            return seconds[0]

        go_on()
        daemon = Daemon(
            self.settings,
            Files(self.settings, self.clock),
            self.clock,
            self.baselines,
            state=open_state(self.settings),
            watch=go_on,
            monotonic=monotonic,
        )
        daemon.run(stop)
        return snapshots
