"""From events to people: a real daemon, its generated rules in a real Prometheus, a real Alertmanager, fake receivers.

The windows are shortened, see tests/support/alert_scene.py.
"""

import json
import re
from urllib.request import urlopen

import pytest
from alert_scene import running
from alert_stack import until
from fake_receivers import KEY

from monitor.alerting import names

SOURCE = """
source:
  kind: files
  predictions: {path: predictions.jsonl}
  labels: {path: labels.jsonl}
  defaults: {model: churn, version: "3"}
server: {listen: "127.0.0.1:0"}
"""


def files_sink(folder):
    """Append events to the logs that the daemon follows."""

    def send(predictions, labels):
        for path, events in ((folder / "predictions.jsonl", predictions), (folder / "labels.jsonl", labels)):
            with path.open("a") as log:
                log.write("".join(json.dumps(event) + "\n" for event in events))

    return send


@pytest.fixture(scope="module")
def story(prometheus, alertmanager, tmp_path_factory):
    """Break the model until the page came, mend it until it resolved; what was sent by then."""
    assert prometheus
    assert alertmanager
    folder = tmp_path_factory.mktemp("story")
    with running(folder, SOURCE, files_sink(folder)) as now:
        receivers, watching, traffic = now.receivers, now.prometheus, now.traffic
        until(lambda: watching.query('foldwatch_slo_events_total{slo="leave-floor"} > 40'), "healthy events")
        assert receivers.events == []
        traffic.broken = True
        until(lambda: receivers.events, "the page")
        until(lambda: _firing(watching, names.BURNS_FAST, "new-floor"), "the shadow")
        until(lambda: any("all-floor" in _text(message) for message in receivers.messages), "the ticket")
        ringing = json.load(urlopen(f"{now.daemon.url}/api/v1/objectives"))["objectives"]
        traffic.broken = False
        until(lambda: len(receivers.events) > 1, "the resolution")
        until(lambda: any("RESOLVED" in _text(message) for message in receivers.messages), "the resolution in Slack")
        failed = [rule for group in watching.rules() for rule in group["rules"] if rule.get("lastError")]
        yield receivers, ringing, failed


def _firing(watching, alert, slo):
    return any((labels["alertname"], labels.get("slo")) == (alert, slo) for labels in watching.firing())


def _text(message):
    (attachment,) = message["attachments"]
    return f"{attachment['title']}\n{attachment['text']}"


def test_the_page_is_triggered_and_later_resolved_under_the_same_key(story):
    receivers, _, _ = story
    trigger, *repeated, resolve = receivers.events
    assert [event["event_action"] for event in receivers.events] == ["trigger", *["trigger"] * len(repeated), "resolve"]
    assert {event["dedup_key"] for event in receivers.events} == {resolve["dedup_key"]}
    assert re.fullmatch("[0-9a-f]{64}", trigger["dedup_key"])
    assert {event["routing_key"] for event in receivers.events} == {KEY}


def test_pagerduty_is_told_all_that_it_asks_for(story):
    trigger = story[0].events[0]
    payload = trigger["payload"]
    assert payload["severity"] == "critical"
    assert payload["class"] == names.BURNS_FAST
    assert (payload["component"], payload["group"], payload["source"]) == ("churn", "foldwatch", "foldwatch")
    assert "churn: recall of class leave (leave-floor)" in payload["summary"]
    links = {link["text"]: link["href"] for link in trigger["links"]}
    assert links["Runbook"] == f"https://runbooks.example/{names.BURNS_FAST}"
    assert links["Dashboard"].startswith("https://grafana.example/d/foldwatch-on-call?var-model=churn&")
    assert trigger["client_url"] == links["Dashboard"]
    details = payload["custom_details"]
    assert re.search(r"Last \S+: \d+ of \d+ events bad", details["what"])
    assert "escalation: Call <Kim>" in details["what"]
    assert "slo=leave-floor" in details["firing"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", details["since"])


def test_the_page_reaches_slack_in_words_that_a_person_can_act_on(story):
    page = next(_text(message) for message in story[0].messages if "[PAGE]" in _text(message))
    assert "recall of class leave" in page
    assert re.search(r"Rings since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", page)
    assert re.search(r"\d+ of \d+ events bad", page)
    assert re.search(r"Now.*: 0\.\d{3}\b.*band 0\.\d{3} to 0\.\d{3}.*the folds promise 0\.99", page)
    assert f"<https://runbooks.example/{names.BURNS_FAST}|" in page
    assert "<https://grafana.example/d/foldwatch-on-call?" in page
    assert "*escalation:* Call &lt;Kim&gt;" in page


def test_what_resolves_is_told_in_slack_too(story):
    over = next(_text(message) for message in story[0].messages if "[RESOLVED]" in _text(message))
    assert "leave-floor" in over
    assert re.search(r"It rang from \S+ \S+Z to \S+ \S+Z", over)


def test_the_ticket_goes_to_slack_alone(story):
    receivers = story[0]
    ticket = next(message for message in receivers.messages if "all-floor" in _text(message))
    assert ticket["attachments"][0]["title"].startswith("[TICKET]")
    assert ticket["channel"] == "#ml-alerts"
    assert all("all-floor" not in json.dumps(event) for event in receivers.events)


def test_the_shadow_rings_and_reaches_nobody(story):
    receivers, ringing, _ = story
    assert all("new-floor" not in json.dumps(sent) for sent in (*receivers.events, *receivers.messages))
    assert {each["slo"]: each["state"] for each in ringing}["new-floor"] in {"burning", "exhausted"}


def test_the_receivers_would_have_taken_every_message_and_no_rule_failed(story):
    receivers, _, failed = story
    assert receivers.refused == []
    assert failed == []
    assert len(receivers.messages) > 2
