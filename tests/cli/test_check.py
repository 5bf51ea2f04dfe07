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
        "export     about 432 series",
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


KAFKA = """\
source:
  kind: kafka
  bootstrap_servers: [kafka-1:9092, kafka-2:9092]
  predictions: {topic: p}
  labels: {topic: l}
  dead_letters: {topic: d}
  security: {protocol: SSL}
store: {path: state}
models:
  churn:
    classes: [stay, leave]
    baseline: {"3": churn-3.json}
    objectives: [{name: leave-recall, metric: recall, class: leave, window: 24h}]
"""
SECURITY = "{protocol: SSL}"


def test_a_cluster_is_summed_up_with_brokers_topics_client_and_state(checked, tmp_path):
    for name in ("p", "c"):
        (tmp_path / name).write_text("hunter2")
    login = "{protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u, password_file: p, ca_file: c}"
    code, out, warnings = checked(baseline(), KAFKA.replace(SECURITY, login))
    assert (code, warnings) == (0, [])
    assert out.splitlines()[1:7] == [
        "source     kafka: kafka-1:9092, kafka-2:9092",
        "  topics     predictions p, labels l, dead letters d",
        "  client     kafka-python, group foldwatch",
        "  security   SASL_SSL, SCRAM-SHA-512 as u",
        f"state      {tmp_path}/state",
        "server     http://127.0.0.1:9464, every 60s",
    ]
    assert "hunter2" not in out


@pytest.mark.parametrize(
    ("good", "bad", "place", "finding", "remedy"),
    [
        ("store: {path: state}\n", "", "store", "everything is read again from the beginning", "store: {path: state}"),
        ("  dead_letters: {topic: d}\n", "", "source.dead_letters.topic", "only counted", "foldwatch-dead-letters"),
        ("  bootstrap_servers: [kafka-1:9092, kafka-2:9092]\n", "", "source.bootstrap_servers", "missing", "localhost"),
        ("{topic: l}", "{}", "source.labels.topic", "is missing, and `run` needs it", "labels: {topic: labels}"),
        ("{protocol: SSL}", "{protocol: SSL, ca_file: none}", "source.security.ca_file", "none is not there", "`run`"),
        ("{protocol: SSL}", "{protocol: SSL, ca_file: .}", "source.security.ca_file", "is a directory", "`run` runs"),
        ("kind: kafka", "", "source.kind", "is missing, and `run` needs it", "kind: kafka"),
    ],
)  # fmt: skip
def test_what_will_disappoint_with_a_cluster_is_warned_of(checked, tmp_path, good, bad, place, finding, remedy):
    assert KAFKA.count(good) == 1
    code, _, (warning,) = checked(baseline(), KAFKA.replace(good, bad))
    assert code == 0
    assert warning.startswith(f"warning: {tmp_path}/c.yaml: {place}: ")
    assert finding in warning
    assert remedy in warning.rpartition("; ")[2]


def test_without_a_store_a_source_that_starts_at_the_latest_forgets_what_was(checked):
    config = KAFKA.replace("store: {path: state}\n", "").replace("kind: kafka", "kind: kafka\n  start: latest")
    code, out, (warning,) = checked(baseline(), config)
    assert code == 0
    assert "everything before is lost" in warning
    assert "state      memory" in out


@pytest.mark.parametrize(
    ("login", "finding"),
    [
        ("PLAIN, username: u, password_file: s", "the password crosses the network in clear"),
        ("OAUTHBEARER, token_file: s", "the token crosses the network in clear"),
        ("SCRAM-SHA-256, username: u, password_file: s", "nothing is encrypted but the password"),
    ],
)
def test_a_login_without_encryption_is_warned_of(checked, tmp_path, login, finding):
    (tmp_path / "s").write_text("hunter2")
    security = f"{{protocol: SASL_PLAINTEXT, mechanism: {login}}}"
    code, out, (warning,) = checked(baseline(), KAFKA.replace(SECURITY, security))
    assert code == 0
    assert finding in warning
    assert "write `protocol: SASL_SSL`" in warning
    assert "hunter2" not in out + warning


def test_a_file_that_nobody_may_read_is_warned_of(checked, tmp_path, monkeypatch):
    (tmp_path / "ca").write_text("x")
    monkeypatch.setattr("os.access", lambda *_: False)  # who runs the tests may be root, who reads everything
    _, _, (warning,) = checked(baseline(), KAFKA.replace(SECURITY, "{protocol: SSL, ca_file: ca}"))
    assert f"{tmp_path}/ca cannot be read: permission denied" in warning
