"""`make stack`: what it shows, how it ends, and that nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alert_stack import until

SCRIPT = Path(__file__).parents[1] / "scripts" / "stack"


@pytest.fixture
def started(prometheus, alertmanager, broker, tmp_path):
    assert prometheus
    assert alertmanager
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(SCRIPT), "--kafka", broker.bootstrap]
    with (tmp_path / "out").open("w") as out:
        child = subprocess.Popen(command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    yield child, tmp_path / "out"
    child.kill()
    child.wait()


def left(folder):
    """Commands that still run in a folder below this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append((process / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def test_the_page_arrives_and_resolves_and_nothing_is_left(started, tmp_path):
    child, out = started
    code = child.wait(170)
    said = out.read_text()
    assert code == 0, said
    assert re.search(r"s  PAGE: PagerDuty is told to trigger (\w+)…\n(.*\n)*.*is told to resolve \1…", said)
    assert "Slack, #ml-alerts: [PAGE] churn: recall of class leave" in said
    assert "Shortened" in said
    assert "Traceback" not in said
    assert left(tmp_path) == []
    assert list(tmp_path.glob("foldwatch-stack-*")) == []


def test_ctrl_c_ends_everything_and_a_second_signal_does_not_disturb_it(started, tmp_path):
    child, out = started
    until(lambda: "healthy traffic" in out.read_text() or child.poll() is not None, "everything runs")
    assert len(left(tmp_path)) >= 3
    child.send_signal(signal.SIGINT)
    until(lambda: "ending everything" in out.read_text(), "it was heard")
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 128 + signal.SIGINT, out.read_text()
    assert left(tmp_path) == []
    assert list(tmp_path.glob("foldwatch-stack-*")) == []
