"""The desk of whoever holds the state: decisions, candidates, approval, rollback; all of it idempotent and ledgered."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import pytest
from desk_scene import (
    MODEL,
    NOW,
    ask,
    begin,
    entries,
    is_whole,
    kinds,
    live,
    opened,
    pointed,
    promoted,
    result,
    scene,
)
from promoted_scene import fabricated

from monitor.baselines.file import document_bytes, write
from monitor.baselines.in_force import load_baselines
from monitor.clock import DAY, HOUR, MINUTE, ManualClock
from monitor.config import load
from monitor.config.revalidation import CrossvalAction, TrainingRows
from monitor.config.settings import Duration, Input, SourceSettings
from monitor.counts.slices import FixedSlices
from monitor.errors import InputError
from monitor.revalidate.decision import Drift, Verb
from monitor.revalidate.desk import Candidate, Ended, Progress, Refused, Result
from monitor.revalidate.evidence.offline import seen_offline
from monitor.revalidate.writing.lease import holder
from monitor.sources.files import Files
from monitor.state.opened import open_state
from monitor.stream.loop import Stream
from monitor.stream.sampled import Samples

FIRST = fabricated("3")
GOOD = fabricated("3", seed=2)
BETTER = fabricated("3", right=0.95)
WORSE = fabricated("3", right=0.7)


def other_classes():
    return fabricated("3", classes=("stay", "leave", "pause"))


def test_opening_writes_down_the_configuration_and_what_is_in_force_once(tmp_path):
    settings = scene(tmp_path)
    for _ in range(2):
        with opened(settings) as at:
            assert kinds(settings) == ["config", "baseline"]
            assert is_whole(settings, at.state)
    [config] = entries(settings, "config")
    assert config["sha256"] == settings.sha256
    assert config["revalidate"][MODEL]["action"]["argv"] == ["true"]
    assert config["by"] == "foldwatch"
    [baseline] = entries(settings, "baseline")
    assert (baseline["model"], baseline["version"], baseline["baseline"]) == (MODEL, "3", FIRST.content_hash)


def test_another_configuration_and_another_baseline_are_written_down(tmp_path):
    with opened(scene(tmp_path)):
        pass
    write(BETTER, tmp_path / "first.json")
    (tmp_path / "foldwatch.yaml").write_text((tmp_path / "foldwatch.yaml").read_text() + "# changed\n")
    settings = load(tmp_path / "foldwatch.yaml")
    with opened(settings):
        assert kinds(settings) == ["config", "baseline", "config", "baseline"]
    assert entries(settings, "baseline")[1]["baseline"] == BETTER.content_hash


def test_a_candidate_that_passes_is_in_force_and_everything_about_it_is_in_the_ledger(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        drift = Drift(0.4, sha256="d" * 64)
        run = begin(at.desk, drift={"3": drift})
        done = at.desk.hand_in(result(run, BETTER, inputs={"data": "a" * 64}, warnings=("look out",)))
        assert (done.decision, done.baseline_before, done.baseline_after) == (
            Verb.PROMOTED,
            FIRST.content_hash,
            BETTER.content_hash,
        )
        assert (done.triggered, done.run, done.run_started, done.at) == (("force",), run, NOW, NOW)
        assert "look out" in done.warnings
        assert done.gate["passed"]
        assert at.adopted == [("3", BETTER.content_hash)]
        assert pointed(settings) == {"3": BETTER.content_hash}
        assert load_baselines(settings)[MODEL, "3"] == BETTER
        assert kinds(settings) == ["config", "baseline", "decision start", "decision promoted", "promotion"]
        start, end = entries(settings, "decision")
        assert start["seen"]["drift"]["share"] == 0.4
        assert start["inputs"] == {
            "baseline": FIRST.content_hash,
            "configuration": settings.sha256,
            "drift_report": "d" * 64,
        }
        assert end["inputs"] == {
            **start["inputs"],
            "candidate": hashlib.sha256(document_bytes(BETTER)).hexdigest(),
            "data": "a" * 64,
        }
        assert [one["by"] for one in (start, end)] == ["me@here", "me@here"]
        [promotion] = entries(settings, "promotion")
        assert (promotion["baseline_before"], promotion["baseline_after"]) == (
            FIRST.content_hash,
            BETTER.content_hash,
        )
        assert is_whole(settings, at.state)
    folder = tmp_path / "baselines"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            "current.json",
            f"{BETTER.content_hash}.json",
            f"{BETTER.content_hash}.json.folds.csv",
            f"{FIRST.content_hash}.json",
        ]
    )


def test_the_same_result_handed_in_twice_counts_once(tmp_path):
    settings = scene(tmp_path)
    for candidate, verb in ((BETTER, "promoted"), (WORSE, "rejected")):
        with opened(settings) as at:
            run = begin(at.desk)
            first = at.desk.hand_in(result(run, candidate))
            before = kinds(settings)
            assert at.desk.hand_in(result(run, candidate)) == first
        with opened(settings) as at:
            assert at.desk.hand_in(result(run, candidate)) == first
            assert (first.decision, kinds(settings)) == (verb, before)
            with pytest.raises(Refused, match=f"is at its end .{verb}, succeeded.: another candidate comes too late"):
                at.desk.hand_in(result(run, GOOD))


def test_a_candidate_that_is_worse_is_rejected_with_class_and_amount_and_is_kept(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        done = at.desk.hand_in(replace(result(begin(at.desk), WORSE), drift_html=b"<html>"))
        assert (done.decision, done.baseline_after) == (Verb.REJECTED, FIRST.content_hash)
        assert any("recall of leave" in reason or "leave" in reason for reason in done.reasons)
        assert any("0.7" in reason and "0.9" in reason for reason in done.reasons)
        assert (at.adopted, pointed(settings)) == ([], {})
        assert kinds(settings)[-1] == "decision rejected"
        end = entries(settings, "decision")[-1]
        assert end["inputs"]["drift_report"] == hashlib.sha256(b"<html>").hexdigest()
        assert at.desk.revalidating()[MODEL].gate_passed is False
    kept = tmp_path / "baselines" / f"{WORSE.content_hash}.json"
    assert kept.read_bytes() == document_bytes(WORSE)
    assert kept.with_name(kept.name + ".drift.html").read_bytes() == b"<html>"


@pytest.mark.parametrize(
    ("document", "verb", "words"),
    [
        (b"not a baseline", "failed", "what was handed in is no baseline"),
        (b"", "failed", "is empty"),
        (document_bytes(GOOD)[:-200], "failed", "is cut"),
        (document_bytes(GOOD).replace(b"stay", b"rest"), "failed", "was changed or damaged"),
        (
            document_bytes(fabricated("3", model="other")),
            "failed",
            "is a baseline of the model `other`, not of `churn`",
        ),
        (document_bytes(fabricated("4")), "failed", "is a baseline of version `4`, and `3` was asked for"),
        (document_bytes(other_classes()), "rejected", "has other classes than configured: it alone has pause"),
    ],
)
def test_a_candidate_that_does_not_fit_says_why_and_the_old_baseline_stays(tmp_path, document, verb, words):
    settings = scene(tmp_path)
    with opened(settings) as at:
        handed_in = Result(begin(at.desk), "me@here", Candidate(document))
        done = at.desk.hand_in(handed_in)
        assert (done.decision, done.baseline_after) == (verb, FIRST.content_hash)
        assert words in " ".join(done.reasons)
        assert (at.adopted, pointed(settings)) == ([], {})
        assert at.desk.hand_in(handed_in) == done
        assert load_baselines(settings) == {(MODEL, "3"): FIRST}
        assert not at.desk.revalidating()[MODEL].run
        begin(at.desk)


def test_a_retrained_model_is_promoted_beside_the_old_version(tmp_path):
    settings = scene(tmp_path, action=', version: "4"')
    retrained = fabricated("4", right=0.92)
    with opened(settings) as at:
        done = promoted(at.desk, retrained)
        assert (done.version, done.baseline_before, done.baseline_after) == (
            "3",
            FIRST.content_hash,
            retrained.content_hash,
        )
        assert at.adopted == [("4", retrained.content_hash)]
        assert pointed(settings) == {"4": retrained.content_hash}
        assert set(load_baselines(settings)) == {(MODEL, "3"), (MODEL, "4")}
        undone = at.desk.rollback(MODEL, "me")
        assert (undone.version, undone.baseline_before, undone.baseline_after) == ("4", retrained.content_hash, None)
        assert at.adopted[-1] == ("4", None)
        assert set(load_baselines(settings)) == {(MODEL, "3")}


def test_what_is_in_force_already_is_promoted_without_a_promotion_and_is_young_again(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        promoted(at.desk, BETTER)
        path = tmp_path / "baselines" / f"{BETTER.content_hash}.json"
        os.utime(path, (1, 1))
        done = promoted(at.desk, BETTER)
        assert done.baseline_before == done.baseline_after == BETTER.content_hash
        assert kinds(settings).count("promotion") == 1
        assert path.stat().st_mtime > 1


def test_rollback_brings_back_what_was_before_and_twice_what_was_before_that(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        with pytest.raises(Refused, match="nothing was promoted for `churn` that could be taken back"):
            at.desk.rollback(MODEL, "me")
        promoted(at.desk, GOOD)
        promoted(at.desk, BETTER)
    (tmp_path / "first.json").unlink()  # the configuration's own file: what was in force is in the folder too
    with opened(settings) as at:
        for wanted in (GOOD, FIRST):
            done = at.desk.rollback(MODEL, "me")
            assert done.baseline_after == wanted.content_hash
            assert at.adopted[-1] == ("3", wanted.content_hash)
            assert pointed(settings) == {"3": wanted.content_hash}
            assert load_baselines(settings)[MODEL, "3"] == wanted
        with pytest.raises(Refused, match="nothing was promoted"):
            at.desk.rollback(MODEL, "me")
        assert kinds(settings)[-2:] == ["rollback", "rollback"]
        assert entries(settings, "rollback")[0]["by"] == "me"
        assert is_whole(settings, at.state)


def test_a_rolled_back_baseline_needs_force_to_come_again(tmp_path):
    settings = scene(tmp_path, when="baseline_age: 1d")
    with opened(settings, now=NOW + 4000 * DAY) as at:
        promoted(at.desk, BETTER)
        at.desk.rollback(MODEL, "me")
        run = begin(at.desk, force=False)
        done = at.desk.hand_in(result(run, BETTER))
        assert done.decision == Verb.REJECTED
        assert "was rolled back: it needs a run with --force to come again" in done.reasons[0]
        assert done.gate["passed"]
        assert promoted(at.desk, BETTER).baseline_after == BETTER.content_hash
        at.desk.rollback(MODEL, "me")
        promoted(at.desk, GOOD, force=False)


def test_approval_by_hand_promotes_what_waits_for_it(tmp_path):
    settings = scene(tmp_path, gate="approval: manual")
    with opened(settings) as at:
        with pytest.raises(Refused, match="nothing of `churn` waits for approval"):
            at.desk.approve(MODEL, "boss")
        run = begin(at.desk)
        waiting = at.desk.hand_in(result(run, BETTER))
        assert (waiting.decision, waiting.waits_for_approval) == (Verb.START, True)
        assert waiting.baseline_after == FIRST.content_hash
        assert (at.adopted, pointed(settings)) == ([], {})
    with opened(settings) as at:
        assert at.desk.hand_in(result(run, BETTER)) == waiting
        with pytest.raises(Refused, match="waits for approval: another candidate comes too late"):
            at.desk.hand_in(result(run, GOOD))
        [held] = at.desk.decide(ask())
        assert (held.decision, held.held_back_by) == (Verb.NONE, ("open_run",))
        assert at.desk.revalidating()[MODEL].waits_for_approval
        done = at.desk.approve(MODEL, "boss")
        assert (done.decision, done.baseline_after, done.run) == (Verb.PROMOTED, BETTER.content_hash, run)
        assert at.adopted == [("3", BETTER.content_hash)]
        assert kinds(settings)[-3:] == ["approval", "decision promoted", "promotion"]
        assert entries(settings, "approval")[0]["by"] == "boss"
        with pytest.raises(Refused, match="nothing of"):
            at.desk.approve(MODEL, "boss")


def test_who_approves_approves_only_what_was_judged_against_what_is_in_force_still(tmp_path):
    settings = scene(tmp_path, gate="approval: manual")
    with opened(settings) as at:
        at.desk.hand_in(result(begin(at.desk), BETTER))
    write(GOOD, tmp_path / "first.json")
    with opened(settings) as at:
        with pytest.raises(Refused, match="its judgement says nothing any more; it is rejected"):
            at.desk.approve(MODEL, "boss")
        assert (at.adopted, pointed(settings)) == ([], {})
        assert kinds(settings)[-1] == "decision rejected"
        begin(at.desk)


def test_what_waits_can_be_declined(tmp_path):
    settings = scene(tmp_path, gate="approval: manual")
    with opened(settings) as at:
        run = begin(at.desk)
        at.desk.hand_in(result(run, BETTER))
        done = at.desk.end(Ended(run, "boss", "cancelled", "not before the holidays"))
        assert (done.decision, done.reasons) == (Verb.FAILED, ("not before the holidays",))
        with pytest.raises(Refused):
            at.desk.approve(MODEL, "boss")
        begin(at.desk)


@pytest.mark.parametrize("state", ["failed", "timed out", "cancelled"])
def test_a_run_without_a_candidate_fails_with_its_reason_once(tmp_path, state):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
        ended = Ended(run, "me", state, "the disk caught fire")
        done = at.desk.end(ended)
        assert (done.decision, done.reasons, done.triggered) == (Verb.FAILED, ("the disk caught fire",), ("force",))
        assert done.baseline_after == FIRST.content_hash
        before = kinds(settings)
        assert before[-2:] == ["action", "decision failed"]
        assert at.desk.end(ended) == done
        assert kinds(settings) == before
        with pytest.raises(Refused, match="is at its end already"):
            at.desk.end(replace(ended, state="handed over"))
        with pytest.raises(Refused, match="another candidate comes too late"):
            at.desk.hand_in(result(run, BETTER))
        stands = at.desk.revalidating()[MODEL]
        assert (stands.failures, stands.ended, stands.decision) == (1, {state: 1}, "failed")
        at.desk.end(replace(ended, run=begin(at.desk)))
        assert at.desk.revalidating()[MODEL].failures == 2
        promoted(at.desk, BETTER)
        assert at.desk.revalidating()[MODEL].failures == 0


def test_a_run_that_is_handed_over_stays_a_start_and_is_in_nobodys_way(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
        done = at.desk.end(Ended(run, "me", "handed over", "the pipeline has it"))
        assert (done.decision, done.reasons[-1]) == (Verb.START, "the pipeline has it")
        assert at.desk.revalidating()[MODEL].run is None
        assert at.desk.revalidating()[MODEL].ended == {"handed over": 1}
        assert begin(at.desk) != run


def test_a_run_that_nobody_knows_is_refused(tmp_path):
    with opened(scene(tmp_path)) as at:
        for call in (
            lambda: at.desk.hand_in(result("ab", BETTER)),
            lambda: at.desk.end(Ended("ab", "me", "failed", "")),
        ):
            with pytest.raises(Refused, match="there is no run ab"):
                call()
        assert at.desk.progress(Progress("ab", "x/y/1/2")) is False
        with pytest.raises(Refused, match="there is no model `x`: the configuration has churn"):
            at.desk.decide(ask(model="x"))


def test_asking_again_starts_nothing_twice(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
        assert begin(at.desk) == run
        [other] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert (other.decision, other.held_back_by) == (Verb.NONE, ("open_run",))
    with opened(settings) as at:  # the lease outlives who wrote it
        [other] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert other.held_back_by == ("open_run",)
        assert begin(at.desk) == run
        # What is held back is written down once.
        assert kinds(settings)[2:] == ["decision start", "decision none"]
        at.clock.move_to(NOW + 2 * MINUTE)
        [again] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert (again.decision, again.run, again.run_started, again.at) == (Verb.START, run, NOW, NOW + 2 * MINUTE)
        assert entries(settings, "action")[-1]["action"] == "taken up again"
        assert at.desk.progress(Progress(run, "here/boot/1/2")) is False
        assert at.desk.progress(Progress(run, "there/boot/7/8")) is True


def test_a_run_whose_holder_is_dead_is_taken_up_at_once(tmp_path):
    settings = scene(tmp_path)
    host, boot, process, start = holder().rsplit("/", 3)
    with opened(settings) as at:
        run = begin(at.desk, holder=f"{host}/{boot}/{process}/{int(start) - 1}")
        assert begin(at.desk, holder=f"{host}/{boot}/1/1") == run
    with opened(settings, same_machine=False) as at:
        [held] = at.desk.decide(ask(holder=holder()))
        assert held.held_back_by == ("open_run",)
    with opened(settings) as at:
        assert begin(at.desk, holder=holder()) == run
        [held] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert held.held_back_by == ("open_run",)


def test_progress_renews_the_lease_is_shown_and_keeps_what_was_begun_once(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
        at.clock.move_to(NOW + MINUTE)
        for text in ("fold 1 of 5", "fold 2 of 5"):
            assert at.desk.progress(Progress(run, "here/boot/1/2", text, reference="job/7"))
        stands = at.desk.revalidating()[MODEL]
        assert (stands.run, stands.open_since, stands.progress) == (run, NOW, "fold 2 of 5")
        assert [one["reference"] for one in entries(settings, "action")] == ["job/7"]
        at.clock.move_to(NOW + 2 * MINUTE)
        [held] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert held.held_back_by == ("open_run",)
        at.desk.hand_in(result(run, BETTER))
        assert at.desk.progress(Progress(run, "here/boot/1/2")) is False
        assert at.desk.revalidating()[MODEL].progress == ""


def test_a_dry_run_writes_nothing_at_all(tmp_path):
    settings = scene(tmp_path)
    with opened(settings):
        pass
    before = (settings.ledger.read_bytes(), sorted(path.name for path in tmp_path.iterdir()))
    with opened(settings) as at:
        [decision] = at.desk.decide(ask(dry_run=True))
        assert (decision.decision, decision.held_back_by) == (Verb.START, ())
        assert (at.desk.revalidating()[MODEL].asked_at, at.state.kept("leases")) == (None, None)
        assert decision.run == begin(at.desk)
    assert settings.ledger.read_bytes().startswith(before[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == before[1]


def test_a_decision_without_a_trigger_is_no_entry_and_the_last_question_is_shown(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        [decision] = at.desk.decide(ask(force=False))
        assert (decision.decision, decision.triggered) == (Verb.NONE, ())
        assert kinds(settings) == ["config", "baseline"]
    with opened(settings) as at:
        stands = at.desk.revalidating()[MODEL]
        assert (stands.asked_at, stands.decided_at, stands.decision, stands.run) == (NOW, None, None, None)


def test_yardstick_live_judges_by_what_production_delivers(tmp_path):
    settings = scene(tmp_path, gate="yardstick: live")
    with opened(settings, seen=live([[700, 300], [300, 700]])) as at:
        assert promoted(at.desk, fabricated("3", right=0.8)).baseline_after
    with opened(settings, seen=live([[980, 20], [20, 980]])) as at:
        done = at.desk.hand_in(result(begin(at.desk), GOOD))
        assert done.decision == Verb.REJECTED
    with opened(settings) as at:
        done = at.desk.hand_in(result(begin(at.desk), BETTER))
        assert done.decision == Verb.REJECTED


def test_old_training_data_and_rows_in_the_window_that_judges_are_warnings(tmp_path):
    settings = scene(tmp_path, gate="yardstick: live")
    reval = settings.models[MODEL].revalidation
    action = CrossvalAction(TrainingRows(), "y", "m:f", max_data_age=Duration(10 * DAY, "10d"))
    model = replace(settings.models[MODEL], revalidation=replace(reval, action=action))
    settings = replace(settings, models={MODEL: model})
    seen = live([[700, 300], [300, 700]])
    window = seen.results[0]
    inside, outside = window.end - HOUR, window.end
    with opened(settings, seen=seen) as at:
        young = result(begin(at.desk), GOOD, newest_row=NOW - 9 * DAY, rows_since={outside: 5, window.start - HOUR: 7})
        assert not any("training data" in text for text in at.desk.hand_in(young).warnings)
        old = result(
            begin(at.desk), BETTER, newest_row=NOW - 11 * DAY, rows_since={inside: 5, window.start: 6, outside: 9}
        )
        warnings = at.desk.hand_in(old).warnings
        assert any("their newest row is of" in text and "`max_data_age` 10d" in text for text in warnings)
        assert any("training data hold 11 rows" in text and "live window 24h" in text for text in warnings)


def test_whoever_is_told_of_a_promotion_is_noted_and_one_who_was_not_is_told_again(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        done = promoted(at.desk, BETTER)
        assert at.desk.end(Ended(done.run, "me", "not told", "it answered 500")).run == done.run
        at.desk.end(Ended(done.run, "me", "told", ""))
        at.desk.end(Ended(done.run, "me", "told", ""))
        assert [one["state"] for one in entries(settings, "action")] == ["not told", "told"]
        failed = at.desk.end(Ended(begin(at.desk), "me", "failed", "no"))
        with pytest.raises(Refused, match="promoted nothing: there is nobody to tell"):
            at.desk.end(Ended(failed.run, "me", "told", ""))


def test_mlflow_gets_what_it_does_not_have_in_order_and_once(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        first = promoted(at.desk, BETTER)
        second = at.desk.hand_in(result(begin(at.desk), WORSE))
        at.desk.rollback(MODEL, "me")
        waiting = at.desk.uploads()
        assert [(one.run, one.verb, one.hash) for one in waiting] == [
            (first.run, "promoted", BETTER.content_hash),
            (second.run, "rejected", WORSE.content_hash),
            (first.run, "rollback", FIRST.content_hash),
        ]
        assert waiting[0].document == document_bytes(BETTER)
        assert json.loads(waiting[1].artifacts["gate.json"])["passed"] is False
        at.desk.uploaded(first.run, "mlflow-1")
        at.desk.uploaded(first.run, "mlflow-1")
        assert [one.verb for one in at.desk.uploads()] == ["rejected", "rollback"]
    with opened(settings) as at:
        at.desk.uploaded(second.run, "mlflow-2")
        at.desk.uploaded(first.run, "mlflow-3")
        assert at.desk.uploads() == []


def test_a_run_of_a_version_that_left_production_is_given_up(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
        at.clock.move_to(NOW + 2 * MINUTE)
        at.in_force[MODEL, "5"] = replace(FIRST, version="5")
        del at.in_force[MODEL, "3"]
        [decision] = at.desk.decide(ask())
        assert (decision.version, decision.decision) == ("5", Verb.START)
        assert decision.run != run
        assert kinds(settings)[-2:] == ["decision failed", "decision start"]


def test_a_ledger_that_was_tampered_with_is_read_and_nothing_is_decided(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        run = begin(at.desk)
    own = settings.ledger.read_bytes().splitlines(keepends=True)
    settings.ledger.write_bytes(b"".join([own[0], own[1][:30] + b"\n", *own[2:]]))
    with opened(settings) as at:
        ledgered = at.desk.ledger()
        assert [one["number"] for one in ledgered.entries] == [1, 3]
        assert "entry 2 cannot be read: the line is cut or damaged" in ledgered.findings[0]
        assert ledgered.number == 3
        for call in (
            lambda: at.desk.decide(ask()),
            lambda: at.desk.hand_in(result(run, BETTER)),
            lambda: at.desk.rollback(MODEL, "me"),
            lambda: at.desk.approve(MODEL, "me"),
        ):
            with pytest.raises(InputError, match=r"ledger\.jsonl:2: entry 2 cannot be read.*restore the ledger"):
                call()
        assert at.desk.decide(ask(dry_run=True))
    assert pointed(settings) == {}


def test_a_ledger_whose_end_was_removed_is_found_by_what_the_state_knows(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        begin(at.desk)
    own = settings.ledger.read_bytes().splitlines(keepends=True)
    settings.ledger.write_bytes(b"".join(own[:-1]))
    with opened(settings) as at, pytest.raises(InputError, match="entry 3 is missing at the end"):
        at.desk.decide(ask())
    settings.ledger.unlink()
    with opened(settings) as at, pytest.raises(InputError, match="entries 1 to 3 are missing at the end"):
        at.desk.decide(ask())


def test_a_ledger_at_another_place_begins_anew_and_one_that_was_moved_goes_on(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        promoted(at.desk, BETTER)
    anew = replace(settings, ledger=tmp_path / "anew" / "ledger.jsonl")
    with opened(anew) as at:
        assert kinds(anew) == ["config", "baseline"]
        assert is_whole(anew, at.state)
    moved = replace(settings, ledger=tmp_path / "moved.jsonl")
    with opened(settings) as at:  # the old one again: it lacks nothing
        settings.ledger.rename(moved.ledger)
    with opened(moved) as at:
        assert kinds(moved)[-1] == "promotion"
        at.desk.rollback(MODEL, "me")


EVENTS = 400


def test_no_id_and_no_value_of_a_feature_ever_enters_the_ledger(tmp_path):
    settings = scene(tmp_path, when="drift_share: 0.3", gate="yardstick: live")
    predictions, labels = tmp_path / "predictions.jsonl", tmp_path / "labels.jsonl"
    begun = NOW - 12 * HOUR
    with predictions.open("w") as p, labels.open("w") as wanted:
        for n in range(EVENTS):
            secret = {"prediction_id": f"secret-id-{n}", "model": MODEL}
            at, said = begun + n * MINUTE, ("stay", "leave")[n % 2]
            features = {"income": 31_337.25 + n, "name": f"Jane-Secret-{n}"}
            p.write(json.dumps({**secret, "version": "3", "predicted_at": at, "y_pred": said, "features": features}))
            p.write("\n")
            wanted.write(json.dumps({**secret, "labelled_at": at + MINUTE, "y_true": said}) + "\n")
    configured = SourceSettings("files", predictions=Input(predictions), labels=Input(labels))
    settings = replace(settings, source=configured)
    state = open_state(settings)
    samples = Samples.restored(settings, state)
    source = Files(settings, ManualClock(NOW))
    stream = Stream(settings, source, state, FixedSlices(MINUTE), samples=samples)
    while stream.step().read:
        pass
    source.close()
    samples.keep(state)
    assert state.model(MODEL).outcomes.matched == EVENTS
    seen = seen_offline(settings, state, load_baselines(settings), NOW)
    with opened(settings, seen=seen, state=state) as at:
        [look] = at.desk.looks(MODEL)
        assert len(look.sampled.rows) == EVENTS
        run = begin(at.desk, drift={"3": Drift(1.0, {"income": {"p": 0.0, "drifted": True}})})
        assert at.desk.hand_in(result(run, GOOD)).gate["yardstick"]["kind"] == "live"
        at.desk.hand_in(result(begin(at.desk), WORSE))
        assert len(at.desk.ledger().entries) > 5
    state.close()
    content = settings.ledger.read_text()
    for secret in ("secret-id", "Jane-Secret", "31337", "31338"):
        assert secret not in content
