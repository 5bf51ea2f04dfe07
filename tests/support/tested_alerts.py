"""Which alerts of a folder of rules have a test in which they ring, and one in which they are silent."""

from __future__ import annotations

import yaml

_WHOSE = ("model", "slo", "severity")


def read(path):
    """Return a file of YAML."""
    return yaml.load(path.read_bytes(), yaml.CSafeLoader)


def alerts_of(folder):
    """Return (name, labels that tell whose it is) of every alert of every file of rules."""
    groups = [group for path in sorted(folder.rglob("*.yml")) for group in read(path).get("groups", [])]
    return [
        (rule["alert"], {label: _expanded(rule["labels"][label]) for label in _WHOSE if label in rule["labels"]})
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    ]


def _expanded(label):
    """Return what Prometheus makes of a label: rules write a brace as a template, so that it stays one."""
    return label.replace('{{ "{" }}', "{")


def looks_of(folder):
    """Return (file, name, labels of the alerts that must ring then) of every look at an alert."""
    return [
        (path, look["alertname"], [alert["exp_labels"] for alert in look["exp_alerts"]])
        for path in sorted(folder.rglob("*_test.yml"))
        for test in read(path)["tests"]
        for look in test["alert_rule_test"]
    ]


def is_among(whose, labels):
    """Tell whether an alert is among those that must ring."""
    return any(whose.items() <= alert.items() for alert in labels)


def untested(alerts, looks, always=()):
    """Return (name, whose, what is missing) of the alerts without a case that rings or one that is silent.

    `always` names alerts that are never silent. Silent counts only in a file in which the alert rings, too: there its
    rules are loaded.
    """
    missing = []
    for name, whose in alerts:
        ringing = {path for path, looked_at, labels in looks if looked_at == name and is_among(whose, labels)}
        silent = {path for path, looked_at, labels in looks if looked_at == name and not is_among(whose, labels)}
        if not ringing:
            missing.append((name, whose, "rings"))
        if not ringing & silent and name not in always:
            missing.append((name, whose, "is silent"))
    return missing
