import csv
import json
import math
import random
from pathlib import Path

import pytest
from history_oracle import Label, Prediction, World
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from monitor.cli import main
from monitor.clock import DAY, HOUR, format_time, parse_time

BEGIN = parse_time("2026-01-01T00:00:00Z")
CLASSES = ("stay", "leave")
CORRECTION, FIRST = 40 * HOUR, 3 * HOUR
HORIZON = 30 * HOUR


def messy_log(seed, n=600):
    """Two versions with duplicates; labels late, first, corrected, retracted, repeated, orphaned and too late."""
    rng = random.Random(seed)
    predictions, labels = [], []
    for i in range(n):
        at = BEGIN + rng.randrange(3 * DAY)
        y = "leave" if rng.random() < 0.35 else "stay"
        score = 1 / (1 + math.exp(-rng.gauss(0.8 if y == "leave" else -0.8, 1.0)))
        region = rng.choice(["eu", "us"])
        versions = ["3", "4"] if rng.random() < 0.15 else [rng.choice(["3", "3", "4"])]
        for version in versions:
            shifted = at + rng.randrange(6 * HOUR) if version == "4" else at
            known = None if rng.random() < 0.1 else score
            y_pred = "leave" if score >= 0.5 else "stay"
            predictions.append(Prediction(f"p{i}", version, shifted, y_pred, known, region))
            if rng.random() < 0.1:
                later = shifted + rng.choice([1, HOUR, 5 * HOUR])
                predictions.append(Prediction(f"p{i}", version, later, rng.choice(CLASSES), score, region))
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3])):
            lag = rng.choice([-4 * HOUR, -HOUR, 0, HOUR, 10 * HOUR, 20 * HOUR, 39 * HOUR, 45 * HOUR])
            labels.append(Label(f"p{i}", at + lag + rng.randrange(HOUR), rng.choice([y, y, y, *CLASSES, None])))
    labels += [Label(f"nobody{i}", BEGIN + rng.randrange(3 * DAY), "stay") for i in range(10)]
    return predictions, labels


def write(folder, predictions, labels, files=1, shuffle=None):
    folder.mkdir(exist_ok=True)
    for kind, rows, header in (
        ("predictions", predictions, ["prediction_id", "version", "predicted_at", "y_pred", "score", "segment_region"]),
        ("labels", labels, ["prediction_id", "labelled_at", "y_true"]),
    ):
        written = list(rows)
        if shuffle is not None:
            random.Random(shuffle).shuffle(written)
        for part in range(files):
            with (folder / f"{kind}-{part}.csv").open("w", newline="") as file:
                out = csv.writer(file)
                out.writerow(header)
                for row in written[part::files]:
                    at = 2 if kind == "predictions" else 1
                    out.writerow([format_time(v) if i == at else v for i, v in enumerate(row)])


CONFIG = """
source: {defaults: {model: churn}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {"3": baseline.json}
    windows: [6h, 24h]
    label_horizon: 30h
    correction_window: 40h
    label_first_wait: 3h
    segments: [region]
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.1, target: 0.9}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "foldwatch.yaml").write_text(CONFIG)
    rng = random.Random(5)
    with (folder / "oof.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["fold", "y_true", "y_pred", "score"])
        for i in range(1000):
            y = "leave" if rng.random() < 0.35 else "stay"
            score = min(max(rng.gauss(0.65 if y == "leave" else 0.35, 0.2), 0.0), 1.0)
            out.writerow([i % 5, y, "leave" if score >= 0.5 else "stay", score])
    built = ["baseline", "build", "--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified"]
    assert main([*built, "--predictions", str(folder / "oof.csv"), "--output", str(folder / "baseline.json")]) == 0
    return folder


def backtest(folder: Path, logs: Path, *options):
    report = logs / "report.json"
    arguments = ["backtest", "--config", str(folder / "foldwatch.yaml"), "--json", str(report)]
    arguments += ["--predictions", str(logs / "predictions-*.csv"), "--labels", str(logs / "labels-*.csv"), *options]
    assert main(arguments) == 0
    return json.loads(report.read_bytes()), report.read_bytes()


@pytest.mark.parametrize(("seed", "every"), [(1, "6h"), (2, "2h"), (3, "24h"), (4, "11h")])
def test_every_window_and_total_of_a_messy_log_is_what_a_reading_by_hand_gives(folder, tmp_path, seed, every):
    predictions, labels = messy_log(seed)
    write(tmp_path, predictions, labels)
    report, _ = backtest(folder, tmp_path, "--every", every)
    last = max(event.at for event in (*predictions, *labels))
    totals = World(predictions, labels, last, CORRECTION, FIRST).totals()
    assert {name: report["events"][name] for name in totals} == totals
    events = report["events"]
    outcomes = ("applied", "corrected", "retracted", "repeated", "orphan", "labels_waiting")
    assert events["labels"] == sum(events[name] for name in outcomes)
    assert events["orphan"] >= 10
    worlds = {}
    for window in report["windows"]:
        as_of = parse_time(window["as_of"])
        world = worlds.setdefault(as_of, World(predictions, labels, as_of, CORRECTION, FIRST))
        span = parse_time(window["start"]), parse_time(window["end"]), window["version"]
        region = window["segment"].split("=")[1] if window["segment"] else None
        seen, counts = world.confusion(*span, region)
        assert window["predictions"] == seen
        assert window["confusion"]["counts"] == [[counts[a, b] for b in CLASSES] for a in CLASSES]
        assert window["labels"] == sum(counts.values())
        if region is None:
            check_scores(window, world.scored(*span))


def check_scores(window, rows):
    found = {(m["metric"], m["class"]): m for m in window["metrics"]}
    y, p = [a == "leave" for a, _ in rows], [score for _, score in rows]
    assert found["log_loss", None]["n"] == len(rows)
    if len(set(y)) < 2 or len(rows) < 50:  # few rows share bins: tests/statistics holds the precision of large windows
        return
    assert found["log_loss", None]["value"] == pytest.approx(log_loss(y, p), abs=1e-6)
    assert found["brier", None]["value"] == pytest.approx(brier_score_loss(y, p), abs=1e-6)
    assert found["roc_auc", None]["value"] == pytest.approx(roc_auc_score(y, p), abs=1e-2)
    assert found["pr_auc", None]["value"] == pytest.approx(average_precision_score(y, p), abs=2e-2)
    counts = window["confusion"]["counts"]
    if sum(map(sum, counts)) == len(rows):
        y_pred = [score >= 0.5 for score in p]
        assert found["f1", "leave"]["value"] == pytest.approx(f1_score(y, y_pred), abs=1e-12)


def test_windows_appear_when_the_contract_says(folder, tmp_path):
    predictions, labels = messy_log(3)
    write(tmp_path, predictions, labels)
    report, _ = backtest(folder, tmp_path, "--every", "6h")
    last = max(event.at for event in (*predictions, *labels))
    last_prediction = max(p.at for p in predictions)
    identities = World(predictions, labels, last, CORRECTION, FIRST).identities.values()
    expected = set()
    step = 6 * HOUR
    end = BEGIN // step * step + step
    while end - DAY <= last_prediction:
        for text, length in (("6h", 6 * HOUR), ("24h", DAY)):
            for version in ("3", "4"):
                key = (version, text, end)
                if not any(p.version == version and end - length <= p.at < end for p in identities):
                    continue
                if end <= last:
                    expected.add((*key, end, "provisional"))
                if end + HORIZON <= last:
                    expected.add((*key, end + HORIZON, "mature"))
                elif end <= last_prediction // step * step + step:
                    expected.add((*key, last, "provisional"))
        end += step
    shown = [
        (w["version"], w["window"], parse_time(w["end"]), parse_time(w["as_of"]), w["maturity"])
        for w in report["windows"]
        if w["segment"] is None
    ]
    assert len(shown) == len(set(shown))
    assert set(shown) == expected


def test_neither_the_order_of_rows_nor_the_number_of_files_shows(folder, tmp_path):
    predictions, labels = messy_log(4)
    write(tmp_path / "one", predictions, labels)
    write(tmp_path / "ten", predictions, labels, files=10, shuffle=1)
    assert backtest(folder, tmp_path / "one")[1] == backtest(folder, tmp_path / "ten")[1]


def test_an_event_of_decades_ago_costs_no_decades(folder, tmp_path):
    old = parse_time("1990-01-01T00:30:00Z")
    predictions, labels = messy_log(6, 50)
    write(tmp_path, [Prediction("old", "3", old, "stay", 0.1, "eu"), *predictions], labels)
    report, _ = backtest(folder, tmp_path, "--every", "1h")
    first = report["windows"][0]
    assert (first["end"], first["predictions"]) == ("1990-01-01T01:00:00Z", 1)
    assert sum(w["start"] > "1990-01-02" for w in report["windows"]) > 100
    assert not any("1990-01-04" < w["as_of"] < "2025" for w in report["windows"])
