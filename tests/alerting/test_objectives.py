"""Burn alerts are what a brute-force reading of all raw counters says, whatever is kept and whoever restarts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from sys import getrefcount

import pytest
from burning_oracle import BEGIN, DAY, HOUR, MINUTE, course, episodes, held, objective, rings, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.objectives import Objectives, counters
from monitor.clock import format_duration
from monitor.state.history import superfluous
from monitor.statistics.budget import BudgetState, Tally
from monitor.statistics.ladder import ladder

KEY = ("churn", "floor")


def rung(objectives):
    return [(a.severity, a.at, a.resolved_at) for a in objectives.alerts]


def replayed(one, samples, every, period=28 * DAY):
    objectives = Objectives(settings_of(one, period=period), every, BEGIN, exact=True)
    for at, tally in samples:
        objectives.observe(at, {KEY: tally}, [])
    return objectives


def stretches(least=1, most=8):
    """Steps in runs: so many times (events, bad)."""
    run = st.tuples(st.integers(1, 60), st.integers(0, 30), st.integers(0, 30))
    return st.lists(run, min_size=least, max_size=most).map(
        lambda runs: [(events, min(bad, events)) for n, events, bad in runs for _ in range(n)]
    )


@settings(max_examples=40, deadline=None)
@given(
    stretches(most=5),
    st.sampled_from([MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR]),
    st.sampled_from(["0.5", "0.9", "0.93", "0.99"]),
    st.sampled_from(
        [("occurrences", "page"), ("occurrences", "ticket"), ("occurrences", "shadow"), ("timeslices", "page")]
    ),
    st.sampled_from([DAY, 7 * DAY, 28 * DAY]),
)
def test_a_replay_rings_exactly_when_all_raw_counters_say_so(steps, every, target, kind, period):
    one = objective(kind=kind[0], routing=kind[1], target=target)
    samples = course(steps, every)
    objectives = replayed(one, samples, every, period)
    assert rung(objectives) == episodes(one, samples, period, every)
    assert {a.shadow for a in objectives.alerts} <= {kind[1] == "shadow"}
    (standing,) = objectives.standings()
    now = samples[-1][0]
    assert standing.period == held(samples, now, period)
    assert set(standing.levels) <= set(ladder(period, every))
    for level in ladder(period, every):  # those that it never rings by, too
        for length in (level.long, level.short):
            window = held(samples, now, length)
            rate = standing.burn[format_duration(length)]
            assert (rate is None) == (not window.events)
            if rate is not None:
                assert rate == pytest.approx(window.bad / window.events / float(1 - Decimal(target)))


def test_a_long_replay_forgets_nothing_that_a_window_still_needs():
    """Two periods of a short budget, at the finest step: the trail is cut many times."""
    steps = [(3, 3 if (at // 350) % 3 == 1 else 0) for at in range(2 * 1440)]
    one, samples = objective(target="0.8", routing="ticket"), course(steps)
    objectives = replayed(one, samples, MINUTE, DAY)
    assert len(objectives._trail.course(KEY)[0]) < 1440 + 300  # noqa: SLF001 - the point of the test
    # Every 20th minute by hand: an episode covers the same ones of them.
    for now, _ in samples[::20]:
        at = (now - BEGIN) // MINUTE
        known = [(BEGIN, Tally()), *samples][max(at - 1441, 0) : at + 1]
        open_ = any(a.at <= now and (a.resolved_at is None or now < a.resolved_at) for a in objectives.alerts)
        assert open_ == rings(one, known, now, "ticket", DAY, MINUTE)
    assert len(objectives.alerts) > 2


class Kept:
    """The records of evaluations as an archive keeps them."""

    def __init__(self):
        self.records = {}

    def append(self, at, part):
        self.records[at] = part
        for gone in superfluous(sorted(self.records), at):
            del self.records[gone]

    def all(self):
        return [(at, self.records[at]) for at in sorted(self.records)]


def lived(conf, samples, cuts, kept=None):
    """What is known after each evaluation of daemons that begin anew at each cut, and the records in the end."""
    kept, told = kept or Kept(), []
    objectives = None
    for i, (at, tally) in enumerate(samples):
        if objectives is None or i in cuts:
            before = samples[i - 1][1] if i else Tally()
            objectives = Objectives(conf, conf.cadence, at, tallies={KEY: before})
            objectives.restore(kept.all(), at)
        objectives.observe(at, {KEY: tally}, [])
        kept.append(at, objectives.packed(at - at % HOUR))
        told.append((objectives.alerts, objectives.standings()))
    return told, kept


@st.composite
def irregular(draw):
    """Samples of a daemon: irregular moments over days, a clock that is now and then set back, and outages."""
    total, at, samples = Tally(), BEGIN, []
    for _ in range(draw(st.integers(1, 8))):
        pause = draw(st.sampled_from([7_000, MINUTE, 61_003, 10 * MINUTE, HOUR, 5 * HOUR]))
        events, bad = draw(st.integers(0, 9)), draw(st.integers(0, 9))
        for _ in range(draw(st.integers(1, 25))):
            at += pause
            total += Tally(events, min(bad, events))
            samples.append((at, total))
        at += draw(st.sampled_from([0, 0, 0, -HOUR, 30 * HOUR]))
    return samples


@settings(max_examples=60, deadline=None)
@given(irregular(), st.sets(st.integers(1, 150), max_size=6), st.sampled_from(["page", "shadow"]))
def test_a_daemon_that_was_restarted_knows_what_an_undisturbed_one_knows(samples, cuts, routing):
    conf = settings_of(objective(target="0.8", routing=routing))
    whole, _ = lived(conf, samples, set())
    cut, _ = lived(conf, samples, cuts)
    assert cut == whole


@settings(max_examples=25, deadline=None)
@given(stretches(most=3), st.sampled_from([MINUTE, 7 * MINUTE, 61_003]))
def test_a_daemon_rings_by_the_nearest_record_at_or_before_a_window(steps, pause):
    one = objective(target="0.8")
    samples = course(steps[:90], pause)
    conf = settings_of(one)
    told, _ = lived(conf, samples, set())

    def seen(now):
        moments = [at for at, _ in samples if at <= now]
        gone = set()
        for until in moments:  # what each evaluation made superfluous, as the archive does it
            gone |= set(superfluous([at for at in moments if at <= until and at not in gone], until))
        return [(at, tally) for at, tally in samples if at <= now and at not in gone]

    assert rung_of(told) == episodes(one, samples, 28 * DAY, conf.cadence, seen=seen)


def rung_of(told):
    return [(a.severity, a.at, a.resolved_at) for a in told[-1][0]]


def burning(n=60, events=10, bad=10, every=5 * MINUTE):
    return course([(events, 0)] * 12 + [(events, bad)] * n, every)


def test_a_page_begins_and_ends_with_both_windows_and_says_why():
    one = objective(target="0.9")
    objectives = replayed(one, course([(10, 0)] * 24 + [(10, 10)] * 40 + [(10, 0)] * 40, 5 * MINUTE), 5 * MINUTE)
    ticket, page = objectives.alerts
    assert (page.alert, page.severity, page.source, page.slo) == ("FoldwatchBudgetBurnsFast", "page", "burn", "floor")
    assert (ticket.alert, ticket.severity) == ("FoldwatchBudgetBurns", "ticket")
    assert (page.metric, page.class_, page.segment, page.shadow) == ("recall", "leave", None, False)
    assert page.at < page.resolved_at
    assert page.reason == (
        "310 of 550 of true class leave were predicted otherwise in 6h "
        "(56\N{NO-BREAK SPACE}%, allowed 10\N{NO-BREAK SPACE}%) and 60 of 60 in 30m: "
        "the error budget of 28d burns 5.64 times as fast as it lasts (page above 5.6), "
        "it is spent 5.6 times over"
    )


def test_what_is_exactly_at_the_threshold_does_not_ring():
    """factor 5.6 x (1 - 0.9) = 0.56: 56 of 100 are silent, 57 of 100 ring. Floats would not be sure."""
    for bad, ringing in ((56, False), (57, True)):
        one = objective(target="0.9")
        (slow,) = [
            level
            for level in ladder(28 * DAY, 30 * MINUTE)
            if level.severity == "page" and level.factor == Decimal("5.6")
        ]
        objectives = replayed(one, course([(100, bad)] * 40, slow.short // 2), slow.short // 2)
        assert any(a.severity == "page" for a in objectives.alerts) == ringing


def test_below_the_least_number_of_events_nothing_rings():
    one = objective(target="0.9", routing="ticket")
    least = min(level.least_events(one.target) for level in ladder(28 * DAY, HOUR) if level.severity == "ticket")
    enough = replayed(one, course([(least, least)] + [(0, 0)] * 3, HOUR), HOUR)
    few = replayed(one, course([(least - 1, least - 1)] + [(0, 0)] * 3, HOUR), HOUR)
    assert (len(enough.alerts), len(few.alerts)) == (1, 0)
    assert few.standings()[0].state is BudgetState.INSUFFICIENT


@pytest.mark.parametrize(
    ("other", "goes_on"),
    [
        (objective(target="0.9"), True),
        (objective(target="0.8"), True),
        (objective("other", target="0.9"), False),
        (objective(target="0.9", segment="region=eu"), False),
        (objective(target="0.9", routing="shadow"), False),
    ],
)
def test_an_open_episode_ends_where_its_objective_is_gone_or_is_another(other, goes_on):
    conf = settings_of(objective(target="0.9"))
    samples = burning()
    told, kept = lived(conf, samples, set())
    assert {a.resolved_at for a in told[-1][0]} == {None}
    now = samples[-1][0] + MINUTE
    after = Objectives(settings_of(other), conf.cadence, now, tallies={KEY: samples[-1][1]})
    after.restore(kept.all(), now)
    assert {a.resolved_at for a in after.alerts} == {None if goes_on else now}
    assert len(after.alerts) == 2


def test_a_page_that_may_only_be_a_ticket_now_ends_at_the_restart_and_the_ticket_goes_on():
    samples = burning()
    _, kept = lived(settings_of(objective(target="0.9")), samples, set())
    now = samples[-1][0] + MINUTE
    conf = settings_of(objective(target="0.9", routing="ticket"))
    after = Objectives(conf, conf.cadence, now, tallies={KEY: samples[-1][1]})
    after.restore(kept.all(), now)
    assert {(a.severity, a.resolved_at) for a in after.alerts} == {("page", now), ("ticket", None)}


def test_counters_that_nobody_recorded_are_where_they_were_found():
    """The state is older than the records, or they cannot be read: what it holds has not burnt just now."""
    conf = settings_of(objective(target="0.9"))
    objectives = Objectives(conf, conf.cadence, BEGIN, tallies={KEY: Tally(1_000, 900)})
    objectives.restore([(BEGIN, b"\xc1")], BEGIN)
    objectives.observe(BEGIN + MINUTE, {KEY: Tally(1_001, 900)}, [])
    assert objectives.alerts == ()
    assert objectives.standings()[0].period == Tally(1, 0)


def test_every_objective_with_a_target_has_counters_from_the_start_and_no_other_one_has():
    conf = settings_of(objective("a"), objective("b"), replace(objective("none"), target=None))
    assert counters(conf, {("churn", "a"): Tally(1), ("churn", "retired"): Tally(9)}) == {
        ("churn", "a"): Tally(1),
        ("churn", "b"): Tally(),
    }


def test_shadow_pages_are_counted_over_the_period():
    one = objective(target="0.9", routing="shadow")
    steps = ([(20, 20)] * 20 + [(20, 0)] * 60) * 4
    objectives = replayed(one, course(steps, HOUR), HOUR, 7 * DAY)
    pages = [a for a in objectives.alerts if a.severity == "page"]
    end = BEGIN + len(steps) * HOUR
    assert objectives.standings()[0].shadow_pages == sum(a.at > end - 7 * DAY for a in pages)
    assert len(pages) > objectives.standings()[0].shadow_pages > 0


def test_how_often_events_come_is_measured():
    one = objective(target="0.9")
    daily = course(([(50, 0)] + [(0, 0)] * 23) * 6, HOUR)
    assert replayed(one, daily, HOUR).standings()[0].event_cadence == DAY
    steady = course([(1, 0), (0, 0)] * 100, MINUTE)
    assert replayed(one, steady, MINUTE).standings()[0].event_cadence == 2 * MINUTE
    assert replayed(one, course([(1, 0)], HOUR), HOUR).standings()[0].event_cadence is None


@pytest.mark.parametrize("target", [None, "0.9"])
def test_results_of_earlier_evaluations_are_let_go_with_budgets_and_without(target):
    one = objective() if target is None else objective(target=target)
    one = replace(one, target=None if target is None else one.target)
    objectives, old = Objectives(settings_of(one), MINUTE, BEGIN), [object() for _ in range(3)]
    refs = [getrefcount(old[0]), getrefcount(old[1])]
    for number, each in enumerate(old):
        objectives.observe(BEGIN + (number + 1) * MINUTE, {}, [each])
    objectives.observe(BEGIN + 10 * MINUTE, {}, [])
    # What came last is kept for the texts of alerts, where there are any.
    assert [getrefcount(old[0]), getrefcount(old[1])] == refs
