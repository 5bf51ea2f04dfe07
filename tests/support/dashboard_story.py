"""A month of two models, up to now, in which something happens that every panel of a dashboard should show.

`churn` is deployed anew five hours ago and breaks an hour later: who leaves is predicted to stay. It stays broken.
`tickets` was deployed anew twelve days ago, broke for a day at once, and has been well ever since. Labels come
late, some twice, some are taken back, some are for predictions that never were; some events are no events at all.
`fraud` fell silent two days ago. `churn` and `tickets` are re-validated: what comes of it keeps the promise of the
one, and is worse in a class of the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.clock import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DAYS = 30
FOLDS = 5
JOB = "foldwatch"
MODELS = """\
slo: {period: 28d, scrape_interval: 30s}
alerting:
  job: foldwatch
  grafana_url: https://grafana.example
  runbook_url: https://runbooks.example
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [24h]
    label_horizon: 1h
    baseline: {"3": churn-3.json, "4": churn-4.json}
    owner: team-growth
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.03, target: 0.9}
      - {name: leave-floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}
      - {name: all-accuracy, metric: accuracy, window: 24h, kind: occurrences, target: 0.93, routing: ticket}
    revalidate:
      when: {budget_spent: 0.5, baseline_age: 90d}
      action: {kind: command, argv: [cp, candidate-churn.json, result-churn.json], result: result-churn.json}
      gate: {max_fold_sd: 0.05}
      promote_to: baselines
  tickets:
    classes: [billing, delivery, returns, spam]
    windows: [24h]
    label_horizon: 1h
    baseline: {"1": tickets-1.json, "2": tickets-2.json}
    owner: team-desk
    objectives:
      - {name: right, metric: accuracy, window: 24h, kind: occurrences, target: 0.93}
      - {name: steady, metric: accuracy, window: 24h, margin: 0.05, target: 0.9}
    revalidate:
      action: {kind: command, argv: [cp, candidate-tickets.json, result-tickets.json], result: result-tickets.json}
      promote_to: baselines
  fraud:
    classes: [honest, fraud]
    windows: [24h]
    label_horizon: 1h
    baseline: {"1": fraud-1.json}
    owner: team-risk
    objectives:
      - {name: honest-floor, metric: recall, class: honest, window: 24h, kind: occurrences, target: 0.93}
"""


@dataclass(frozen=True)
class Told:
    """A model at work. Shares are of the right answers by true class."""

    model: str
    classes: tuple[str, ...]
    mix: tuple[float, ...]
    an_hour: int
    delay: int
    """Median from prediction to label, ms."""
    versions: tuple[tuple[int, str], ...]
    """(from when on, before the end in ms; which): the first one since the beginning."""
    right: tuple[float, ...]
    broken: tuple[tuple[int, int, str, float], ...]
    """(from, until, before the end in ms; true class; share of right answers)."""
    silent: int = 0
    """Since when before the end, ms, nothing comes any more."""


CHURN = Told(
    "churn",
    ("stay", "leave"),
    (0.65, 0.35),
    70,
    6 * MINUTE,
    ((DAYS * DAY, "3"), (5 * HOUR, "4")),
    (0.96, 0.97),
    ((4 * HOUR, 0, "leave", 0.25),),
)
TICKETS = Told(
    "tickets",
    ("billing", "delivery", "returns", "spam"),
    (0.4, 0.3, 0.2, 0.1),
    45,
    12 * MINUTE,
    ((DAYS * DAY, "1"), (12 * DAY, "2")),
    (0.97, 0.97, 0.95, 0.93),
    ((12 * DAY, 11 * DAY, "returns", 0.3),),
)
FRAUD = Told(
    "fraud",
    ("honest", "fraud"),
    (0.9, 0.1),
    20,
    9 * MINUTE,
    ((DAYS * DAY, "1"),),
    (0.98, 0.9),
    (),
    silent=2 * DAY,
)
EVERY = (CHURN, TICKETS, FRAUD)
CANDIDATES = ((CHURN, CHURN.right), (TICKETS, (0.97, 0.97, 0.95, 0.6)))
"""What is cross-validated anew, and the shares of right answers that it reaches by true class."""


def log_of(told: Told, end: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return the predictions of a model until `end`, epoch ms, with their labels: in order of prediction."""
    n = told.an_hour * 24 * DAYS
    before = np.sort(rng.integers(SECOND, DAYS * DAY, n))[::-1]
    before = before[before > told.silent]
    n = len(before)
    hour = (end - before) % DAY / HOUR
    before = before[rng.random(n) < 0.7 + 0.3 * np.sin(hour / 24 * 2 * np.pi)]  # less at night
    n = len(before)
    true = rng.choice(len(told.classes), n, p=told.mix)
    share = np.array(told.right)[true]
    for since, until, class_, right in told.broken:
        hit = (before <= since) & (before > until) & (true == told.classes.index(class_))
        share = np.where(hit, right, share)
    right_ = rng.random(n) < share
    said = np.where(right_, true, (true + rng.integers(1, len(told.classes), n)) % len(told.classes))
    version = np.full(n, told.versions[0][1], dtype=object)
    for since, name in told.versions[1:]:
        version[before <= since] = name
    late = rng.lognormal(np.log(told.delay), 0.7, n).astype(np.int64)
    return pl.DataFrame(
        {
            "prediction_id": [f"{told.model}-{i}" for i in range(n)],
            "model": told.model,
            "version": version.astype(str),
            "predicted_at": end - before,
            "y_pred": np.array(told.classes)[said],
            "latency_ms": np.round(rng.lognormal(3.2, 0.4, n), 1),
            "y_true": np.array(told.classes)[true],
            "labelled_at": end - before + late,
        }
    )


def labels_of(told: Told, log: pl.DataFrame, end: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return the labels that came until `end`: some never do, some are corrected or repeated, some nobody waits for."""
    came = log.filter(pl.Series(rng.random(len(log)) < 0.97)).select("prediction_id", "model", "y_true", "labelled_at")
    again = came.sample(fraction=0.01, seed=1)
    corrected = came.sample(fraction=0.01, seed=2).with_columns(
        y_true=pl.lit(told.classes[0]), labelled_at=pl.col("labelled_at") + HOUR
    )
    retracted = came.sample(fraction=0.002, seed=3).with_columns(
        y_true=pl.lit(None, dtype=pl.String), labelled_at=pl.col("labelled_at") + 2 * HOUR
    )
    nobodys = came.sample(fraction=0.005, seed=4).with_columns(prediction_id="nobody-" + pl.col("prediction_id"))
    every = pl.concat([came, again, corrected, retracted, nobodys]).filter(pl.col("labelled_at") <= end)
    return every.sort("labelled_at", maintain_order=True)


def out_of_fold(told: Told, right: Sequence[float], rng: np.random.Generator, n: int = 4_000) -> pl.DataFrame:
    """Return out-of-fold predictions of a cross-validation that gave these shares of right answers."""
    true: NDArray[np.int64] = rng.choice(len(told.classes), n, p=told.mix)
    fold = np.arange(n) % FOLDS
    share = np.array(right)[true] + np.array([0.01, -0.012, 0.004, -0.004, 0.002])[fold]
    said = np.where(rng.random(n) < share, true, (true + rng.integers(1, len(told.classes), n)) % len(told.classes))
    names = np.array(told.classes)
    return pl.DataFrame({"fold": fold, "y_true": names[true], "y_pred": names[said]})


@dataclass(frozen=True)
class Logs:
    """What was predicted and labelled until `end`, epoch ms."""

    end: int
    predictions: pl.DataFrame
    labels: pl.DataFrame

    def events(self) -> tuple[list[bytes], list[bytes]]:
        """Return predictions and labels as messages, each in the order in which they came."""
        return _lines(self.predictions), _lines(self.labels)


def written(folder: Path, end: int, seed: int = 7) -> Logs:
    """Write the logs, the tables of which `foldwatch baseline build` makes baselines, and return the logs."""
    rng = np.random.default_rng(seed)
    predictions, labels = [], []
    for told in EVERY:
        log = log_of(told, end, rng)
        predictions.append(log.drop("y_true", "labelled_at"))
        labels.append(labels_of(told, log, end, rng))
        for _, version in told.versions:
            out_of_fold(told, told.right, rng).write_csv(folder / f"{told.model}-{version}.csv")
    anew = np.random.default_rng(seed + 1)
    for told, right in CANDIDATES:
        out_of_fold(told, right, anew).write_csv(folder / f"candidate-{told.model}.csv")
    logs = Logs(end, pl.concat(predictions).sort("predicted_at"), pl.concat(labels).sort("labelled_at"))
    logs.predictions.write_ndjson(folder / "predictions.jsonl")
    logs.labels.write_ndjson(folder / "labels.jsonl")
    return logs


def baselines() -> Iterator[tuple[str, str, str]]:
    """Yield model, version and the name of its files, of each baseline in the configuration and each candidate."""
    for told in EVERY:
        for _, version in told.versions:
            yield told.model, version, f"{told.model}-{version}"
    for told, _ in CANDIDATES:
        yield told.model, told.versions[-1][1], f"candidate-{told.model}"


def live(number: int, now: int) -> tuple[list[bytes], list[bytes]]:
    """Return a burst of what goes on at `now`, of both models: `churn` is still broken. `number` tells bursts apart."""
    predictions: list[dict[str, object]] = []
    labels: list[dict[str, object]] = []
    for told in (CHURN, TICKETS):
        version = told.versions[-1][1]
        for i in range(2 * len(told.classes)):
            true = told.classes[i % len(told.classes)]
            said = "stay" if told is CHURN and i != 1 else true
            id_ = f"{told.model}-live-{number}-{i}"
            at = now - 2 * SECOND
            predictions.append(
                {"prediction_id": id_, "model": told.model, "version": version, "predicted_at": at, "y_pred": said}
                | {"latency_ms": 20 + i}
            )
            labels.append({"prediction_id": id_, "model": told.model, "y_true": true, "labelled_at": now})
    nobody = {"prediction_id": "x", "model": "of somebody else", "predicted_at": now, "y_pred": "a", "version": "1"}
    unknown = {
        "prediction_id": f"odd-{number}",
        "model": "churn",
        "version": "4",
        "predicted_at": now,
        "y_pred": "gone",
    }
    bad = [json.dumps(nobody).encode(), json.dumps(unknown).encode(), b"this is no event"]
    return [*map(_line, predictions), *bad], list(map(_line, labels))


def _line(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


def _lines(frame: pl.DataFrame) -> list[bytes]:
    return frame.write_ndjson().encode().splitlines()
