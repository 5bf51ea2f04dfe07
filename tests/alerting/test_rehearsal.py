"""What alerts were worth: which came in vain, how long after the change they came, and when they ended."""

from __future__ import annotations

from burning_oracle import BEGIN, DAY, HOUR, course, objective, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.objectives import Objectives
from monitor.alerting.rehearsal import Rehearsal
from monitor.report.course import Course
from monitor.statistics.budget import Tally


def rehearsed(one, samples, every=HOUR, period=28 * DAY, courses=()):
    conf = settings_of(one, period=period)
    rehearsal = Rehearsal(conf, every, BEGIN)
    objectives = Objectives(conf, every, BEGIN, exact=True, hearer=rehearsal)
    for at, tally in samples:
        objectives.observe(at, {("churn", "floor"): tally}, [])
    (told,) = rehearsal.rehearsed(courses)
    return objectives.alerts, {(rung.severity, rung.guarded): rung for rung in told.rung}


def at(hour):
    return BEGIN + hour * HOUR


def test_an_incident_is_told_from_its_change_to_its_end_and_is_not_false():
    steps = [(20, 1)] * 48 + [(20, 20)] * 30 + [(20, 1)] * 60
    alerts, rung = rehearsed(objective(target="0.9"), course(steps, HOUR))
    page = rung["page", True]
    (told,) = [alert for alert in alerts if alert.severity == "page"]
    assert (page.episodes, page.false, page.unclear) == (1, 0, 0)
    assert (page.first_at, page.first_resolved_at) == (told.at, told.resolved_at)
    assert page.changed_at == at(48)
    assert page.delay == told.at - at(48)


def test_one_bad_batch_with_nothing_wrong_after_it_was_a_false_alarm():
    steps = [(20, 0)] * 48 + [(4000, 4000)] + [(20, 0)] * 60
    alerts, rung = rehearsed(objective(target="0.9"), course(steps, HOUR))
    page = rung["page", True]
    assert (page.episodes, page.false, page.unclear) == (1, 1, 0)
    assert (page.first_at, page.changed_at, page.delay) == (None, None, None)
    assert [alert.at for alert in alerts if alert.severity == "page"] == [at(49)]


def test_after_which_nothing_is_counted_nobody_can_tell():
    steps = [(20, 0)] * 48 + [(4000, 4000)] + [(0, 0)] * 60
    _, rung = rehearsed(objective(target="0.9"), course(steps, HOUR))
    page = rung["page", True]
    assert (page.episodes, page.false, page.unclear) == (1, 0, 1)
    assert page.first_at == at(49)


def test_without_the_guard_a_single_bad_label_rings():
    steps = [(0, 0)] * 30 + [(1, 1)] + [(1, 0)] * 80
    _, rung = rehearsed(objective(target="0.9"), course(steps, HOUR))
    assert (rung["page", True].episodes, rung["page", False].episodes) == (0, 1)
    assert (rung["page", False].false, rung["ticket", False].false) == (1, 1)


def test_of_timeslices_the_change_is_the_first_window_beyond_the_margin():
    one = objective(kind="timeslices", target="0.9")
    steps = [(1, 0)] * 48 + [(1, 1)] * 40
    course_ = Course("churn", "3", one, bad_since=at(40), first_worse_at=at(49))
    _, rung = rehearsed(one, course(steps, HOUR), courses=[course_])
    assert set(rung) == {("ticket", True), ("ticket", False)}
    assert rung["ticket", True].changed_at == at(40)
    later = Course("churn", "3", one, bad_since=at(9_999), first_worse_at=at(9_999))
    _, rung = rehearsed(one, course(steps, HOUR), courses=[later])
    assert rung["ticket", True].changed_at == at(48)


def by_hand(episodes, samples, one, level):
    """(false, unclear) of episodes of a level that all have the same long window."""
    false = unclear = 0
    for begun in episodes:
        then = dict(samples)[begun]
        after = [tally for moment, tally in samples if begun < moment <= begun + level.long]
        held = after[-1] - then if after else Tally()
        limit = min(float(level.threshold(one.target)), float(1 - one.target))
        unclear += not held.events
        false += bool(held.events) and held.bad / held.events <= limit + 1e-12
    return false, unclear


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8),
    st.sampled_from(["0.6", "0.9"]),
)
def test_false_ones_and_changes_are_what_a_reading_by_hand_gives(runs, target):
    samples = course([(events, min(bad, events)) for n, events, bad in runs for _ in range(n)], 12 * HOUR)
    one = objective(target=target, routing="ticket")
    conf = settings_of(one)
    rehearsal = Rehearsal(conf, 12 * HOUR, BEGIN)
    objectives = Objectives(conf, 12 * HOUR, BEGIN, exact=True, hearer=rehearsal)
    for moment, tally in samples:
        objectives.observe(moment, {("churn", "floor"): tally}, [])
    (told,) = rehearsal.rehearsed(())
    (level,) = told.levels  # so coarse a step leaves one
    rung = told.rung[0]
    begun = [alert.at for alert in objectives.alerts]
    assert rung.episodes == len(begun)
    assert (rung.false, rung.unclear) == by_hand(begun, samples, one, level)
    if rung.first_at is not None:
        balances = {BEGIN: 0} | {moment: tally.bad - (1 - one.target) * tally.events for moment, tally in samples}
        before = {moment: balance for moment, balance in balances.items() if moment <= rung.first_at}
        assert rung.changed_at == max(moment for moment, b in before.items() if b == min(before.values()))
