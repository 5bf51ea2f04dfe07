"""A whole backtest against a reading by hand: counters from the log and from the report, alerts from these counters."""

from __future__ import annotations

import json
import random

import pytest
from burning_oracle import episodes

from monitor.backtest import run
from monitor.baselines.in_force import load_baselines
from monitor.cli import main
from monitor.clock import DAY, HOUR, MINUTE, format_time, parse_time
from monitor.config import load
from monitor.sources.logs.replay import Replay
from monitor.statistics.budget import Tally

BEGIN = parse_time("2026-01-01T00:07:00Z")
CONFIG = """
source: {defaults: {model: churn, version: "3"}}
slo: {period: PERIOD}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {"3": baseline.json}
    windows: [3h]
    label_horizon: HORIZON
    correction_window: 40h
    objectives:
      - {name: floor, metric: recall, class: leave, window: 3h, kind: occurrences, target: 0.9, routing: page}
      - {name: quiet, metric: accuracy, window: 3h, kind: occurrences, target: 0.9, routing: shadow}
      - {name: slices, metric: recall, class: leave, window: 3h, margin: 0.05, target: 0.9}
"""
FIRST_LABELS = ("leave", "stay")


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budgets")
    rng = random.Random(5)
    lines = ["fold,y_true,y_pred"]
    for i in range(3000):
        y = rng.choice(FIRST_LABELS)
        lines.append(f"{i % 5},{y},{y if rng.random() < 0.95 else FIRST_LABELS[1 - FIRST_LABELS.index(y)]}")
    (folder / "oof.csv").write_text("\n".join(lines))
    built = ["baseline", "build", "--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified"]
    assert main([*built, "--predictions", str(folder / "oof.csv"), "--output", str(folder / "baseline.json")]) == 0
    return (folder / "baseline.json").read_bytes()


def history(seed, hours, gap):
    """(predicted at, labelled at, y_pred, y_true): bad for some hours, then `gap`, then bad and good once more."""
    rng, rows, at = random.Random(seed), [], BEGIN
    for hour in range(hours):
        wrong = 0.9 if hours // 4 <= hour < hours // 2 or hour > hours - 4 else 0.04
        at += gap if hour == hours // 2 + 3 else 0
        for _ in range(40):
            moment, y = at + rng.randrange(HOUR), rng.choice(FIRST_LABELS)
            y_pred = FIRST_LABELS[1 - FIRST_LABELS.index(y)] if rng.random() < wrong else y
            rows.append((moment, moment + rng.randrange(3 * HOUR), y_pred, y))
        at += HOUR
    return rows


def write(folder, rows, config, baseline):
    (folder / "foldwatch.yaml").write_text(config)
    (folder / "baseline.json").write_bytes(baseline)
    lines = ["prediction_id,predicted_at,y_pred,y_true,labelled_at"]
    lines += [f"p{i},{format_time(at)},{p},{y},{format_time(told)}" for i, (at, told, p, y) in enumerate(rows)]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")


def replayed(folder, every):
    settings = load(folder / "foldwatch.yaml")
    replay = Replay(settings, folder / "log.csv", now=parse_time("2026-12-01T00:00:00Z"))
    heard, windows = [], []
    whole = run(
        settings,
        replay,
        load_baselines(settings),
        every,
        listen=[windows.append],
        count=[lambda at, tallies: heard.append((at, tallies))],
    )
    replay.close()
    return settings, whole.snapshot, heard, windows


@pytest.mark.parametrize(
    ("seed", "every", "horizon", "period", "gap"),
    [
        (1, 30 * MINUTE, "3h", "28d", 0),
        (2, 30 * MINUTE, "100m", "7d", 20 * DAY),
        (3, HOUR, "0s", "7d", 4 * DAY),
    ],
)
def test_counters_and_alerts_are_what_a_reading_by_hand_gives(tmp_path, baseline, seed, every, horizon, period, gap):
    rows = history(seed, 60, gap)
    write(tmp_path, rows, CONFIG.replace("HORIZON", horizon).replace("PERIOD", period), baseline)
    settings, snapshot, heard, windows = replayed(tmp_path, every)
    moments = [at for at, _ in heard]
    assert heard[0][1] == dict.fromkeys((("churn", "floor"), ("churn", "quiet"), ("churn", "slices")), Tally())
    assert moments[0] == BEGIN // every * every
    assert all(at % every == 0 for at in moments)
    if gap < 2 * settings.slo.period.millis:
        assert moments == list(range(moments[0], max(told for _, told, _, _ in rows) + 1, every))
    for at, tallies in heard[1::7]:
        known = [(p, y) for when, told, p, y in rows if max(when, told) <= at]
        leave = [p for p, y in known if y == "leave"]
        assert tallies["churn", "floor"] == Tally(len(leave), leave.count("stay"))
        assert tallies["churn", "quiet"] == Tally(len(known), sum(p != y for p, y in known))
    check_slices(heard, windows)
    for objective in settings.models["churn"].objectives:
        samples = [(at, tallies["churn", objective.name]) for at, tallies in heard]
        expected = episodes(objective, samples, settings.slo.period.millis, every)
        rung = snapshot.shadow_alerts if objective.routing == "shadow" else snapshot.alerts
        assert [(a.severity, a.at, a.resolved_at) for a in rung if a.slo == objective.name] == expected
        (told,) = [one for one in snapshot.rehearsed if one.objective.name == objective.name]
        for one in told.rung:
            free = episodes(objective, samples, settings.slo.period.millis, every, guard=one.guarded)
            assert one.episodes == sum(severity == one.severity for severity, _, _ in free)
    assert snapshot.shadow_alerts
    assert {"page", "ticket"} == {a.severity for a in snapshot.alerts if a.slo == "floor"}


def check_slices(heard, windows):
    mature = [
        (window.as_of, result.verdict)
        for window in windows
        if window.maturity == "mature"
        for result in window.metrics
        if (result.metric, result.class_) == ("recall", "leave")
    ]
    for at, tallies in heard[::7]:
        verdicts = [verdict for as_of, verdict in mature if as_of <= at]
        bad, skipped = verdicts.count("WORSE"), verdicts.count("UNKNOWN")
        assert tallies["churn", "slices"] == Tally(verdicts.count("OK") + bad, bad, skipped)
    assert heard[-1][1]["churn", "slices"].bad > 5


def test_bytes_are_the_same_with_and_without_hearers(tmp_path, baseline):
    write(tmp_path, history(4, 12, 0), CONFIG.replace("HORIZON", "0s").replace("PERIOD", "28d"), baseline)
    arguments = ["backtest", "--config", str(tmp_path / "foldwatch.yaml"), "--predictions", str(tmp_path / "log.csv")]
    for name, more in (("one", []), ("two", ["--openmetrics", str(tmp_path / "o.txt"), "--html", str(tmp_path / "h")])):
        assert main([*arguments, "--json", str(tmp_path / name), *more]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert json.loads((tmp_path / "one").read_bytes())["objectives"]
