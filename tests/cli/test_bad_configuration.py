import re
import subprocess
import sys
import time

import pytest

from monitor.cli import main

GOOD = """\
source:
  kind: files
  predictions: {path: p.jsonl, fields: {prediction_id: id}}
  labels: {path: l.jsonl}
server: {listen: 127.0.0.1:9464}
evaluate_every: 60s
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h, 24h]
    label_horizon: 1d
    segments: {region: [eu, us]}
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, target: 0.95}
"""
MODEL = "models.churn"
OBJECTIVE = "models.churn.objectives[0]"
TWIN = "- {name: leave-recall, metric: accuracy, window: 1h}\n"

# what stands in GOOD, what is written instead, where the problem is, what it says, what is to be done
BAD = [
    ("evaluate_every:", "evalute_every:", "6: evalute_every", "unknown key", "`evaluate_every`"),
    ("kind: files", "knid: files", "2: source.knid", "unknown key", "`kind`"),
    ("server:", "paging: {to: me}\nserver:", "5: paging", "unknown key", "use one of"),
    ("label_horizon", "label_horizn", f"12: {MODEL}.label_horizn", "unknown key", "`label_horizon`"),
    ("evaluate_every: 60s", "margin: 0.1", "6: margin", "unknown key", "belongs to models.NAME"),
    ("target: 0.95", "taget: 0.95", f"15: {OBJECTIVE}.taget", "unknown key", "`target`"),
    ("listen:", "listn:", "5: server.listn", "unknown key", "`listen`"),
    ("{prediction_id:", "{predicton_id:", "3: source.predictions.fields.predicton_id", "unknown field", "id`"),
    ("{prediction_id: id}", "{scores: {leav: p}}", "3: source.predictions.fields.scores", "unknown class", "`leave`"),
    ("{path: l.jsonl}", "{fields: {y_pred: p}}", "4: source.labels.fields.y_pred", "unknown field", "y_true"),
    ("kind: files", "kind: file", "2: source.kind", "not known", "did you mean `files`? There are: kafka, files"),
    ("kind: files", "start: now", "2: source.start", "not known", "earliest, latest"),
    ("kind: files", "defaults: {model: chrun}", "2: source.defaults.model", "not among the models", "`churn`"),
    ("kind: files", "dead_letters: {path: p.jsonl}", "2: source", "the same file", "a file of its own"),
    ("kind: files", "dead_letters: {halt_share: 2}", "2: source.dead_letters.halt_share", "limits", "from 0 to 1"),
    ("kind: files", "max_clock_skew: -1m", "2: source.max_clock_skew", "negative", "no sign"),
    ("[stay, leave]", "{stay: leave}", f"9: {MODEL}.classes", "is a mapping", "write a list"),
    ("[stay, leave]", "stay, leave", f"9: {MODEL}.classes", "single value", "write a list"),
    ("[stay, leave]", "[stay, [leave]]", f"9: {MODEL}.classes[1]", "is a list", "single text"),
    ("[stay, leave]", "[stay, '']", f"9: {MODEL}.classes[1]", "empty", "write a text"),
    ("classes: [stay, leave]\n    positive: leave", "owner: me", MODEL, "`classes` is missing", "add `classes`"),
    ("[stay, leave]", "[leave]", f"9: {MODEL}.classes", "one class, `leave`", "at least two"),
    ("[stay, leave]", "[]", f"9: {MODEL}.classes", "no classes", "at least two"),
    ("[stay, leave]", "[leave, stay, leave]", f"9: {MODEL}.classes[2]", "twice", "once"),
    ("[stay, leave]", "[1, leave, 1.0]", f"9: {MODEL}.classes[2]", "same class as `1`", "once"),
    ("positive: leave", "positive: leaves", f"10: {MODEL}.positive", "not among the classes", "`leave`"),
    ("[stay, leave]", "[stay, leave, new]", f"10: {MODEL}.positive", "none is positive", "remove `positive`"),
    ("positive: leave", "threshold: 1.5", f"10: {MODEL}.threshold", "limits", "from 0 to 1"),
    ("positive: leave", "threshold: 50%", f"10: {MODEL}.threshold", "not a number", "0.05"),
    ("positive: leave", "margin: 1_0", f"10: {MODEL}.margin", "not a number", "write a number"),
    ("positive: leave", "margin: -0.1", f"10: {MODEL}.margin", "limits", "from 0 and below 1"),
    ("positive: leave", "margin: .inf", f"10: {MODEL}.margin", "not a number", "write a number"),
    ("positive: leave", "margin: [0.1]", f"10: {MODEL}.margin", "is a list", "a number"),
    ("positive: leave", "margin:", f"10: {MODEL}.margin", "no value", "or remove the key"),
    ("positive: leave", "baseline: b.json", f"10: {MODEL}.baseline", "single value", '{"1": b.json}'),
    ("[1h, 24h]", "[1h, -24h]", f"11: {MODEL}.windows[1]", "negative", "no sign"),
    ("[1h, 24h]", "[1h, 24h, 90]", f"11: {MODEL}.windows[2]", "no unit", "`90s`"),
    ("[1h, 24h]", "[1h, 24h, 2 weeks]", f"11: {MODEL}.windows[2]", "not a duration", "`24h`"),
    ("[1h, 24h]", "[1.5h, 24h]", f"11: {MODEL}.windows[0]", "not a duration", "whole number"),
    ("[1h, 24h]", "[90s, 24h]", f"11: {MODEL}.windows[0]", "no multiple of 1m", "minutes"),
    ("[1h, 24h]", "[30s, 24h]", f"11: {MODEL}.windows[0]", "too short", "1m or more"),
    ("[1h, 24h]", "[1d, 24h]", f"11: {MODEL}.windows[1]", "as long as 1d", "one of the two"),
    ("[1h, 24h]", "[24h, 99999999d]", f"11: {MODEL}.windows[1]", "hundred years", "shorter"),
    ("[1h, 24h]", "24h", f"11: {MODEL}.windows", "single value", "[24h, 7d]"),
    ("[1h, 24h]", "[]", f"11: {MODEL}.windows", "empty", "`24h`"),
    ("label_horizon: 1d", "label_horizon: 14", f"12: {MODEL}.label_horizon", "no unit", "`14d`"),
    ("label_horizon: 1d", "label_horizon: -1d", f"12: {MODEL}.label_horizon", "negative", "no sign"),
    ("label_horizon: 1d", "correction_window: 6d", f"12: {MODEL}.correction_window", "less than", "7d or more"),
    ("{region: [eu, us]}", "[region, region]", f"13: {MODEL}.segments[1]", "twice", "keep one"),
    ("{region: [eu, us]}", "{region=eu: }", f"13: {MODEL}.segments.region=eu", "cannot name", "without `=`"),
    ("{region: [eu, us]}", "{region: [eu, eu]}", f"13: {MODEL}.segments.region", "twice", "once"),
    ("{region: [eu, us]}", "{region: eu}", f"13: {MODEL}.segments.region", "single value", "write a list"),
    ("metric: recall", "metric: recal", f"15: {OBJECTIVE}.metric", "unknown metric", "`recall`"),
    ("metric: recall", "metric: sensitivity", f"15: {OBJECTIVE}.metric", "unknown metric", "`recall`"),
    ("metric: recall", "metric: support", f"15: {OBJECTIVE}.metric", "no verdict", "recall"),
    ("metric: recall", "metric: accuracy", f"15: {OBJECTIVE}.class", "of the whole model", "remove `class`"),
    ("metric: recall, class: leave", "metric: log_loss", OBJECTIVE, "`margin` is missing", "add `margin`"),
    ("class: leave", "class: leaf", f"15: {OBJECTIVE}.class", "unknown class", "`leave`"),
    ("class: leave, ", "", f"15: {OBJECTIVE}", "`class` is missing", "stay, leave"),
    ("window: 24h", "window: 7d", f"15: {OBJECTIVE}.window", "not among the windows", "1h, 24h"),
    ("window: 24h, ", "", f"15: {OBJECTIVE}", "`window` is missing", "add `window`"),
    ("target: 0.95", "target: 1", f"15: {OBJECTIVE}.target", "limits", "above 0 and below 1"),
    ("target: 0.95", "target: 0", f"15: {OBJECTIVE}.target", "limits", "above 0 and below 1"),
    ("target: 0.95", "target: 95%", f"15: {OBJECTIVE}.target", "not a number", "above 0 and below 1"),
    ("target: 0.95", "margin: 3", f"15: {OBJECTIVE}.margin", "limits", "below 1"),
    ("target: 0.95", "segment: eu", f"15: {OBJECTIVE}.segment", "not `name=value`", "region=eu"),
    ("target: 0.95", "segment: plan=a", f"15: {OBJECTIVE}.segment", "not among the segments", "region"),
    ("target: 0.95", "segment: region=de", f"15: {OBJECTIVE}.segment", "not among the values", "eu, us"),
    ("- {name:", f"{TWIN}      - {{name:", "16: models.churn.objectives[1].name", "stands in line 15", "of its own"),
    ("- {name:", "- accuracy\n      - {name:", f"15: {OBJECTIVE}", "single value", "write a mapping"),
    ("evaluate_every: 60s", "evaluate_every: 500ms", "6: evaluate_every", "not a duration", "`90s`"),
    ("evaluate_every: 60s", "evaluate_every: 0s", "6: evaluate_every", "too short", "1s or more"),
    ("127.0.0.1:9464", "9464", "5: server.listen", "not HOST:PORT", "127.0.0.1:9464"),
    ("127.0.0.1:9464", "localhost:99999", "5: server.listen", "not HOST:PORT", "127.0.0.1:9464"),
    ("evaluate_every: 60s", "export: {metrics: [recal]}", "6: export.metrics", "unknown metric", "`recall`"),
    ("evaluate_every: 60s", "export: {segments: yes}", "6: export.segments", "neither true nor false", "`true`"),
    ("evaluate_every: 60s", "export: {max_series: 0}", "6: export.max_series", "too small", "from 1 on"),
    ("evaluate_every: 60s", "export: {max_series: 1e4}", "6: export.max_series", "whole number", "digits"),
    ("evaluate_every: 60s", "server: {}", "6", "the key `server` stands in line 5", "one of the two"),
    ("[stay, leave]", "[stay, leave", "", "this is not YAML", "brackets"),
    ("  churn:", "\tchurn:", "8", "this is not YAML", "not tabs"),
    ("[stay, leave]", "[stay, !!binary leave]", "9", "the tag `!!binary`", "plain value"),
]  # fmt: skip


def checked(capsys, path):
    """Run `check` and return its problems, one a line."""
    begun = time.monotonic()
    code = main(["check", "--config", str(path)])
    assert time.monotonic() - begun < 3
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err.splitlines()


@pytest.mark.parametrize(("good", "bad", "place", "finding", "remedy"), BAD, ids=[f"{b[1]}" for b in BAD])
def test_what_is_wrong_is_said_with_its_place_and_remedy(tmp_path, capsys, good, bad, place, finding, remedy):
    assert GOOD.count(good) == 1
    path = tmp_path / "c.yaml"
    path.write_text(GOOD.replace(good, bad), encoding="utf-8")
    (line,) = checked(capsys, path)
    where, what_to_do = line.removeprefix(f"{path}:").split("; ", maxsplit=1)
    assert place in where
    assert finding in line
    assert remedy in what_to_do


def test_all_problems_of_a_file_come_at_once_in_the_order_of_their_lines(tmp_path, capsys):
    text = GOOD
    for good, bad in [
        ("kind: files", "kind: kafak"),
        ("evaluate_every: 60s", "evaluate_every: 60"),
        ("positive: leave", "positive: lave"),
        ("label_horizon: 1d", "label_horizon: 1"),
        ("metric: recall", "metric: rcall"),
        ("target: 0.95", "target: 95"),
    ]:
        text = text.replace(good, bad)
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    lines = checked(capsys, path)
    assert [re.match(r".*?:(\d+): (\S+):", line).groups() for line in lines] == [
        ("2", "source.kind"),
        ("6", "evaluate_every"),
        ("10", "models.churn.positive"),
        ("12", "models.churn.label_horizon"),
        ("15", "models.churn.objectives[0].metric"),
        ("15", "models.churn.objectives[0].target"),
    ]


@pytest.mark.parametrize(
    ("raw", "place", "finding", "remedy"),
    [
        (b"", "", "is empty", "foldwatch init"),
        (b"# only a comment\n", "", "nothing but comments", "foldwatch init"),
        (b"models:\n", ":1: models", "no model is named", "add one"),
        (b"server: {listen: localhost:1}\n", ":1", "`models` is missing", "add `models`"),
        (b"- a\n- b\n", ":1", "is a list", "write a mapping"),
        (b"just words", ":1", "single value", "write a mapping"),
        (b"models:\n  caf\xe9: {}\n", ":2", "not UTF-8", "save the file as UTF-8"),
        (GOOD.encode("utf-16"), "", "UTF-16", "UTF-8"),
        (b"PAR1\x00\x01", ":1", "U+0000", "remove"),
        (b'{"prediction_id": 1}\n{"prediction_id": 2}\n', ":2", "not YAML", "check"),
        (b"a: 1\n" * 2**20, "", "larger than 256 KiB", "another file"),
        (b"models: {m: {classes: [a, b]}, '': {classes: [a, b]}}", ":1: models", "empty name", "write the name"),
        (b"models: 3", ":1: models", "single value", "mapping"),
        (b"models: {m: [a, b]}", ":1: models.m", "is a list", "mapping"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_said_to_be_none(tmp_path, capsys, raw, place, finding, remedy):
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    (line,) = checked(capsys, path)
    assert line.startswith(f"{path}{place}")
    assert finding in line
    assert remedy in line


def test_above_fifty_classes_no_objective_may_ask_for_scores(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    classes = ", ".join(f"c{i}" for i in range(51))
    text = f"models: {{m: {{classes: [{classes}], objectives: [{{name: o, metric: pr_auc, class: c1, window: 24h}}]}}}}"
    path.write_text(text, encoding="utf-8")
    (line,) = checked(capsys, path)
    assert "needs the scores of every class" in line
    assert "at most 50" in line


def test_a_missing_file_and_a_directory_are_said_to_be_so(tmp_path, capsys):
    (line,) = checked(capsys, tmp_path / "none.yaml")
    assert line.startswith(f"{tmp_path}/none.yaml: there is no such file; ")
    assert "foldwatch init" in line
    (line,) = checked(capsys, tmp_path)
    assert line.startswith(f"{tmp_path}: is a directory; ")


def test_the_real_command_says_the_same(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(GOOD.replace("positive: leave", "positive: stays"), encoding="utf-8")
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", "check", "--config", str(path)], capture_output=True, text=True, check=False
    )
    assert time.monotonic() - begun < 3
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"{path}:10: models.churn.positive: `stays` is not among the classes; "
        "did you mean `stay`? There are: stay, leave\n"
    )
