"""A promise whose alerts could never ring is refused where alerts are written, and said where history is replayed."""

import json

import pytest

from monitor.cli import main

CONFIG = """
source: {defaults: {model: churn, version: "3"}}
models:
  churn:
    classes: [stay, leave]
    windows: [1h]
    label_horizon: 0s
    objectives:
      - {name: floor, metric: recall, class: leave, window: 1h, kind: occurrences, target: 0.80}
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "foldwatch.yaml").write_text(CONFIG)
    return str(tmp_path / "foldwatch.yaml")


@pytest.mark.parametrize("command", [["check"], ["rules", "--output", "written"]])
def test_who_is_about_to_rely_on_it_is_refused(config, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--config", config]) == 2
    wrong = capsys.readouterr().err
    assert "models.churn.objectives[0].target: even 100 % bad events burn 5x" in wrong
    assert "raise it to 0.9256, or write `routing: ticket`" in wrong
    assert not (tmp_path / "written").exists()


def test_a_backtest_says_so_and_its_tickets_ring(config, tmp_path, capsys):
    lines = ["prediction_id,predicted_at,y_pred,y_true"]
    lines += [
        f"p{n},2026-01-{1 + n // 96:02d}T{n // 4 % 24:02d}:{n % 4 * 15:02d}:00Z,stay,leave"  # each one is bad
        for n in range(400)
    ]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    report = tmp_path / "report.json"
    options = ["--predictions", str(tmp_path / "log.csv"), "--json", str(report), "--fail-on", "page"]
    assert main(["backtest", "--config", config, *options]) == 0
    assert "warning: " in (err := capsys.readouterr().err)
    assert "even 100 % bad events burn 5x" in err
    assert {alert["severity"] for alert in json.loads(report.read_text())["alerts"]} == {"ticket"}
