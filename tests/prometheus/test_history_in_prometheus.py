"""What a backtest says would have rung is what the rules ring in a real Prometheus that holds the same history."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from backfill import Episode, Span, episodes, rang

from monitor.alerting import names
from monitor.alerting.rules.files import rule_files
from monitor.cli import main
from monitor.clock import DAY, HOUR, MINUTE, format_duration, format_time, parse_time
from monitor.config import load

START = parse_time("2026-03-01T00:00:00Z")
NAMED = {"page": names.BURNS_FAST, "ticket": names.BURNS}
CONFIG = """
evaluate_every: {every}
slo: {{period: {period}}}
alerting: {{job: history}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {{"3": churn.json}}
    windows: [{window}]
    label_horizon: {horizon}
    segments: [region]
    objectives:
      - {{name: leave-recall, metric: recall, class: leave, window: {window}, margin: 0.03, target: 0.75}}
      - {{name: leave-floor, metric: recall, class: leave, window: {window}, kind: occurrences, target: 0.85}}
      - {{name: eu-floor, metric: recall, class: leave, window: {window}, segment: region=eu, kind: occurrences,
         target: 0.85, routing: ticket}}
      - {{name: new-floor, metric: precision, class: leave, window: {window}, kind: occurrences, target: 0.85,
         routing: shadow}}
  "tickets {{a}}":
    classes: [red, green, blue]
    windows: [{window}]
    label_horizon: {horizon}
    objectives:
      - {{name: accuracy, metric: accuracy, window: {window}, kind: occurrences, target: 0.9}}
      - {{name: blue, metric: specificity, class: blue, window: {window}, kind: occurrences, target: 0.9}}
"""


class Story(NamedTuple):
    """What happens, and how often it is looked at."""

    every: int
    period: int
    window: int
    days: float
    an_hour: int
    """Predictions of each model."""


FOLDS = 5


def log_of(rng, story, classes, broken, quiet, recall):
    """Predictions with labels some hours late; while it is `broken` (share of the story) recall falls.

    While labels are `quiet` none come; at the end of that time all of them come at once.
    """
    length = int(story.days * DAY)
    n = story.an_hour * length // HOUR
    at = np.sort(rng.integers(START, START + length, n))
    y_true = rng.integers(0, len(classes), n)
    share = (at - START) / length
    bad = (share >= broken[0]) & (share < broken[1])
    right = rng.random(n) < np.where(bad, 0.05, recall)
    y_pred = np.where(right, y_true, (y_true + rng.integers(1, len(classes), n)) % len(classes))
    late = at + rng.integers(MINUTE, max(story.window // 4, 2 * MINUTE), n)
    kept = [START + int(length * part) for part in quiet]
    late = np.where((late >= kept[0]) & (late < kept[1]), kept[1], late)
    names_ = np.array(classes)
    return pl.DataFrame(
        {
            "predicted_at": at,
            "y_pred": names_[y_pred],
            "y_true": names_[y_true],
            "labelled_at": late,
            "segment_region": rng.choice(["eu", "us"], n),
        }
    )


def fabricated(folder, story, seed=3):
    """Write configuration, baseline and log of a story in which both models break once, at different times."""
    rng = np.random.default_rng(seed)
    texts = {
        "every": format_duration(story.every),
        "period": format_duration(story.period),
        "window": format_duration(story.window),
        "horizon": format_duration(story.window // 2),
    }
    (folder / "c.yaml").write_text(CONFIG.format(**texts))
    logs = [
        log_of(rng, story, ("stay", "leave"), (0.35, 0.5), (0.7, 0.76), 0.95).with_columns(
            model=pl.lit("churn"), version=pl.lit("3")
        ),
        log_of(rng, story, ("red", "green", "blue"), (0.5, 0.66), (0.2, 0.24), 0.98).with_columns(
            model=pl.lit("tickets {a}"), version=pl.lit("1")
        ),
    ]
    pl.concat(logs).with_row_index("prediction_id").write_csv(folder / "log.csv")
    n = 4_000
    y_true = rng.integers(0, 2, n)
    y_pred = np.where(rng.random(n) < 0.95, y_true, 1 - y_true)
    classes = np.array(["stay", "leave"])
    oof = {"fold": np.arange(n) % FOLDS, "y_true": classes[y_true], "y_pred": classes[y_pred]}
    pl.DataFrame(oof).write_csv(folder / "oof.csv")
    built = ["baseline", "build", "--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified"]
    assert main([*built, "--predictions", f"{folder}/oof.csv", "--output", f"{folder}/churn.json"]) == 0


def backtested(folder, story):
    """Run the backtest; return its report and, by (alert, model, objective), the episodes of its alerts."""
    config = ["--config", f"{folder}/c.yaml", "--predictions", f"{folder}/log.csv"]
    outputs = ["--json", f"{folder}/report.json", "--openmetrics", f"{folder}/history.om"]
    assert main(["backtest", *config, "--every", format_duration(story.every), *outputs]) == 0
    report = json.loads((folder / "report.json").read_text())
    found = {}
    for alert in [*report["alerts"], *report["shadow_alerts"]]:
        if alert["source"] == "burn":
            assert alert["alert"] == NAMED[alert["severity"]]
            resolved = None if alert["resolved_at"] is None else parse_time(alert["resolved_at"])
            key = (alert["alert"], alert["model"], alert["slo"])
            found.setdefault(key, []).append(Episode(parse_time(alert["at"]), resolved))
    return report, {key: sorted(found[key]) for key in sorted(found)}


def within_a_step(ours, theirs, every):
    """Tell whether two lists of episodes are the same, each moment within one step."""
    return len(ours) == len(theirs) and all(
        (a is None) == (b is None) and (a is None or abs(a - b) <= every)
        for one, other in zip(ours, theirs, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def shown(found):
    """Return episodes as a person reads them, for the message of a failure."""
    return {
        " ".join(key): [[at if at is None else format_time(at) for at in one] for one in episodes_]
        for key, episodes_ in found.items()
    }


STORIES = {
    "every 5m": Story(every=5 * MINUTE, period=56 * HOUR, window=HOUR, days=1, an_hour=240),
    "every 1h": Story(every=HOUR, period=7 * DAY, window=12 * HOUR, days=8, an_hour=40),
    "every 3h": Story(every=3 * HOUR, period=28 * DAY, window=DAY, days=24, an_hour=15),
}


@pytest.mark.usefixtures("promtool")
@pytest.mark.parametrize("name", STORIES)
def test_the_rules_over_a_replayed_history_ring_when_the_backtest_says(tmp_path, name):
    story = STORIES[name]
    fabricated(tmp_path, story)
    report, ours = backtested(tmp_path, story)
    span = Span(
        parse_time(report["period"]["start"]) // story.every * story.every,
        parse_time(report["period"]["end"]) // story.every * story.every,
        story.every,
    )
    files = rule_files(load(tmp_path / "c.yaml"))
    theirs = rang(tmp_path, tmp_path / "history.om", files, span, tuple(NAMED.values()))
    assert shown(theirs).keys() == shown(ours).keys()
    assert all(within_a_step(ours[key], theirs[key], story.every) for key in ours), (shown(ours), shown(theirs))
    # The story is one in which something happens: pages and tickets of both models, and they end.
    assert {(alert, model) for alert, model, _ in ours} == {
        (alert, model) for alert in NAMED.values() for model in ("churn", "tickets {a}")
    }
    assert {slo for _, model, slo in ours if model == "churn"} == {
        "leave-recall", "leave-floor", "eu-floor", "new-floor",
    }  # fmt: skip
    assert all(one.resolved_at is not None for found in ours.values() for one in found)


def test_an_alert_fires_after_it_was_active_for_so_long_and_ends_where_it_is_not():
    span = Span(0, 100, 10)
    assert episodes([], span) == []
    assert episodes([20, 30, 50], span) == [Episode(20, 40), Episode(50, 60)]
    assert episodes([20, 30, 50, 90, 100], span, 10) == [Episode(30, 40), Episode(100, None)]
