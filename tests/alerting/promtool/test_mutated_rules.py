"""Rules with one thing wrong do not pass their generated tests: each test of a rule is there for a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import pytest
from promtool_runs import put, ran
from rule_mutations import altered, unguarded, unselected, wrong_alerts, wrong_levels

from monitor.alerting import names as alerts
from monitor.alerting.promtool import files as promtool_files
from monitor.alerting.promtool.wording import alert_rules
from monitor.alerting.rules import names
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import text
from monitor.config.read import understand
from monitor.statistics.ladder import PAGE, TICKET, ladder

CONFIGURATION = """\
evaluate_every: 15m       # wide enough that the two levels of pages are one, and those of tickets are two
models:
  churn: &model
    classes: [stay, leave]
    windows: [1h, 24h]
    label_horizon: 1d
    owner: team-growth
    baseline: {"3": churn-3.json}
    revalidate: {action: {kind: command, argv: [retrain]}, gate: {max_fold_sd: 0.05}}
    objectives:
      - {name: floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95, routing: shadow}
  other:
    <<: *model
    objectives: []
"""
SETTINGS = understand(CONFIGURATION.encode(), Path("/nowhere/mutated.yaml"))
OPERATION, WINDOWS, FLOOR = rule_files(SETTINGS)
TESTS = promtool_files.test_files(SETTINGS, [OPERATION, WINDOWS, FLOOR])
LEVELS = {
    (severity, at): level
    for severity in (PAGE, TICKET)
    for at, level in enumerate(
        level for level in ladder(SETTINGS.slo.period.millis, SETTINGS.cadence) if level.severity == severity
    )
}
ALERT_OF = {PAGE: alerts.BURNS_FAST, TICKET: alerts.BURNS}


def rule_of(file, alert):
    return next(rule for rule in alert_rules([file]) if rule.alert == alert)


def recording_of(record):
    return next(rule for group in WINDOWS.groups for rule in group.rules if getattr(rule, "record", None) == record)


def sheet_of(level):
    return f"tests/objectives-churn-{names.span(level.short)}_test.yml"


def survivors(promtool, folder, mutants):
    """Return what is wrong in the rules that pass all the same, of (what is wrong, file of rules, path of the test)."""

    def survives(numbered):
        number, (_, file, sheet) = numbered
        put({one.path: text(one) for one in (WINDOWS, FLOOR, file)} | {sheet: TESTS[sheet]}, folder / str(number))
        return ran(promtool, folder / str(number) / sheet)[0]

    with ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(survives, enumerate(mutants)))
    return [wrong for (wrong, _, _), alive in zip(mutants, passed, strict=True) if alive]


def test_the_rules_as_they_are_pass(promtool, tmp_path):
    put({file.path: text(file) for file in (OPERATION, WINDOWS, FLOOR)} | TESTS, tmp_path)
    passed, said = ran(promtool, *(tmp_path / path for path in TESTS))
    assert passed, said
    assert len(TESTS) == len(LEVELS) + 2


@pytest.mark.parametrize(("severity", "at"), LEVELS)
def test_a_level_with_one_thing_wrong_is_found_out_by_its_own_tests(severity, at, promtool, tmp_path):
    level = LEVELS[severity, at]
    rule = rule_of(FLOOR, ALERT_OF[severity])
    mutants = [(wrong, altered(FLOOR, rule, bad), sheet_of(level)) for wrong, bad in wrong_levels(rule, at)]
    for window in (level.long, level.short):
        ratio = recording_of(names.ratio(window))
        mutants.append((f"{ratio.record} divides by 0", altered(WINDOWS, ratio, unguarded(ratio)), sheet_of(level)))
    for recording in map(recording_of, (names.ratio(level.long), names.events(level.long))):
        any_job = altered(WINDOWS, recording, unselected(recording, "job"))
        mutants.append((f"{recording.record} of any job", any_job, sheet_of(level)))
    assert survivors(promtool, tmp_path, mutants) == []


@pytest.mark.parametrize(("severity", "labels"), [(PAGE, 7), (TICKET, 1)])
def test_an_alert_that_burns_with_a_label_or_text_missing_is_found_out(severity, labels, promtool, tmp_path):
    rule, sheet = rule_of(FLOOR, ALERT_OF[severity]), sheet_of(LEVELS[severity, 0])
    wrong = [(what, bad) for what, bad in wrong_alerts(rule) if what.startswith(("label", "annotation"))]
    assert len(wrong) == 7 + 2  # but for `model` and `slo`, which the expression keeps
    chosen = [*wrong[:labels], wrong[-1]]
    assert survivors(promtool, tmp_path, [(what, altered(FLOOR, rule, bad), sheet) for what, bad in chosen]) == []


def test_a_spent_budget_with_one_thing_wrong_is_found_out(promtool, tmp_path):
    sheet = "tests/objectives-churn-budget_test.yml"
    rule = rule_of(FLOOR, alerts.SPENT)
    # "model not selected" is left out: no rules but this model's record anything here, so that it changes nothing
    wrong = [(what, bad) for what, bad in wrong_alerts(rule) if what != "model not selected"]
    mutants = [(what, altered(FLOOR, rule, bad), sheet) for what, bad in wrong]
    ratio = recording_of(names.ratio(SETTINGS.slo.period.millis))
    mutants.append(("divides by 0", altered(WINDOWS, ratio, unguarded(ratio)), sheet))
    assert survivors(promtool, tmp_path, mutants) == []


def test_an_alert_of_operation_with_one_thing_wrong_is_found_out(promtool, tmp_path):
    """One thing is wrong with every alert at once: each has tests of its own, which must find it."""
    sheet = "tests/foldwatch_test.yml"
    rules = {rule.alert: rule for rule in reversed(list(alert_rules([OPERATION])))}
    rounds = list(zip_longest(*(wrong_alerts(rule) for rule in rules.values())))

    def alive(numbered):
        number, wrongs = numbered
        file, changed = OPERATION, {}
        for (alert, rule), wrong in zip(rules.items(), wrongs, strict=True):
            if wrong is not None:
                file, changed[alert] = altered(file, rule, wrong[1]), wrong[0]
        put({file.path: text(file), sheet: TESTS[sheet]}, tmp_path / str(number))
        said = ran(promtool, tmp_path / str(number) / sheet)[1]
        return [(alert, wrong) for alert, wrong in changed.items() if f"alertname: {alert}," not in said]

    with ThreadPoolExecutor(2) as pool:
        found = [one for some in pool.map(alive, enumerate(rounds)) for one in some]
    assert found == []
    assert set(rules) == set(alerts.OPERATION)
