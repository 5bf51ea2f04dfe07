"""What people read, rendered by Alertmanager's own engine from what an alert of ours carries."""

import json
import subprocess

import pytest

from monitor.alerting.routes.files import TEXTS, alertmanager_files
from monitor.config import Settings

GRAFANA = "https://grafana.example/d/foldwatch-on-call"
SINCE, UNTIL = "2026-11-21T03:04:05.678+01:00", "2026-11-21T05:00:00Z"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "foldwatch.tmpl"
    path.write_text(alertmanager_files(Settings({}))[TEXTS])
    return path


def alert(status="firing", slo="floor", severity="critical", **more):
    said = {
        "summary": f"churn: recall of class leave ({slo}): its error budget burns much too fast",
        "description": f"Which promise: {slo}.\nLast 1h: 48 of 60 events bad.\n",
        "runbook_url": "https://runbooks.example/FoldwatchBudgetBurnsFast",
        "dashboard_url": f"{GRAFANA}?var-model=churn&var-slo={slo}",
        **more,
    }
    labels = {"alertname": "FoldwatchBudgetBurnsFast", "model": "churn", "slo": slo, "severity": severity}
    return {"status": status, "labels": labels, "annotations": said, "startsAt": SINCE, "endsAt": UNTIL}


def common(alerts, part):
    first = alerts[0][part]
    return {name: text for name, text in first.items() if all(each[part].get(name) == text for each in alerts)}


@pytest.fixture
def rendered(amtool, texts, tmp_path):
    def render(name, *alerts):
        document = {
            "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
            "alerts": alerts,
            "commonLabels": common(alerts, "labels"),
            "commonAnnotations": common(alerts, "annotations"),
            "externalURL": "http://alertmanager.example:9093",
        }
        (tmp_path / "data.json").write_text(json.dumps(document))
        command = [
            amtool,
            "template",
            "render",
            f"--template.glob={texts}",
            f"--template.data={tmp_path / 'data.json'}",
        ]
        asked = f'--template.text={{{{ template "foldwatch.{name}" . }}}}'
        result = subprocess.run([*command, asked], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout.removesuffix("\n")

    return render


def test_a_page_in_slack_says_what_how_much_since_when_and_where_to_look(rendered):
    title = "[PAGE] churn: recall of class leave (floor): its error budget burns much too fast"
    assert rendered("title", alert()) == title
    assert rendered("text", alert()).splitlines() == [
        "Rings since 2026-11-21 02:04:05Z.",
        "Which promise: floor.",
        "Last 1h: 48 of 60 events bad.",
        "<https://runbooks.example/FoldwatchBudgetBurnsFast|Runbook: what to look at and to do>",
        f"<{GRAFANA}?var-model=churn&amp;var-slo=floor|Dashboard: since when, how far>",
    ]
    assert rendered("color", alert()) == "danger"


def test_what_resolves_says_how_long_it_rang(rendered):
    over = alert("resolved")
    assert rendered("title", over).startswith("[RESOLVED] churn: recall of class leave")
    assert rendered("text", over).splitlines()[0] == "It rang from 2026-11-21 02:04:05Z to 2026-11-21 05:00:00Z."
    assert "48 of 60" not in rendered("text", over)
    assert rendered("color", over) == "good"


def test_several_tickets_of_a_model_are_told_one_after_the_other(rendered):
    alerts = (alert(severity="warning"), alert("resolved", "other", "warning"))
    name = "churn: FoldwatchBudgetBurnsFast: 1 firing, 1 resolved"
    assert rendered("title", *alerts) == f"[TICKET] {name}"
    assert rendered("summary", *alerts) == name
    first, second = rendered("text", *alerts).split("\n\n")
    assert first.startswith("*churn: recall of class leave (floor): its error budget burns much too fast*\nRings since")
    assert second.startswith("*Resolved: churn: recall of class leave (other)")
    assert rendered("color", *alerts) == "warning"


def test_what_an_objective_says_itself_is_told_too(rendered):
    said = alert(hypothesis="A new tariff", escalation="Ask <team>")
    assert "*escalation:* Ask &lt;team&gt;\n*hypothesis:* A new tariff" in rendered("text", said)
    assert "escalation: Ask <team>\nhypothesis: A new tariff" in rendered("what", said)


def test_names_cannot_break_slacks_markup_and_stand_as_they_are_in_pagerduty(rendered):
    odd = alert(summary="a<b>&c", description="<!channel> & {{ .Status }}\n")
    assert rendered("title", odd) == "[PAGE] a&lt;b&gt;&amp;c"
    assert rendered("text", odd).splitlines()[1] == "&lt;!channel&gt; &amp; {{ .Status }}"
    assert rendered("summary", odd) == "a<b>&c"
    assert rendered("what", odd).splitlines() == ["<!channel> & {{ .Status }}"]


def test_links_that_are_not_configured_lead_to_alertmanager(rendered):
    bare = alert()
    bare["annotations"] = {"summary": "s", "description": "d"}
    assert {rendered(name, bare) for name in ("runbook", "dashboard", "look")} == {"http://alertmanager.example:9093"}
    assert rendered("text", bare) == "Rings since 2026-11-21 02:04:05Z.\nd"


def test_links_lead_to_dashboard_and_runbook(rendered):
    assert rendered("look", alert()) == rendered("dashboard", alert()) == alert()["annotations"]["dashboard_url"]
    assert rendered("runbook", alert()) == alert()["annotations"]["runbook_url"]
    bare = alert()
    del bare["annotations"]["dashboard_url"]
    assert rendered("look", bare) == bare["annotations"]["runbook_url"]


@pytest.mark.parametrize(
    ("label", "severity"), [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("page", "error")]
)
def test_pagerdutys_severity_comes_from_the_label_and_is_one_that_it_knows(rendered, label, severity):
    assert rendered("severity", alert(severity=label)) == severity


@pytest.mark.parametrize(("label", "word"), [("critical", "[PAGE] "), ("warning", "[TICKET] "), ("info", "[NOTE] ")])
def test_the_first_word_in_slack_says_how_urgent_it_is(rendered, label, word):
    assert rendered("title", alert(severity=label)) == word + alert()["annotations"]["summary"]


def test_the_daemon_is_the_component_where_there_is_no_model(rendered):
    assert rendered("component", alert()) == "churn"
    down = alert()
    down["labels"] = {"alertname": "FoldwatchDown", "severity": "critical", "job": "foldwatch"}
    assert rendered("component", down) == "foldwatch"
    assert rendered("firing", down).strip() == "alertname=FoldwatchDown job=foldwatch severity=critical"
