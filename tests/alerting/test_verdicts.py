from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from monitor.alerting.verdicts import ALERT, VerdictAlerts
from monitor.config import Duration, ModelSettings, Objective
from monitor.counts import Counts, Layout
from monitor.statistics.report import Maturity, MetricResult, Verdict, WindowResult

HOUR = 3_600_000
LAYOUT = Layout(2)
OBJECTIVE = Objective("leave-recall", "recall", "leave", "24h", margin=0.03)


def model(*objectives):
    day = Duration(24 * HOUR, "24h")
    return ModelSettings(
        "churn", ("stay", "leave"), LAYOUT, (day,), day, day, day, {"3": Path("b")}, objectives=objectives
    )


def window(at, verdict, maturity=Maturity.MATURE, version="3", segment=None, metric="recall"):
    result = MetricResult(
        metric,
        "leave",
        0.5,
        0.4,
        0.6,
        0.95,
        "jeffreys",
        90,
        1.0,
        None,
        0.8,
        0.7,
        0.9,
        0.8,
        -0.3,
        -0.4,
        -0.2,
        0.03,
        verdict,
    )
    return WindowResult(
        "churn", version, segment, "24h", 0, 24 * HOUR, at, maturity, ("stay", "leave"), Counts(LAYOUT), (result,)
    )


def alerts_of(*objectives, every=None):
    return VerdictAlerts({"churn": model(*objectives or (OBJECTIVE,))}, every)


def observed(alerts, *windows):
    """Evaluations in order; windows of one moment are of one evaluation."""
    for at, together in groupby(windows, key=lambda one: one.as_of):
        alerts.observe(at, {}, list(together))
    return alerts


def episodes(*windows, objective=OBJECTIVE):
    return observed(alerts_of(objective), *windows).alerts


def test_each_change_into_worse_is_one_episode_with_its_end():
    rung = episodes(
        window(1, Verdict.OK),
        window(2, Verdict.WORSE),
        window(3, Verdict.WORSE),
        window(4, Verdict.UNKNOWN),
        window(5, Verdict.WORSE),
    )
    assert [(a.at, a.resolved_at) for a in rung] == [(2, 4), (5, None)]
    first = rung[0]
    assert (first.alert, first.severity, first.slo, first.source) == (ALERT, "ticket", "leave-recall", "verdict")
    assert (first.model, first.version, first.segment, first.metric, first.class_) == (
        "churn",
        "3",
        None,
        "recall",
        "leave",
    )


def test_the_reason_says_which_class_by_how_much_and_against_what():
    (alert,) = episodes(window(1, Verdict.WORSE))
    assert alert.reason == (
        "recall of leave is 0.500 where the folds promise 0.800: difference -0.300 (-0.400 to -0.200), margin 0.03"
    )


def test_provisional_windows_ring_nothing():
    assert episodes(window(1, Verdict.WORSE, Maturity.PROVISIONAL)) == ()


def test_versions_have_episodes_of_their_own():
    rung = episodes(
        window(1, Verdict.WORSE),
        window(1, Verdict.OK, version="4"),
        window(2, Verdict.WORSE),
        window(2, Verdict.WORSE, version="4"),
    )
    assert [(a.version, a.at, a.resolved_at) for a in rung] == [("3", 1, None), ("4", 2, None)]


def test_the_episode_of_a_version_whose_windows_are_gone_ends_there():
    rung = episodes(window(1, Verdict.WORSE), window(1, Verdict.OK, version="4"), window(2, Verdict.OK, version="4"))
    assert [(a.version, a.at, a.resolved_at) for a in rung] == [("3", 1, 2)]
    alerts = observed(alerts_of(), window(1, Verdict.WORSE))
    alerts.observe(2, {}, [])
    assert [a.resolved_at for a in alerts.alerts] == [2]


def test_where_no_mature_window_was_due_an_episode_lasts():
    alerts = observed(alerts_of(every=7 * HOUR), window(24 * HOUR, Verdict.WORSE))
    alerts.observe(28 * HOUR, {}, [])
    assert [a.resolved_at for a in alerts.alerts] == [None]
    alerts.observe(31 * HOUR, {}, [])  # the horizon of 24 h and one step later
    assert [a.resolved_at for a in alerts.alerts] == [31 * HOUR]


def test_an_objective_with_a_target_rings_by_its_budget_instead():
    assert episodes(window(1, Verdict.WORSE), objective=replace(OBJECTIVE, target=Decimal("0.9"))) == ()


@pytest.mark.parametrize("other", [{"segment": "region=eu"}, {"metric": "precision"}])
def test_what_is_not_the_objective_s_series_rings_nothing(other):
    assert episodes(window(1, Verdict.WORSE, **other)) == ()


def test_an_objective_of_a_segment_listens_to_that_segment_alone():
    objective = Objective("eu", "recall", "leave", "24h", segment="region=eu")
    rung = episodes(window(1, Verdict.WORSE), window(2, Verdict.WORSE, segment="region=eu"), objective=objective)
    assert [(a.slo, a.segment, a.at) for a in rung] == [("eu", "region=eu", 2)]


def restored(*parts, objectives=(OBJECTIVE,), now=99):
    alerts = alerts_of(*objectives)
    alerts.restore(list(enumerate(parts)), now)
    return alerts


def test_an_episode_outlives_the_process_that_saw_it_begin():
    before = observed(alerts_of(), window(1, Verdict.WORSE), window(2, Verdict.WORSE))
    after = observed(restored(before.packed(2)), window(3, Verdict.WORSE))
    assert after.alerts == before.alerts
    (alert,) = observed(after, window(4, Verdict.OK)).alerts
    assert (alert.at, alert.resolved_at) == (1, 4)


def test_what_was_packed_later_holds_and_ended_episodes_are_known_once():
    alerts, parts = alerts_of(), []
    for at, verdict in enumerate([Verdict.WORSE, Verdict.OK, Verdict.OK, Verdict.WORSE, Verdict.UNKNOWN]):
        observed(alerts, window(at, verdict))
        parts.append(alerts.packed(at))
    assert restored(*parts).alerts == alerts.alerts
    assert [(a.at, a.resolved_at) for a in alerts.alerts] == [(0, 1), (3, 4)]
    # The third evaluation had nothing open, and nothing that ended in its time.
    assert restored(parts[2]).alerts == ()


def test_an_episode_of_an_objective_that_is_gone_ends_with_the_restart():
    parts = [observed(alerts_of(), window(1, Verdict.WORSE)).packed(1)]
    other = Objective("other", "recall", "leave", "24h")
    for one in (other, replace(OBJECTIVE, metric="precision"), replace(OBJECTIVE, target=Decimal("0.9"))):
        (alert,) = restored(*parts, objectives=(one,)).alerts
        assert alert.resolved_at == 99
    alerts = VerdictAlerts({})
    alerts.restore([(1, parts[0])], 99)
    assert [alert.resolved_at for alert in alerts.alerts] == [99]


def test_an_episode_that_was_told_as_ended_has_ended_in_whatever_order_it_is_told():
    alerts = observed(alerts_of(), window(1, Verdict.WORSE))
    open_ = alerts.packed(1)
    ended = observed(alerts, window(2, Verdict.OK)).packed(1)
    for parts in ((open_, ended), (ended, open_)):
        assert [(a.at, a.resolved_at) for a in restored(*parts).alerts] == [(1, 2)]


def test_of_two_open_episodes_of_one_objective_the_older_ends_where_the_newer_begins():
    parts = [observed(alerts_of(), window(at, Verdict.WORSE)).packed(at) for at in (1, 7)]
    after = observed(restored(*parts), window(9, Verdict.OK))
    assert [(alert.at, alert.resolved_at) for alert in after.alerts] == [(1, 7), (7, 9)]


def test_what_cannot_be_read_is_passed_over():
    part = observed(alerts_of(), window(1, Verdict.WORSE)).packed(1)
    assert len(restored(b"", b"\xc1", part, b"\x91\x01").alerts) == 1
