"""The policy: every trigger and every guard, each with its sentence, and the laws that hold whatever comes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.config import Duration
from monitor.config.revalidation import CommandAction, Quiet, Revalidation, Unless, When
from monitor.revalidate.decision import Drift, Evidence, Past, Run, Verb
from monitor.revalidate.policy.policy import decide, is_quiet, run_key

NOW = 1_790_856_000_000  # 2026-10-01T12:00:00Z
EVIDENCE = Evidence(
    "churn",
    "3",
    NOW,
    baseline="a" * 64,
    baseline_written_at=NOW - 10 * DAY,
    spent={"leave-recall": 0.71, "leave-floor": 0.2},
    worse={"leave-recall": 4},
    labels=900,
    mature={"stay": 800, "leave": 60},
)


def policy(when=When(), unless=Unless()):  # noqa: B008 - frozen values
    return Revalidation(CommandAction(("true",)), Path("baselines"), when, unless)


def run(number=0, started=NOW - 8 * DAY, **more):
    kind = {"verb": Verb.PROMOTED, "state": "succeeded", "labels": 0, "version": "3"} | more
    return Run(run_key("churn", kind["version"], number), "churn", started=started, **kind)


def days(n):
    return Duration(n * DAY, f"{n}d")


@pytest.mark.parametrize(
    ("when", "more", "trigger", "sentence"),
    [
        (When(budget_spent=0.5), {}, "budget_spent",
         "leave-recall has spent 0.71 of its error budget, more than 0.5"),
        (When(budget_spent=0.5), {"spent": {"a": 0.5004, "b": 2.0}}, "budget_spent",
         "b has spent 2.00 of its error budget; a has spent 0.5004 of its error budget, more than 0.5"),
        (When(worse_evaluations=4), {}, "worse_evaluations",
         "leave-recall was WORSE in 4 mature evaluations one after another, 4 are enough"),
        (When(drift_share=0.3), {"drift": Drift(0.5, {"age": {"drifted": True}, "city": {"drifted": False}})},
         "drift_share", "0.50 of features and predictions drifted (age), 0.3 is enough"),
        (When(drift_share=0.3), {"drift": Drift(0.3)}, "drift_share",
         "0.30 of features and predictions drifted, 0.3 is enough"),
        (When(baseline_age=days(9)), {}, "baseline_age",
         "the baseline was written 2026-09-21T12:00:00Z, 10d ago, more than 9d"),
        (When(new_labels=899), {}, "new_labels", "900 labels came so far, more than 899"),
        (When(new_version=True), {"baseline": None}, "new_version",
         "version 3 is in production and has no baseline"),
    ],
)  # fmt: skip
def test_each_trigger_starts_a_run_and_says_its_evidence(when, more, trigger, sentence):
    decision = decide(policy(when), replace(EVIDENCE, **more), Past(), NOW)
    assert (decision.decision, decision.triggered, decision.held_back_by) == (Verb.START, (trigger,), ())
    assert decision.reasons == (sentence,)
    assert decision.run == run_key("churn", "3", 0)
    assert decision.at == NOW


@pytest.mark.parametrize(
    ("when", "more", "sentence"),
    [
        (When(), {}, "`when` names no trigger: only `--force` starts a run"),
        (When(budget_spent=0.71), {},
         "leave-recall has spent 0.71 of its error budget, not more than 0.71"),
        (When(budget_spent=0.5), {"spent": {}}, "no error budget has had an event yet"),
        (When(worse_evaluations=5), {},
         "no objective was WORSE in more than 4 mature evaluations one after another, 5 are enough"),
        (When(worse_evaluations=1), {"worse": {}}, "no objective was WORSE in the last mature evaluation"),
        (When(drift_share=0.3), {}, "drift was not looked at"),
        (When(drift_share=0.3), {"drift": Drift(0.2999)},
         "0.2999 of features and predictions drifted, less than 0.3"),
        (When(baseline_age=days(10)), {},
         "the baseline was written 2026-09-21T12:00:00Z, 10d ago, not more than 10d"),
        (When(baseline_age=days(1)), {"baseline_written_at": None},
         "there is no baseline whose age could be told"),
        (When(new_labels=900), {}, "900 labels came so far, not more than 900"),
        (When(new_version=True), {}, "version 3 has a baseline"),
    ],
)  # fmt: skip
def test_without_a_trigger_nothing_starts_and_the_decision_says_how_far_each_is(when, more, sentence):
    decision = decide(policy(when), replace(EVIDENCE, **more), Past(), NOW)
    assert (decision.decision, decision.triggered, decision.held_back_by) == (Verb.NONE, (), ())
    assert decision.run is None
    assert sentence in decision.reasons
    assert when == When() or decision.reasons[0] == "nothing triggers a run"


@pytest.mark.parametrize(
    ("unless", "past", "more", "guard", "sentence"),
    [
        (Unless(cool_down=days(7)), Past((run(0, NOW - 6 * DAY),)), {}, "cool_down",
         "the last run was started 2026-09-25T12:00:00Z, 7d are over on 2026-10-02T12:00:00Z"),
        (Unless(per_week=2), Past((run(0), run(1, NOW - 6 * DAY), run(2, NOW - DAY))), {}, "per_week",
         "2 runs were started within the last 7d, at most 2; the next may on 2026-10-02T12:00:00Z"),
        (Unless(quiet=(Quiet(1, 2, "00:01-00:02"), Quiet(720, 721, "12:00-12:01"))), Past(), {}, "quiet",
         "it is 12:00 UTC, quiet are 12:00-12:01"),
        (Unless(labels_per_class=61), Past(), {}, "labels_per_class",
         "leave has 60 mature labels in the longest window, each class needs 61"),
        (Unless(labels_per_class=1), Past(), {"mature": {}}, "labels_per_class",
         "there are no mature labels in the longest window, each class needs 1"),
        (Unless(), Past(), {"red_gates": ("completeness", "volume")}, "data_gates",
         "red are completeness, volume: nobody trains on broken data"),
        (Unless(), Past((run(0, verb=Verb.START, state="running"),), taken=frozenset({run_key("churn", "3", 0)})), {},
         "open_run", f"run {run_key('churn', '3', 0)} of version 3, started 2026-09-23T12:00:00Z, is not at its end"),
        (Unless(), Past((run(0, verb=Verb.START, state="waiting"),)), {}, "open_run",
         (f"run {run_key('churn', '3', 0)} of version 3, started 2026-09-23T12:00:00Z, waits for "
         "`foldwatch revalidate approve --model churn`")),
    ],
    ids=["cool_down", "per_week", "quiet", "few labels", "no labels", "gates", "running", "waiting"],
)  # fmt: skip
def test_each_guard_holds_a_triggered_run_back_and_says_why(unless, past, more, guard, sentence):
    evidence = replace(EVIDENCE, **more)
    decision = decide(policy(When(budget_spent=0.5), unless), evidence, past, NOW)
    assert (decision.decision, decision.triggered, decision.held_back_by) == (Verb.NONE, ("budget_spent",), (guard,))
    assert decision.reasons[-1] == f"held back by {guard}: {sentence}"
    assert decision.run is None
    assert decision.waits_for_approval == any(one.state == "waiting" for one in past.runs)
    forced = decide(policy(When(), unless), evidence, past, NOW, force=True)
    assert forced.held_back_by == (("open_run",) if guard == "open_run" else ())
    assert (forced.decision is Verb.START) == (guard != "open_run")


@pytest.mark.parametrize(
    ("unless", "past"),
    [
        (Unless(cool_down=days(7)), Past((run(0, NOW - 7 * DAY),))),
        (Unless(cool_down=days(7)), Past()),
        (Unless(cool_down=Duration(0, "0s")), Past((run(0, NOW),))),
        (Unless(per_week=2), Past((run(0, NOW - 7 * DAY), run(1, NOW - DAY)))),
        (Unless(quiet=(Quiet(721, 720, "12:01-12:00"),)), Past()),
        (Unless(labels_per_class=60), Past()),
        (Unless(), Past((run(0, NOW, verb=Verb.START, state="handed over"),))),
        (Unless(), Past((run(0, NOW, verb=Verb.FAILED, state="timed out"),))),
    ],
)
def test_at_its_limit_a_guard_lets_go(unless, past):
    decision = decide(policy(When(budget_spent=0.5), unless), EVIDENCE, past, NOW)
    assert (decision.decision, decision.held_back_by) == (Verb.START, ())
    assert decision.run == run_key("churn", "3", len(past.runs))


def test_every_guard_that_holds_is_told_in_the_order_of_the_configuration():
    unless = Unless(days(7), 1, (Quiet(0, 1439, "00:00-23:59"),), 1_000)
    past = Past((run(0, NOW - DAY, verb=Verb.START, state="waiting"),))
    decision = decide(policy(When(budget_spent=0.5), unless), replace(EVIDENCE, red_gates=("volume",)), past, NOW)
    assert decision.held_back_by == ("cool_down", "per_week", "quiet", "labels_per_class", "data_gates", "open_run")


def test_budgets_labels_and_force_speak_of_the_newest_version_alone():
    when = When(budget_spent=0.1, new_labels=1, worse_evaluations=1, new_version=True)
    older = replace(EVIDENCE, newest=False, worse={})
    decision = decide(policy(when), older, Past(), NOW, force=True)
    assert (decision.decision, decision.triggered) == (Verb.NONE, ())
    assert decide(policy(when), replace(older, baseline=None), Past(), NOW).triggered == ("new_version",)
    assert decide(policy(when), replace(older, worse={"a": 1}), Past(), NOW).triggered == ("worse_evaluations",)
    assert decide(policy(when), EVIDENCE, Past(), NOW, force=True).triggered == (
        "budget_spent",
        "worse_evaluations",
        "new_labels",
        "force",
    )


def test_labels_count_from_the_run_that_was_started_last_and_anew_where_the_state_is_younger():
    when = policy(When(new_labels=500))
    past = Past((run(0, NOW - 9 * DAY, labels=0), run(1, NOW - 8 * DAY, labels=450)))
    assert decide(when, EVIDENCE, past, NOW).triggered == ()
    assert decide(when, replace(EVIDENCE, labels=951), past, NOW).reasons == (
        "501 labels came since the last run, more than 500",
    )
    younger = Past((run(0, labels=5_000),))
    assert decide(when, EVIDENCE, younger, NOW).triggered == ("new_labels",)


def test_a_run_that_nobody_works_on_any_more_goes_on_under_its_key_whatever_guards_say():
    unless = Unless(days(7), 1, (Quiet(0, 1439, "00:00-23:59"),), 1_000)
    left = run(4, NOW - HOUR, verb=Verb.START, state="running")
    for force in (False, True):
        decision = decide(policy(When(), unless), EVIDENCE, Past((left,)), NOW, force=force)
        assert (decision.decision, decision.run) == (Verb.START, left.key)
        assert decision.reasons[-1].startswith(f"run {left.key}, started 2026-10-01T11:00:00Z, is open and nobody")


def test_a_run_of_another_version_stands_in_the_way_even_where_nobody_works_on_it():
    left = run(4, NOW - HOUR, version="2", verb=Verb.START, state="running")
    decision = decide(policy(When(budget_spent=0.5)), EVIDENCE, Past((left,)), NOW)
    assert (decision.decision, decision.held_back_by) == (Verb.NONE, ("open_run",))


def test_keys_are_of_model_version_and_number_and_nothing_runs_together():
    assert run_key("churn", "3", 0) == "9fbcacf6b55107d2"
    keys = {run_key(*one) for one in (("m", "1", 0), ("m1", "", 0), ("m", "1", 1), ("m", "10", 0), ("m", '","', 0))}
    assert len(keys) == 5
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_what_was_seen_stands_in_the_decision_as_json_values():
    drift = Drift(0.5, {"age": {"method": "ks", "p": 0.001, "drifted": True}}, ("too few rows of city",))
    decision = decide(policy(When(drift_share=0.3)), replace(EVIDENCE, drift=drift), Past(), NOW)
    assert json.loads(json.dumps(decision.seen)) == decision.seen
    assert decision.seen["spent"] == {"leave-recall": 0.71, "leave-floor": 0.2}
    assert decision.seen["drift"]["columns"]["age"]["p"] == 0.001
    assert (decision.baseline_before, decision.baseline_after) == ("a" * 64, "a" * 64)


# --- laws --------------------------------------------------------------------------------------------------------

MOMENTS = st.integers(NOW - 20 * DAY, NOW)
RUNS = st.lists(
    st.tuples(
        st.sampled_from(["2", "3"]),
        MOMENTS,
        st.sampled_from(Verb),
        st.sampled_from(["running", "waiting", "handed over", "succeeded", "failed"]),
    ),
    max_size=5,
)
WHENS = st.builds(
    When,
    budget_spent=st.none() | st.floats(0.01, 2),
    worse_evaluations=st.none() | st.integers(1, 6),
    drift_share=st.none() | st.floats(0.01, 1),
    baseline_age=st.none() | st.integers(1, 20).map(days),
    new_labels=st.none() | st.integers(1, 1_000),
    new_version=st.booleans(),
)
SPANS = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda s: s[0] != s[1] % 1440)
UNLESSES = st.builds(
    Unless,
    cool_down=st.none() | st.integers(0, 9).map(days),
    per_week=st.none() | st.integers(1, 3),
    quiet=st.lists(SPANS.map(lambda span: Quiet(*span, "some")), max_size=2).map(tuple),
    labels_per_class=st.none() | st.integers(1, 100),
)
EVIDENCES = st.builds(
    replace,
    st.just(EVIDENCE),
    newest=st.booleans(),
    baseline=st.none() | st.just("b" * 64),
    spent=st.dictionaries(st.sampled_from("ab"), st.floats(-1, 5)),
    worse=st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
    labels=st.integers(0, 2_000),
    mature=st.fixed_dictionaries({"stay": st.integers(0, 200), "leave": st.integers(0, 200)}),
    red_gates=st.sampled_from([(), ("volume",)]),
    drift=st.none() | st.floats(0, 1).map(Drift),
)


@st.composite
def pasts(draw):
    made = [
        run(at, started, version=version, verb=verb, state=state)
        for at, (version, started, verb, state) in enumerate(draw(RUNS))
    ]
    taken = draw(st.sets(st.sampled_from([one.key for one in made]))) if made else set()
    return Past(tuple(made), taken=frozenset(taken))


@settings(max_examples=300, deadline=None)
@given(WHENS, UNLESSES, EVIDENCES, pasts(), st.booleans())
def test_laws_of_the_policy(when, unless, evidence, past, force):
    one = policy(when, unless)
    decision = decide(one, evidence, past, NOW, force=force)
    assert decision == decide(one, evidence, past, NOW, force=force)
    blocked = [run for run in past.runs if run.open and (run.key in past.taken or run.state == "waiting")]
    left = {run.key for run in past.runs if run.open and run.version == evidence.version}
    if decision.decision is Verb.START:
        assert not blocked
        assert decision.held_back_by == ()
        assert decision.triggered or decision.run in left
        assert decision.run in left or decision.run not in {run.key for run in past.runs}
    else:
        assert decision.decision is Verb.NONE
        assert decision.run is None
        assert not decision.triggered or decision.held_back_by
    assert bool(decision.held_back_by) <= bool(decision.triggered)
    assert ("force" in decision.triggered) == (force and evidence.newest)
    if "force" in decision.triggered:
        assert set(decision.held_back_by) <= {"open_run"}
        assert (decision.decision is Verb.START) == (not any(run.open for run in past.runs) or decision.run in left)
    assert decision.reasons


@settings(max_examples=100, deadline=None)
@given(SPANS, st.integers(0, 1439))
def test_a_span_and_what_it_leaves_out_make_the_day(span, minute):
    inside = Quiet(*span, "in")
    outside = Quiet(span[1] % 1440, span[0] or 1440, "out")
    assert is_quiet(inside, minute) != is_quiet(outside, minute)


def test_quiet_hours_go_over_midnight():
    night = policy(When(budget_spent=0.5), Unless(quiet=(Quiet(1320, 360, "22:00-06:00"),)))
    held = [decide(night, EVIDENCE, Past(), NOW + hour * HOUR).held_back_by == ("quiet",) for hour in range(-12, 12)]
    assert [hour for hour, is_held in enumerate(held) if is_held] == [0, 1, 2, 3, 4, 5, 22, 23]
    assert decide(night, EVIDENCE, Past(), NOW + 10 * HOUR - MINUTE).decision is Verb.START
