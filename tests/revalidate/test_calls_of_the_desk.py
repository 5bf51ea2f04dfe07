"""Calls: every message arrives as it was sent, and every error as what it was."""

from __future__ import annotations

import json

import pytest
import scripted_desk as scripted
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_desk import ScriptedDesk

from monitor.errors import InputError, Problem, StateBroken, StateInUse
from monitor.revalidate.asking.calls import CALLS, answer, fault_of
from monitor.revalidate.desk import DeskAway, Refused


def asked(desk, name, body=b"{}"):
    status, content = answer(desk, name, body)
    return int(status), content


def test_an_unknown_call_is_not_found_and_told_which_there_are():
    status, content = asked(ScriptedDesk(), "x" * 500)
    assert (status, len(content) < 300, all(name in content.decode() for name in CALLS)) == (404, True, True)


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.message.__dataclass_fields__])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b'{"model": 3, "run": 3}', b"{" * 100_000])
def test_a_body_that_is_not_the_message_is_refused_before_the_desk_is_asked(name, body):
    desk = ScriptedDesk()
    status, content = asked(desk, name, body)
    assert (status, desk.asked) == (400, [])
    assert json.loads(content)["error"].startswith(f"`{name}` does not understand the body")


@settings(max_examples=50, deadline=None)
@given(name=st.sampled_from(sorted(CALLS)), body=st.binary(max_size=200))
def test_whatever_comes_is_answered(name, body):
    status, content = asked(ScriptedDesk(), name, body)
    assert status in {200, 400}
    assert json.loads(content) is not None or name == "uploaded"


PROBLEM = Problem("c.yaml:7", "is wrong", "mend it")


@pytest.mark.parametrize(
    ("trouble", "status", "problems"),
    [
        (Refused("there is nothing to approve"), 409, []),
        (InputError(PROBLEM, PROBLEM), 400, [PROBLEM, PROBLEM]),
        (StateInUse(PROBLEM), 400, [PROBLEM]),
        (StateBroken(PROBLEM), 500, [PROBLEM]),
        (DeskAway("later"), 503, []),
    ],
    ids=["refused", "input", "in use", "broken", "away"],
)
def test_what_the_desk_raises_is_a_status_with_the_words(trouble, status, problems):
    found, content = asked(ScriptedDesk(trouble), "uploads")
    assert (found, fault_of(content).error, fault_of(content).problems) == (status, str(trouble), problems)


def test_a_fault_of_ours_is_logged_and_its_words_stay_here(caplog):
    status, content = asked(ScriptedDesk(KeyError("a secret")), "uploads")
    assert (status, b"secret" in content) == (500, False)
    assert "a secret" in caplog.text


def test_what_is_not_our_error_is_told_as_the_text_that_it_is():
    assert fault_of(b"<html>\n bad  gateway").error == "<html> bad gateway"
    assert len(fault_of(b"x" * 10_000).error) == 500
    assert scripted.LEDGERED.number == 1
