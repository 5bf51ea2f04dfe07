"""How many series there are is known beforehand: the formula of the documentation, against scrapes of real daemons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import fabricated as made
import pytest
from scraped_daemon import evaluated, history, running, samples

from monitor.baselines.in_force import load_baselines
from monitor.cli import main
from monitor.clock import ManualClock
from monitor.config import load
from monitor.prometheus.cardinality import REFUSALS, Used, expected_series, growing
from monitor.prometheus.catalog import CATALOG
from monitor.serve.refusals import REASONS

LOOSE = {
    "foldwatch_data_gate",  # known after some history
    "foldwatch_skipped_total",  # `too old` shows once it happened
    "foldwatch_slo_budget_left_ratio",  # no series without events
    "foldwatch_slo_state",
    "foldwatch_tls_expiry_timestamp_seconds",
}
DIGITS = tuple(str(i) for i in range(10))
HEAD = """
source:
  kind: kafka
  bootstrap_servers: [localhost:9092]
  predictions: {topic: predictions}
  labels: {topic: labels}
server: {listen: "127.0.0.1:0"}
evaluate_every: 1h
"""


@dataclass(frozen=True)
class Model:
    name: str = "churn"
    classes: tuple[str, ...] = ("stay", "leave")
    compared: tuple[str, ...] = ()
    """Versions with a baseline."""
    others: tuple[str, ...] = ()
    """Versions without one."""
    windows: str = "[1h, 6h]"
    horizon: str = "1h"
    regions: tuple[str, ...] = ()
    objectives: str = "[]"


@dataclass(frozen=True)
class Case:
    models: tuple[Model, ...]
    export: str = "{}"
    each_minute: int = 1


PROMISES = """
      - {name: leave-recall, metric: recall, class: leave, window: 1h, target: 0.9, kind: occurrences}
      - {name: calibrated, metric: log_loss, window: 6h, margin: 0.02}
      - {name: eu-precision, metric: precision, class: leave, window: 6h, segment: region=eu}"""
CASES = {
    "two classes without a baseline": Case((Model(others=("1",)),)),
    "two classes with a baseline and objectives": Case(
        (Model(compared=("3",), regions=("eu", "us"), objectives=PROMISES),), each_minute=2
    ),
    "segments of everything": Case(
        (Model(compared=("3",), regions=("eu", "us"), objectives=PROMISES),),
        "{segments: true, metrics: [recall, accuracy, brier, roc_auc, support, ece]}",
        each_minute=4,
    ),
    "ten classes": Case(
        (Model("digits", DIGITS, compared=("a",), windows="[2h]", horizon="0s"),),
        "{metrics: [recall, precision, f1, specificity, macro_f1, roc_auc, log_loss]}",
        each_minute=4,
    ),
    "several versions, some without a baseline": Case((Model(compared=("3", "4"), others=("5", "6", "7")),)),
    "several models": Case(
        (
            Model(compared=("3",)),
            Model("digits", DIGITS, others=("a", "b"), windows="[2h]", horizon="1h"),
            Model("spam", ("ham", "spam"), compared=("1",), others=("2",), horizon="0s"),
        ),
        each_minute=4,
    ),
}


def written(folder, case):
    """Write configuration and baselines of a case; return the settings."""
    text = HEAD + f"export: {case.export}\nmodels:\n"
    for model in case.models:
        text += f"  {model.name}:\n    classes: [{', '.join(model.classes)}]\n"
        text += f"    windows: {model.windows}\n    label_horizon: {model.horizon}\n    correction_window: 3d\n"
        text += f"    segments: {{region: [{', '.join(model.regions)}]}}\n" if model.regions else ""
        text += f"    objectives: {model.objectives}\n"
        files = {version: f"{model.name}-{version}.json" for version in model.compared}
        text += "    baseline: {" + ", ".join(f'"{version}": {file}' for version, file in files.items()) + "}\n"
        for version, file in files.items():
            build(folder, model, version, file)
    (folder / "foldwatch.yaml").write_text(text)
    return load(folder / "foldwatch.yaml")


def build(folder, model, version, file):
    """Build a baseline of five folds with scores."""
    head = ["fold", "y_true", "y_pred", *(f"score_{name}" for name in model.classes), "segment_region"]
    regions = model.regions[:1] or ("none",)
    predictions, labels = history(model.name, version, model.classes, 0, hours=10, regions=regions)
    lines = [",".join(head)]
    for i, (said, told) in enumerate(zip(predictions, labels, strict=True)):
        scores = [str(said["scores"][name]) for name in model.classes]
        fold = str(i // len(model.classes) % 5)
        lines.append(",".join([fold, told["y_true"], said["y_pred"], *scores, said["segment"]["region"]]))
    (folder / "oof.csv").write_text("\n".join([*lines, ""]))
    of = ("--model", model.name, "--version", version, "--predictions", str(folder / "oof.csv"))
    assert main(["baseline", "build", *of, "--output", str(folder / file)]) == 0


def used(case):
    """What the formula needs to know beside the configuration. Only the first region has folds."""
    found = []
    for model in case.models:
        for version in (*model.compared, *model.others):
            compared = version in model.compared
            segments = {f"region={name}": compared and name == model.regions[0] for name in model.regions}
            found.append(Used(model.name, 5 if compared else 0, segments))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_scrape_has_as_many_series_as_the_formula_says(tmp_path, name):
    case = CASES[name]
    settings = written(tmp_path, case)
    histories = [
        history(model.name, version, model.classes, made.START, each_minute=case.each_minute, regions=model.regions)
        for model in case.models
        for version in (*model.compared, *model.others)
    ]
    with running(settings, ManualClock(made.START), load_baselines(settings)) as (daemon, source, seconds):
        text = evaluated(daemon, source, seconds, histories)
    family = {sample: metric.name for metric in CATALOG for sample in metric.samples}
    found = Counter(family[sample.name] for sample in samples(text))
    expected = {name: n for name, n in expected_series(settings, used(case)).items() if n}
    assert {name: n for name, n in found.items() if name not in LOOSE} == {
        name: n for name, n in expected.items() if name not in LOOSE
    }
    assert all(found[name] <= expected.get(name, 0) for name in LOOSE)
    of_versions = [sample for sample in samples(text) if "version" in sample.labels]
    fixed = 1 + 2 * len(settings.models and load_baselines(settings))
    assert len(of_versions) - fixed == growing(settings, used(case))


def test_the_reasons_for_which_a_server_turns_away_are_as_many_as_the_formula_says():
    assert len(REASONS) == REFUSALS
