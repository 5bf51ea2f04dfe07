import json
import subprocess
from pathlib import Path

import pytest
import yaml

from monitor.alerting import names
from monitor.alerting.promtool.files import test_files as promtool_files
from monitor.alerting.routes.files import CONFIGURATION, alertmanager_files
from monitor.alerting.routes.quoting import in_matcher
from monitor.alerting.rules.files import rule_files
from monitor.config import load

ODD = '"o\\d{{d}|}, ü'
CONFIG = f"""
alerting:
  pagerduty_key_file: keys/pagerduty
  slack_url_file: keys/slack
  slack_channel: "#ml"
  grafana_url: https://grafana.example
  runbook_url: https://runbooks.example
models:
  churn: &model
    classes: [stay, leave]
    windows: [1h, 24h]
    label_horizon: 0s
    owner: team-growth
    baseline: {{"3": churn-3.json}}
    revalidate: {{action: {{kind: command, argv: [retrain]}}, gate: {{max_fold_sd: 0.05}}}}
    objectives:
      - {{name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.03, target: 0.95}}
      - {{name: leave-floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}}
      - {{name: calm-floor, metric: recall, class: stay, window: 1h, kind: occurrences, target: 0.95, routing: ticket}}
      - {{name: new-floor, metric: accuracy, window: 24h, kind: occurrences, target: 0.95, routing: shadow}}
  {json.dumps(ODD)}: *model
"""
"""One objective of each kind and loudness, for a model with a plain name and for one with an odd one."""
PAGE, TICKET, SHADOW, WATCHDOG = "foldwatch-page", "foldwatch-ticket", "foldwatch-shadow", "foldwatch-watchdog"
REACHES = {"critical": PAGE, "warning": TICKET, "info": TICKET, "none": WATCHDOG}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configured")
    (folder / "keys").mkdir()
    (folder / "keys/pagerduty").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "keys/slack").write_text("https://hooks.slack.example/services/T0/B0/secret\n")
    (folder / "foldwatch.yaml").write_text(CONFIG)
    return load(folder / "foldwatch.yaml")


def written(settings, folder):
    for path, text in alertmanager_files(settings).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder / CONFIGURATION


@pytest.fixture(scope="module")
def configuration(settings, tmp_path_factory):
    return written(settings, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def alerts(settings):
    """(alert, its labels), of every alert: as promtool finds them when it tests the rules."""
    cases = (
        case
        for text in promtool_files(settings, rule_files(settings)).values()
        for each in yaml.safe_load(text)["tests"]
        for case in each.get("alert_rule_test", ())
    )
    found = [(case["alertname"], expected["exp_labels"]) for case in cases for expected in case.get("exp_alerts", ())]
    assert {alert for alert, _ in found} == {*names.QUALITY, *names.OPERATION}
    return found


def check(amtool, configuration):
    return subprocess.run([amtool, "check-config", configuration], capture_output=True, text=True, check=False)


def reaches(amtool, configuration, receiver, labels):
    told = [f"{name}={in_matcher(text)}" for name, text in labels.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={configuration}", f"--verify.receivers={receiver}"]
    return subprocess.run([*command, *told], capture_output=True, text=True, check=False)


def expected(labels):
    return SHADOW if labels.get("routing") == "shadow" else REACHES[labels["severity"]]


def test_alertmanagers_own_checker_accepts_the_configuration(amtool, configuration):
    result = check(amtool, configuration)
    assert result.returncode == 0, result.stderr
    assert "1 templates" in result.stdout


@pytest.mark.parametrize("missing", [("keys/pagerduty",), ("keys/slack",), ("keys/pagerduty", "keys/slack")])
def test_what_is_not_configured_is_left_out_and_said(amtool, tmp_path, missing):
    lines = [line for line in CONFIG.splitlines() if not any(file in line for file in missing)]
    (tmp_path / "foldwatch.yaml").write_text("\n".join(lines))
    path = written(load(tmp_path / "foldwatch.yaml"), tmp_path)
    result = check(amtool, path)
    assert result.returncode == 0, result.stderr
    page, ticket, *_ = yaml.safe_load(path.read_text())["receivers"]
    assert ("pagerduty_configs" in page) is ("keys/pagerduty" not in missing)
    assert ("slack_configs" in page) is ("slack_configs" in ticket) is ("keys/slack" not in missing)
    assert ("`alerting.pagerduty_key_file` is not configured" in path.read_text()) is ("keys/pagerduty" in missing)
    assert ("`alerting.slack_url_file` is not configured" in path.read_text()) is ("keys/slack" in missing)


def test_every_alert_with_its_real_labels_reaches_the_one_receiver_that_it_must(amtool, configuration, alerts):
    table = {(alert, *sorted(labels.items())): expected(labels) for alert, labels in alerts}
    assert set(table.values()) == {PAGE, TICKET, SHADOW, WATCHDOG}
    for (alert, *labels), receiver in table.items():
        result = reaches(amtool, configuration, receiver, {"alertname": alert, **dict(labels)})
        assert result.returncode == 0, (alert, labels, result.stdout, result.stderr)


def test_the_table_fails_for_another_receiver(amtool, configuration, alerts):
    alert, labels = next((alert, labels) for alert, labels in alerts if labels["severity"] == "critical")
    assert reaches(amtool, configuration, TICKET, {"alertname": alert, **labels}).returncode == 1


def test_an_alert_that_no_route_knows_is_not_lost(amtool, configuration):
    assert reaches(amtool, configuration, TICKET, {"alertname": "Strange"}).returncode == 0


def test_a_ticket_never_reaches_pagerduty_a_page_reaches_slack_too_and_shadow_reaches_nobody(configuration):
    receivers = {each["name"]: set(each) - {"name"} for each in yaml.safe_load(configuration.read_text())["receivers"]}
    assert receivers == {
        PAGE: {"pagerduty_configs", "slack_configs"},
        TICKET: {"slack_configs"},
        SHADOW: set(),
        WATCHDOG: set(),
    }


def test_secrets_stand_in_files_and_nowhere_else(configuration, settings):
    text = configuration.read_text() + configuration.with_name("foldwatch.tmpl").read_text()
    for path in (settings.alerting.pagerduty_key_file, settings.alerting.slack_url_file):
        assert path.read_text().strip() not in text
        assert str(path) in text


def test_a_relative_configuration_gives_paths_as_seen_from_where_it_was_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/foldwatch.yaml").write_text(CONFIG)
    path = written(load(Path("conf/foldwatch.yaml")), Path("rules"))
    page = yaml.safe_load(path.read_text())["receivers"][0]
    assert page["pagerduty_configs"][0]["routing_key_file"] == "conf/keys/pagerduty"
    assert page["slack_configs"][0]["api_url_file"] == "conf/keys/slack"


def test_pages_and_tickets_are_grouped_and_repeated_as_the_incident_needs(configuration):
    route = yaml.safe_load(configuration.read_text())["route"]
    times = {"group_wait": "30s", "group_interval": "5m"}
    assert {name: route[name] for name in times} == times
    assert (route["receiver"], route["group_by"], route["repeat_interval"]) == (TICKET, ["model"], "12h")
    page = next(each for each in route["routes"] if each["receiver"] == PAGE)
    assert (page["group_by"], page["repeat_interval"]) == (["alertname", "model", "slo"], "4h")
    watchdog = next(each for each in route["routes"] if each["receiver"] == WATCHDOG)
    assert watchdog["repeat_interval"] == "5m"


def test_pages_and_what_mutes_others_are_never_muted_by_time(configuration):
    routes = yaml.safe_load(configuration.read_text())["route"]["routes"]
    muted = {route["matchers"][0] for route in routes if "mute_time_intervals" in route}
    assert muted == {'severity="warning"', 'severity="info"'}
    late = next(at for at, route in enumerate(routes) if names.LABELS_LATE in route["matchers"][0])
    assert late < next(at for at, route in enumerate(routes) if route["matchers"] == ['severity="warning"'])


def test_filled_mute_times_are_understood(amtool, configuration, tmp_path):
    document = yaml.safe_load(configuration.read_text())
    comment = [line[4:] for line in configuration.read_text().splitlines() if line.startswith("#   - {")]
    document["time_intervals"][0]["time_intervals"] = yaml.safe_load("\n".join(comment))
    (tmp_path / "foldwatch.tmpl").write_text(configuration.with_name("foldwatch.tmpl").read_text())
    filled = tmp_path / "alertmanager.yml"
    filled.write_text(yaml.safe_dump(document))
    assert len(comment) == 2
    assert check(amtool, filled).returncode == 0


def test_the_same_configuration_gives_the_same_bytes_and_no_rules(settings):
    files = alertmanager_files(settings)
    assert files == alertmanager_files(settings)
    assert "groups" not in yaml.safe_load(files[CONFIGURATION])
    assert all("Generated by foldwatch rules" in text.splitlines()[0] for text in files.values())
