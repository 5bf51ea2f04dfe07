"""`foldwatch dashboards`: the folder that it leaves, what it says, and what it refuses."""

from __future__ import annotations

import json

import pytest
from rule_cases import EXAMPLE, ROOT

from monitor.cli import main
from monitor.dashboards.files import dashboard_files

NAMES = ["debug.json", "executive.json", "on-call.json"]
SLOW = """\
evaluate_every: 10m
alerting: {runbook_url: "https://wiki.example.com/foldwatch"}
models:
  churn: {classes: [stay, leave]}
"""


@pytest.fixture
def dashboards(tmp_path, capsys):
    """Run `dashboards` into a folder and return (exit code, stdout lines, stderr lines)."""

    def run(*more, out="out"):
        code = main(["dashboards", "--output", str(tmp_path / out), *map(str, more)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_three_dashboards_are_written_from_no_configuration_and_told(dashboards, tmp_path):
    code, out, err = dashboards()
    assert (code, err) == (0, [])
    assert files(tmp_path / "out") == NAMES
    assert out[:3] == [f"wrote      {tmp_path}/out/{name}" for name in NAMES]
    assert {name: (tmp_path / "out" / name).read_text(encoding="utf-8") for name in NAMES} == dashboard_files()
    assert out[3] == "next, one of:"
    assert str(tmp_path / "out") in out[4]
    assert "`alerting.runbook_url` of a configuration" in out[-1]


def test_a_second_run_changes_nothing(dashboards, tmp_path):
    dashboards()
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in NAMES}
    code, out, _ = dashboards()
    assert code == 0
    assert out[0] == f"unchanged  {', '.join(NAMES)} in {tmp_path}/out"
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in NAMES} == before


def test_an_older_dashboard_of_ours_is_replaced_and_files_of_others_are_left_alone(dashboards, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "executive.json").write_text('{"uid": "foldwatch-executive", "title": "as it was"}')
    theirs = {"theirs.json": '{"uid": "foldwatch-executive"}', "README.md": "ours is not this", "broken.json": "{"}
    for name, text in theirs.items():
        (folder / name).write_text(text)
    code, out, _ = dashboards()
    assert code == 0
    assert f"wrote      {folder}/executive.json" in out
    assert {name: (folder / name).read_text() for name in theirs} == theirs
    assert json.loads((folder / "executive.json").read_text())["panels"]


@pytest.mark.parametrize("text", ['{"uid": "their-own"}', '{"title": "no uid"}', "[]", "{", "\x00\xff"])
def test_a_file_of_somebody_else_under_our_name_is_refused_and_nothing_is_written(dashboards, tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "on-call.json").write_text(text, encoding="latin-1")
    code, out, err = dashboards()
    finding = "was not written by foldwatch: its `uid` is not that of our dashboard"
    remedy = "move it away, or name another folder for --output"
    assert (code, out) == (2, [])
    assert err == [f"{tmp_path}/out/on-call.json: {finding}; {remedy}"]
    assert files(tmp_path / "out") == ["on-call.json"]


def test_a_folder_that_is_a_file_is_refused(dashboards, tmp_path):
    (tmp_path / "out").write_text("")
    code, _, err = dashboards()
    assert (code, len(err)) == (2, 1)
    assert err[0].startswith(f"{tmp_path}/out: is a file, and a folder is needed there;")


def test_with_a_configuration_windows_and_runbooks_are_its_own(dashboards, tmp_path):
    (tmp_path / "c.yaml").write_text(SLOW)
    code, out, _ = dashboards("--config", tmp_path / "c.yaml")
    assert code == 0
    assert not any("runbook" in line for line in out)
    text = (tmp_path / "out" / "on-call.json").read_text()
    assert "https://wiki.example.com/foldwatch" in text
    assert "slo:sli_error:ratio_rate4h" in text
    assert "slo:sli_error:ratio_rate5m" not in text


def test_the_example_asks_for_the_dashboards_that_are_committed(dashboards, tmp_path):
    dashboards("--config", EXAMPLE)
    for name in NAMES:
        assert (tmp_path / "out" / name).read_bytes() == (ROOT / "grafana" / name).read_bytes()


def test_a_configuration_that_is_wrong_writes_nothing(dashboards, tmp_path):
    (tmp_path / "c.yaml").write_text(SLOW.replace("10m", "soon"))
    code, _, err = dashboards("--config", tmp_path / "c.yaml")
    assert code == 2
    assert f"{tmp_path}/c.yaml:1" in err[0]
    assert not (tmp_path / "out").exists()
