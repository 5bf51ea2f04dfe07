"""The action `command`: what a program is told, what is made of its end, and its limits."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import pytest
from action_kinds import LONG, RESULT, baseline_bytes, order_in
from action_scene import watched
from left_behind import running_in

from monitor.config.revalidation import CommandAction
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.command import Command


@pytest.fixture
def order(tmp_path):
    return order_in(tmp_path)


def ran(order, *argv, **more):
    watch, said = watched()
    settings = CommandAction(tuple(argv), **{"time_limit": LONG, **more})
    return Command(settings).run(order, watch), said


def shell(order, script, **more):
    return ran(order, "sh", "-c", script, **more)


def test_arguments_are_filled_in_once_and_no_shell_reads_them(order, tmp_path):
    order = replace(order, version="{run}; touch pwned `id`", candidate_version="4", baseline=tmp_path / "b.json")
    code = "import sys; open('seen', 'w').write(repr(sys.argv[1:]))"
    outcome, _ = ran(
        order, sys.executable, "-c", code, "--key={run}", "{version}", "{model}/{candidate_version}", "{x}{baseline}"
    )
    assert outcome.state is State.HANDED_OVER
    seen = [f"--key={order.run}", "{run}; touch pwned `id`", "churn/4", f"{{x}}{tmp_path / 'b.json'}"]
    assert (tmp_path / "seen").read_text() == repr(seen)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seen"]


def test_the_same_stands_in_the_environment_with_the_decision(order, tmp_path):
    order = replace(order, decision={"decision": "promoted", "reasons": ["üb"]})
    shell(order, "env | grep ^FOLDWATCH_ | sort > seen")
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert json.loads(seen.pop("FOLDWATCH_DECISION")) == {"decision": "promoted", "reasons": ["üb"]}
    assert seen == {
        "FOLDWATCH_RUN": order.run,
        "FOLDWATCH_MODEL": "churn",
        "FOLDWATCH_VERSION": "3",
        "FOLDWATCH_CANDIDATE_VERSION": "3",
        "FOLDWATCH_BASELINE": "",
    }


def test_without_a_result_to_wait_for_its_good_end_is_all(order):
    outcome, _ = ran(order, "true")
    assert (outcome.state, outcome.candidate) == (State.HANDED_OVER, None)
    assert outcome.reason == "true ended well, and no `result` is configured to wait for"


def test_its_exit_code_and_the_end_of_its_standard_error_are_the_reason(order, tmp_path):
    outcome, _ = shell(order, "seq 1 5000 >&2; printf 'the disk is full\\n' >&2; exit 7", result=tmp_path / RESULT)
    assert outcome.state is State.FAILED
    place = "models.churn.revalidate.action: sh ended with exit code 7; it said: "
    assert outcome.reason == f"{place}4997 / 4998 / 4999 / 5000 / the disk is full; run it by hand in {tmp_path}"


def test_endless_words_stay_few(order):
    outcome, said = shell(order, "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo progress: $(seq 1 2000); exit 1")
    assert len(outcome.reason) < 600
    assert [len(line) for line in said.told] == [7, 200]


def test_a_signal_that_ends_it_is_named(order):
    outcome, _ = shell(order, "kill -SEGV $$")
    assert "sh was ended by signal 11" in outcome.reason


@pytest.mark.parametrize("program", ["no-such-program", "./not-executable"])
def test_a_program_that_cannot_be_started_is_told_with_its_key(order, tmp_path, program):
    (tmp_path / "not-executable").write_text("")
    outcome, _ = ran(order, program)
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith(
        f"models.churn.revalidate.action.argv: {program} cannot be started in {tmp_path} ("
    )


def test_only_lines_that_say_so_are_progress_and_the_rest_goes_to_standard_error(order, capfd):
    outcome, said = shell(order, "echo id-1234; echo 'progress: fold 1 of 6'; printf 'progress: no end of line'")
    assert outcome.state is State.HANDED_OVER
    assert said.told == ["sh runs", "fold 1 of 6"]
    out, err = capfd.readouterr()
    assert (out, err) == ("", "id-1234\nprogress: fold 1 of 6\nprogress: no end of line")


def test_its_processes_together_may_not_hold_more_than_the_memory_limit(order):
    hold = f"exec {sys.executable} -c 'import time; x = b\"x\" * 60_000_000; time.sleep(60)'"
    outcome, _ = shell(order, f"({hold}) & ({hold}) & wait", memory_limit=100_000_000)
    assert outcome.state is State.FAILED
    assert "memory_limit: sh and what it started held 1" in outcome.reason
    assert outcome.reason.endswith("MB of 100 MB; raise memory_limit")


def test_what_it_leaves_running_ends_with_it(order, tmp_path):
    (tmp_path / "made.json").write_bytes(baseline_bytes())
    outcome, _ = shell(order, f"sleep 600 & cp made.json {RESULT}", result=tmp_path / RESULT)
    assert outcome.state is State.SUCCEEDED
    assert running_in(tmp_path) == []


def test_a_program_that_ends_well_without_its_result_has_failed(order, tmp_path):
    outcome, _ = ran(order, "true", result=tmp_path / RESULT)
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith(f"{tmp_path / RESULT}: there is no such file; let the action write the baseline")


def test_half_a_result_is_none(order, tmp_path):
    (tmp_path / "made.json").write_bytes(baseline_bytes()[:500])
    outcome, _ = ran(order, "cp", "made.json", RESULT, result=tmp_path / RESULT)
    assert outcome.state is State.FAILED
    assert "is cut: its end is missing" in outcome.reason


def test_a_program_that_closes_its_ends_is_still_waited_for(order, tmp_path):
    outcome, _ = shell(order, "exec >&- 2>&-; sleep 0.3; echo late > seen")
    assert outcome.state is State.HANDED_OVER
    assert (tmp_path / "seen").read_text() == "late\n"


def test_a_program_reads_nothing_from_us(order):
    reader, writer = os.pipe()
    kept = os.dup(0)
    os.dup2(reader, 0)
    try:
        outcome, _ = ran(order, "cat")
    finally:
        os.dup2(kept, 0)
        for descriptor in (reader, writer, kept):
            os.close(descriptor)
    assert outcome.state is State.HANDED_OVER
