"""`foldwatch baseline` as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from monitor.baselines.feature_summary import decoded, features_path
from monitor.baselines.file import read
from monitor.cli import main

ROOT = Path(__file__).parents[2]
BUILD = ("baseline", "build", "--model", "churn", "--version", "3")
CROSSVAL = ("baseline", "crossval", "--model", "churn", "--version", "3", "--seed", "7")
MODEL = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def make():
    print("a chatty estimator")
    return make_pipeline(StandardScaler(), LogisticRegression())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    random = np.random.default_rng(0)
    leave = random.random(300) < 0.4
    x = random.normal(leave, 1.0)
    score = 1 / (1 + np.exp(1 - 2 * x))
    frame = pl.DataFrame(
        {
            "fold": np.arange(300) % 5,
            "y_true": np.where(leave, "leave", "stay"),
            "y_pred": np.where(score > 0.5, "leave", "stay"),
            "score": score,
            "segment_region": np.where(x > 0.3, "eu", "us"),
        }
    )
    frame.write_csv(folder / "oof.csv")
    frame.write_parquet(folder / "oof.parquet")
    frame.write_ndjson(folder / "oof.jsonl")
    pl.DataFrame({"x": x, "z": -x, "who": np.arange(300) // 3, "y": frame["y_true"]}).write_csv(folder / "train.csv")
    (folder / "cli_model.py").write_text(MODEL)
    return folder


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def crossvalidated(folder):
    """Run once with two jobs in a process of its own, as a person does."""
    output = folder / "crossval.json"
    arguments = (*CROSSVAL, "--data", folder / "train.csv", "--target", "y", "--groups", "who", "--folds", "3")
    arguments = (*arguments, "--scheme", "stratified-group", "--estimator", "cli_model:make", "--output", output)
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "monitor", *map(str, arguments), "--jobs", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"},
        timeout=120,
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_kind_of_file_builds_the_same_baseline(folder, capsys, kind):
    output = folder / f"built-{kind}.json"
    code, out, err = run(capsys, *BUILD, "--predictions", folder / f"oof.{kind}", "--output", output, "--seed", "3")
    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "  5 folds, 300 rows, classes leave, stay (positive: stay)"
    run(capsys, *BUILD, "--predictions", folder / "oof.csv", "--output", folder / "again.json", "--seed", "3")
    for end in ("", ".folds.csv"):
        assert Path(f"{output}{end}").read_bytes() == (folder / f"again.json{end}").read_bytes()


def test_a_cross_validation_writes_baseline_assignment_features_and_timings(folder, crossvalidated):
    assert (crossvalidated.returncode, crossvalidated.stderr.replace("a chatty estimator\n", "")) == (0, "")
    assert crossvalidated.stdout.startswith(f"{folder / 'crossval.json'}: model churn version 3")
    names = sorted(path.name for path in folder.glob("crossval.json*"))
    ends = ("", ".features.json", ".folds.csv", ".timings.json")
    assert names == [f"crossval.json{end}" for end in ends]
    summary = decoded(features_path(folder / "crossval.json").read_bytes())
    assert summary.content_hash == read(folder / "crossval.json").content_hash
    assert {name: (column.kind, column.n) for name, column in summary.columns.items()} == {
        "x": ("number", 300),
        "z": ("number", 300),
    }
    assert {name: columns["x"].n >= 100 for name, columns in summary.classes.items()} == {"stay": True}


def test_what_a_cross_validation_left_beside_a_baseline_goes_with_it(folder, capsys):
    output = folder / "first.json"
    for end in (".features.json", ".timings.json"):
        Path(f"{output}{end}").write_text("of another baseline")
    code, _, _ = run(capsys, *BUILD, "--predictions", folder / "oof.csv", "--output", output, "--seed", "3")
    assert code == 0
    assert sorted(path.name for path in folder.glob("first.json*")) == ["first.json", "first.json.folds.csv"]


def test_the_same_seed_gives_the_same_file_to_the_byte(folder, crossvalidated, capsys):
    assert crossvalidated.returncode == 0
    output = folder / "alone.json"
    code, _, _ = run(
        capsys, *CROSSVAL, "--data", folder / "train.csv", "--target", "y", "--groups", "who", "--folds", "3",
        "--scheme", "stratified-group", "--estimator", "cli_model:make", "--output", output, "--jobs", "1",
    )  # fmt: skip
    assert code == 0
    for end in ("", ".features.json", ".folds.csv"):
        assert Path(f"{output}{end}").read_bytes() == (folder / f"crossval.json{end}").read_bytes()


def test_show_prints_everything_within_100_columns(folder, crossvalidated, capsys):
    assert crossvalidated.returncode == 0
    code, out, err = run(capsys, "baseline", "show", folder / "crossval.json")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()[1:]) <= 100
    fingerprint = json.loads((folder / "crossval.json").read_text())["about"]["fold_assignment"]["sha256"]
    assert fingerprint in out
    for word in (
        "stratified-group",
        "Nadeau-Bengio",
        "leave",
        "M10",
        "peak MiB",
        *(f"(M{i})" for i in (1, 2, 5, 6, 7)),
    ):
        assert word in out
    assert "\x1b" not in out


def test_show_json_has_the_ten_measures(folder, crossvalidated, capsys):
    assert crossvalidated.returncode == 0
    code, out, _ = run(capsys, "baseline", "show", folder / "crossval.json", "--json")
    shown = json.loads(out)
    assert code == 0
    assert all(shown[f"M{i}"] is not None for i in range(1, 11))
    assert shown["classes"] == ["leave", "stay"]
    assert len(shown["M9"]) == len(shown["folds"]) == 3


def test_many_classes_and_folds_are_shown_short(folder, capsys):
    k, n = 40, 800
    codes = np.arange(n) % k
    path = folder / "many.csv"
    names = [f"a class with a rather long name, number {i}" for i in codes]
    pl.DataFrame({"fold": np.arange(n) // k, "y_true": names, "y_pred": names}).write_csv(path)
    code, _, err = run(capsys, *BUILD, "--predictions", path, "--output", folder / "many.json")
    assert code == 0
    assert "30 more classes have under 30 members or 10 errors" in err
    _, out, _ = run(capsys, "baseline", "show", folder / "many.json")
    assert max(len(line) for line in out.splitlines()[1:]) <= 100
    assert "10 more: --json has them all" in out


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("--predictions", "{}/no.csv"), ["no.csv: there is no such file"]),
        (("--predictions", "{}/no*.csv"), ["no file matches this glob"]),
        (("--predictions", "{}/empty.csv"), ["empty.csv: is empty"]),
        (("--predictions", "{}/header.csv"), ["header.csv: has no rows"]),
        (("--predictions", "{}/oof.csv", "--scheme", "group"), ["has no column entity"]),
        (("--predictions", "{}/oof.csv", "--fields", "y_true=truth,fold=f"), ["truth", "has no column f "]),
        (("--predictions", "{}/oof.csv", "--fields", "y_true"), ["'y_true' is not of the form OURS=THEIRS"]),
        (("--predictions", "{}/oof.csv", "--threshold", "2"), ["'2' is not a number from 0 to 1"]),
        (("--predictions", "{}/oof.csv", "--seed", "-1"), ["'-1' is not a whole number"]),
        (("--predictions", "{}/oof.csv", "--output", "{}"), ["is a directory"]),
        (("--predictions", "{}/oof.csv", "--output", "{}/no/b.json"), ["there is no directory"]),
        (("--predictions", "{}/bad.csv"), ["bad.csv:4: column score is outside of [0, 1]", "bad.csv:5: column y_pred"]),
    ],
)
def test_build_refuses_with_exit_code_2(folder, capsys, arguments, messages):
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("fold,y_true,y_pred\n")
    (folder / "bad.csv").write_text("fold,y_true,y_pred,score\n0,a,a,.5\n1,b,b,.5\n0,a,b,1.5\n1,b,,.5\n")
    given = [argument.format(folder) for argument in arguments]
    output = () if "--output" in given else ("--output", folder / "refused.json")
    code, out, err = run(capsys, *BUILD, *given, *output)
    assert (code, out) == (2, "")
    for message in messages:
        assert message in err
    assert not (folder / "refused.json").exists()


def test_crossval_refuses_with_all_problems_and_exit_code_2(folder, capsys):
    code, out, err = run(
        capsys, *CROSSVAL, "--data", folder / "train.csv", "--target", "label", "--features", "x,w", "--folds", "3",
        "--scheme", "plain", "--estimator", "no_model:make", "--output", folder / "refused.json",
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 3
    for message in ("no module no_model", "has no column label (--target)", "has no column w (--features)"):
        assert message in err


def test_an_estimator_that_raises_is_told_with_its_fold(folder, capsys):
    (folder / "train-text.csv").write_text("x,y\n" + "".join(f"t{i},{i % 2}\n" for i in range(20)))
    code, _, err = run(
        capsys, *CROSSVAL, "--data", folder / "train-text.csv", "--target", "y", "--folds", "2", "--scheme", "plain",
        "--estimator", "sklearn.svm:SVC", "--output", folder / "text.json", "--jobs", "1",
    )  # fmt: skip
    assert code == 2
    assert err.startswith("--estimator sklearn.svm:SVC: raised ValueError: could not convert string to float: 't")
    assert "in fold 0" in err


def test_a_missing_extra_is_named_with_its_remedy(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    code, _, err = run(
        capsys, *CROSSVAL, "--data", folder / "train.csv", "--target", "y", "--folds", "2", "--scheme", "plain",
        "--estimator", "cli_model:make", "--output", folder / "refused.json",
    )  # fmt: skip
    assert code == 2
    assert "needs joblib, which is not installed; pip install 'foldwatch[crossval]'" in err


@pytest.mark.parametrize("command", ["build", "crossval", "show"])
def test_help_shows_an_example(capsys, command):
    code, out, _ = run(capsys, "baseline", command, "--help")
    assert code == 0
    assert f"example:\n  foldwatch baseline {command}" in out


def test_show_of_what_is_no_baseline_exits_with_2(folder, capsys):
    code, out, err = run(capsys, "baseline", "show", folder / "oof.csv")
    assert (code, out) == (2, "")
    assert "oof.csv: is not JSON" in err
