"""deploy/systemd: the timer of re-validation starts what the daemon's unit is beside, shut in as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict

import pytest
import yaml
from image_build import ROOT

from monitor.cli import main
from monitor.config.read import understand

FOLDER = ROOT / "deploy" / "systemd"
UNIT, TIMER = FOLDER / "foldwatch-revalidate.service", FOLDER / "foldwatch-revalidate.timer"
DROP_IN = FOLDER / "foldwatch-revalidate.service.d" / "credentials.conf"
EXPOSURE = 1.5
CREDENTIALS = "/run/credentials/foldwatch-revalidate.service/"
ITS_OWN = {
    *("Description", "After", "Type", "ExecStart", "Environment", "SuccessExitStatus", "TimeoutStartSec"),
    *("TimeoutStopSec", "InaccessiblePaths", "MemoryMax", "TasksMax"),
}
"""What the service says otherwise than the daemon's."""
OF_THE_DAEMON = {
    *("StartLimitIntervalSec", "Restart", "RestartSec", "RestartPreventExitStatus", "WantedBy"),
    *("StateDirectory", "StateDirectoryMode", "WorkingDirectory"),
}
"""What only the daemon's says: it keeps running, and has a state."""


def settings(path):
    """Return key -> values."""
    found = defaultdict(list)
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found[key].append(value)
    return dict(found)


@pytest.fixture
def units(tmp_path):
    """All units and drop-ins, with a command that this machine has."""
    shutil.copytree(FOLDER, tmp_path / "units")
    for unit in (tmp_path / "units").glob("*.service"):
        unit.write_text(unit.read_text().replace("ExecStart=/opt/foldwatch/bin/foldwatch ", "ExecStart=/bin/true "))
    return tmp_path / "units"


def test_systemd_accepts_the_service_its_drop_in_and_the_timer(systemd_analyze, units):
    def verified():
        done = subprocess.run(
            [systemd_analyze, "verify", "--man=no", "--recursive-errors=no", units / UNIT.name, units / TIMER.name],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, [line for line in done.stderr.splitlines() if "foldwatch" in line]

    assert verified() == (0, [])
    for path, section in ((UNIT, "[Service]"), (TIMER, "[Timer]"), (DROP_IN, "[Service]")):
        copy = units / path.relative_to(FOLDER)
        text = copy.read_text()
        copy.write_text(text.replace(section, f"{section}\nMisspelt=1"))
        assert any("Misspelt" in line for line in verified()[1]), "it would overlook a mistake"
        copy.write_text(text)


def test_it_is_shut_in_far_below_what_is_asked(systemd_analyze):
    words = [systemd_analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE * 10:.0f}", UNIT]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    level = re.search(r"Overall exposure level for foldwatch-revalidate.service: (\d+\.\d+)", done.stdout)
    assert float(level[1]) <= EXPOSURE


def test_it_is_shut_in_as_the_daemon_is_and_sees_nothing_of_its_state():
    daemon, own = settings(FOLDER / "foldwatch.service"), settings(UNIT)
    assert {key: own[key] for key in own.keys() - ITS_OWN} == {
        key: daemon[key] for key in daemon.keys() - ITS_OWN - OF_THE_DAEMON
    }
    assert own["InaccessiblePaths"] == ["-/var/lib/foldwatch -/var/lib/private/foldwatch"]
    assert "POLARS_SKIP_CPU_CHECK=1" in own["Environment"]


def test_it_runs_the_command_that_there_is_and_an_answer_is_no_failure(capsys):
    own = settings(UNIT)
    ((program, command, *options),) = (line.split() for line in own["ExecStart"])
    assert (program, options) == ("/opt/foldwatch/bin/foldwatch", ["--config", "/etc/foldwatch/foldwatch.yaml"])
    assert main([command, "--help"]) == 0
    assert "1: rejected or failed" in " ".join(capsys.readouterr().out.split())
    assert own["SuccessExitStatus"] == ["1"]
    assert own["Type"] == ["oneshot"]


def test_the_timer_makes_good_what_was_missed_and_spreads_machines_over_ten_minutes():
    assert settings(TIMER) == {
        "Description": ["foldwatch: re-validation, every hour"],
        "OnCalendar": ["hourly"],
        "RandomizedDelaySec": ["10min"],
        "FixedRandomDelay": ["yes"],
        "Persistent": ["yes"],
        "Unit": [UNIT.name],
        "WantedBy": ["timers.target"],
    }


def test_what_the_example_says_of_re_validation_is_valid_and_its_credentials_are_loaded(tmp_path):
    text = (FOLDER / "foldwatch.yaml").read_text()
    told = re.sub(
        r"(?m)^( *)# (?=daemon:|  (?:url|token_file|ca_file):|revalidate:|  (?:when|action|promote_to):)", r"\1", text
    )
    assert yaml.safe_load(told)["daemon"]
    read = understand(told.encode(), tmp_path / "foldwatch.yaml")
    assert read.models["churn"].revalidation.action.kind == "webhook"
    loaded = {value.partition(":")[0] for value in settings(DROP_IN)["LoadCredential"]}
    assert loaded == {path.name for path in (read.daemon.token_file, read.daemon.ca_file)}
    assert str(read.daemon.token_file.parent) + "/" == CREDENTIALS
