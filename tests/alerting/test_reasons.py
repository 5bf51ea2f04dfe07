"""The texts of budget alerts: what burnt, how fast, what is left, and what the metric itself says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from burning_oracle import objective, settings_of

from monitor.alerting.burning import Bar, Burn
from monitor.alerting.objectives import Objectives
from monitor.alerting.reasons import burns_in_words, newest_of, versions_in_force
from monitor.clock import DAY, HOUR, MINUTE, parse_time
from monitor.counts import Counts, Layout
from monitor.report.course import Judged
from monitor.statistics.budget import Tally
from monitor.statistics.ladder import Level
from monitor.statistics.report import Maturity, MetricResult, Verdict, WindowResult

LEVEL = Level("page", HOUR, 5 * MINUTE, Decimal("5.6"))
NOW = parse_time("2026-03-01T12:00:00Z")
PERCENT = "\N{NO-BREAK SPACE}%"


def result(**more):
    told = MetricResult("recall", "leave", 0.712, 0.66, 0.75, 0.95, "cell-bca", 320, 1.0, None)
    return replace(told, baseline=0.8, baseline_lower=0.77, baseline_upper=0.83, verdict=Verdict.WORSE, **more)


def window(version="3", length=DAY, end=NOW, maturity=Maturity.PROVISIONAL, predictions=10, segment=None, **more):
    layout = Layout(2)
    counts = Counts.from_planes(layout, {"predicted": [predictions, 0]})
    text = {DAY: "1d", HOUR: "1h"}[length]
    span = (text, end - length, end, NOW, maturity)
    return WindowResult("churn", version, segment, *span, ("stay", "leave"), counts, (result(**more),))


def burnt(**more):
    one = objective(target="0.9", **more)
    burn = Burn(Bar.of_level(LEVEL, one.target), Tally(180, 122), Tally(20, 18))
    return one, burn


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("recall", "122 of 180 of true class leave were predicted otherwise"),
        ("precision", "122 of 180 predicted as leave were something else"),
        ("specificity", "122 of 180 of other classes were predicted as leave"),
        ("accuracy", "122 of 180 labelled predictions were wrong"),
    ],
)
def test_each_metric_says_what_a_bad_one_is(metric, said):
    one, burn = burnt()
    text = burns_in_words(replace(one, metric=metric), burn, ("28d", Tally(900, 60)))
    assert text == (
        f"{said} in 1h (68{PERCENT}, allowed 10{PERCENT}) and 18 of 20 in 5m: the error budget of 28d burns 6.78 times "
        f"as fast as it lasts (page above 5.6), 33{PERCENT} of it is left"
    )


def test_timeslices_say_what_the_evaluations_found():
    one, burn = burnt(kind="timeslices", segment="region=eu")
    text = burns_in_words(one, burn, ("7d", Tally(100, 30)))
    assert text.startswith("122 of 180 evaluations found recall of leave over 1d (region=eu) WORSE than promised in 1h")
    assert text.endswith("it is spent 3.0 times over")


def test_the_value_stands_against_the_promise_with_both_bands_where_they_are_known():
    one, burn = burnt()
    told = window()
    seen = Judged(one, told, told.metrics[0])
    text = burns_in_words(one, burn, ("28d", Tally(900, 60)), seen)
    assert text.endswith(
        "; recall of leave of the 1d to 2026-03-01 12:00Z is 0.712 (0.660 to 0.750), "
        "the folds promise 0.800 (0.770 to 0.830)"
    )
    bare = replace(told.metrics[0], baseline=None, lower=None, upper=None)
    assert burns_in_words(one, burn, ("28d", Tally(900, 60)), Judged(one, told, bare)).endswith("12:00Z is 0.712")


def test_the_version_in_force_serves_most_of_the_shortest_window_with_predictions():
    models = settings_of(objective()).models
    results = [
        window("3", predictions=900),
        window("4", predictions=100),
        window("3", HOUR, predictions=10),
        window("4", HOUR, predictions=40),
        window("5", HOUR, predictions=99, segment="region=eu"),
        window("2", HOUR, end=NOW - DAY, predictions=500, maturity=Maturity.MATURE),
    ]
    assert versions_in_force(models, results) == {"churn": "4"}
    assert versions_in_force(models, results[:2]) == {"churn": "3"}
    assert versions_in_force(models, []) == {}
    assert versions_in_force(models, [window("3"), window("10")]) == {"churn": "3"}


def test_the_newest_value_of_timeslices_is_a_mature_one_of_occurrences_the_latest():
    mature, fresh = window(end=NOW - DAY, maturity=Maturity.MATURE), window()
    for kind, expected in (("timeslices", mature), ("occurrences", fresh)):
        one = objective(kind=kind)
        model = settings_of(one).models["churn"]
        assert newest_of(model, one, "3", [mature, fresh]).window is expected
        assert newest_of(model, one, "4", [mature, fresh]) is None
    assert newest_of(model, one, "3", [window(value=None)]) is None


def test_an_alert_names_the_version_that_serves_and_what_its_newest_window_says():
    one = objective(target="0.9", routing="ticket")
    objectives = Objectives(settings_of(one), HOUR, 0, exact=True)
    at = NOW - NOW % HOUR
    objectives.observe(at, {("churn", "floor"): Tally(100, 100)}, [window("4"), window("3", predictions=1)])
    (alert,) = objectives.alerts
    assert alert.version == "4"
    assert "recall of leave of the 1d to 2026-03-01 12:00Z is 0.712" in alert.reason
