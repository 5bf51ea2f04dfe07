import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from monitor.clock import HOUR, ManualClock
from monitor.demo import phases
from monitor.demo.digits import prepare
from monitor.demo.source import DemoSource


@pytest.fixture(scope="module")
def promise():
    return prepare()


def started(*options):
    command = [sys.executable, "-m", "monitor", "demo", "--listen", "127.0.0.1:0", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_the_demo_shows_what_its_three_phases_announce_and_ends_by_itself():
    child = started("--seconds", "25")
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, "")
    for name in ("healthy", "mix", "damage"):
        assert re.search(rf"^{name} +as announced$", out, re.MULTILINE), out
    assert "WORSE" in out
    assert "Phase 3 of 3: damage" in out


def test_the_demo_serves_its_page_and_ctrl_c_ends_it_with_exit_code_0():
    child = started()
    url = None
    for line in child.stdout:
        if found := re.search(r"http://\S+/", line):
            url = found[0]
            break
    deadline = time.monotonic() + 30
    body = ""
    while "healthy" not in body:
        assert time.monotonic() < deadline, body
        with urllib.request.urlopen(url, timeout=10) as answer:
            body = answer.read().decode()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=15)
    assert (child.returncode, err) == (0, "")


def test_a_demo_in_a_hurry_ends_in_time_too():
    begun = time.monotonic()
    child = started("--seconds", "5")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert time.monotonic() - begun < 30
    assert re.search(r"^damage +", out, re.MULTILINE)


@pytest.mark.parametrize("seconds", ["0", "-3", "nan", "inf"])
def test_no_time_to_run_is_refused(seconds):
    child = started("--seconds", seconds)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 2
    assert "is no time to run; write a positive number, such as 60" in err


def test_a_port_in_use_is_named_before_anything_is_cross_validated():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        child = started("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (2, "")
    assert "the port is in use; stop the other program" in err


def test_production_is_the_same_however_often_it_is_asked(promise):
    def events(moments):
        clock = ManualClock(phases.BEGIN)
        source = DemoSource(promise.pools, clock)
        predictions, labels = [], []
        for moment in moments:
            clock.move_to(phases.BEGIN + moment)
            batch = source.poll().models
            if not batch:
                continue
            part = batch[phases.MODEL]
            predictions += zip(part.predictions.ids, part.predictions.predicted_at.tolist(), strict=True)
            labels += zip(part.labels.ids, part.labels.labelled_at.tolist(), part.labels.y_true.tolist(), strict=True)
        return predictions, labels

    once = events([2 * HOUR])
    often = events([*np.sort(np.random.default_rng(0).integers(0, 2 * HOUR, 50)).tolist(), 2 * HOUR, 2 * HOUR])
    assert once[0] == often[0]
    assert sorted(once[1]) == sorted(often[1])
    assert len(once[0]) == 2 * phases.PER_HOUR + 1
    assert len(once[1]) > phases.PER_HOUR


def test_each_phase_draws_the_classes_that_it_announces(promise):
    clock = ManualClock(phases.BEGIN)
    source = DemoSource(promise.pools, clock)
    for phase in phases.PHASES:
        clock.move_to(clock.now() + phases.PHASE_HOURS * HOUR)
        y_true = source.poll().models[phases.MODEL].labels.y_true
        shares = np.bincount(y_true, minlength=10) / len(y_true)
        assert np.abs(shares - phase.shares).max() < 0.02
