"""The rules of Grafana's dashboard-linter, which is a program in Go, on the dashboards that we make.

What a rule finds is either mended or stands in EXCEPT with its reason; an exception that nothing needs any more fails.
"""

from __future__ import annotations

import promql_parser as promql
import pytest
from dashboard_files_read import BOARDS, matchers, nodes, panels, parsed, selectors, variables

from monitor.prometheus.catalog import CATALOG

COUNTERS = {sample for metric in CATALOG for sample in metric.samples if metric.kind != "gauge"}
RATES = {"rate", "irate", "increase"}
EXCEPT = {
    ("template-instance", "*"): "one daemon a job: its instance is an address that changes with every pod",
    ("target-instance", "*"): "the same; panels take the maximum or the sum over instances",
    ("target-rate-interval", "Pages, last 30 days"): "a month, whatever the dashboard shows",
    ("target-rate-interval", "Rules that failed, last 15 minutes"): "the window of the alert FoldwatchRulesFail",
    ("target-rate-interval", "Rejected, 15 minutes"): "the window of the alert FoldwatchDeadLetters",
    ("target-job", "ALERTS"): "Prometheus' own series: alerts of quality carry no job",
    ("target-job", "ALERTS_FOR_STATE"): "the same",
    ("target-job", "slo:"): "recorded by model and objective, whatever job counts them",
    ("target-job", "prometheus_rule_evaluation_failures_total"): "of Prometheus' job and not of ours",
}
"""(rule, panel or series or what its name begins with) -> why it is let go. `*`: everywhere."""


def template_datasource(board):
    of = variables(board).get("datasource", {})
    if (of.get("type"), of.get("query"), of.get("label")) != ("datasource", "prometheus", "Data source"):
        yield "datasource"


def template_job(board):
    yield from _template(board, "job")


def template_instance(board):
    yield from _template(board, "instance")


def _template(board, name):
    of = variables(board).get(name)
    wanted = {"label": name.capitalize(), "type": "query", "multi": True, "allValue": ".+", "includeAll": True}
    if (
        of is None
        or any(of.get(key) != value for key, value in wanted.items())
        or of["datasource"] != {"type": "prometheus", "uid": "${datasource}"}
    ):
        yield name


def template_label_promql(board):
    for name, of in variables(board).items():
        if of["type"] == "query":
            inside = of["query"].removeprefix("label_values(").removesuffix(")")
            selector, _, label = inside.rpartition(", ")
            if f"label_values({selector}, {label})" != of["query"] or not selectors(selector):
                yield name


def template_on_time_change_reload(board):
    for name, of in variables(board).items():
        if of["type"] == "query" and of["refresh"] != 2:
            yield name


def panel_datasource(board):
    for panel in panels(board):
        if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            yield panel["title"]


def panel_title_description(board):
    for panel in panels(board):
        if not (panel.get("title") and panel.get("description")):
            yield panel["title"]


def panel_units(board):
    for panel in panels(board):
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield panel["title"]


def panel_no_targets(board):
    for panel in panels(board):
        if not panel.get("targets"):
            yield panel["title"]


def target_promql(board):
    for panel, expr in _targets(board):
        try:
            parsed(expr)
        except ValueError:
            yield panel["title"]


def target_logql(board):
    for panel in panels(board):
        if any(target["datasource"]["type"] != "prometheus" for target in panel["targets"]):
            yield panel["title"]


def target_rate_interval(board):
    for panel, expr in _targets(board):
        ranges = [node for node in nodes(parsed(expr)) if isinstance(node, promql.MatrixSelector | promql.SubqueryExpr)]
        if len(ranges) != expr.count("[$__rate_interval]"):
            yield panel["title"]


def target_job(board):
    for _, expr in _targets(board):
        for selector in selectors(expr):
            if ("job", "=~", "$job") not in matchers(selector):
                yield selector.name


def target_instance(board):
    for _, expr in _targets(board):
        for selector in selectors(expr):
            if ("instance", "=~", "$instance") not in matchers(selector):
                yield selector.name


def target_counter_agg(board):
    for panel, expr in _targets(board):
        moving = {
            selector.name
            for node in nodes(parsed(expr))
            if isinstance(node, promql.Call) and node.func.name in RATES
            for argument in node.args
            for selector in nodes(argument)
            if isinstance(selector, promql.VectorSelector)
        }
        if {selector.name for selector in selectors(expr)} & COUNTERS - moving:
            yield panel["title"]


def uneditable(board):
    if board["editable"] is not False:
        yield board["uid"]


RULES = [
    template_datasource,
    template_job,
    template_instance,
    template_label_promql,
    template_on_time_change_reload,
    panel_datasource,
    panel_title_description,
    panel_units,
    panel_no_targets,
    target_promql,
    target_logql,
    target_rate_interval,
    target_job,
    target_instance,
    target_counter_agg,
    uneditable,
]


def _targets(board):
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel, target["expr"]


def reason(rule, found):
    """Return the exception that lets a finding go."""
    named = rule.__name__.replace("_", "-")
    for excepted, of in EXCEPT:
        if excepted == named and (of in {"*", found} or (of.endswith(":") and found.startswith(of))):
            return excepted, of
    return None


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_linter_finds_nothing_that_has_no_reason(rule, name):
    assert sorted({found for found in rule(BOARDS[name]) if reason(rule, found) is None}) == []


def test_every_exception_is_needed():
    needed = {reason(rule, found) for rule in RULES for board in BOARDS.values() for found in rule(board)}
    assert needed - {None} == set(EXCEPT)
