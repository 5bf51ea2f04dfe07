"""What the recorded series and the texts really are, as Prometheus computes them from scraped counters."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from rule_cases import alerts_of, configured

from monitor.alerting import names
from monitor.alerting.rules.files import OBJECTIVES, WINDOWS, file_name, rule_files
from monitor.alerting.rules.promql import selector
from monitor.alerting.rules.text import text


@pytest.fixture
def prometheus(promtool, tmp_path):
    """Write the rules of settings and run promtool over one test of them; returns what does not fit."""

    def run(settings, model, **test):
        read = (WINDOWS, f"{OBJECTIVES}/{file_name(model)}.yml")
        files = [file for file in rule_files(settings) if file.path in read]
        for file in files:
            path = tmp_path / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_text(text(file))
        document = {
            "rule_files": [file.path for file in files],
            "evaluation_interval": test.pop("every", "1m"),
            "group_eval_order": [group.name for file in files for group in file.groups],
            "tests": [{"interval": test.pop("scrape", "30s"), **test}],
        }
        (tmp_path / "one_test.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
        command = [promtool, "test", "rules", "one_test.yml"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return "" if result.returncode == 0 else result.stdout + result.stderr

    return run


def counters(slo, events, bad, model="churn", job="foldwatch", **more):
    """Return the series of an objective's counters, in promtool's notation."""
    labels = {"job": job, "model": model, "slo": slo, **more}
    return [
        {"series": selector(f"foldwatch_slo_{name}_total", **labels), "values": values}
        for name, values in (("events", events), ("bad_events", bad))
    ]


def one_value(expr, at, value):
    """Return a promtool query that drops the labels: rounded, for the last digits are nobody's business."""
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": f"round(max({expr}), 0.000001)", "eval_time": at, "exp_samples": samples}


def of(series, slo="pages"):
    return selector(series, model="churn", slo=slo)


def test_a_ratio_is_the_increase_of_bad_ones_over_that_of_all(prometheus):
    series = counters("pages", "0+10x120", "0+1x120")
    queries = [
        one_value(of("slo:sli_error:ratio_rate5m"), "1h", 0.1),
        one_value(of("slo:sli_error:ratio_rate1h"), "1h", 0.1),
        one_value(of("slo:sli_events:increase1h"), "1h", 1200),
        one_value(of("slo:current_burn_rate:ratio"), "1h", 2),
        one_value(of("slo:objective:ratio"), "1h", 0.95),
        one_value(of("slo:error_budget:ratio"), "1h", 0.05),
        one_value(of("slo:time_period:days"), "1h", 28),
    ]
    assert prometheus(configured("routes"), "churn", input_series=series, promql_expr_test=queries) == ""


def test_without_events_there_is_no_ratio_and_never_nan(prometheus):
    series = counters("pages", "0x120", "0x120")
    queries = [
        one_value(of("slo:sli_events:increase1h"), "1h", 0),
        *(one_value(of(f"slo:sli_error:ratio_rate{window}"), "1h", None) for window in ("5m", "1h", "3d", "28d")),
        one_value(of("slo:period_error_budget_remaining:ratio"), "1h", None),
    ]
    assert prometheus(configured("routes"), "churn", input_series=series, promql_expr_test=queries) == ""


def test_the_period_is_weighted_by_traffic(prometheus):
    # An hour of 1,000 events a scrape, 2 of them bad; then an hour of one event in five minutes, every one bad.
    series = counters("pages", "0+1000x120 120001+1x11", "0+2x120 241+1x11", scrape="x")
    test = {"scrape": "5m", "every": "5m", "input_series": series}
    share = 252 / 120_012
    queries = [
        one_value(of("slo:sli_events:increase28d"), "11h", 120_012),
        one_value(of("slo:sli_error:ratio_rate28d"), "11h", round(share, 6)),
        one_value(of("slo:period_burn_rate:ratio"), "11h", round(share / 0.05, 6)),
        one_value(of("slo:period_error_budget_remaining:ratio"), "11h", round(1 - share / 0.05, 6)),
    ]
    assert prometheus(configured("routes"), "churn", promql_expr_test=queries, **test) == ""


def test_a_restart_from_zero_and_a_new_instance_lose_and_double_nothing(prometheus):
    begun_anew = counters("pages", "0+10x60 0+10x59", "0+1x60 0+1x59", instance="a:1")
    moved = [
        *counters("tickets", "0+10x60 _x60", "0+1x60 _x60", instance="a:1"),
        *counters("tickets", "_x61 600+10x59", "_x61 60+1x59", instance="b:1"),
    ]
    queries = [
        one_value(of("slo:sli_events:increase28d"), "1h", 600 + 590),
        one_value(of("slo:sli_events:increase28d", "tickets"), "1h", 600 + 590),
        one_value(of("slo:sli_error:ratio_rate28d", "tickets"), "1h", 0.1),
    ]
    found = prometheus(configured("routes"), "churn", input_series=begun_anew + moved, promql_expr_test=queries)
    assert found == ""


def test_odd_names_stay_what_they_are_in_labels_and_texts(prometheus):
    settings = configured("odd")
    model = next(iter(settings.models))
    slo = settings.models[model].objectives[0].name
    alert = alerts_of(settings, slo)[names.BURNS_FAST]
    odd = counters(slo, "0+10x150", "0+9x150", model=model, job=settings.alerting.job)
    wanted = {
        "alertname": names.BURNS_FAST,
        "alertstate": "firing",
        "model": model,
        "slo": slo,
        "team": settings.models[model].owner,
        "sloth_id": f"{model}-{slo}",
    }
    queries = [one_value(f"count({selector('ALERTS', **wanted)})", "1h", 1)]
    assert prometheus(settings, model, input_series=odd, promql_expr_test=queries) == ""
    said = prometheus(
        settings, model, input_series=odd,
        alert_rule_test=[{"eval_time": "1h", "alertname": names.BURNS_FAST, "exp_alerts": []}],
    )  # fmt: skip
    assert "<error expanding template" not in said
    assert "{{ range" in said
    assert 'hypothesis="a {{ template"' in said
    assert 'runbook_url="https://x.example/{{y"' in said
    assert f"Promise: recall of class {{{{ b }}}} where region={{{{ eu }}}} of model {model}" in said.replace(
        '\\"', '"'
    ).replace("\\\\", "\\")
    assert alert.labels["model"] != model


@pytest.mark.parametrize(("case", "at", "step"), [("routes", "2h", "2m"), ("short", "3m", "1s"), ("slow", "26h", "3m")])
def test_the_texts_of_a_ringing_alert_are_whole(case, at, step, prometheus):
    settings = configured(case)
    series = counters("pages", "0+10x3000", "0+9x3000")
    said = prometheus(
        settings, "churn", scrape=step, every=step, input_series=series,
        alert_rule_test=[{"eval_time": at, "alertname": names.BURNS_FAST, "exp_alerts": []}],
    )  # fmt: skip
    assert "error expanding" not in said
    assert "events bad (90%)" in said
    assert "Burn rate 18 over" in said or "Burn rate 9 over" in said
    assert "Error budget left of" in said
    assert "Since: 1970-01-01" in said
