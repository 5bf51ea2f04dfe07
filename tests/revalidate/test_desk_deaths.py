"""Killed at each step of what it does to the disk, whoever asks again comes to the same end: nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from promoted_scene import fabricated

SUPPORT = Path(__file__).parent.parent / "support"
FIRST, GOOD, BETTER = (
    baseline.content_hash for baseline in (fabricated("3"), fabricated("3", seed=2), fabricated("3", right=0.95))
)
ENDS = {
    "begin": ({}, ["decision"]),
    "promote": ({"3": BETTER}, ["decision", "promotion"]),
    "reject": ({}, ["decision"]),
    "wait": ({}, ["decision"]),
    "approve": ({"3": BETTER}, ["approval", "decision", "promotion"]),
    "rollback": ({"3": FIRST}, ["rollback"]),
}
"""What it comes to: what is in force then, and the entries that tell of it."""
GONE = {"approve": "nothing of `churn` waits for approval", "rollback": "nothing was promoted for `churn`"}
"""What is said to who asks again for what was done already."""


@pytest.mark.parametrize("what", ENDS)
def test_killed_at_any_step_it_ends_as_if_nothing_had_happened(tmp_path, what):
    done = subprocess.run(
        [sys.executable, SUPPORT / "desk_death.py", tmp_path, what],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT.parents[1]), str(SUPPORT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    pointed, kinds = ENDS[what]
    before, then = told["before"], told["then"]
    new = [json.loads(line) for line in then["ledger"][len(before["ledger"]) :].splitlines()]
    assert [entry["kind"] for entry in new if entry["kind"] not in {"config", "baseline"}] == kinds
    assert (then["pointed"], then["whole"]) == (pointed, True)
    assert len(told["deaths"]) > 5
    for death in told["deaths"]:
        left, at = death["left"], (death["step"], death["cut"])
        assert not death["survived"], at
        assert left["whole"], at
        assert left["pointed"] in (before["pointed"], then["pointed"]), at
        assert left["in force"] in (before["in force"], then["in force"]), at
        assert left["ledger"].startswith(before["ledger"]), at
        # Not one entry more or less, and not one byte of another one.
        assert death["then"] == then, at
        if what in GONE and death["answer"] != told["wanted"]["said"]:
            assert death["answer"].startswith(GONE[what]), at
        else:
            assert death["answer"] == told["wanted"]["said"], at
