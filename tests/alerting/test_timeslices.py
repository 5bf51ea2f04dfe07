"""Each mature window of an objective's series is one event of its budget, by its verdict."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.alerting.timeslices import timeslices
from monitor.clock import DAY
from monitor.config import Duration, ModelSettings, Objective
from monitor.counts import Counts, Layout
from monitor.statistics.budget import Tally
from monitor.statistics.report import Maturity, MetricResult, Verdict, WindowResult

LAYOUT = Layout(2)
PROMISED = Objective("leave-recall", "recall", "leave", "1d", target=Decimal("0.9"))


def models(*objectives):
    day = Duration(DAY, "1d")
    model = ModelSettings(
        "churn", ("stay", "leave"), LAYOUT, (day,), day, day, day, {"3": Path("b")}, objectives=objectives
    )
    return {"churn": model}


def window(verdict, maturity=Maturity.MATURE, version="3", segment=None, metric="recall", class_="leave"):
    result = MetricResult(metric, class_, 0.5, 0.4, 0.6, 0.95, "jeffreys", 90, 1.0, None, verdict=verdict)
    return WindowResult(
        "churn", version, segment, "1d", 0, DAY, DAY, maturity, ("stay", "leave"), Counts(LAYOUT), (result,)
    )


@pytest.mark.parametrize(
    ("verdict", "tally"),
    [
        (Verdict.OK, {("churn", "leave-recall"): Tally(1, 0, 0)}),
        (Verdict.WORSE, {("churn", "leave-recall"): Tally(1, 1, 0)}),
        (Verdict.UNKNOWN, {("churn", "leave-recall"): Tally(0, 0, 1)}),
        (None, {}),
    ],
)
def test_ok_is_good_worse_is_bad_unknown_is_skipped_and_what_is_not_judged_counts_nothing(verdict, tally):
    assert timeslices(models(PROMISED), [window(verdict)]) == tally


def test_each_version_counts_for_itself():
    results = [window(Verdict.OK), window(Verdict.WORSE, version="4"), window(Verdict.UNKNOWN, version="5")]
    assert timeslices(models(PROMISED), results) == {("churn", "leave-recall"): Tally(2, 1, 1)}


@pytest.mark.parametrize(
    "other",
    [
        {"maturity": Maturity.PROVISIONAL},
        {"segment": "region=eu"},
        {"metric": "precision"},
        {"class_": "stay"},
    ],
)
def test_what_is_not_a_mature_window_of_the_objective_s_series_counts_nothing(other):
    assert timeslices(models(PROMISED), [window(Verdict.WORSE, **other)]) == {}


@pytest.mark.parametrize("other", [{"target": None}, {"kind": "occurrences"}, {"window": "7d"}])
def test_other_objectives_count_nothing(other):
    assert timeslices(models(replace(PROMISED, **other)), [window(Verdict.WORSE)]) == {}


def test_two_objectives_of_one_series_both_count():
    both = (PROMISED, replace(PROMISED, name="strict", target=Decimal("0.99")))
    assert timeslices(models(*both), [window(Verdict.WORSE)]) == {
        ("churn", "leave-recall"): Tally(1, 1),
        ("churn", "strict"): Tally(1, 1),
    }
