"""Which rules a configuration makes, and that they are the same bytes wherever they are made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rule_cases import CASES, EXAMPLE, ROOT, alerts_of, configured, recordings_of, rules_of

from monitor.alerting import names
from monitor.alerting.rules.files import file_name, rule_files
from monitor.alerting.rules.promise import interval, promised
from monitor.alerting.rules.promql import exact
from monitor.alerting.rules.rule import AlertRule, Recording
from monitor.alerting.rules.text import NOTE, text
from monitor.clock import MINUTE, SECOND
from monitor.statistics.ladder import ladder

LADDER = ["1d", "1h", "2h", "30m", "3d", "5m", "6h"]


def written(settings, folder):
    paths = []
    for file in rule_files(settings):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(file))
        paths.append(path)
    return paths


@pytest.mark.parametrize("case", CASES)
def test_promtool_finds_nothing_wrong_with_the_rules(case, promtool, tmp_path):
    command = [promtool, "check", "rules", "--lint=all", "--lint-fatal", *written(configured(case), tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("case", CASES)
def test_a_file_read_back_says_what_the_rules_say(case):
    for file in rule_files(configured(case)):
        body = text(file)
        assert body.startswith(NOTE)
        read = yaml.safe_load(body)["groups"]
        assert [group["name"] for group in read] == [group.name for group in file.groups]
        for group, there in zip(file.groups, read, strict=True):
            for rule, entry in zip(group.rules, there["rules"], strict=True):
                assert entry["expr"] == rule.expr
                assert entry.get("labels", {}) == rule.labels
                assert entry.get("annotations") == getattr(rule, "annotations", None)


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_bytes_do_not_depend_on_how_python_hashes(seed):
    program = (
        "import hashlib, sys; from pathlib import Path; from monitor.config import load\n"
        "from monitor.alerting.rules.files import rule_files; from monitor.alerting.rules.text import text\n"
        "files = rule_files(load(Path(sys.argv[1])))\n"
        "print(hashlib.sha256(''.join(map(text, files)).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(EXAMPLE)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    from hashlib import sha256  # noqa: PLC0415 - beside its twin above

    assert result.stdout.strip() == sha256("".join(map(text, rule_files(configured("example")))).encode()).hexdigest()


def test_neither_version_nor_time_is_in_the_rules():
    from monitor import __version__  # noqa: PLC0415 - what must not be found

    body = "".join(map(text, rule_files(configured("example"))))
    assert __version__ not in body
    assert NOTE.count("\n") == 1


@pytest.mark.parametrize(
    ("slo", "alerts"),
    [
        ("slices", {names.BURNS, names.SPENT}),
        ("pages", {names.BURNS_FAST, names.BURNS, names.SPENT}),
        ("tickets", {names.BURNS, names.SPENT}),
        ("shadow", {names.BURNS_FAST, names.BURNS, names.SPENT}),
        ("loss", {names.BURNS, names.SPENT}),
        ("untargeted", set()),
    ],
)
def test_an_objective_has_at_most_one_page_and_one_ticket_and_only_those_that_it_may_have(slo, alerts):
    rules = [rule for _, rule in rules_of(configured("routes")) if isinstance(rule, AlertRule)]
    mine = [rule for rule in rules if rule.labels.get("slo") == slo]
    assert {rule.alert for rule in mine} == alerts
    assert len(mine) == len(alerts)
    assert {rule.labels["severity"] for rule in mine} == {names.QUALITY[alert] for alert in alerts}
    assert all((rule.labels.get("routing") == "shadow") == (slo == "shadow") for rule in mine)


@pytest.mark.parametrize("slo", ["slices", "pages", "tickets", "shadow"])
def test_the_windows_of_sloth_are_recorded_whatever_an_objective_may_ring(slo):
    recorded = recordings_of(configured("routes"), slo)
    ratios = sorted(name.removeprefix("slo:sli_error:ratio_rate") for name in recorded if "ratio_rate" in name)
    assert ratios == sorted([*LADDER, "28d"])
    assert sorted(rule.labels["sloth_window"] for name, rule in recorded.items() if "ratio_rate" in name) == ratios
    assert {"slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days", "slo:current_burn_rate:ratio"} < (
        set(recorded)
    )
    assert {"slo:period_burn_rate:ratio", "slo:period_error_budget_remaining:ratio", "sloth_slo_info"} < set(recorded)


def test_slow_counters_have_the_windows_of_their_own_ladder():
    settings = configured("slow")
    recorded = recordings_of(settings, "pages")
    windows = {level.short for level in ladder(settings.slo.period.millis, settings.cadence)}
    assert min(windows) == 2 * settings.cadence
    assert sorted(name for name in recorded if "ratio_rate" in name) == [
        f"slo:sli_error:ratio_rate{window}" for window in ("1d", "28d", "2h", "3d", "6h")
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_rule_reads_what_stands_before_it(case):
    seen: set[str] = set()
    for _, rule in rules_of(configured(case)):
        assert set(re.findall(r"(?<![\w:])slo:[\w:]+", rule.expr)) <= seen
        seen |= {getattr(rule, "record", "")}


def test_each_window_is_recorded_once_for_all_objectives():
    recorded = [rule.record for _, rule in rules_of(configured("routes")) if isinstance(rule, Recording)]
    windows = [name for name in recorded if "ratio_rate" in name or "increase" in name]
    assert len(windows) == len(set(windows)) == 2 * (len(LADDER) + 1)


@pytest.mark.parametrize("target", ["0.999", "0.95", "0.9995", "0.7", "0.1"])
def test_decimals_are_exact(target):
    settings = configured("routes")
    of = promised(settings)[1]
    assert str(of.target) == "0.95"
    recorded = recordings_of(settings, "shadow")
    assert recorded["slo:objective:ratio"].expr == "vector(0.999)"
    assert recorded["slo:error_budget:ratio"].expr == "vector(0.001)"
    assert recorded["sloth_slo_info"].labels["sloth_objective"] == "99.9"
    number = Decimal(target)
    assert Decimal(exact(1 - number)) + number == 1
    assert len(exact(1 - number)) <= len(target)


def test_a_threshold_is_the_exact_product_of_factor_and_budget():
    expr = alerts_of(configured("routes"), "shadow")[names.BURNS_FAST].expr
    assert [line.split(" > ")[1] for line in expr.splitlines() if " > " in line] == [
        *("0.01344", "0.01344"),
        *("0.0056", "0.0056"),
    ]
    assert [int(line.split(" >= ")[1]) for line in expr.splitlines() if " >= " in line] == [373, 893]


@given(st.decimals(min_value="1e-20", max_value=10**6, places=20))
def test_a_number_is_written_in_plain_digits_and_reads_back_as_itself(number):
    assert set(exact(number)) <= set("0123456789.")
    assert Decimal(exact(number)) == number


@pytest.mark.parametrize(
    ("cadence", "expected"), [(1, 1), (7, 6), (30, 30), (45, 30), (60, 60), (299, 150), (300, 300), (3600, 300)]
)
def test_a_group_is_evaluated_at_the_pace_of_its_counters_in_whole_parts_of_five_minutes(cadence, expected):
    assert interval(cadence * SECOND) == expected * SECOND
    assert 5 * MINUTE % interval(cadence * SECOND) == 0


def test_pages_are_looked_at_at_the_pace_of_the_counters_tickets_and_periods_rarely():
    settings = configured("routes")
    looked = {group.name: group.interval for group, _ in rules_of(settings)}
    assert looked["foldwatch pages of churn"] == looked["foldwatch windows of pages"] == settings.cadence == MINUTE
    assert looked["foldwatch tickets of churn"] == looked["foldwatch windows"] == 4 * MINUTE
    assert looked["foldwatch budgets of churn"] == looked["foldwatch periods"] == 4 * MINUTE
    model = settings.models["churn"]
    quiet = [one for one in model.objectives if one.name in ("tickets", "slices")]
    settings = replace(settings, models={"churn": replace(model, objectives=tuple(quiet))})
    looked = {group.name: group.interval for group, _ in rules_of(settings)}
    assert set(looked.values()) == {MINUTE, 4 * MINUTE}  # the daemon and its feeds are looked at as before
    assert looked["foldwatch tickets of churn"] == looked["foldwatch windows"] == 4 * MINUTE
    assert not any("pages" in name for name in looked)


@pytest.mark.parametrize("case", CASES)
def test_every_short_window_is_looked_at_twice_at_least(case):
    for of in promised(configured(case)):
        for severity, pace in (("page", of.pace), ("ticket", of.slow_pace)):
            assert all(2 * pace <= level.short for level in of.levels(severity))


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_different_models_have_different_files_with_names_that_any_file_system_takes(one, other):
    names_ = [file_name(model) for model in (one, other)]
    assert (names_[0] == names_[1]) == (one == other)
    for name in names_:
        assert len(name) <= 200
        assert "/" not in name
        assert not name.endswith("_test")
        assert not Path(name).is_absolute()


def test_a_model_called_like_a_test_has_a_file_that_is_none():
    assert [file.path for file in rule_files(configured("odd"))][-1] == "objectives/churn%5Ftest.yml"


def test_without_a_target_only_the_daemon_and_its_feeds_are_watched():
    assert [file.path for file in rule_files(configured("none"))] == ["foldwatch.yml"]
