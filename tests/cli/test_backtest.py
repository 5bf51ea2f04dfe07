import gzip
import json
import os
import subprocess
import sys
import time

import polars as pl
import pytest
import zstandard

from monitor.cli import main

CONFIG = """
source: {defaults: {model: churn, version: "3"}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h]
    label_horizon: 0s
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 1h, margin: 0.05, target: 0.9}
"""
HEADER = "prediction_id,predicted_at,y_pred,score,y_true,labelled_at\n"


def rows(n, recall=0.9, minute=0):
    """n predictions of one hour, half of them leave, with a given recall of leave; labels a second later."""
    text = ""
    for i in range(n):
        at = f"2026-01-01T{i * 3 // n:02d}:{minute:02d}:{i % 60:02d}Z"
        leave = i % 2
        right = not leave or (i // 2) % 100 < recall * 100
        y_pred = "leave" if leave and right else "stay"
        text += f"p{i},{at},{y_pred},{0.8 if y_pred == 'leave' else 0.3},{'leave' if leave else 'stay'},{at}\n"
    return text


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "foldwatch.yaml").write_text(CONFIG)
    (tmp_path / "log.csv").write_text(HEADER + rows(400))
    return tmp_path


def backtest(folder, *options, predictions="log.csv"):
    config = ["--config", str(folder / "foldwatch.yaml")]
    return main(["backtest", *config, "--predictions", str(folder / predictions), *options])


def with_baseline(folder, recall=0.9):
    with (folder / "oof.csv").open("w") as file:
        file.write("fold,y_true,y_pred,score\n")
        for i in range(2000):
            leave = i % 2
            right = not leave or (i // 2) % 100 < recall * 100
            y_pred = "leave" if leave and right else "stay"
            file.write(f"{i // 4 % 5},{'leave' if leave else 'stay'},{y_pred},{0.8 if y_pred == 'leave' else 0.3}\n")
    built = ["baseline", "build", "--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified"]
    assert main([*built, "--predictions", str(folder / "oof.csv"), "--output", str(folder / "b.json")]) == 0
    config = CONFIG.replace("    windows", '    baseline: {"3": b.json}\n    windows')
    (folder / "foldwatch.yaml").write_text(config)


def test_labels_may_stand_in_the_predictions_file_and_an_empty_one_is_no_label(folder, capsysbinary):
    (folder / "log.csv").write_text(HEADER + rows(400) + "q1,2026-01-01T00:00:00Z,stay,0.3,,\n")
    assert backtest(folder, "--json", "-") == 0
    out, err = capsysbinary.readouterr()
    report = json.loads(out)
    assert report["schema"] == "foldwatch/backtest/1"
    assert report["events"]["predictions"] == 401
    assert report["events"]["labels"] == report["events"]["applied"] == 400
    assert report["period"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T02:00:59Z"}
    assert b"Objectives" in err


def test_a_baseline_that_is_kept_is_ok_and_one_that_is_broken_is_worse(folder):
    with_baseline(folder)
    assert backtest(folder, "--fail-on", "worse") == 0
    (folder / "log.csv").write_text(HEADER + rows(1200, recall=0.5))
    assert backtest(folder, "--fail-on", "worse", "--json", str(folder / "r.json")) == 1
    report = json.loads((folder / "r.json").read_bytes())
    assert report["alerts"] == []  # three evaluations are too few for its budget
    promised = (folder / "foldwatch.yaml").read_text()
    (folder / "foldwatch.yaml").write_text(promised.replace(", target: 0.9", ""))
    assert backtest(folder, "--fail-on", "page", "--json", str(folder / "r.json")) == 0
    (alert,) = json.loads((folder / "r.json").read_bytes())["alerts"]
    assert (alert["slo"], alert["source"], alert["severity"]) == ("leave-recall", "verdict", "ticket")
    assert alert["alert"] == "FoldwatchObjectiveWorse"
    assert backtest(folder) == 0


BUDGETS = """
source: {defaults: {model: churn, version: "3"}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h]
    label_horizon: 0s
    owner: team-growth
    objectives:
      - {name: leave-floor, metric: recall, class: leave, window: 1h, kind: occurrences, target: 0.9, routing: ROUTING}
      - {name: all-floor, metric: accuracy, window: 1h, kind: occurrences, target: 0.5, routing: ticket}
      - {name: leave-recall, metric: recall, class: leave, window: 1h, target: 0.95}
"""


def burnt(folder, routing="page", hours=30, bad=range(10, 26)):
    """Three predictions of leave a minute; in the bad hours every one is wrong."""
    lines = [HEADER.strip()]
    for minute in range(hours * 60):
        at = f"2026-01-{1 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z"
        y_pred = "stay" if minute // 60 in bad else "leave"
        lines += [f"p{minute}-{i},{at},{y_pred},{0.3 if y_pred == 'stay' else 0.8},leave,{at}" for i in range(3)]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    (folder / "foldwatch.yaml").write_text(BUDGETS.replace("ROUTING", routing))


def told(folder, *options, code=0):
    assert backtest(folder, *options, "--json", str(folder / "r.json")) == code
    return json.loads((folder / "r.json").read_bytes())


def test_a_budget_that_burns_pages_and_tickets_at_evaluation_times(folder, capsys):
    burnt(folder)
    report = told(folder, "--every", "15m", "--fail-on", "page", code=1)
    floor = [alert for alert in report["alerts"] if alert["slo"] == "leave-floor"]
    assert [(a["alert"], a["severity"], a["source"]) for a in floor] == [
        ("FoldwatchBudgetBurns", "ticket", "burn"),
        ("FoldwatchBudgetBurnsFast", "page", "burn"),
    ]
    assert {(a["model"], a["version"], a["metric"], a["class"], a["segment"]) for a in floor} == {
        ("churn", "3", "recall", "leave", None)
    }
    ticket, page = floor
    assert ticket["at"] < page["at"] < page["resolved_at"]
    assert all(moment[14:16] in {f"{m:02d}" for m in range(0, 60, 15)} and moment.endswith(":00Z")
               for a in report["alerts"] for moment in (a["at"], a["resolved_at"]) if moment)  # fmt: skip
    assert "of true class leave were predicted otherwise in " in page["reason"]
    assert report["shadow_alerts"] == []
    out = capsys.readouterr().out
    assert "Alerts" in out
    assert "wider than the rules of the daemon" in out


def test_what_is_in_the_shadow_is_told_apart_and_fails_nothing(folder):
    burnt(folder)
    loud = told(folder, "--every", "15m", "--fail-on", "page", code=1)
    burnt(folder, "shadow")
    report = told(folder, "--every", "15m", "--fail-on", "page", code=0)
    assert report["shadow_alerts"] == [alert for alert in loud["alerts"] if alert["slo"] == "leave-floor"]
    assert report["alerts"] == [alert for alert in loud["alerts"] if alert["slo"] != "leave-floor"]
    assert report["shadow_alerts"]


def test_each_budget_tells_what_its_alerts_were_worth_with_the_guard_and_without(folder):
    burnt(folder, bad=range(10, 26))
    report = told(folder, "--every", "15m")
    assert [one["slo"] for one in report["objectives"]] == ["leave-floor", "all-floor", "leave-recall"]
    floor, every, slices = report["objectives"]
    assert (floor["target"], floor["kind"], floor["routing"]) == (0.9, "occurrences", "page")
    assert (floor["events"], floor["bad"]) == (30 * 180 - 3 * 14, 16 * 180)  # the last minutes are after the last step
    assert [(one["severity"], one["guarded"]) for one in floor["rung"]] == [
        ("page", True), ("page", False), ("ticket", True), ("ticket", False),
    ]  # fmt: skip
    assert [(one["severity"]) for one in every["rung"]] == ["ticket", "ticket"]
    page = floor["rung"][0]
    assert (page["episodes"], page["false"]) == (1, 0)
    # Bad predictions come from 10:00 on; that evaluation still has fourteen good minutes and one bad.
    assert page["changed_at"] == "2026-01-01T10:00:00Z"
    assert page["first_at"] == next(a["at"] for a in report["alerts"] if a["severity"] == "page")
    assert (slices["events"], slices["rung"][0]["episodes"]) == (0, 0)
    assert {level["severity"] for level in slices["levels"]} == {"ticket"}


def test_labels_that_come_in_batches_are_said_to_leave_short_windows_empty(folder, capsys):
    burnt(folder, hours=72, bad=())
    config = (folder / "foldwatch.yaml").read_text()
    (folder / "foldwatch.yaml").write_text(config.replace("    owner", "    correction_window: 48h\n    owner"))
    log = folder / "log.csv"
    lines = [line.rsplit(",", 1) for line in log.read_text().splitlines()]
    daily = [
        f"{line},{at}" if at == "labelled_at" else f"{line},{at[:8]}{int(at[8:10]) + 1:02d}T00:00:00Z"
        for line, at in lines
    ]
    log.write_text("\n".join(daily) + "\n")
    told(folder, "--every", "1h")
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "churn leave-floor: labels that count come about every 1d, and windows of 2h and 6h are empty in between" in out
    )


def test_at_a_step_too_coarse_it_is_said_which_levels_cannot_ring(folder, capsys):
    burnt(folder)
    config = (folder / "foldwatch.yaml").read_text()
    (folder / "foldwatch.yaml").write_text(config.replace("target: 0.95", "target: 0.98"))
    report = told(folder, "--every", "12h")
    out = " ".join(capsys.readouterr().out.split())
    assert [level["starved"] for level in report["objectives"][2]["levels"]] == [True]
    assert "churn leave-recall cannot ring by 12d and 1d at this --every" in out
    assert told(folder, "--every", "48h")["objectives"][0]["levels"] == []
    assert "cannot ring: at this --every its windows are longer than slo.period" in " ".join(
        capsys.readouterr().out.split()
    )


def test_start_and_end_choose_what_arrives_in_between(folder, capsysbinary):
    options = ["--start", "2026-01-01 01:00", "--end", "2026-01-01T02:00:00Z", "--json", "-"]
    assert backtest(folder, *options) == 0
    report = json.loads(capsysbinary.readouterr().out)
    assert 130 <= report["events"]["predictions"] <= 137
    assert report["period"]["start"] >= "2026-01-01T01:00:00Z"


def test_every_format_and_compression_gives_the_same_bytes(folder):
    frame = pl.read_csv(folder / "log.csv", infer_schema=False)
    frame.write_parquet(folder / "log.parquet")
    frame.write_ndjson(folder / "log.jsonl")
    (folder / "gz.csv.gz").write_bytes(gzip.compress((folder / "log.csv").read_bytes()))
    (folder / "zst.jsonl.zst").write_bytes(zstandard.compress((folder / "log.jsonl").read_bytes()))
    reports = set()
    for name in ("log.csv", "log.parquet", "log.jsonl", "gz.csv.gz", "zst.jsonl.zst"):
        assert backtest(folder, "--json", str(folder / "r.json"), predictions=name) == 0
        reports.add((folder / "r.json").read_bytes())
    assert len(reports) == 1


def test_reports_are_the_same_bytes_under_any_hash_seed(folder):
    with_baseline(folder)
    command = [sys.executable, "-m", "monitor", "backtest", "--config", "foldwatch.yaml", "--predictions", "log.csv"]
    reports = set()
    for seed in ("0", "1", "4711"):
        path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])  # noqa: PTH109 - for PYTHONPATH
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path}
        options = ["--json", "r.json", "--html", "r.html"]
        subprocess.run([*command, *options], cwd=folder, env=environment, check=True, capture_output=True)
        reports.add((folder / "r.json").read_bytes() + (folder / "r.html").read_bytes())
    assert len(reports) == 1


def test_a_report_that_fails_leaves_the_old_one_alone(folder):
    report = folder / "r.json"
    report.write_text("old")
    assert backtest(folder, "--json", str(report), predictions="missing.csv") == 2
    assert report.read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["foldwatch.yaml", "log.csv", "r.json"]


def spoiled(folder):
    """Every input that cannot be read, with what must be said about it."""
    csv = (folder / "log.csv").read_bytes()
    (folder / "empty.csv").write_bytes(b"")
    (folder / "utf16.csv").write_bytes(csv.decode().encode("utf-16"))
    (folder / "latin.csv").write_bytes(csv.replace(b"p0,", "é,".encode("latin-1")))
    (folder / "column.csv").write_bytes(csv.replace(b"prediction_id", b"id"))
    (folder / "cut.csv.gz").write_bytes(gzip.compress(csv)[:-20])
    (folder / "cut.csv.zst").write_bytes(zstandard.compress(csv)[:-20])
    pl.read_csv(folder / "log.csv", infer_schema=False).write_parquet(folder / "whole.parquet")
    (folder / "cut.parquet").write_bytes((folder / "whole.parquet").read_bytes()[:-40])
    (folder / "invalid.csv").write_text(HEADER + "p1,never,stay,0.5,stay,\n")
    (folder / "folder").mkdir()


@pytest.mark.parametrize(
    ("predictions", "finding"),
    [
        ("missing.csv", "missing.csv"),
        ("nothing-*.csv", "nothing-*.csv"),
        ("folder", "folder"),
        ("empty.csv", "empty"),
        ("utf16.csv", "UTF-16"),
        ("latin.csv", "UTF-8"),
        ("column.csv", "prediction_id"),
        ("cut.csv.gz", "gz"),
        ("cut.csv.zst", "zst"),
        ("cut.parquet", "cut.parquet"),
        ("invalid.csv", "bad time"),
    ],
)
def test_a_log_that_cannot_be_read_is_named_with_finding_and_remedy(folder, capsys, predictions, finding):
    spoiled(folder)
    begun = time.monotonic()
    assert backtest(folder, predictions=predictions) == 2
    assert time.monotonic() - begun < 3
    out, err = capsys.readouterr()
    assert out == ""
    assert finding in err
    assert predictions.replace("*", "") in err.replace("*", "")
    assert "; " in err, "a remedy follows the finding"
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "place", "finding"),
    [
        (["--every", "0h"], "--every", "no positive duration"),
        (["--every", "90s"], "--every", "no multiple of 1m"),
        (["--every", "soon"], "--every", "no positive duration"),
        (["--start", "yesterday"], "--start", "no time"),
        (["--start", "2026-01-02", "--end", "2026-01-01T00:00Z"], "--start", "no time"),
        (["--start", "2026-01-02T00:00Z", "--end", "2026-01-01T00:00Z"], "--end", "not later than"),
        (["--json", "-", "--html", "-"], "--html", "2 reports"),
        (["--json", "no/such/folder/r.json"], "--json", "cannot be written"),
        (["--html", "."], "--html", "cannot be written"),
        (["--start", "2030-01-01T00:00Z"], "log.csv", "none of its 800 events arrives in"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_finding_and_remedy(folder, capsys, options, place, finding):
    assert backtest(folder, *options) == 2
    err = capsys.readouterr().err
    assert place in err
    assert finding in err
    assert "; " in err
    assert "Traceback" not in err
