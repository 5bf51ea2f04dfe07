"""The generated dashboards as a linter reads them: panels, variables, expressions, and the selectors in those."""

from __future__ import annotations

import json
import re

import promql_parser as promql
from rule_cases import CASES, configured, rules_of

from monitor.alerting.rules.rule import Recording
from monitor.dashboards.files import dashboard_files
from monitor.dashboards.fit import fitted
from monitor.prometheus.catalog import CATALOG

MACROS = {"$__rate_interval": "4m", "$__interval": "1m", "$__range": "6h"}
TARGET_LABELS = {"job", "instance"}
PROMETHEUS_OWN = {
    "up": set(),
    "scrape_duration_seconds": set(),
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "ALERTS": {"alertname", "alertstate", "severity", "model", "slo", "routing", "component", "version"}
    | {"gate", "reason", "topic"},
    "ALERTS_FOR_STATE": {"alertname", "severity", "model", "slo", "routing", "version", "gate", "reason", "topic"},
}
"""Series that Prometheus makes itself -> the labels of them that we may use."""
_SLOTH = {"model", "slo", "sloth_id", "sloth_service", "sloth_slo", "sloth_window"}


def boards(fit=None):
    """Return name of the file -> the dashboard as it is read from its JSON."""
    return {name: json.loads(text) for name, text in dashboard_files(fit).items()}


BOARDS = boards()


def panels(board):
    """Return the panels of a dashboard without the headlines."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board):
    """Return name -> variable."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def expressions(board):
    """Yield (where, expression) of everything that is asked but by variables."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def every_expression():
    """Return (dashboard, where, expression) of all."""
    return [(name, where, expr) for name, board in BOARDS.items() for where, expr in expressions(board)]


def parsed(expr):
    """Parse an expression of a panel: macros get a value, a variable within quotes stays as it is."""
    for macro, value in MACROS.items():
        expr = expr.replace(macro, value)
    return promql.parse(expr)


def nodes(expression):
    """Yield an expression and all that it is made of."""
    yield expression
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        below = getattr(expression, name, None)
        if isinstance(below, promql.Expr):
            yield from nodes(below)
    for below in getattr(expression, "args", ()):
        yield from nodes(below)


def selectors(expr):
    """Return the selectors of series in an expression."""
    return [node for node in nodes(parsed(expr)) if isinstance(node, promql.VectorSelector)]


def matchers(selector):
    """Return (label, operator, value) of a selector."""
    found = re.findall(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', promql_text(selector))
    return [(label, operator, value) for label, operator, value in found]


def promql_text(selector):
    """Return a selector as text."""
    return selector.prettify()


def recorded_names():
    """Return the names of all series that rules of any configuration record."""
    return {rule.record for case in CASES for _, rule in rules_of(configured(case)) if isinstance(rule, Recording)}


def series_labels():
    """Return name of a series -> the labels that it may have, of all that there are."""
    found = {
        sample: {*metric.labels, *TARGET_LABELS, *({"le"} if sample.endswith("_bucket") else ())}
        for metric in CATALOG
        for sample in metric.samples
    }
    found |= dict.fromkeys(recorded_names(), _SLOTH)
    return found | {name: labels | TARGET_LABELS for name, labels in PROMETHEUS_OWN.items()}


def fit_of(case):
    """Return what a configuration of `rule_cases` says."""
    return fitted(configured(case))
