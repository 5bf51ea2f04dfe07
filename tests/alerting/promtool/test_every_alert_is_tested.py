"""Every alert has a generated test in which it rings and one in which it is silent, and promtool passes them all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from promtool_runs import ran, written
from rule_cases import CASES, EXAMPLE, ROOT, configured
from tested_alerts import alerts_of, is_among, looks_of, untested

from monitor.alerting import names
from monitor.alerting.promtool import files as promtool_files
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import NOTE
from monitor.config.budgets import require_feasible
from monitor.config.read import understand

ALWAYS = (names.WATCHDOG,)
"""The dead man's switch is never silent: that is what it is for."""
TWO_MODELS = """\
evaluate_every: 10m
alerting: {grafana_url: "https://g.example", runbook_url: "https://r.example"}
models:
  churn:
    classes: [stay, leave]
    windows: [1h, 24h]
    label_horizon: 14d
    baseline: {"3": churn-3.json}
    revalidate: {action: {kind: command, argv: [retrain]}, gate: {max_fold_sd: 0.04}}
    objectives:
      - {name: floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.9371}
  letters:
    classes: [a, b, c]
    windows: [24h]
    label_horizon: 1d
    owner: team-text
    revalidate: {action: {kind: command, argv: [retrain]}, gate: {max_fold_sd: 0.07}}
    objectives: [{name: slices, metric: macro_f1, window: 24h, margin: 0.02, target: 0.9}]
  digits: {classes: [0, 1], baseline: {"1": digits-1.json}}
"""

ONE_OBJECTIVE = """\
evaluate_every: {every}
slo: {{period: {period}}}
models:
  churn:
    classes: [stay, leave]
    windows: [1h]
    objectives: [{{name: a stranger, metric: recall, class: leave, window: 1h, kind: occurrences, target: {target}}}]
"""


def settings_of(case):
    return understand(TWO_MODELS.encode(), Path("/nowhere/two.yaml")) if case == "two models" else configured(case)


@pytest.fixture(scope="module")
def two_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two-models")
    written(settings_of("two models"), folder)
    return folder


@pytest.mark.parametrize("case", ["two models", *(case for case in CASES if case != "example")])
def test_promtool_passes_the_tests_that_come_with_the_rules(case, promtool, tmp_path):
    paths = written(settings_of(case), tmp_path)
    passed, said = ran(promtool, *paths)
    assert passed, said[:5_000]
    assert said.count("SUCCESS") == len(paths)
    assert untested(alerts_of(tmp_path), looks_of(tmp_path), ALWAYS) == []


@pytest.mark.parametrize(
    ("period", "every", "target"),
    [
        ("1d", "1h", "0.9444"),  # the long window is the period
        ("30d", "7s", "0.9999"),  # shares of half a last place; windows that are no minutes
        ("97m", "1s", "0.951234"),
    ],
)
def test_promtool_passes_the_tests_of_unusual_ladders(period, every, target, promtool, tmp_path):
    text = ONE_OBJECTIVE.format(period=period, every=every, target=target)
    settings = understand(text.encode(), Path("/nowhere/one.yaml"))
    require_feasible(settings)
    passed, said = ran(promtool, *written(settings, tmp_path))
    assert passed, said[:5_000]


def test_promtool_passes_the_committed_tests_which_know_every_alert(promtool):
    folder = ROOT / "rules"
    passed, said = ran(promtool, *sorted(folder.rglob("*_test.yml")))
    assert passed, said[:5_000]
    alerts = alerts_of(folder)
    assert {name for name, _ in alerts} >= {*names.QUALITY, names.WATCHDOG, names.DOWN}
    assert untested(alerts, looks_of(folder), ALWAYS) == []


def test_an_alert_without_a_ringing_or_without_a_silent_case_is_found(two_models):
    alerts, looks = alerts_of(two_models), looks_of(two_models)
    assert {name for name, _ in alerts} == {*names.QUALITY, *names.OPERATION}
    for name, whose in alerts:
        quiet = [look for look in looks if look[1] != name or not is_among(whose, look[2])]
        assert (name, whose, "rings") in untested(alerts, quiet, ALWAYS)
        loud = [look for look in looks if look[1] != name or is_among(whose, look[2])]
        assert ((name, whose, "is silent") in untested(alerts, loud, ALWAYS)) is (name not in ALWAYS)


def test_every_look_is_at_an_alert_that_there_is(two_models):
    assert {name for _, name, _ in looks_of(two_models)} == {name for name, _ in alerts_of(two_models)}


def test_groups_are_evaluated_in_the_order_of_the_rules():
    """Without it promtool takes them as they come, and an alert may see what a group recorded a tick ago."""
    settings = settings_of("two models")
    files = rule_files(settings)
    order = {f"../{file.path}": [group.name for group in file.groups] for file in files}
    for path, body in promtool_files.test_files(settings, files).items():
        sheet = yaml.safe_load(body)
        assert path.startswith("tests/")
        assert body.startswith(NOTE)
        assert sheet["group_eval_order"] == [name for file in sheet["rule_files"] for name in order[file]]


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_the_tests_are_the_same_bytes_however_python_hashes(seed):
    program = (
        "import hashlib, sys; from pathlib import Path; from monitor.config import load\n"
        "from monitor.alerting.rules.files import rule_files; from monitor.alerting.promtool.files import test_files\n"
        "settings = load(Path(sys.argv[1])); tests = test_files(settings, rule_files(settings))\n"
        "print(hashlib.sha256(''.join(f'{path}{text}' for path, text in tests.items()).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(EXAMPLE)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    settings = configured("example")
    tests = promtool_files.test_files(settings, rule_files(settings))
    ours = "".join(f"{path}{text}" for path, text in tests.items())
    assert result.stdout.strip() == hashlib.sha256(ours.encode()).hexdigest()
