"""Whether the rules are wise, beyond being valid: what a linter looks for, on the parsed expressions."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from urllib.request import urlopen

import fabricated as made
import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from rule_cases import CASES, configured, rules_of

from monitor.alerting import names
from monitor.alerting.rules.rule import AlertRule, Recording
from monitor.clock import MINUTE, SECOND
from monitor.config import ServerSettings
from monitor.prometheus.catalog import CATALOG
from monitor.serve import Probes, Server
from monitor.statistics.budget import Tally

COMPARISONS = {">", "<", ">=", "<=", "==", "!="}
PROMETHEUS_OWN = {"up", "prometheus_rule_evaluation_failures_total", "ALERTS_FOR_STATE"}
ONE_REGULAR_EXPRESSION = {names.RULES_FAIL}
"""Groups of rules are told apart by their names alone, behind the name of a file that we do not know."""
FRAGILE = {"topk", "bottomk", "quantile", "count_values"}
RANGED = {"increase", "rate", "delta", "deriv"}
TARGETED = [("churn", slo) for slo in ("slices", "pages", "tickets", "shadow", "loss")]
FINE = Probes(healthy=lambda: None, ready=lambda: None)
FREE = ServerSettings(("127.0.0.1", 0))


def nodes(expression):
    """Yield an expression and all that it is made of."""
    yield expression
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        below = getattr(expression, name, None)
        if isinstance(below, promql.Expr):
            yield from nodes(below)
    for below in getattr(expression, "args", ()):
        yield from nodes(below)


def parsed(rule):
    return list(nodes(promql.parse(rule.expr)))


def queries(rule):
    """Return the expressions that the templates of an alert ask for."""
    found = []
    for text in rule.annotations.values():
        for literal in re.findall(r'(?:query|printf) ("(?:[^"\\]|\\.)*")', text):
            plain = promql.parse(literal).val
            if "{" in plain or "(" in plain:
                found.append(plain.replace("%q", '"any"').replace("%%", "%"))
    return found


def operator(node):
    return str(node.op)


def seconds(node):
    return node.range.total_seconds()


def matchers(selector):
    return selector.matchers.matchers


def unwrapped(node):
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def metrics_of(server):
    with urlopen(f"{server.url}metrics", timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def scraped():
    """Return the names that a real scrape shows, be there series of them or not."""
    with Server(FREE, FINE, made.empty_snapshot()) as server:
        return set(re.findall(r"^# TYPE (\w+)", metrics_of(server), re.MULTILINE))


@pytest.fixture(params=CASES)
def settings(request):
    return configured(request.param)


@pytest.fixture
def rules(settings):
    return [rule for _, rule in rules_of(settings)]


@pytest.fixture
def alerts(rules):
    return [rule for rule in rules if isinstance(rule, AlertRule)]


def test_an_alert_compares(alerts):
    for alert in alerts:
        compares = [
            node for node in parsed(alert) if isinstance(node, promql.BinaryExpr) and operator(node) in COMPARISONS
        ]
        assert compares or alert.alert == names.WATCHDOG


def test_an_alert_says_what_it_must(alerts, settings):
    severities = names.QUALITY | names.OPERATION
    for alert in alerts:
        assert alert.labels["severity"] == severities[alert.alert]
        assert "\n" not in alert.annotations["summary"]
        assert alert.annotations["description"].endswith("\n")
        assert ("runbook_url" in alert.annotations) or settings.alerting.runbook_url is None
        assert ("dashboard_url" in alert.annotations) == (settings.alerting.grafana_url is not None)
        assert ({"model", "slo"} <= set(alert.labels)) == (alert.alert in names.QUALITY)


def test_neither_a_label_nor_a_summary_changes_while_an_alert_lasts(alerts):
    for alert in alerts:
        for text in (*alert.labels.values(), alert.annotations["summary"]):
            inside = re.findall(r"{{(.*?)}}", text)
            assert [part for part in inside if "$value" in part or "query" in part] == []


def test_a_label_that_a_text_names_is_one_that_the_alert_has(alerts):
    of_series = {metric.name: set(metric.labels) | {"job", "instance"} for metric in CATALOG}
    of_series |= {"up": {"job", "instance"}, "prometheus_rule_evaluation_failures_total": {"rule_group"}}
    for alert in alerts:
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
        kept = set(alert.labels)
        for node in parsed(alert):
            if isinstance(node, promql.AggregateExpr):
                kept |= set(node.modifier.labels)
            elif isinstance(node, promql.VectorSelector) and node.name in of_series and alert.alert == names.DOWN:
                kept |= of_series[node.name]
        assert used <= kept


def test_what_is_divided_by_is_never_zero(rules):
    for rule in rules:
        for expression in (rule.expr, *(queries(rule) if isinstance(rule, AlertRule) else ())):
            for node in nodes(promql.parse(expression)):
                if isinstance(node, promql.BinaryExpr) and operator(node) == "/":
                    by = unwrapped(node.rhs)
                    if isinstance(by, promql.NumberLiteral):
                        assert by.val > 0
                    else:
                        assert (operator(by), unwrapped(by.rhs).val) == (">", 0)


def test_a_range_holds_two_scrapes_and_no_more_than_prometheus_keeps(rules, settings):
    for rule in rules:
        for node in parsed(rule):
            if isinstance(node, promql.MatrixSelector):
                assert seconds(node) * SECOND >= 2 * settings.slo.scrape_interval.millis
            if isinstance(node, promql.MatrixSelector | promql.SubqueryExpr) and settings.slo.retention is not None:
                assert seconds(node) * SECOND <= settings.slo.retention.millis


def test_increases_are_of_counters_and_nothing_else_is_of_a_counter(rules):
    counters = {metric.name for metric in CATALOG if metric.kind == "counter"}
    for rule in rules:
        increased = set()
        for node in parsed(rule):
            if isinstance(node, promql.Call) and node.func.name in RANGED:
                assert node.func.name == "increase"
                below = {each.name for each in nodes(node) if isinstance(each, promql.VectorSelector)}
                assert all(name.endswith(("_total", ":total")) for name in below)
                increased |= below
        bare = {node.name for node in parsed(rule) if isinstance(node, promql.VectorSelector)} & counters - increased
        assert not bare or rule.record in ("slo:sli_events:total", "slo:sli_bad_events:total")


def test_nothing_fragile_is_asked(rules):
    for rule in rules:
        for node in parsed(rule):
            if isinstance(node, promql.AggregateExpr):
                assert operator(node) not in FRAGILE
                assert node.modifier is not None
            if isinstance(node, promql.VectorSelector):
                fuzzy = [matcher for matcher in matchers(node) if matcher.op != promql.MatchOp.Equal]
                assert not fuzzy or getattr(rule, "alert", None) in ONE_REGULAR_EXPRESSION


def test_no_rule_is_there_twice(settings):
    pairs = list(rules_of(settings))
    keys = Counter(
        (getattr(rule, "record", None) or rule.alert, tuple(sorted(rule.labels.items())), rule.expr)
        for _, rule in pairs
    )
    assert [key for key, times in keys.items() if times > 1] == []
    series = Counter(
        (rule.record, tuple(sorted(rule.labels.items()))) for _, rule in pairs if not isinstance(rule, AlertRule)
    )
    assert max(series.values(), default=1) == 1


def test_groups_leave_no_gaps_in_graphs(settings):
    for group, _ in rules_of(settings):
        assert SECOND <= group.interval <= 5 * MINUTE
        assert group.name.startswith("foldwatch")


def test_alerts_do_not_flicker_with_a_missed_scrape(settings, alerts):
    for alert in alerts:
        if alert.alert == names.DOWN:
            assert alert.for_ >= 2 * settings.slo.scrape_interval.millis
        if alert.alert in (names.BURNS, names.BURNS_FAST):
            assert alert.for_ == 0


def test_the_only_inputs_of_alerts_on_quality_are_the_counters_of_objectives(settings):
    inputs = set()
    for group, rule in rules_of(settings):
        if any(isinstance(other, AlertRule) and other.alert in names.QUALITY for other in group.rules):
            inputs |= {node.name for node in parsed(rule) if isinstance(node, promql.VectorSelector)}
    raw = {name for name in inputs if not name.startswith("slo:")}
    assert raw <= {"foldwatch_slo_events_total", "foldwatch_slo_bad_events_total"}


def selectors(rules):
    """Yield every selector of the rules and of what their templates ask for."""
    for rule in rules:
        for expression in (rule.expr, *(queries(rule) if isinstance(rule, AlertRule) else ())):
            for node in nodes(promql.parse(expression)):
                if isinstance(node, promql.VectorSelector):
                    yield node


def test_every_series_that_a_rule_names_is_exported_or_recorded(rules, scraped):
    recorded = {rule.record for rule in rules if not isinstance(rule, AlertRule)}
    named = {selector.name for selector in selectors(rules)}
    assert named - recorded - PROMETHEUS_OWN <= scraped
    assert {name for name in named if name.startswith("foldwatch_")} <= {metric.name for metric in CATALOG}


def test_a_selector_asks_for_labels_that_the_series_has_and_for_our_job(rules, settings):
    labels = {metric.name: {*metric.labels, "job"} for metric in CATALOG}
    for selector in selectors(rules):
        if selector.name in labels:
            asked = {matcher.name: matcher.value for matcher in matchers(selector)}
            assert set(asked) <= labels[selector.name]
            assert asked["job"] == settings.alerting.job


def test_the_counters_that_rules_select_are_scraped_from_the_start():
    settings = configured("routes")
    snapshot = replace(made.empty_snapshot(), settings=settings, tallies=dict.fromkeys(TARGETED, Tally()))
    with Server(FREE, FINE, snapshot) as server:
        found = {
            (sample.name, sample.labels["model"], sample.labels["slo"]): sample.value
            for family in parse(metrics_of(server))
            for sample in family.samples
            if "slo" in sample.labels
        }
    rules = [rule for _, rule in rules_of(settings) if isinstance(rule, Recording)]
    wanted = {one.name: one for one in selectors(rules) if one.name.startswith("foldwatch_slo_")}
    assert sorted(wanted) == ["foldwatch_slo_bad_events_total", "foldwatch_slo_events_total"]
    assert {(one.name, one.value) for each in wanted.values() for one in matchers(each)} == {("job", "foldwatch")}
    for name in wanted:
        assert {key[1:]: value for key, value in found.items() if key[0] == name} == dict.fromkeys(TARGETED, 0.0)


def test_what_a_template_asks_for_parses(alerts):
    asked = [query for alert in alerts for query in queries(alert)]
    assert all(promql.parse(query) for query in asked)
    assert asked or not any(alert.alert in names.QUALITY for alert in alerts)
