"""What the cleverer queries answer, computed by Prometheus' own engine on courses whose answer is known."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from dashboard_files_read import BOARDS, panels

CHOSEN = {"$job": "foldwatch", "$model": "churn", "$version": "4", "$window": "24h", "$headline": "accuracy"}
PREDICTIONS = 'foldwatch_predictions_total{job="foldwatch",model="churn",version="%s"}'
VERDICT = 'foldwatch_verdict{job="foldwatch",model="%s",segment="",maturity="mature",class="%s",verdict="%s"}'
PAGE = 'ALERTS{alertname="FoldwatchBudgetBurnsFast",alertstate="firing",severity="critical",slo="%s"%s}'
WATCHDOG = 'ALERTS{alertname="Watchdog",alertstate="firing",component="foldwatch"}'
LAST = 'foldwatch_last_prediction_timestamp_seconds{job="foldwatch",model="%s"}'
OVERALL = (
    'foldwatch_overall_%s{job="foldwatch",model="churn",version="%s",segment="",window="24h",'
    'maturity="mature",metric="accuracy"}'
)


def filled(expr):
    """Put values into the place of variables, as Grafana does, for steps of a minute."""
    for name, value in CHOSEN.items():
        expr = expr.replace(name, value)
    return expr.replace("$__interval", "1m").replace("$__rate_interval", "4m")


def query(board, title, legend=""):
    """Return the expression of a panel."""
    (panel,) = (panel for panel in panels(BOARDS[board]) if panel["title"] == title)
    (expr,) = (target["expr"] for target in panel["targets"] if target.get("legendFormat", "") == legend)
    return filled(expr)


def mark(name):
    """Return the expression of an annotation."""
    (expr,) = (one["expr"] for one in BOARDS["on-call.json"]["annotations"]["list"] if one["name"] == name)
    return filled(expr)


@pytest.fixture
def answers(promtool, tmp_path):
    """Hold what a query answers at a moment against {labels: value}; the courses have a value a minute."""

    def check(expr, courses, wanted):
        tests = [
            {
                "expr": expr,
                "eval_time": moment,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for moment, samples in wanted.items()
        ]
        series = [{"series": name, "values": values} for name, values in courses.items()]
        case = {"rule_files": [], "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
        file = tmp_path / "case_test.yml"
        file.write_text(yaml.safe_dump(case))
        said = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr

    return check


def test_a_version_is_marked_at_its_first_prediction_and_when_it_comes_back(answers):
    courses = {
        PREDICTIONS % 3: "1+10x120 1210x120 1220+10x60",
        PREDICTIONS % 4: "0x120 10+10x119 1200x60",
    }
    new, back = ({f'{{model="churn", version="{version}"}}': value} for version, value in ((4, 10), (3, 10)))
    answers(
        mark("Version changes"), courses, {"100m": {}, "121m": new, "122m": {}, "200m": {}, "242m": back, "243m": {}}
    )


def test_a_batch_a_day_and_a_prediction_now_and_then_are_no_changes_of_version(answers):
    courses = {PREDICTIONS % 3: "1x1440 1001x1440 2001x10", PREDICTIONS % 4: "5x1440 5x1440 6x10"}
    answers(mark("Version changes"), courses, {"1442m": {}, "2880m": {}, "2882m": {}, "2883m": {}})


def test_a_pause_of_the_daemon_is_no_change_of_version(answers):
    answers(mark("Version changes"), {PREDICTIONS % 3: "1+10x60 _x180 700+10x60"}, {"241m": {}, "242m": {}, "245m": {}})


def test_another_baseline_of_the_same_version_is_marked_once(answers):
    known = 'foldwatch_model_info{job="foldwatch",model="churn",version="%s",baseline_sha256="%s"}'
    courses = {known % (3, "aa"): "1x60", known % (3, "bb"): "_x61 1x60", known % (4, "cc"): "_x90 1x30"}
    changed = {'{model="churn", version="3", baseline_sha256="bb"}': 1}
    answers(mark("Baseline changes"), courses, {"30m": {}, "61m": changed, "62m": {}, "91m": {}, "100m": {}})


def test_an_alert_is_marked_where_it_begins(answers):
    began = {'{alertname="FoldwatchBudgetBurnsFast", severity="critical", slo="a"}': 1}
    answers(
        mark("Alerts"), {PAGE % ("a", ""): "_x10 1x20 stale _x9 1x5"}, {"5m": {}, "10m": began, "11m": {}, "41m": began}
    )


def test_a_page_counts_once_however_long_it_lasts_and_in_the_shadow_not_at_all(answers):
    courses = {
        PAGE % ("a", ""): "_x10 1x100 stale _x29 1x100",
        PAGE % ("b", ""): "_x100 1x100",
        PAGE % ("c", ',routing="shadow"'): "_x10 1x100",
        PAGE % ("short", ""): "_x251 1 1 stale",
        WATCHDOG: "1x400",
    }
    title = "Pages, last 30 days"
    answers(
        query("executive.json", title),
        courses,
        {"7m": {"{}": 0}, "60m": {"{}": 1}, "130m": {"{}": 2}, "245m": {"{}": 3}, "300m": {"{}": 4}},
    )


def test_without_rules_nobody_says_that_there_were_no_pages(answers):
    answers(query("executive.json", "Pages, last 30 days"), {"up": "1x60"}, {"30m": {}})
    answers(query("on-call.json", "Firing now", "page"), {"up": "1x60"}, {"30m": {}})


def test_each_model_is_counted_once_as_worse_as_promised_or_not_known(answers):
    courses = {
        VERDICT % ("churn", "a", "worse"): "1x9",
        VERDICT % ("churn", "b", "worse"): "1x9",
        VERDICT % ("churn", "c", "ok"): "1x9",
        VERDICT % ("spam", "a", "worse"): "0x9",
        VERDICT % ("spam", "a", "ok"): "1x9",
        VERDICT % ("spam", "b", "ok"): "0x9",
        VERDICT % ("late", "a", "ok"): "0x9",
        VERDICT % ("late", "a", "unknown"): "1x9",
        **{LAST % model: "1x9" for model in ("churn", "spam", "late", "never")},
    }
    title = "Models against their promise"
    for legend, count in (("worse than promised", 1), ("as promised", 1), ("not known yet", 2)):
        answers(query("executive.json", title, legend), courses, {"5m": {"{}": count}})


def test_where_no_model_could_be_judged_none_is_said_to_be_fine(answers):
    courses = {
        VERDICT % ("late", "a", "ok"): "0x9",
        VERDICT % ("late", "a", "worse"): "0x9",
        VERDICT % ("late", "a", "unknown"): "1x9",
        LAST % "late": "1x9",
    }
    title = "Models against their promise"
    answers(query("executive.json", title, "worse than promised"), courses, {"5m": {}})
    answers(query("executive.json", title, "not known yet"), courses, {"5m": {"{}": 1}})


def test_two_versions_at_once_count_by_their_labels(answers):
    courses = {
        OVERALL % ("quality_ratio", 3): "0.9x9 stale",
        OVERALL % ("quality_ratio", 4): "_x5 0.6x10",
        OVERALL % ("labels", 3): "300x9 stale",
        OVERALL % ("labels", 4): "_x5 100x10",
    }
    title = "$headline: production beside the promise"
    wanted = {"3m": {"{}": 0.9}, "7m": {"{}": 0.825}, "14m": {"{}": 0.6}}
    answers(query("executive.json", title, "estimate"), courses, wanted)


def test_a_version_without_a_band_does_not_pull_the_band_down(answers):
    courses = {
        OVERALL % ("quality_lower_ratio", 3): "0.8x9",
        OVERALL % ("labels", 3): "300x9",
        OVERALL % ("labels", 4): "100x9",
    }
    answers(query("executive.json", "$headline: production beside the promise", "lower"), courses, {"5m": {"{}": 0.8}})


def test_the_state_of_an_objective_is_one_number(answers):
    state = 'foldwatch_slo_state{job="foldwatch",model="churn",slo="%s",state="%s"}'
    courses = {
        state % (slo, each): f"{int(each == now)}x9"
        for slo, now in (("a", "insufficient"), ("b", "ok"), ("c", "burning"), ("d", "exhausted"))
        for each in ("insufficient", "ok", "burning", "exhausted")
    }
    wanted = {f'{{slo="{slo}"}}': number for number, slo in enumerate("abcd")}
    answers(query("on-call.json", "Where each promise stands", "{{slo}}"), courses, {"5m": wanted})
