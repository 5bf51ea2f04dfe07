"""Which alert speaks for others, asked of a real Alertmanager."""

import json

import pytest
from alert_stack import Alertmanager, until

from monitor.alerting import names
from monitor.alerting.routes.files import alertmanager_files
from monitor.config import load

ODD = '"o\\d{{d}|},\tü'
CONFIG = f"""
alerting: {{job: watch}}
models:
  churn: &model {{classes: [stay, leave], windows: [1h], label_horizon: 0s}}
  {json.dumps(ODD)}: *model
"""


@pytest.fixture(scope="module")
def running(alertmanager, tmp_path_factory):
    assert alertmanager
    folder = tmp_path_factory.mktemp("inhibitions")
    (folder / "foldwatch.yaml").write_text(CONFIG)
    for path, text in alertmanager_files(load(folder / "foldwatch.yaml")).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    with Alertmanager(folder / "running", folder / "alertmanager/alertmanager.yml") as started:
        yield started


def alert(name, **labels):
    severity = {**names.QUALITY, **names.OPERATION}[name]
    return {"labels": {"alertname": name, "severity": severity, **labels}, "annotations": {}}


def muted(running, case, *alerts):
    """The names of those that are muted; the label `case` keeps a test's alerts apart from others'."""
    told = [{**each, "labels": {**each["labels"], "case": case}} for each in alerts]
    running.tell(*told)

    def known():
        return [each for each in running.alerts() if each["labels"]["case"] == case]

    until(lambda: len(known()) == len(told), "Alertmanager knows them")
    return {each["labels"]["alertname"] for each in known() if each["status"]["inhibitedBy"]}


def test_a_page_mutes_the_ticket_of_the_same_objective(running):
    labels = {"model": "a", "slo": "floor"}
    found = muted(running, "same", alert(names.BURNS_FAST, **labels), alert(names.BURNS, **labels))
    assert found == {names.BURNS}


@pytest.mark.parametrize(
    ("page", "ticket"),
    [
        ({"model": "b", "slo": "one"}, {"model": "b", "slo": "other"}),
        ({"model": "c", "slo": "floor"}, {"model": "d", "slo": "floor"}),
        ({"model": "e", "slo": "floor", "routing": "shadow"}, {"model": "e", "slo": "floor"}),
        ({}, {}),
        ({"model": "f"}, {"model": "f"}),
    ],
    ids=["another objective", "another model", "in the shadow", "both labels missing", "objective missing"],
)
def test_a_page_mutes_no_other_ticket(running, page, ticket, request):
    found = muted(running, request.node.callspec.id, alert(names.BURNS_FAST, **page), alert(names.BURNS, **ticket))
    assert found == set()


def test_the_daemon_that_is_down_mutes_what_is_said_of_its_models(running):
    found = muted(
        running,
        "down",
        alert(names.DOWN, job="watch", instance="10.0.0.1:9464"),
        alert(names.BURNS_FAST, model="churn", slo="floor"),
        alert(names.PREDICTIONS_STOPPED, model=ODD),
        alert(names.BASELINE_OLD, model="of-another-daemon"),
        alert(names.RULES_FAIL),
    )
    # It knows nothing of the models that the other tests speak of.
    assert found == {names.BURNS_FAST, names.PREDICTIONS_STOPPED}


def test_late_labels_mute_the_quality_of_that_model_alone(running):
    found = muted(
        running,
        "late",
        alert(names.LABELS_LATE, model="late"),
        alert(names.BURNS_FAST, model="late", slo="floor"),
        alert(names.BURNS, model="punctual", slo="floor"),
        alert(names.PREDICTIONS_STOPPED, model="late"),
    )
    assert found == {names.BURNS_FAST}
