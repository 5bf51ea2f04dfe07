"""A configuration with every key of re-validation, and the way to one that has a slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.read import understand
from monitor.errors import InputError

FILE = Path("/etc/foldwatch/foldwatch.yaml")
FOLDER = FILE.parent
CROSSVAL = "kind: crossval, data: t.csv, target: y, estimator: 'm:make'"
WEBHOOK = "kind: webhook, url: 'https://ci.example/run'"
OBJECTIVE = "{name: o, metric: recall, class: b, window: 24h, target: 0.95}"
BARE = OBJECTIVE.replace(", target: 0.95", "")
BLOCK = """\
slo: {period: 28d, scrape_interval: 30s, retention: 90d}
ledger: {path: audit/ledger.jsonl}
mlflow: {tracking_uri: "sqlite:///mlflow.db", experiment: foldwatch}
daemon: {url: "https://foldwatch:9464", token_file: token}          # where `revalidate` finds it
models:
  churn:
    classes: [stay, leave]
    positive: leave
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.03, kind: timeslices, target: 0.95}
    revalidate:
      when: {budget_spent: 0.5, worse_evaluations: 3, drift_share: 0.3, baseline_age: 90d, new_labels: 50000,
             new_version: true}
      unless: {cool_down: 7d, per_week: 2, quiet: ["22:00-06:00"], labels_per_class: 50}
      action: {kind: crossval, data: train.parquet, target: y_true, features: [a, b],
               estimator: "package.module:factory", scheme: stratified, folds: 5, repeats: 1, seed: 7,
               time_limit: 1h, memory_limit: 4GB, max_data_age: 90d}
      gate: {yardstick: baseline, max_fold_sd: 0.05, approval: none}
      promote_to: baselines
"""


def rows(database):
    """A cross-validation on the rows of a query."""
    return CROSSVAL.replace("t.csv", f"{{query: q, {database}}}")


def written(revalidate, objectives=OBJECTIVE, top=""):
    return (
        f"{top}\nmodels:\n  m:\n    classes: [a, b]\n    objectives: [{objectives}]\n    revalidate: {{{revalidate}}}\n"
    ).encode()


def read(revalidate, **more):
    return understand(written(revalidate, **more), FILE).models["m"].revalidation


def problems(raw):
    with pytest.raises(InputError) as caught:
        understand(raw, FILE)
    return [str(problem) for problem in caught.value.problems]
