"""Runbooks: one for each alert and no other, short and in order; their queries run, and find what they speak of."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from alert_stack import Prometheus, until
from watched_stack import ENVIRONMENT, Stack

from monitor.alerting import names
from monitor.cli import _parser, main
from monitor.prometheus.catalog import CATALOG

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "runbooks"
ALERTS = [*names.QUALITY, *names.OPERATION]
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
LONGEST = 75
NOT_HERE = {
    "foldwatch_consumer_lag": "files have no partitions",
    "foldwatch_offset_resets_total": "files have no offsets that are gone",
    "foldwatch_tls_expiry_timestamp_seconds": "no certificate is configured",
    "foldwatch_data_gate": "a gate takes hours of history",
    "foldwatch_label_completeness_ratio": "it takes a mature window in whole hours",
    "foldwatch_label_delay_seconds": "it takes a mature window in whole hours",
    "foldwatch_revalidation_asked_timestamp_seconds": "no model is re-validated",
    "foldwatch_revalidation_open_timestamp_seconds": "no model is re-validated",
    "foldwatch_revalidation_time_limit_seconds": "no model is re-validated",
    "foldwatch_revalidation_failures": "no model is re-validated",
    "foldwatch_revalidations_total": "no model is re-validated",
    "foldwatch_fold_deviation_ratio": "no model is re-validated",
    "foldwatch_fold_deviation_limit_ratio": "no model is re-validated",
}
"""What a daemon that follows two small files for some seconds has no series of: it must declare them all the same."""


def page_of(alert):
    return (FOLDER / f"{alert}.md").read_text(encoding="utf-8")


def blocks(page, language):
    """Return the code blocks of a language, without the blanks that lists put before them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{blanks}", "", block, flags=re.MULTILINE).strip() for blanks, block in found]


QUERIES = [(alert, query) for alert in ALERTS for query in blocks(page_of(alert), "promql")]
COMMANDS = sorted({line for alert in ALERTS for block in blocks(page_of(alert), "sh") for line in block.splitlines()})
FOLDWATCH = sorted(
    {line for line in COMMANDS if line.startswith("foldwatch ")}
    | {line for alert in ALERTS for line in re.findall(r"`(foldwatch [a-z][^`]*--[^`]*)`", page_of(alert))}
)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert sorted(path.stem for path in FOLDER.glob("*")) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_is_short_and_has_its_four_parts_in_order(alert):
    page = page_of(alert)
    assert page.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    assert len(page.splitlines()) <= LONGEST
    severity = (names.QUALITY | names.OPERATION)[alert]
    assert f"\nSeverity {severity}" in page


@pytest.mark.parametrize("alert", ALERTS)
def test_diagnosis_and_mitigation_are_steps_with_a_query_and_what_is_normal(alert):
    diagnosis, mitigation = page_of(alert).partition("## Diagnosis\n")[2].split("## Mitigation\n")
    for part in (diagnosis, mitigation):
        steps = [int(n) for n in re.findall(r"^(\d+)\. ", part, re.MULTILINE)]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) > 1
    assert blocks(diagnosis, "promql")
    assert "Normal: " in diagnosis


@pytest.mark.parametrize("line", FOLDWATCH)
def test_every_command_of_ours_has_these_options(line):
    words = shlex.split(line)[1:]
    if "--help" in words:
        assert main(words) == 0
    else:
        assert _parser().parse_args(words).command == words[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory, promtool):
    """The stack, once every rule has been evaluated over moving counters."""
    assert promtool
    made = Stack(tmp_path_factory.mktemp("stack"))
    made.tell(60)
    log = (made.folder / "daemon.log").open("wb")
    command = (sys.executable, "-m", "monitor", "run", "--config", "foldwatch.yaml")
    daemon = subprocess.Popen(command, cwd=made.folder, env=ENVIRONMENT, stdout=log, stderr=log)
    targets = {"foldwatch": [f"127.0.0.1:{made.port}"]}
    try:
        with Prometheus(
            made.folder / "prometheus", rules=made.write_rules(), targets=targets, blocks=made.history()
        ) as prometheus:
            configured = prometheus.folder / "prometheus.json"
            with_itself = json.loads(configured.read_text())
            itself = {"job_name": "prometheus", "scrape_timeout": "1s"}
            with_itself["scrape_configs"].append(itself | {"static_configs": [{"targets": [prometheus.address]}]})
            configured.write_text(json.dumps(with_itself))
            prometheus.reload()
            until(lambda: prometheus.query("foldwatch_last_evaluation_timestamp_seconds"), "the daemon is scraped")
            made.tell(60)
            until(lambda: prometheus.query("slo:sli_error:ratio_rate5m > 0"), "bad events are counted")
            until(lambda: prometheus.query("slo:current_burn_rate:ratio"), "burn rates are recorded")
            made.prometheus = prometheus
            yield made
    finally:
        daemon.kill()
        daemon.wait()
        log.close()


def series_named(query):
    """Return the metric names that a query selects: every name but functions, aggregations, labels and strings."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\b(?:by|on|without|ignoring)\s*\([^)]*\)|\[[^\]]*\]", " ", query)
    return set(re.findall(r"\b(foldwatch_\w+|slo:[\w:]+|prometheus_\w+|up|ALERTS)\b", bare))


@pytest.mark.parametrize(("alert", "query"), QUERIES)
def test_every_query_finds_series_on_a_prometheus_that_scrapes_a_daemon(stack, alert, query):
    named = series_named(query)
    assert named
    missing = named & set(NOT_HERE)
    if missing == named:
        declared = stack.get("/metrics")[1]
        stack.prometheus.query(query)  # raises where it does not parse
        assert [name for name in sorted(missing) if f"# TYPE {name.removesuffix('_total')}" not in declared] == []
    else:
        until(lambda: stack.prometheus.query(query), f"{alert}: {query}", 20)


def test_every_series_that_a_query_names_is_exported_recorded_or_prometheus_own(stack):
    known = {metric.name for metric in CATALOG} | stack.recorded | {"up", "ALERTS"}
    named = {name for _, query in QUERIES for name in series_named(query)}
    assert sorted(name for name in named - known if not name.startswith("prometheus_")) == []
    found = {name: bool(stack.prometheus.query(name)) for name in NOT_HERE}
    assert found == dict.fromkeys(NOT_HERE, False)  # what is there after all shall be looked for


@pytest.mark.parametrize("path", sorted({re.search(r":9464(/\S*)", line)[1] for line in COMMANDS if ":9464" in line}))
def test_every_address_that_a_runbook_asks_answers(stack, path):
    assert stack.get(path)[0] == 200


def test_the_objectives_that_a_runbook_asks_for_say_what_a_daemon_counted(stack):
    def counted():
        found = {entry["slo"]: entry for entry in json.loads(stack.get("/api/v1/objectives")[1])["objectives"]}
        return found if all(entry["events"] + entry["skipped"] for entry in found.values()) else None

    until(counted, "every objective has events")
    found = counted()
    assert [(slo, entry["kind"]) for slo, entry in found.items()] == [
        ("watched", "timeslices"),
        ("floor", "occurrences"),
    ]
    floor = found["floor"]
    assert 0 < floor["bad"] < floor["events"]
    assert floor["budget_left"] == pytest.approx(1 - floor["bad"] / floor["events"] / 0.05)
    assert floor["burn"]["1h"] == pytest.approx(floor["bad"] / floor["events"] / 0.05)
    assert floor["state"] in {"burning", "exhausted"}
    assert [one["alert"] for one in floor["firing"]] == ["FoldwatchBudgetBurns"]


def test_the_commands_of_others_are_those_that_are_installed():
    assert {line.split()[0] for line in COMMANDS} == {"amtool", "curl", "foldwatch", "openssl", "promtool"}
