"""`backtest --openmetrics`: where it goes, and that nothing half-written stays."""

from __future__ import annotations

import gc

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from monitor.cli import main
from monitor.clock import HOUR, parse_time

CONFIG = """
alerting: {job: elsewhere}
models:
  churn:
    classes: [stay, leave]
    windows: [2h]
    label_horizon: 0s
    objectives: [{name: floor, metric: recall, class: leave, window: 2h, kind: occurrences, target: 0.9}]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    lines = ["prediction_id,model,version,predicted_at,y_pred,y_true"]
    lines += [f"{i},churn,3,2026-01-01T{i // 60:02d}:{i % 60:02d}:00Z,stay,leave" for i in range(300)]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def backtest(folder, *options, config="c.yaml"):
    config = ["--config", str(folder / config)]
    return main(["backtest", *config, "--predictions", str(folder / "log.csv"), "--every", "1h", *options])


def test_the_file_holds_gauges_at_their_reports_and_counters_from_zero_on(folder):
    assert backtest(folder, "--openmetrics", str(folder / "h.om")) == 0
    families = {family.name: family for family in parse((folder / "h.om").read_text())}
    begin = parse_time("2026-01-01T00:00:00Z") // 1_000

    def course(name, **labels):
        return [
            (float(sample.timestamp) - begin, sample.value)
            for sample in families[name].samples
            if labels.items() <= sample.labels.items()
        ]

    hour = HOUR / 1_000
    assert [value for at, value in course("foldwatch_slo_events") if at % hour == 0] == [0, 61, 121, 181, 241]
    assert [value for at, value in course("foldwatch_slo_bad_events") if at % hour == 0] == [0, 61, 121, 181, 241]
    recalls = course("foldwatch_class_quality_ratio", metric="recall", **{"class": "leave"})
    assert [at / 60 for at, _ in recalls] == [60, 120, 180, 240, 299]  # the last one as of the end of the log
    assert {value for _, value in recalls} == {0.0}
    assert [at / hour for at, _ in course("foldwatch_last_evaluation_timestamp_seconds")] == [1, 2, 3, 4]
    assert course("foldwatch_predictions")[-1] == (4 * hour, 241)
    assert course("foldwatch_last_prediction_timestamp_seconds")[-1] == (4 * hour, begin + 4 * hour)
    assert {s.labels["job"] for family in families.values() for s in family.samples} == {"elsewhere"}


def test_to_stdout_it_goes_alone_and_the_summary_goes_aside(folder, capsysbinary):
    assert backtest(folder, "--openmetrics", "-") == 0
    out, err = capsysbinary.readouterr()
    assert out.startswith(b"# HELP foldwatch_")
    assert out.endswith(b"# EOF\n")
    assert b"Objectives" in err


def test_two_reports_do_not_fit_into_stdout(folder, capsys):
    assert backtest(folder, "--json", "-", "--openmetrics", "-") == 2
    assert "--openmetrics: stdout cannot take 2 reports" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said_before_the_replay(folder, capsys):
    assert backtest(folder, "--openmetrics", str(folder)) == 2
    assert "--openmetrics" in capsys.readouterr().err


def test_a_run_that_fails_leaves_nothing(folder):
    (folder / "log.csv").write_text(
        "prediction_id,model,version,predicted_at,y_pred,y_true\n1,churn,3,never,stay,leave\n"
    )
    before = set(folder.iterdir())
    assert backtest(folder, "--openmetrics", str(folder / "h.om")) == 2
    gc.collect()
    assert set(folder.iterdir()) == before
