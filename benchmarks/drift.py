"""How often drift fires where quality holds, and where it does not: a model, its folds, and then weeks of production.

    python benchmarks/drift.py [--log FILE --target COLUMN --every D --window D --train N] [--scheme S]

Without a log: three streams that are made up (nothing changes; the features move and the rule holds; the rule changes
and the features stay). With one: a CSV in time order, a row every D. The first N rows train a model and are
cross-validated; the rest is replayed, with labels a step later. Quality is the verdict of `foldwatch backtest` on the
recall of every class in each mature window; drift is judged on the same windows, share 0.3 fires.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from monitor.baselines.crossval import Plan, run
from monitor.baselines.file import write
from monitor.counts.layout import score_bins
from monitor.revalidate.desk import Sampled
from monitor.revalidate.drift.drift import look_for_drift

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.baselines.crossval import CrossValidated

SHARE = 0.3
MARGIN = 0.03
MINUTES = {"m": 1, "h": 60, "d": 1440}
BEGIN = pd.Timestamp("1972-01-01T00:00:00Z")
MADE_UP = (("nothing changes", 0.0, 0.0), ("features move, rule holds", 1.0, 0.0), ("rule changes", 0.0, 1.0))
WEEKS, A_WEEK, TRAIN = 20, 4_000, 12_000


@dataclass(frozen=True)
class Log:
    """Rows in time order."""

    name: str
    frame: pd.DataFrame
    target: str
    step: int
    """Minutes between two rows."""
    window: int
    """Minutes."""
    train: int


class Booster(HistGradientBoostingClassifier):  # type: ignore[misc]  # scikit-learn ships no types
    """Trees of small depth, the same for every log."""

    def __init__(self, max_iter: int = 80, max_depth: int = 4, random_state: int = 0) -> None:
        """Take what scikit-learn may ask for."""
        super().__init__(max_iter=max_iter, max_depth=max_depth, random_state=random_state)


def made_up(name: str, move: float, change: float) -> Log:
    """Return a stream of five numbers and a truth value, whose features or rule go over weeks."""
    rng = np.random.default_rng(7)
    n = TRAIN + WEEKS * A_WEEK
    way = np.clip((np.arange(n) - TRAIN) / (n - TRAIN), 0, 1)
    x = rng.normal(size=(n, 5)) + np.outer(way * move, [1.5, 1.0, 0.0, 0.0, 1.0])
    angle = way * change * np.pi / 2
    # The rule turns in the plane of two features of equal spread: neither they nor the classes' shares show it.
    logit = 2.5 * (np.cos(angle) * x[:, 2] + np.sin(angle) * x[:, 3])
    frame = pd.DataFrame(x, columns=[f"x{at}" for at in range(5)])
    frame["gold"] = (rng.random(n) < 0.3).astype(int)
    frame["y"] = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return Log(name, frame, "y", 10, 10 * A_WEEK, TRAIN)


def minutes(text: str) -> int:
    """Return minutes of `30m`, `6h`, `90d`."""
    return int(text[:-1]) * MINUTES[text[-1]]


def quality(folder: Path, log: Log, predictions: pd.DataFrame, found: CrossValidated) -> dict[int, str]:
    """Return end of each mature window, epoch minutes -> the worst verdict of its recalls, by `foldwatch backtest`."""
    write(found.baseline, folder / "baseline.json")
    predictions.to_json(folder / "log.jsonl", orient="records", lines=True)
    window = f"{log.window}m"
    objectives = [
        {"name": f"recall-{name}", "metric": "recall", "class": name, "window": window, "margin": MARGIN}
        for name in found.baseline.classes
    ]
    model = {
        "classes": list(found.baseline.classes),
        "positive": found.baseline.classes[1],
        "baseline": {"1": "baseline.json"},
        "windows": [window],
        "label_horizon": f"{log.step}m",
        "objectives": objectives,
    }
    document = {"source": {"defaults": {"model": "m", "version": "1"}}, "models": {"m": model}}
    (folder / "foldwatch.yaml").write_text(json.dumps(document))
    subprocess.run(
        [sys.executable, "-m", "monitor", "backtest", "--config", str(folder / "foldwatch.yaml"), "--every", window,
         "--predictions", str(folder / "log.jsonl"), "--json", str(folder / "report.json")],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    verdicts = {}
    for one in json.loads((folder / "report.json").read_bytes())["windows"]:
        if one["maturity"] == "mature" and one["segment"] is None:
            said = {m["verdict"] for m in one["metrics"] if m["metric"] == "recall"}
            end = int(pd.Timestamp(one["end"]).timestamp()) // 60
            verdicts[end] = next(verdict for verdict in ("WORSE", "UNKNOWN", "OK") if verdict in said)
    return verdicts


def windows(log: Log, at: np.ndarray[Any, Any]) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """Yield (end in epoch minutes, rows) of each whole window."""
    for end in range((at[0] // log.window + 2) * log.window, at[-1] + log.step + 1, log.window):
        yield end, np.flatnonzero((at >= end - log.window) & (at < end))


def measure(log: Log, scheme: str) -> list[tuple[str, float]]:
    """Return (verdict, share of columns that drifted) of each window."""
    x, y = log.frame.drop(columns=log.target), log.frame[log.target].to_numpy()
    known = slice(0, log.train)
    found = run(x[known], y[known], Booster, Plan("m", "1", scheme, folds=6, seed=7), jobs=2)
    fitted = Booster().fit(x[known], y[known])
    features = x[log.train :]
    score = fitted.predict_proba(features)[:, 1]
    at = int(BEGIN.timestamp()) // 60 + np.arange(log.train, len(log.frame)) * log.step
    predicted = np.where(score >= 0.5, *reversed(fitted.classes_))
    predictions = pd.DataFrame(
        {
            "prediction_id": np.arange(len(features)).astype(str),
            "predicted_at": at * 60_000,
            "y_pred": predicted,
            "score": score,
            "y_true": y[log.train :],
            "labelled_at": (at + log.step - 1) * 60_000,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        verdicts = quality(Path(folder), log, predictions, found)
    pooled = sum(fold.counts.plane("confusion").sum(axis=0) for fold in found.baseline.folds)
    promised = dict(zip(found.baseline.classes, pooled.tolist(), strict=True))
    scores = sum(fold.counts.plane("scores").sum(axis=1).ravel() for fold in found.baseline.folds)
    rows = features.to_dict("records")
    seen = []
    for end, inside in windows(log, at):
        if end not in verdicts:
            continue
        sampled = Sampled(
            "m",
            "1",
            found.features,
            [{**{str(n): v for n, v in rows[row].items()}, "(class)": str(predicted[row])} for row in inside.tolist()],
            Counter(map(str, predicted[inside].tolist())),
            promised,
            np.bincount(score_bins(score[inside]), minlength=512).tolist(),
            scores.tolist(),
        )
        drifted = look_for_drift(sampled, report=False)
        seen.append((verdicts[end], 0.0 if drifted is None else drifted.drift.share))
    return seen


def line(log: Log, scheme: str, seen: list[tuple[str, float]], seconds: float) -> str:
    """Return one row of the table: fired / windows, per verdict, and the median share of columns that drifted."""

    def cell(*verdicts: str) -> str:
        shares = [share for verdict, share in seen if verdict in verdicts]
        middle = f" ({np.median(shares):.2f})" if shares else ""
        return f"{sum(share >= SHARE for share in shares)}/{len(shares)}{middle}"

    cells = (cell("OK", "UNKNOWN"), cell("OK"), cell("UNKNOWN"), cell("WORSE"))
    return f"{log.name:<28}{scheme:<13}" + "".join(f"{each:>14}" for each in cells) + f"{seconds:>9.0f} s"


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--log", type=Path, help="CSV in time order")
    arguments.add_argument("--target", help="column of the class")
    arguments.add_argument("--every", default="30m", help="time between rows")
    arguments.add_argument("--window", default="7d")
    arguments.add_argument("--train", type=int, default=10_000, help="rows that train the model")
    arguments.add_argument("--scheme", default="stratified")
    asked = arguments.parse_args()
    if asked.log is None:
        logs = [made_up(*one) for one in MADE_UP]
    else:
        frame = pd.read_csv(asked.log)
        window, step = minutes(asked.window), minutes(asked.every)
        logs = [Log(f"{asked.log.stem}, {asked.window}", frame, asked.target, step, window, asked.train)]
    heads = "".join(f"{head:>14}" for head in ("not WORSE", "OK", "UNKNOWN", "WORSE"))
    print(f"{'fired / windows (share)':<41}{heads}")
    for log in logs:
        begun = time.perf_counter()
        print(line(log, asked.scheme, measure(log, asked.scheme), time.perf_counter() - begun), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
