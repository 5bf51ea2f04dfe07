"""Configurations whose rules look different, and the rules that they make."""

from __future__ import annotations

from pathlib import Path

from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.rule import AlertRule
from monitor.alerting.rules.template import literal
from monitor.config import load
from monitor.config.read import understand

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "churn.yaml"

_MODEL = """\
    classes: [stay, leave]
    windows: [1h, 24h]
    label_horizon: 1d
"""
_ROUTES = f"""\
alerting: {{runbook_url: "https://r.example/books", grafana_url: "https://g.example"}}
models:
  churn:
{_MODEL}    owner: team-growth
    baseline: {{"3": churn-3.json}}
    revalidate: {{action: {{kind: command, argv: [retrain]}}, gate: {{max_fold_sd: 0.05}}}}
    objectives:
      - {{name: slices, metric: recall, class: leave, window: 24h, target: 0.95}}
      - {{name: pages, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}}
      - {{name: tickets, metric: precision, class: leave, window: 1h, kind: occurrences, target: 0.9, routing: ticket}}
      - {{name: shadow, metric: accuracy, window: 1h, kind: occurrences, target: 0.999, routing: shadow}}
      - {{name: loss, metric: log_loss, window: 24h, margin: 0.02, target: 0.9}}
      - {{name: untargeted, metric: accuracy, window: 24h}}
"""
_SLOW = f"""\
evaluate_every: 1h
slo: {{scrape_interval: 45s, retention: 60d}}
models:
  churn:
{_MODEL}    objectives:
      - {{name: pages, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.9}}
"""
_SHORT = f"""\
evaluate_every: 1s
slo: {{period: 1h, scrape_interval: 1s}}
models:
  churn:
{_MODEL}    objectives:
      - {{name: pages, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}}
"""
_ODD = r"""
alerting: {job: 'a "job" \ {{ $value }}', runbook_url: "https://r.example/{{.Labels}}", grafana_url: "https://g.example/{{"}
models:
  'it''s "odd" \ {{ $value }} %d {':
    classes: ['a "class"', '{{ b }}', 'c\']
    windows: [1h]
    label_horizon: 1d
    segments: {region: ['{{ eu }}', 'u"s']}
    owner: '{{ "owner" }}'
    objectives:
      - {name: 'naïve “é” 雪 {{ range', metric: recall, class: '{{ b }}', window: 1h,
         segment: 'region={{ eu }}', target: 0.95, kind: occurrences,
         annotations: {hypothesis: 'a {{ template', runbook: 'https://x.example/{{y'}}
      - {name: "line\nbreak\ttab\u0000null\x85\u2028", metric: precision, class: 'c\', window: 1h,
         kind: occurrences, target: 0.95}
  churn_test:
    classes: [stay, leave]
    revalidate: {action: {kind: webhook, url: "http://127.0.0.1:1/hook"}}
    objectives: [{name: slices, metric: recall, class: leave, window: 24h, target: 0.95}]
"""
_NONE = """\
models:
  churn: {classes: [stay, leave], objectives: [{name: untargeted, metric: accuracy, window: 24h}]}
"""
_TEXTS = {"routes": _ROUTES, "slow": _SLOW, "short": _SHORT, "odd": _ODD, "none": _NONE}
CASES = ("example", *_TEXTS)


def configured(case):
    """Return the settings of a case."""
    if case == "example":
        return load(EXAMPLE)
    return understand(_TEXTS[case].encode(), Path(f"/nowhere/{case}.yaml"))


def rules_of(settings):
    """Yield (group, rule) of all files."""
    for file in rule_files(settings):
        for group in file.groups:
            for rule in group.rules:
                yield group, rule


def alerts_of(settings, slo):
    """Return name -> alert of one objective."""
    return {
        rule.alert: rule
        for _, rule in rules_of(settings)
        if isinstance(rule, AlertRule) and rule.labels.get("slo") == literal(slo)
    }


def recordings_of(settings, slo):
    """Return name -> recorded series of one objective, those recorded of all at once too."""
    return {
        rule.record: rule
        for _, rule in rules_of(settings)
        if not isinstance(rule, AlertRule) and rule.labels.get("sloth_slo", slo) == slo
    }
