"""`foldwatch rules`: the folder that it leaves, what it says, and what it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rule_cases import ROOT

from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import MARK
from monitor.cli import main
from monitor.cli.rules import generated
from monitor.config import load

CONFIG = """\
alerting: {job: foldwatch}
models:
  churn:
    classes: [stay, leave]
    windows: [1h, 24h]
    label_horizon: 1d
    objectives:
      - {name: floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}
      - {name: untargeted, metric: accuracy, window: 24h}
"""


@pytest.fixture
def rules(tmp_path, capsys):
    """Write a configuration, run `rules` into a folder `out`, and return (exit code, stdout lines, stderr lines)."""

    def run(config=CONFIG, out="out"):
        (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
        code = main(["rules", "--config", str(tmp_path / "c.yaml"), "--output", str(tmp_path / out)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_rules_tests_and_routes_are_written_and_told(rules, tmp_path):
    code, out, err = rules()
    assert (code, err) == (0, [])
    there = files(tmp_path / "out")
    assert {"foldwatch.yml", "objectives/churn.yml", "alertmanager/alertmanager.yml"} < set(there)
    assert any(path.startswith("tests/") and path.endswith("_test.yml") for path in there)
    assert [line for line in out if line.startswith("wrote ")] == [
        f"wrote      {tmp_path}/out/{path}" for path in there
    ]
    assert "for one objective with a target" in "".join(out)
    assert out[-1] == f'  rule_files: ["{tmp_path}/out/*.yml", "{tmp_path}/out/objectives/*.yml"]'
    for path in there:
        assert MARK in (tmp_path / "out" / path).read_text().splitlines()[0]


def test_what_is_told_to_do_next_can_be_done(rules, tmp_path, promtool):
    _, out, _ = rules(out="a folder")
    lines = out[out.index("next:") + 1 :]
    promtool_line, amtool_line = (line.strip() for line in lines[:2])
    assert (promtool_line.split()[-4:-2], amtool_line.split()[0]) == (["test", "rules"], "amtool")
    for line in (promtool_line, amtool_line):
        result = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    check = [promtool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "a folder" / "foldwatch.yml"]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_relative_key_files_are_looked_for_from_where_alertmanager_is_started(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("k")
    (tmp_path / "c.yaml").write_text(CONFIG.replace("{job: foldwatch}", "{pagerduty_key_file: key}"))
    said = f"start Alertmanager in {tmp_path}: it looks for key from where it is started"
    assert main(["rules", "--config", "c.yaml", "--output", "out"]) == 0
    assert said in capsys.readouterr().out
    assert main(["rules", "--config", str(tmp_path / "c.yaml"), "--output", "out"]) == 0
    assert "start Alertmanager" not in capsys.readouterr().out


def test_a_second_run_changes_nothing_and_a_changed_configuration_only_what_it_must(rules, tmp_path):
    rules()
    before = {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in files(tmp_path / "out")}
    code, out, _ = rules()
    assert code == 0
    assert out[0] == f"unchanged  {len(before)} files in {tmp_path}/out"
    assert {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in files(tmp_path / "out")} == before
    _, out, _ = rules(CONFIG.replace("  churn:", "  other:"))
    assert f"removed    {tmp_path}/out/objectives/churn.yml" in out
    assert "objectives/other.yml" in files(tmp_path / "out")
    assert "objectives/churn.yml" not in files(tmp_path / "out")
    assert f"removed    {tmp_path}/out/kubernetes/foldwatch-objectives-churn.yaml" in out
    assert [path for path in files(tmp_path / "out") if path.startswith("kubernetes/")] == [
        *("kubernetes/foldwatch-objectives-other.yaml", "kubernetes/foldwatch-objectives.yaml"),
        *("kubernetes/foldwatch.yaml", "kubernetes/kustomization.yaml"),
    ]


def test_an_object_that_the_operator_would_refuse_is_told(rules, monkeypatch):
    monkeypatch.setattr("monitor.alerting.rules.kubernetes.REFUSED_BYTES", 10 * 1024)
    _, out, _ = rules()
    told = [line for line in out if "is larger than the 10 KiB that the Prometheus operator takes" in line]
    assert [line.partition(" ")[0] for line in told] == ["kubernetes/foldwatch-objectives-churn.yaml"]


def test_without_any_target_the_daemon_is_watched_and_that_is_said(rules, tmp_path):
    code, out, err = rules("models:\n  churn: {classes: [stay, leave]}\n")
    assert (code, err) == (0, [])
    assert "foldwatch.yml" in files(tmp_path / "out")
    assert not any(path.startswith("objectives/") for path in files(tmp_path / "out"))
    assert any(line.startswith("no objective has a target") for line in out)


def test_wider_windows_of_slow_counters_are_said(rules):
    _, out, _ = rules("evaluate_every: 10m\n" + CONFIG)
    line = next(line for line in out if line.startswith("the counters move every 10m"))
    assert line.endswith("these are 4h/20m, 6h/30m, 1d/2h, 3d/6h")


def test_a_file_of_somebody_else_under_our_name_is_refused(rules, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "foldwatch.yml").write_text("groups: []\n")
    code, out, err = rules()
    assert (code, out) == (2, [])
    finding = "was not written by foldwatch: its first line does not say so"
    remedy = "move it away, or name another folder for --output"
    assert err == [f"{tmp_path}/out/foldwatch.yml: {finding}; {remedy}"]
    assert files(tmp_path / "out") == ["foldwatch.yml"]


def test_a_folder_that_is_a_file_is_refused(rules, tmp_path):
    code, _, err = rules(out="c.yaml")
    assert (code, len(err)) == (2, 1)
    assert err[0].startswith(f"{tmp_path}/c.yaml: is a file, and a folder is needed there;")


def test_key_files_that_are_missing_or_empty_are_refused_together(rules, tmp_path):
    (tmp_path / "slack").touch()
    code, _, err = rules(
        CONFIG.replace("{job", "{pagerduty_key_file: pager, slack_url_file: slack, slack_channel: x, job")
    )
    assert (code, len(err)) == (2, 2)
    assert "alerting.pagerduty_key_file" in err[0]
    assert "is empty" in err[1]
    assert not (tmp_path / "out").exists()


def test_a_configuration_that_is_wrong_writes_nothing(rules, tmp_path):
    code, _, err = rules(CONFIG.replace("0.95", "1.5"))
    assert code == 2
    assert f"{tmp_path}/c.yaml:8" in err[0]
    assert not (tmp_path / "out").exists()


def test_the_committed_rules_are_those_of_the_example(monkeypatch):
    monkeypatch.chdir(ROOT)
    settings, folder = load(Path("examples/churn.yaml")), Path("rules")
    wanted = generated(settings, rule_files(settings))
    stale = "run `foldwatch rules --config examples/churn.yaml --output rules` and commit what it writes"
    assert {path: (folder / path).read_text(encoding="utf-8") for path in files(folder)} == wanted, stale
