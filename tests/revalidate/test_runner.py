import threading
from dataclasses import replace

import fabricated as made
import pytest
from runner_desk import ScriptedAction, ScriptedDesk, nothing, start

from monitor.config import Duration
from monitor.config.revalidation import CrossvalAction, Revalidation, TrainingRows, When
from monitor.errors import InputError
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.decision import Drift, Drifted, Verb
from monitor.revalidate.desk import DeskAway
from monitor.revalidate.working.ending import Ending
from monitor.revalidate.working.patience import Patience
from monitor.revalidate.working.runner import Asked, Tools, order_of, run
from monitor.revalidate.working.working import Lease


def settings_of(tmp_path, when=None, **action):
    action = CrossvalAction(TrainingRows(file=tmp_path / "train.csv"), "y", "m:f", **action)
    wanted = Revalidation(action, tmp_path / "baselines", when=when or When())
    return made.settings(replace(made.model(), revalidation=wanted))


def tools_of(desk, action=None, ending=None, drift=None, said=None):
    ending = ending or Ending()
    say = (lambda _: None) if said is None else said.append
    return Tools(
        Patience(desk.reached, ending, say),
        ending,
        lambda _: action or ScriptedAction(),
        say,
        drift or (lambda _: None),
    )


def decided(tmp_path, desk, *, settings=None, force=False, dry_run=False, **tools):
    asked = Asked("ana@laptop", "laptop/boot/1/2", force=force, dry_run=dry_run)
    return list(run(settings or settings_of(tmp_path), asked, tools_of(desk, **tools)))


def test_without_a_start_nothing_is_done(tmp_path):
    action = ScriptedAction()
    (decision,) = decided(tmp_path, ScriptedDesk([nothing()]), action=action)
    assert (decision.decision, action.orders) == (Verb.NONE, [])


def test_what_a_start_asks_for_is_done_and_handed_in(tmp_path):
    desk, action = ScriptedDesk([start()]), ScriptedAction()
    (decision,) = decided(tmp_path, desk, action=action, force=True)
    assert decision.decision is Verb.PROMOTED
    assert [(one.run, one.by, one.candidate.document) for one in desk.results] == [("k" * 16, "ana@laptop", b"{}")]
    assert desk.asked[0].force
    assert desk.asked[0].holder == "laptop/boot/1/2"
    (order,) = action.orders
    assert (order.run, order.version, order.candidate_version, order.positive) == ("k" * 16, "3", "3", "leave")
    assert order.decision["decision"] == "start"


def test_a_dry_run_starts_nothing(tmp_path):
    desk, action = ScriptedDesk([start(run=None)]), ScriptedAction()
    (decision,) = decided(tmp_path, desk, action=action, dry_run=True)
    assert (decision.decision, action.orders, desk.asked[0].dry_run) == (Verb.START, [], True)


def test_what_waits_for_approval_is_not_worked_on(tmp_path):
    action = ScriptedAction()
    (decision,) = decided(tmp_path, ScriptedDesk([start(waits_for_approval=True)]), action=action)
    assert (decision.waits_for_approval, action.orders) == (True, [])


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT, State.CANCELLED])
def test_an_action_without_a_candidate_ends_the_run_with_its_reason(tmp_path, state):
    desk = ScriptedDesk([start()])
    (decision,) = decided(tmp_path, desk, action=ScriptedAction(Outcome(state, "train.csv: there is no such file")))
    assert decision.decision is Verb.FAILED
    assert [(one.state, one.reason) for one in desk.ended] == [(state.value, "train.csv: there is no such file")]


def test_an_action_that_hands_over_leaves_the_decision_at_start(tmp_path):
    (decision,) = decided(
        tmp_path, ScriptedDesk([start()]), action=ScriptedAction(Outcome(State.HANDED_OVER, "accepted"))
    )
    assert decision.decision is Verb.START


def test_a_fault_of_our_own_ends_the_run_as_failed_and_is_raised(tmp_path):
    def fall(*_):
        message = "oops"
        raise RuntimeError(message)

    desk = ScriptedDesk([start()])
    with pytest.raises(RuntimeError, match="oops"):
        decided(tmp_path, desk, action=ScriptedAction(during=fall))
    assert [one.state for one in desk.ended] == ["failed"]
    assert "RuntimeError: oops" in desk.ended[0].reason


def test_the_versions_behind_a_run_are_decided_once_it_is_over_and_without_force(tmp_path):
    held = nothing("2", triggered=("baseline_age",), held_back_by=("open_run",))
    desk = ScriptedDesk([start(), held], [nothing("2", triggered=("baseline_age",))])
    found = decided(tmp_path, desk, force=True)
    assert [(one.version, one.held_back_by) for one in found] == [("3", ()), ("2", ())]
    assert [(one.settled, one.force) for one in desk.asked] == [((), True), (("3",), False)]


def test_who_is_asked_to_end_cancels_the_action_and_begins_nothing_more(tmp_path):
    ending = Ending()

    def asked_to_end(_, watch):
        ending.ask()
        assert watch.cancelled.is_set()

    desk = ScriptedDesk([start(), nothing("2")])
    action = ScriptedAction(Outcome(State.CANCELLED, "asked to end"), asked_to_end)
    (decision,) = decided(tmp_path, desk, action=action, ending=ending)
    assert (decision.decision, desk.ended[0].state) == (Verb.FAILED, "cancelled")
    assert len(desk.asked) == 1


def test_a_desk_that_is_away_for_a_while_is_waited_for_and_said_once(tmp_path):
    said = []
    desk = ScriptedDesk([start()], away=2)
    (decision,) = decided(tmp_path, desk, said=said)
    assert decision.decision is Verb.PROMOTED
    assert [line for line in said if "nobody answers" in line] == ["waiting: http://127.0.0.1:1: nobody answers"]


def test_a_desk_that_stays_away_is_given_up_after_a_while():
    desk, ending = ScriptedDesk(away=10**6), Ending()
    clock = iter(range(0, 10_000, 10))
    patience = Patience(desk.reached, ending, lambda _: None, lambda: next(clock))
    ending.ask()
    with pytest.raises(DeskAway):
        patience.ask(lambda desk: desk.looks("churn"))


def test_a_run_that_was_taken_over_is_cancelled_and_nothing_is_handed_in(tmp_path):
    def lose(_, watch):
        desk.ours = False
        watch.begun("job/foldwatch-1")
        assert watch.cancelled.wait(10)

    desk = ScriptedDesk([start()])
    (decision,) = decided(tmp_path, desk, action=ScriptedAction(Outcome(State.CANCELLED), lose))
    assert decision.decision is Verb.START
    assert "taken over" in decision.reasons[-1]
    assert (desk.results, desk.ended) == ([], [])


def test_the_lease_is_renewed_again_and_again_with_what_was_said():
    desk, ending = ScriptedDesk(), Ending()
    enough = threading.Event()

    def progress(progress):
        desk.renewed.append(progress)
        if len(desk.renewed) > 2:
            enough.set()
        return True

    desk.progress = progress
    patience = Patience(desk.reached, ending, lambda _: None)
    with Lease("r", "me", patience, ending.of_run(), lambda _: None, every=0.01) as lease:
        lease.said("fold 3 of 6")
        assert enough.wait(10)
    renewed = len(desk.renewed)
    assert {one.text for one in desk.renewed[1:]} == {"fold 3 of 6"}
    assert not lease.lost
    assert len(desk.renewed) == renewed


def test_drift_is_looked_for_where_it_is_configured_and_its_page_is_handed_in(tmp_path):
    found = Drifted(Drift(0.4), b"<html>")
    wanted = settings_of(tmp_path, When(drift_share=0.3))
    desk = ScriptedDesk([start()])
    decided(tmp_path, desk, settings=wanted, drift=lambda _: found)
    assert desk.asked[0].drift == {"3": found.drift}
    assert desk.results[0].drift_html == b"<html>"


def test_nobody_looks_for_drift_where_it_is_no_trigger(tmp_path):
    def look(_):
        pytest.fail("nobody asked")

    desk = ScriptedDesk([nothing()])
    decided(tmp_path, desk, drift=look, settings=settings_of(tmp_path, When(baseline_age=Duration(1, "1s"))))
    assert desk.asked[0].drift == {}


def test_a_model_that_nobody_re_validates_is_refused_by_name(tmp_path):
    settings = made.settings(made.model())
    with pytest.raises(InputError, match="has no `revalidate:`"):
        list(run(settings, Asked("a", "h", model="churn"), tools_of(ScriptedDesk())))
    with pytest.raises(InputError, match="no model has `revalidate:`"):
        decided(tmp_path, ScriptedDesk(), settings=settings)
    with pytest.raises(InputError, match="name one of: churn"):
        list(run(settings, Asked("a", "h", model="chrn"), tools_of(ScriptedDesk())))


def test_an_order_names_the_file_in_force_the_retrained_version_and_when_the_run_began(tmp_path):
    settings = settings_of(tmp_path, version="4")
    (tmp_path / "baselines").mkdir()
    file = tmp_path / "baselines" / f"{'a' * 64}.json"
    file.write_text("{}")
    begun = start(baseline_before="a" * 64, run_started=500)
    order = order_of(settings, settings.models["churn"], begun)
    assert (order.baseline, order.candidate_version, order.started) == (file, "4", 500)
    assert order_of(settings, settings.models["churn"], start()).baseline is None
