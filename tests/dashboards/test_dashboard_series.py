"""What dashboards ask for exists: metrics, labels, recorded series, variables, alerts, and where alerts lead."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import promql_parser as promql
import pytest
from dashboard_files_read import (
    BOARDS,
    boards,
    every_expression,
    expressions,
    fit_of,
    matchers,
    nodes,
    panels,
    parsed,
    recorded_names,
    selectors,
    series_labels,
    variables,
)
from rule_cases import CASES, configured, rules_of

from monitor.alerting import names as alerts
from monitor.alerting.rules.promise import promised
from monitor.alerting.rules.rule import AlertRule, Recording
from monitor.dashboards.fit import EXAMPLE_RUNBOOKS, Fit
from monitor.dashboards.meanings import MEANINGS
from monitor.prometheus.catalog import CATALOG

LABELS = series_labels()
ON_CALL = BOARDS["on-call.json"]
EVERY = [pytest.param(expr, id=f"{name}: {where} {i}") for i, (name, where, expr) in enumerate(every_expression())]
BUILT_IN = {"__field", "__rate_interval", "__interval", "__value", "__data", "__url_time_range"}


@pytest.mark.parametrize("expr", EVERY)
def test_every_series_and_every_label_that_chooses_of_it_exist(expr):
    for selector in selectors(expr):
        assert selector.name in LABELS
        assert {label for label, _, _ in matchers(selector)} <= LABELS[selector.name]


@pytest.mark.parametrize("expr", EVERY)
def test_what_is_grouped_by_are_labels_of_what_is_asked(expr):
    added = set(re.findall(r'label_(?:join|replace)\((?:[^"])*, "(\w+)"', expr))
    for node in nodes(parsed(expr)):
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            below = [LABELS[one.name] for one in nodes(node.expr) if isinstance(one, promql.VectorSelector)]
            assert set(node.modifier.labels) - added <= set.union(*below)


@pytest.mark.parametrize("expr", EVERY)
def test_one_value_is_matched_and_of_several_any(expr):
    """So does Grafana escape what is chosen: a full stop in a name is no pattern where one value is meant."""
    several = {name for board in BOARDS.values() for name, of in variables(board).items() if of.get("multi")}
    for selector in selectors(expr):
        for _, operator, value in matchers(selector):
            if value.startswith("$"):
                assert operator == ("=~" if value[1:] in several else "=")


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_that_is_used_is_there_and_every_one_that_is_there_is_used(name):
    board = BOARDS[name]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([board["panels"], board["annotations"]])))
    used |= {name for of in variables(board).values() for name in re.findall(r"\$(\w+)", str(of.get("query")))}
    assert used - BUILT_IN == set(variables(board))


@pytest.mark.parametrize("name", BOARDS)
def test_a_variable_asks_for_a_label_of_a_series_and_knows_only_what_was_chosen_before(name):
    known = {"datasource"}
    for variable, of in variables(BOARDS[name]).items():
        if of["type"] == "query":
            selector, _, label = of["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
            (series,) = selectors(selector)
            assert {label, *(label for label, _, _ in matchers(series))} <= LABELS[series.name]
            assert set(re.findall(r"\$(\w+)", of["query"])) <= known
        known.add(variable)


def test_variables_of_the_same_name_ask_the_same_everywhere():
    asked = {}
    for board in BOARDS.values():
        for name, of in variables(board).items():
            assert asked.setdefault(name, of) == of
    assert len(asked) == 11


def test_every_alert_is_explained_where_alerts_are_shown():
    assert set(MEANINGS) == {*alerts.QUALITY, *alerts.OPERATION} - {alerts.WATCHDOG}
    (table,) = (panel for panel in panels(ON_CALL) if panel["title"] == "What fires, and what to do")
    (column,) = (
        override["properties"] for override in table["fieldConfig"]["overrides"] if "FoldwatchDown" in str(override)
    )
    mapping = next(item["value"] for item in column if item["id"] == "mappings")[0]["options"]
    assert {alert: result["text"] for alert, result in mapping.items()} == MEANINGS
    chosen = re.search(r'alertname=~"([^"]*)"', table["targets"][0]["expr"])[1].split("|")
    assert set(chosen) == set(MEANINGS)
    assert any(alerts.WATCHDOG in expr for _, expr in expressions(ON_CALL))


def test_an_alert_leads_to_its_runbook():
    variable = variables(ON_CALL)["runbooks"]
    assert (variable["type"], variable["query"]) == ("textbox", EXAMPLE_RUNBOOKS)
    assert configured("example").alerting.runbook_url == EXAMPLE_RUNBOOKS
    urls = re.findall(r'"url": "([^"]*)"', json.dumps(ON_CALL["panels"]))
    assert "${runbooks:raw}/${__value.raw}" in urls


def test_a_link_of_a_value_leads_to_a_dashboard_with_these_variables():
    links = {link for board in BOARDS.values() for link in re.findall(r'"(/d/[^"]*\?[^"]*)"', json.dumps(board))}
    assert len(links) == 3
    for link in links:
        path, _, query = link.partition("?")
        (board,) = (board for board in BOARDS.values() if path == f"/d/{board['uid']}")
        assert set(re.findall(r"var-(\w+)=", query)) <= set(variables(board))
        assert query.endswith("&${__url_time_range}")


@pytest.mark.parametrize("case", CASES)
def test_where_an_alert_leads_there_is_a_dashboard_with_these_variables(case):
    settings = configured(case)
    links = [rule.annotations.get("dashboard_url") for _, rule in rules_of(settings) if isinstance(rule, AlertRule)]
    assert all(links) == (settings.alerting.grafana_url is not None)
    for link in filter(None, links):
        path, query = urlsplit(link).path.rpartition("/d/")[2], parse_qs(urlsplit(link).query)
        assert path == ON_CALL["uid"]
        chosen = {key.removeprefix("var-") for key in query if key.startswith("var-")}
        assert chosen <= set(variables(ON_CALL))
        assert set(query) - {f"var-{name}" for name in chosen} == {"from", "to"}


@pytest.mark.parametrize("case", CASES)
def test_dashboards_that_fit_a_configuration_ask_for_what_its_rules_record(case):
    settings = configured(case)
    recorded = {rule.record for _, rule in rules_of(settings) if isinstance(rule, Recording)}
    asked = {
        selector.name
        for board in boards(fit_of(case)).values()
        for _, expr in expressions(board)
        for selector in selectors(expr)
        if selector.name.startswith("slo:")
    }
    assert len(asked) >= 5
    if promised(settings):
        assert asked <= recorded


def test_dashboards_without_a_configuration_fit_the_example():
    assert fit_of("example") == Fit()
    assert boards(fit_of("slow")) != BOARDS


def test_limits_of_a_configuration_are_those_of_its_ladder():
    for case in ("slow", "short"):
        (panel,) = (panel for panel in panels(boards(fit_of(case))["on-call.json"]) if "for a page" in panel["title"])
        limits = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][2:]]
        pages = [level for level in fit_of(case).levels if level.severity == "page"]
        assert limits == sorted(float(level.factor) for level in pages)


def test_what_the_daemon_says_of_itself_is_shown_or_left_out_for_a_reason():
    left_out = {
        "foldwatch_class_support": "the labels of recall are the same, and always exported",
        "foldwatch_overall_loss": "in nats and not a share: the page and the report show it",
        "foldwatch_overall_loss_lower": "the same",
        "foldwatch_overall_loss_upper": "the same",
        "foldwatch_overall_baseline_loss": "the same",
        "foldwatch_overall_baseline_loss_lower": "the same",
        "foldwatch_overall_baseline_loss_upper": "the same",
        "foldwatch_prediction_rate": "Prometheus reckons it, by version",
        "foldwatch_slo_events_total": "in what rules record",
        "foldwatch_slo_bad_events_total": "in what rules record",
        "foldwatch_slo_skipped_total": "in the state of an objective: too few events",
        "foldwatch_revalidations_total": "the page and the ledger tell of each run, with its reasons",
        "foldwatch_revalidation_time_limit_seconds": "a setting: its runbook sets it beside the open run",
        "foldwatch_fold_deviation_ratio": "the spread of the folds is shown, by metric; this one rings",
        "foldwatch_fold_deviation_limit_ratio": "a setting, of the same alert",
        "process_virtual_memory_bytes": "says nothing that the resident memory does not say better",
    }
    asked = {selector.name for _, _, expr in every_expression() for selector in selectors(expr)}
    silent = {metric.name for metric in CATALOG if not {*metric.samples} & asked}
    assert silent == set(left_out)
    assert asked & recorded_names()
