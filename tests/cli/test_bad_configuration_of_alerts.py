import re

import pytest

from monitor.cli import main

GOOD = """\
evaluate_every: 60s
slo: {period: 28d, scrape_interval: 30s, retention: 90d}
alerting:
  false_pages_per_month: 1
  job: foldwatch
  grafana_url: https://grafana.example.com/
  runbook_url: https://docs.example.com/runbooks
  pagerduty_key_file: key
  slack_url_file: slack
  slack_channel: "#ml"
models:
  churn:
    classes: [stay, leave]
    windows: [1h, 24h]
    segments: {region: [eu, us]}
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, target: 0.95}
      - {name: floor, metric: recall, class: stay, window: 24h, kind: occurrences, target: 0.96, routing: page,
         annotations: {runbook: "https://wiki.example.com/floor#now"}}
"""
GRAFANA = "https://grafana.example.com/"
SLICES = "models.churn.objectives[0]"
FLOOR = "models.churn.objectives[1]"
RUNBOOK = '{runbook: "https://wiki.example.com/floor#now"}'

# what stands in GOOD, what is written instead, where the problem is, what it says, what is to be done
BAD = [
    # --- slo
    ("period: 28d", "perod: 28d", "2: slo.perod", "unknown key", "`period`"),
    ("period: 28d", "period: 28", "2: slo.period", "no unit", "`28d`"),
    ("period: 28d", "period: four weeks", "2: slo.period", "not a duration", "`30d`"),
    ("period: 28d", "period: -28d", "2: slo.period", "negative", "no sign"),
    ("period: 28d", "period: 0s", "2: slo.period", "too short", "1s or more"),
    ("period: 28d", "period: [28d]", "2: slo.period", "is a list", "a duration"),
    ("retention: 90d", "retention: 27d", "2: slo.retention", "27d is less than the period of 28d", "`retention: 28d`"),
    ("period: 28d, ", "", "2: slo.retention", "", ""),
    ("period: 28d", "period: 20m", "2: slo.period",
     "events come every 1m", "write `period: 24m` or more, or `evaluate_every: 50s`"),
    ("period: 28d", "period: 23m", "2: slo.period", "the shortest windows of alerts take 24m", "`evaluate_every: 57s`"),
    ("period: 28d", "period: 10s", "2: slo.period",
     "10s is too short for an error budget", "write `period: 24m` or more"),
    ("scrape_interval: 30s", "scrape_interval: 36h", "2: slo.period",
     "28d is too short", "write `period: 36d` or more, or `scrape_interval: 28h`"),
    ("scrape_interval: 30s", "scrape_interval: 0s", "2: slo.scrape_interval", "too short", "1s or more"),
    ("scrape_interval: 30s", "scrape_interval: fast", "2: slo.scrape_interval", "not a duration", "`90s`"),
    ("scrape_interval: 30s", "scrape_intervall: 30s", "2: slo.scrape_intervall", "unknown key", "`scrape_interval`"),
    ("retention: 90d", "retention: 15d", "2: slo.retention", "15d is less than the period of 28d", "`period: 15d`"),
    ("retention: 90d", "retention: forever", "2: slo.retention", "not a duration", "`30d`"),
    ("{period: 28d, scrape_interval: 30s, retention: 90d}", "28d", "2: slo", "single value", "write a mapping"),
    ("{period: 28d, scrape_interval: 30s, retention: 90d}", "[28d]", "2: slo", "is a list", "write a mapping"),
    # --- alerting
    ("false_pages_per_month: 1", "false_pages_per_month: 0", "4: alerting.false_pages_per_month", "limits", "above 0"),
    ("false_pages_per_month: 1", "false_pages_per_month: -1", "4: alerting.false_pages_per_month", "limits", "above 0"),
    ("false_pages_per_month: 1", "false_pages_per_month: few", "4: alerting.false_pages_per_month",
     "not a number", "above 0"),
    ("false_pages_per_month: 1", "false_pages_per_month: 1e999", "4: alerting.false_pages_per_month",
     "limits", "above 0"),
    ("false_pages_per_month: 1", "false_pages: 1", "4: alerting.false_pages", "unknown key", "`false_pages_per_month`"),
    ("false_pages_per_month: 1", "pagerduty_key: s3cret", "4: alerting.pagerduty_key",
     "unknown key", "secrets stand in files of their own: write it into one and name that, `pagerduty_key_file: PATH`"),
    ("false_pages_per_month: 1", "slack_url: https://x.example/s3cret", "4: alerting.slack_url",
     "unknown key", "`slack_url_file: PATH`"),
    ("false_pages_per_month: 1", "period: 28d", "4: alerting.period", "unknown key", "it belongs to slo"),
    ("job: foldwatch", "job: ''", "5: alerting.job", "is empty", "write a text"),
    ("job: foldwatch", "job: [a]", "5: alerting.job", "is a list", "single text"),
    (GRAFANA, "grafana.example.com", "6: alerting.grafana_url",
     "does not say http or https", "write `https://grafana.example.com`"),
    (GRAFANA, "ftp://grafana.example.com", "6: alerting.grafana_url",
     "is ftp, and not http or https", "https://grafana.example.com"),
    (GRAFANA, "https://", "6: alerting.grafana_url", "names no host", "https://grafana.example.com"),
    (GRAFANA, "https:/grafana/d", "6: alerting.grafana_url", "names no host", "https://grafana.example.com"),
    (GRAFANA, "https://graf ana.example.com", "6: alerting.grafana_url", "has a blank in it", "%20"),
    (GRAFANA, "https://grafana:99999", "6: alerting.grafana_url", "is no address", "https://grafana.example.com"),
    (GRAFANA, "https://[::1", "6: alerting.grafana_url", "is no address", "https://grafana.example.com"),
    (GRAFANA, "https://me:s3cret@grafana", "6: alerting.grafana_url", "has a login in it", "without it"),
    (GRAFANA, "https://grafana/?orgId=1", "6: alerting.grafana_url", "has a `?` or `#`", "the address alone"),
    (GRAFANA, "", "6: alerting.grafana_url", "has no value", "or remove the key"),
    ("https://docs.example.com/runbooks", "docs/runbooks", "7: alerting.runbook_url",
     "does not say http or https", "`https://docs/runbooks`"),
    ("https://docs.example.com/runbooks", "{a: b}", "7: alerting.runbook_url", "is a mapping", "an address such as"),
    ("pagerduty_key_file: key", "pagerduty_key_file: ''", "8: alerting.pagerduty_key_file", "is empty", "write a text"),
    ("slack_url_file: slack", "slack_url_file: [a]", "9: alerting.slack_url_file", "is a list", "single text"),
    ('slack_channel: "#ml"', "slack_channel: #ml", "10: alerting.slack_channel",
     "an unquoted `#` begins a comment", "in quotes"),
    ('slack_channel: "#ml"', 'slack_channel: " "', "10: alerting.slack_channel", "is empty", "write a text"),
    # --- kind, routing, annotations
    ("kind: occurrences", "kind: occurences", f"18: {FLOOR}.kind",
     "not known", "did you mean `occurrences`? There are: timeslices, occurrences"),
    ("kind: occurrences", "kind: ratio", f"18: {FLOOR}.kind", "not known", "timeslices, occurrences"),
    ("routing: page", "routing: pager", f"18: {FLOOR}.routing",
     "not known", "did you mean `page`? There are: page, ticket, shadow"),
    ("routing: page", "routing: ", f"18: {FLOOR}.routing", "no value", "page, ticket, shadow"),
    ("routing: page", "route: page", f"18: {FLOOR}.route", "unknown key", "`routing`"),
    ("target: 0.96, ", "", None, "is of no use without `target`", "add `target`"),
    (RUNBOOK, "now", f"19: {FLOOR}.annotations", "single value", "write a mapping"),
    (RUNBOOK, "{what to do: call}", f"19: {FLOOR}.annotations.what to do",
     "cannot name an annotation", "letters, digits and `_`"),
    (RUNBOOK, "{1st: call}", f"19: {FLOOR}.annotations.1st", "cannot name an annotation", "no digit in front"),
    (RUNBOOK, "{escalation: [a, b]}", f"19: {FLOOR}.annotations.escalation", "is a list", "single text"),
    (RUNBOOK, "{escalation: ''}", f"19: {FLOOR}.annotations.escalation", "is empty", "write a text"),
    (RUNBOOK, "{runbook: wiki/floor}", f"19: {FLOOR}.annotations.runbook",
     "does not say http or https", "`https://wiki/floor`"),
    (RUNBOOK, '{runbook: "javascript:alert(1)"}', f"19: {FLOOR}.annotations.runbook",
     "does not say http or https", "https://"),
    ("metric: recall, class: stay", "metric: f1, class: stay", f"18: {FLOOR}.kind",
     "`f1` is no proportion of labelled predictions", "choose one of: recall, precision, specificity, accuracy"),
    ("metric: recall, class: stay", "metric: log_loss, margin: 0.1", f"18: {FLOOR}.kind",
     "no proportion", "`kind: timeslices`"),
    ("metric: recall, class: stay", "metric: roc_auc, class: stay", f"18: {FLOOR}.kind", "no proportion", "accuracy"),
    ("metric: recall, class: stay", "metric: macro_recall", f"18: {FLOOR}.kind", "no proportion", "recall"),
    ("metric: recall, class: stay", "metric: acuracy", f"18: {FLOOR}.metric", "unknown metric", "`accuracy`"),
    ("class: stay, window", "class: leaf, window", f"18: {FLOOR}.class", "unknown class", "`leave`"),
    ("name: floor,", "name: floor, segment: region=de,", f"18: {FLOOR}.segment", "not among the values", "eu, us"),
    ("name: floor,", "name: leave-recall,", f"18: {FLOOR}.name", "stands in line 17 already", "a name of its own"),
    # --- budgets whose alerts could never ring
    ("target: 0.96", "target: 1", f"18: {FLOOR}.target", "limits", "above 0 and below 1"),
    ("target: 0.96", "target: 0.93", None, "", ""),
    ("target: 0.96", "target: 0.9", f"18: {FLOOR}.target",
     "even 100 % bad events burn 10x, and the page over 1h/5m rings above 13.44x",
     "raise it to 0.9256, or write `routing: ticket`"),
    ("target: 0.96", "target: 0.80", f"18: {FLOOR}.target",
     "the page over 1h/5m rings above 13.44x, the page over 6h/30m above 5.6x",
     "raise it to 0.9256, or write `routing: ticket`"),
    ("target: 0.96", "target: 0.5", f"18: {FLOOR}.target",
     "the ticket over 1d/2h above 2.8x", "raise it to 0.9256, or to 0.6429 with `routing: ticket`"),
    ("target: 0.96, routing: page", "target: 0.9, routing: shadow", f"18: {FLOOR}.target",
     "the page over 1h/5m", "raise it to 0.9256, or write `routing: ticket`"),
    ("target: 0.96, routing: page", "target: 0.6, routing: ticket", f"18: {FLOOR}.target",
     "burn 2.5x, and the ticket over 1d/2h rings above 2.8x", "raise it to 0.6429"),
    ("target: 0.95", "target: 0.64", f"17: {SLICES}.target",
     "the ticket over 1d/2h rings above 2.8x", "raise it to 0.6429"),
    ("target: 0.95", "target: 0.999", f"17: {SLICES}.target",
     "a ticket over 3d/6h needs 5360 evaluations, and every 1m there are 1440 and 4320 of them",
     "lower it to 0.9987, or write `evaluate_every: 48s`"),
    ("evaluate_every: 60s", "evaluate_every: 1h", f"17: {SLICES}.target",
     "needs 36 evaluations, a ticket over 3d/6h needs 108 evaluations, and every 1h there are 24 and 72",
     "lower it to 0.9255, or write `evaluate_every: 40m`"),
    ("scrape_interval: 30s", "scrape_interval: 2h", f"17: {SLICES}.target",
     "every 2h there are 24 and 36", "`scrape_interval: 40m`"),
]  # fmt: skip
"""Rows without a finding are counterparts that are fine."""


@pytest.fixture
def checked(tmp_path, capsys):
    """Write a configuration, run `check` on it, and return its exit code and problems, one a line."""

    def run(text):
        for name in ("key", "slack"):
            (tmp_path / name).write_text("placeholder")
        path = tmp_path / "c.yaml"
        path.write_text(text, encoding="utf-8")
        code = main(["check", "--config", str(path)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert code == 0 or said.out == ""
        return code, [line.removeprefix(f"{path}:") for line in said.err.splitlines() if not line.startswith("warning")]

    return run


@pytest.mark.parametrize(
    ("good", "bad", "place", "finding", "remedy"), [row for row in BAD if row[3]], ids=lambda text: str(text)[:40]
)
def test_what_is_wrong_is_said_with_its_place_and_remedy(checked, good, bad, place, finding, remedy):
    assert GOOD.count(good) == 1
    code, lines = checked(GOOD.replace(good, bad))
    assert code == 2
    where, what_to_do = lines[0].split("; ", maxsplit=1)
    assert place is None or (where.startswith(f"{place}:") and len(lines) == 1)
    assert finding in lines[0]
    assert remedy in what_to_do
    assert "s3cret" not in "".join(lines)


@pytest.mark.parametrize(("good", "bad"), [row[:2] for row in BAD if not row[3]])
def test_what_lies_beside_it_is_fine(checked, good, bad):
    assert checked(GOOD) == (0, [])
    assert checked(GOOD.replace(good, bad)) == (0, [])


def test_kind_routing_and_annotations_without_a_target_are_each_named(checked):
    code, lines = checked(GOOD.replace("target: 0.96, ", ""))
    assert code == 2
    assert [line.split(": ")[1] for line in lines] == [f"{FLOOR}.{key}" for key in ("kind", "routing", "annotations")]


def test_without_any_target_nobody_needs_a_period(checked):
    text = "evaluate_every: 30d\nmodels: {m: {classes: [a, b], objectives: [{name: o, metric: accuracy, window: 24h}]}}"
    assert checked(text) == (0, [])
    code, (line,) = checked(text.replace("24h}", "24h, target: 0.95}"))
    assert code == 2
    assert "28d is too short for an error budget: its events come every 30d" in line
    assert "write `period: 720d` or more, or `evaluate_every: 28h`" in line


def test_what_is_wrong_with_slo_and_alerting_comes_at_once_in_the_order_of_the_lines(checked):
    text = GOOD
    for good, bad in [
        ("evaluate_every: 60s", "evaluate_every: 60"),
        ("period: 28d", "period: 99d"),
        (GRAFANA, "grafana"),
        ('"#ml"', "''"),
        ("target: 0.95", "target: 95"),
        ("kind: occurrences", "kind: events"),
    ]:
        text = text.replace(good, bad)
    code, lines = checked(text)
    assert code == 2
    assert [re.match(r"(\d+): (\S+):", line).groups() for line in lines] == [
        ("1", "evaluate_every"),
        ("2", "slo.retention"),
        ("6", "alerting.grafana_url"),
        ("10", "alerting.slack_channel"),
        ("17", f"{SLICES}.target"),
        ("18", f"{FLOOR}.kind"),
    ]


def test_a_target_is_not_held_against_terms_that_are_wrong_themselves(checked):
    code, lines = checked(GOOD.replace("period: 28d", "period: long").replace("0.96", "0.5"))
    assert code == 2
    assert [line.split(": ")[1] for line in lines] == ["slo.period"]


NEAREST = re.compile(r"(?:raise|lower) it to ([0-9.]+)")
ONE = """\
slo: {period: PERIOD}
models:
  m: {classes: [a, b], windows: [1h], objectives: [{name: o, metric: accuracy, window: 1h, kind: KIND, target: T}]}
"""


@pytest.mark.parametrize("target", ["0.01", "0.3", "0.6428", "0.9", "0.9255", "0.998", "0.9999", "0.99999"])
@pytest.mark.parametrize("kind", ["timeslices", "occurrences"])
@pytest.mark.parametrize("period", ["1h", "1d", "28d", "365d"])
def test_the_target_that_a_message_names_is_accepted(checked, kind, target, period):
    text = ONE.replace("PERIOD", period).replace("KIND", kind)
    code, lines = checked(text.replace("T}", f"{target}}}"))
    if code:
        (near,) = NEAREST.findall(*lines)
        assert near != target
        assert checked(text.replace("T}", f"{near}}}")) == (0, [])
    else:
        assert lines == []


@pytest.mark.parametrize("every", ["1h", "2h", "6h", "1d"])
@pytest.mark.parametrize("target", ["0.95", "0.97", "0.99"])
def test_the_cadence_that_a_message_names_is_accepted(checked, every, target):
    text = ONE.replace("PERIOD", "28d").replace("KIND", "timeslices").replace("T}", f"{target}}}")
    code, (line,) = checked(f"evaluate_every: {every}\n{text}")
    (slowest,) = re.findall(r"`evaluate_every: (\d+[smh])`", line)
    assert code == 2
    assert checked(f"evaluate_every: {slowest}\n{text}") == (0, [])
