"""How many series there are is known beforehand: the formula of the documentation, against scrapes of real daemons."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import fabricated as made
import pytest
from scraped_daemon import evaluated, history, running, samples

from monitor.baselines.in_force import load_baselines
from monitor.cli import main
from monitor.clock import ManualClock
from monitor.config import Export, load
from monitor.prometheus.cardinality import REFUSALS, Used, crowded, each_value, expected_series, growing, planned
from monitor.prometheus.catalog import CATALOG
from monitor.serve.refusals import REASONS
from monitor.statistics.names import OVERALL, OVERALL_BINARY, PER_CLASS

LOOSE = {
    "foldwatch_data_gate",  # known after some history
    "foldwatch_skipped_total",  # `too old` shows once it happened
    "foldwatch_slo_budget_left_ratio",  # no series without events
    "foldwatch_slo_state",
    "foldwatch_tls_expiry_timestamp_seconds",
    "foldwatch_revalidation_open_timestamp_seconds",  # while a run is open
    "foldwatch_gate_passed",  # once it was asked
    "foldwatch_promotion_timestamp_seconds",
}
PAGE = (Path(__file__).parent.parent.parent / "docs/cardinality.md").read_text(encoding="utf-8")
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
    revalidate: str = ""
    """Of every model."""


LIMIT = "max_fold_sd"
REVALIDATE = f'{{action: {{kind: command, argv: ["true"]}}, gate: {{{LIMIT}: 0.05}}}}'
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
    "a model that is re-validated": Case((Model(compared=("3", "4")),), revalidate=REVALIDATE),
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
        text += f"    revalidate: {case.revalidate}\n" if case.revalidate else ""
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
    fixed = 1 + 2 * len(settings.models and load_baselines(settings)) + found["foldwatch_fold_deviation_ratio"]
    assert len(of_versions) - fixed == growing(settings, used(case))


def as_written():
    """The formula that stands in the documentation, as a program."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return compile(block, "docs/cardinality.md", "exec")


def computed(settings, case):
    """Return what the formula as written comes to, whatever the program thinks."""
    formula, versions, known = as_written(), [], {}
    for one in used(case):
        of = settings.models[one.model]
        metrics = {*settings.export.metrics, *(each.metric for each in of.objectives)}
        per_class = [
            (metric, class_)
            for metric in metrics & set(PER_CLASS)
            for class_ in of.classes
            if metric in settings.export.metrics or (metric, class_) in {(o.metric, o.class_) for o in of.objectives}
        ]
        overall = {*OVERALL, *(OVERALL_BINARY if len(of.classes) == 2 else ())}
        pairs = [*per_class, *((metric, None) for metric in metrics & overall)]

        def arguments(pairs, *, compared):
            losses = sum(metric in ("log_loss", "brier") for metric, _ in pairs)
            counts = sum(metric in ("support", "ece") for metric, _ in pairs)
            return len(pairs) - losses - counts, losses, counts, compared

        segments = []
        for segment, compared in one.segments.items():
            own = {(each.metric, each.class_) for each in of.objectives if each.segment == segment}
            inside = [(m, c) for m, c in pairs if (settings.export.segments and m in settings.export.metrics)]
            segments.append(arguments({*inside, *own}, compared=compared))
        results, losses, counts, _ = arguments(pairs, compared=True)
        known |= {
            "lengths": len(of.windows), "maturities": 2 if of.label_horizon.millis else 1, "results": results,
            "losses": losses, "counts": counts, "folds": one.folds, "segments": segments, "classes": len(of.classes),
            "loss_objectives": sum(o.metric in ("log_loss", "brier") and o.segment is None for o in of.objectives),
            "ratios": sum(metric not in ("log_loss", "support") for metric, _ in pairs), "targets": 0, "models": [],
            "versions": versions, "baselines": 0, "stored": 0, "certificates": 0, "topics": 0, "partitions": 0,
            "revalidated": 0, "limited": 0, "compared": 0,
        }  # fmt: skip
        exec(formula, known)  # noqa: S102 - our own page
        versions.append(known["version"])
    models = []
    for of in settings.models.values():
        known |= {"targets": sum(o.target is not None for o in of.objectives), "classes": len(of.classes)}
        known |= {"compared": sum(one.folds > 0 for one in used(case) if one.model == of.name)}
        known |= {"revalidated": int(of.revalidation is not None), "limited": int(LIMIT in case.revalidate)}
        exec(formula, known)  # noqa: S102 - our own page
        models.append(known["model"])
    known |= {"models": models, "topics": 2, "baselines": sum(one.folds > 0 for one in used(case))}
    exec(formula, known)  # noqa: S102 - our own page
    return known["total"], sum(versions)


@pytest.mark.parametrize("name", CASES)
def test_the_formula_as_it_is_written_comes_to_the_same(tmp_path, name):
    case = CASES[name]
    settings = written(tmp_path, case)
    whole = sum(expected_series(settings, used(case)).values())
    assert computed(settings, case) == (whole, growing(settings, used(case)))


def test_the_worked_example_is_right():
    formula = as_written()
    known = {
        "lengths": 3, "maturities": 2, "results": 7, "losses": 0, "counts": 0, "folds": 5, "segments": [], "classes": 2,
        "loss_objectives": 0, "ratios": 7, "targets": 2, "models": [37], "versions": [490, 490], "baselines": 2,
        "stored": 1, "certificates": 0, "topics": 2, "partitions": 8, "revalidated": 0, "limited": 0, "compared": 2,
    }  # fmt: skip
    exec(formula, known)  # noqa: S102 - our own page
    told = dict(re.findall(r"^\| ([^|]+?) \| ([\d,]+) \|$", PAGE, re.MULTILINE))
    parts = ("windows", "everything", "confusion", "each_fold", "version", "model", "process", "total")
    rows = {part: value for part in parts for text, value in told.items() if text.startswith((f"`{part}`", part))}
    rows["version"] = told["one version, with its counter"]
    assert {part: int(value.replace(",", "")) for part, value in rows.items()} == {part: known[part] for part in parts}
    ten = known | {"results": 31, "ratios": 31, "classes": 10}
    exec(formula, ten)  # noqa: S102 - our own page
    segments = known | {"segments": [(7, 0, 0, True)] * 20}
    exec(formula, segments)  # noqa: S102 - our own page
    assert f"make {ten['version']:,} for a version" in PAGE
    assert f"{segments['segmented']:,} more for a version" in PAGE


def test_what_is_planned_is_every_version_with_a_baseline_and_every_segment_that_is_known(tmp_path):
    case = CASES["two classes with a baseline and objectives"]
    settings = written(tmp_path, case)
    assert planned(settings, load_baselines(settings)) == used(case)
    assert planned(settings, {}) == [Used("churn", 0, {"region=eu": False, "region=us": False})]


def test_more_than_the_cap_is_warned_of_with_both_numbers(tmp_path):
    case = CASES["two classes without a baseline"]
    settings = written(tmp_path, replace(case, export="{max_series: 50}"))
    (warning,) = crowded(settings, used(case))
    assert "export.max_series" in warning.place
    assert f"is 50, and about {growing(settings, used(case))} series" in warning.finding
    assert list(crowded(written(tmp_path, case), used(case))) == []


def test_what_each_value_of_a_segment_adds_is_told_where_values_come_from_events():
    of = made.churn()
    wide = made.settings(of, export=Export(segments=True))
    ((model, segment, more),) = each_value(wide)
    one, two = (Used("churn", 0, {f"region={i}": False for i in range(n)}) for n in (1, 2))
    assert (model, segment) == ("churn", "region")
    assert more == growing(wide, [two]) - growing(wide, [one])
    assert list(each_value(made.settings(of))) == []


def test_the_reasons_for_which_a_server_turns_away_are_as_many_as_the_formula_says():
    assert len(REASONS) == REFUSALS
