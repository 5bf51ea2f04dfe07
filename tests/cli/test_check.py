import numpy as np
import pytest

from monitor.baselines.file import sealed, write
from monitor.cli import main
from monitor.counts import Counts, Layout
from monitor.statistics.baseline import Baseline, Fold

CONFIG = """\
source: {kind: files, predictions: {path: p.jsonl}, labels: {path: l.jsonl}}
models:
  churn:
    classes: [stay, leave]
    baseline: {"3": churn-3.json}
    segments: {region: [eu, us]}
    owner: team-growth
    objectives: [{name: leave-recall, metric: recall, class: leave, window: 24h}]
"""


def baseline(*, model="churn", version="3", classes=("stay", "leave"), positive=1, rows=1_000):
    """Five folds in which every class is found nine times out of ten."""
    layout = Layout(len(classes), positive)
    k = len(classes)
    confusion = np.full((k, k), rows // 10 // (k - 1))
    np.fill_diagonal(confusion, rows * 9 // 10)
    counts = Counts.from_planes(layout, {"confusion": confusion, "predicted": confusion.sum(axis=0)})
    folds = tuple(Fold(str(i), 0, int(4 * confusion.sum()), counts) for i in range(5))
    return sealed(Baseline(model, version, classes, layout, "stratified", folds, ""))


@pytest.fixture
def checked(tmp_path, capsys):
    """Write a configuration and its baseline, run `check`, and return (exit code, stdout, stderr lines)."""

    def run(stored=None, config=CONFIG):
        (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
        if stored is not None:
            write(stored, tmp_path / "churn-3.json")
        code = main(["check", "--config", str(tmp_path / "c.yaml")])
        said = capsys.readouterr()
        return code, said.out, said.err.splitlines()

    return run


def test_a_valid_configuration_is_summed_up(checked, tmp_path):
    code, out, warnings = checked(baseline())
    assert (code, warnings) == (0, [])
    assert out.splitlines() == [
        f"{tmp_path}/c.yaml: valid",
        f"source     files: predictions {tmp_path}/p.jsonl, labels {tmp_path}/l.jsonl",
        "server     http://127.0.0.1:9464, every 60s",
        "model      churn (team-growth)",
        "  2 classes  stay, leave; positive: leave",
        "  windows    24h, 7d; mature after 7d",
        "  labels     up to 14d after their prediction, 1d before it",
        "  segment    region: eu, us",
        "  baseline   3: 5 folds (stratified), 10,000 rows",
        "  objective  leave-recall: recall of leave over 24h, at most 0.03 worse than the folds",
    ]


@pytest.mark.parametrize(
    ("stored", "finding", "remedy"),
    [
        (None, "there is no such file", "build it again"),
        (baseline(model="fraud"), "is a baseline of the model `fraud`", "--model churn"),
        (baseline(version="4"), "is a baseline of version `4`", '`"4": …`'),
        (baseline(classes=("stay", "left")), "it lacks `leave`; it alone has `left`", "correct `classes`"),
        (baseline(classes=("stay", "leave", "new")), "it alone has `new`", "correct `classes`"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused(checked, tmp_path, stored, finding, remedy):
    code, out, (line,) = checked(stored)
    assert (code, out) == (2, "")
    assert line.startswith(f"{tmp_path}/c.yaml: models.churn.baseline.3: {tmp_path}/churn-3.json")
    assert finding in line
    assert remedy in line.split("; ", maxsplit=1)[1]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_cut_baseline_is_refused(checked, tmp_path, share):
    write(baseline(), tmp_path / "churn-3.json")
    whole = (tmp_path / "churn-3.json").read_bytes()
    (tmp_path / "churn-3.json").write_bytes(whole[: int(len(whole) * share)])
    code, _, (line,) = checked()
    assert code == 2
    assert f"{tmp_path}/churn-3.json" in line
    assert "build it again" in line


def test_every_baseline_that_does_not_fit_is_named_at_once(checked):
    config = CONFIG.replace('{"3": churn-3.json}', '{"3": churn-3.json, "4": none.json, "5": churn-3.json}')
    code, _, lines = checked(baseline(), config)
    assert code == 2
    assert ["baseline.4" in lines[0], "baseline.5" in lines[1], len(lines)] == [True, True, 2]


@pytest.mark.parametrize(
    ("classes", "positive"), [(("leave", "stay"), 0), (("leave", "stay"), 1), (("stay", "leave"), 0)]
)
def test_the_order_of_a_baseline_s_classes_and_its_positive_class_do_not_matter(checked, classes, positive):
    code, _, warnings = checked(baseline(classes=classes, positive=positive))
    assert (code, warnings) == (0, [])


@pytest.mark.parametrize(
    ("objective", "finding", "remedy"),
    [
        ("metric: recall, class: leave, margin: 0.001", "baseline too small: +-0.0", "widen the margin"),
        ("metric: roc_auc", "do not speak of roc_auc", "folds with scores"),
        (
            "metric: recall, class: leave, segment: region=eu",
            "no folds for the segment region=eu",
            "this segment's column",
        ),
    ],
)
def test_an_objective_that_the_baseline_can_never_confirm_is_warned_of(checked, objective, finding, remedy):
    code, _, (line,) = checked(baseline(), CONFIG.replace("metric: recall, class: leave", objective))
    assert code == 0
    assert "models.churn.objectives.leave-recall: can never be OK for version 3: " in line
    assert finding in line
    assert remedy in line


def test_classes_are_compared_under_the_class_text_rule(checked):
    config = CONFIG.replace("[stay, leave]", "[0.0, 1.0]").replace("class: leave", "class: 1")
    code, _, warnings = checked(baseline(classes=("0", "1")), config)
    assert (code, warnings) == (0, [])


def test_what_run_will_miss_is_warned_of(checked):
    code, out, warnings = checked(baseline(), CONFIG.replace(", labels: {path: l.jsonl}", ""))
    assert code == 0
    assert "labels None" not in out
    assert ["source.labels.path: is missing, and `run` needs it; " in line for line in warnings] == [True]


def test_what_is_valid_but_will_disappoint_is_warned_of(checked):
    config = "models: {churn: {classes: [stay, leave]}}"
    code, out, warnings = checked(config=config)
    assert code == 0
    assert "valid" in out
    assert ["nothing compared" in warnings[0], "no objectives" in warnings[1], len(warnings)] == [True, True, 2]
    assert all(line.startswith("warning: ") and "; " in line for line in warnings)
