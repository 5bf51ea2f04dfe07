"""The backtest at full length: events and window evaluations a second, memory, and a plain pandas loop beside it.

    python benchmarks/backtest.py [--events N] [--only parquet|csv|jsonl|windows|pandas]

One million predictions and as many labels over 30 days (two classes, scores, one segment of five values, horizon 1 d).
Every row is a whole process, `foldwatch backtest`, timed from outside; the reference is timed in the same run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

DAYS = 30
DAY = 86_400_000
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
REGIONS = ("ap", "eu", "me", "sa", "us")
LEAVE_SHARE, THRESHOLD = 0.3, 0.5


def make_log(folder: Path, events: int) -> None:
    """Write the log as Parquet, CSV and JSON Lines, out-of-fold predictions, and two configurations."""
    rng = np.random.default_rng(20260101)
    frames = {}
    at = np.sort(rng.integers(0, DAYS * DAY, events)) + START
    y = rng.random(events) < LEAVE_SHARE
    score = 1 / (1 + np.exp(-(rng.normal(np.where(y, 1.2, -1.2), 1.2) - 0.4)))
    ids = pl.Series("prediction_id", np.arange(events)).cast(pl.String).str.pad_start(12, "0")
    lag = np.minimum(rng.exponential(0.15 * DAY, events), 0.99 * DAY).astype(np.int64)
    frames["predictions"] = pl.DataFrame(
        {
            "prediction_id": "p-" + ids,
            "predicted_at": pl.Series(at).cast(pl.Datetime("ms", "UTC")),
            "y_pred": np.where(score >= THRESHOLD, "leave", "stay"),
            "score": score,
            "segment_region": np.array(REGIONS)[rng.integers(0, 5, events)],
        }
    )
    frames["labels"] = pl.DataFrame(
        {
            "prediction_id": "p-" + ids,
            "y_true": np.where(y, "leave", "stay"),
            "labelled_at": pl.Series(at + lag).cast(pl.Datetime("ms", "UTC")),
        }
    ).sort("labelled_at")
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
        text = frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
        text.write_csv(folder / f"{name}.csv")
        text.write_ndjson(folder / f"{name}.jsonl")
    fold = np.arange(20_000) % 5
    oof = frames["predictions"][:20_000].select("y_pred", "score")
    oof.with_columns(fold=pl.Series(fold), y_true=pl.Series(np.where(y[:20_000], "leave", "stay"))).write_csv(
        folder / "oof.csv"
    )
    model = {
        "classes": ["stay", "leave"],
        "positive": "leave",
        "baseline": {"3": "baseline.json"},
        "label_horizon": "1d",
        "segments": ["region"],
        "margin": "0.03",
    }
    for name, windows in (("days", ["24h", "7d"]), ("hours", ["1h", "24h"])):
        objective = {"name": "recall", "metric": "recall", "class": "leave", "window": windows[-1], "target": "0.95"}
        settings = {
            "source": {"defaults": {"model": "churn", "version": "3"}},
            "models": {"churn": model | {"windows": windows, "objectives": [objective]}},
        }
        (folder / f"{name}.yaml").write_text(json.dumps(settings))
    foldwatch(
        "baseline", "build", "--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified",
        "--predictions", str(folder / "oof.csv"), "--output", str(folder / "baseline.json"),
    )  # fmt: skip


def foldwatch(*arguments: str) -> tuple[float, float]:
    """Run the command; return wall seconds and peak memory in MB of the whole process."""
    begun = time.perf_counter()
    # A child inherits the peak of who forks it: a small process stands between.
    done = subprocess.run(
        [sys.executable, "-c", _SMALL, sys.executable, "-m", "monitor", *arguments],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    if done.returncode:
        sys.exit(f"foldwatch {' '.join(arguments)} ended with {done.returncode}")
    return time.perf_counter() - begun, int(done.stdout) / 1024


_SMALL = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def run_backtest(folder: Path, config: str, kind: str, every: str) -> tuple[float, float, int]:
    """Replay the log; return wall seconds, peak MB and how many windows the report holds."""
    report = folder / f"report-{config}-{kind}.json"
    seconds, memory = foldwatch(
        "backtest", "--config", str(folder / f"{config}.yaml"), "--every", every, "--json", str(report),
        "--predictions", str(folder / f"predictions.{kind}"), "--labels", str(folder / f"labels.{kind}"),
    )  # fmt: skip
    return seconds, memory, len(json.loads(report.read_bytes())["windows"])


def pandas_loop(folder: Path, days: int) -> tuple[float, int]:
    """Compute the same values without bands, the plain way, for `days` days of hourly reports; seconds and windows."""
    begun = time.perf_counter()
    predictions = pd.read_csv(folder / "predictions.csv", parse_dates=["predicted_at"])
    labels = pd.read_csv(folder / "labels.csv", parse_dates=["labelled_at"])
    rows = predictions.merge(labels, on="prediction_id", how="left")
    windows = 0
    first = pd.Timestamp(START, unit="ms", tz="UTC") + pd.Timedelta(days=3)
    for hour in range(days * 24):
        end = first + pd.Timedelta(hours=hour)
        for length in (pd.Timedelta(hours=1), pd.Timedelta(hours=24)):
            for as_of in (end, end + pd.Timedelta(days=1)):
                inside = rows[(rows.predicted_at >= end - length) & (rows.predicted_at < end)]
                inside = inside[inside.labelled_at <= as_of]
                for region in (None, *REGIONS):
                    values_of(inside if region is None else inside[inside.segment_region == region])
                    windows += 1
    return time.perf_counter() - begun, windows


def values_of(rows: pd.DataFrame) -> list[float]:
    """Every metric of one window by scikit-learn."""
    if rows.y_true.nunique() < 2:
        return []
    y, p = (rows.y_true == "leave").to_numpy(), rows.score.to_numpy()
    classes = precision_recall_fscore_support(rows.y_true, rows.y_pred, labels=["stay", "leave"], zero_division=0)
    ranking = [f(t, s) for f in (roc_auc_score, average_precision_score) for t, s in ((y, p), (~y, 1 - p))]
    return [
        *np.concatenate(classes),
        accuracy_score(rows.y_true, rows.y_pred),
        *ranking,
        log_loss(y, p),
        brier_score_loss(y, p),
    ]


def main() -> int:
    """Print the table; 1 when a must is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_000_000, help="predictions in the log, and as many labels")
    arguments.add_argument("--only", choices=("parquet", "csv", "jsonl", "windows", "pandas"), action="append")
    given = arguments.parse_args()
    wanted = given.only or ["parquet", "csv", "jsonl", "windows", "pandas"]
    failed = 0
    print(f"{'what':44} {'measured':>16} {'must':>10} {'goal':>10}  verdict")

    def row(what: str, measured: float, unit: str, must: float, goal: float) -> None:
        nonlocal failed
        less = unit == "MB"
        met = measured <= must if less else measured >= must
        reached = measured <= goal if less else measured >= goal
        failed += not met
        verdict = "goal" if reached else "must" if met else "MISSED"
        print(f"{what:44} {measured:12,.0f} {unit:3} {must:10,.0f} {goal:10,.0f}  {verdict}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_log(folder, given.events)
        for kind in ("parquet", "csv", "jsonl"):
            if kind in wanted:
                seconds, memory, _ = run_backtest(folder, "days", kind, "24h")
                row(f"events a second, {kind}", 2 * given.events / seconds, "/s", 250_000, 1_000_000)
                row(f"peak memory, {kind}", memory, "MB", 1_500, 600)
        ours = 0.0
        if {"windows", "pandas"} & set(wanted):
            seconds, memory, windows = run_backtest(folder, "hours", "parquet", "1h")
            base, _, few = run_backtest(folder, "days", "parquet", "24h")
            rate = (windows - few) / (seconds - base)
            row(f"window evaluations a second ({windows:,} of them)", windows / seconds, "/s", 500, 2_000)
            print(f"  without reading and joining: {rate:,.0f} a second")
            row("  peak memory", memory, "MB", 1_500, 600)
            ours = seconds / windows
        if "pandas" in wanted:
            seconds, windows = pandas_loop(folder, 2)
            each = seconds / windows * 1e3
            print(f"  pandas + scikit-learn: {windows} windows of 2 days in {seconds:.1f} s, {each:.1f} ms each")
            row("pandas + scikit-learn, times slower", seconds / windows / ours, "x", 1, 10)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
