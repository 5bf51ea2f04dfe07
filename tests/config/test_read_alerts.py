import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, MINUTE, SECOND
from monitor.config import Alerting, Duration, Slo, load
from monitor.config.key_files import key_file_problems, require_key_files
from monitor.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = "models: {m: {classes: [a, b]}}\n"


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        return load(tmp_path / "c.yaml")

    return written


def objective(read, **keys):
    """Read one objective of accuracy with these keys."""
    one = {"name": "o", "metric": "accuracy", "window": "24h"} | keys
    model = {"classes": ["a", "b"], "objectives": [one]}
    return read(json.dumps({"models": {"m": model}})).models["m"].objectives[0]


def test_without_a_word_budgets_last_four_weeks_and_nobody_is_told(read):
    settings = read(MODELS)
    assert settings.slo == Slo(Duration(28 * DAY, "28d"), Duration(30 * SECOND, "30s"), None)
    assert settings.alerting == Alerting(job="foldwatch")
    assert settings.cadence == MINUTE


def test_slo_and_alerting_are_read_as_written(read, tmp_path):
    settings = read(
        "slo: {period: 7d, scrape_interval: 2m, retention: 40d}\n"
        "alerting: {false_pages_per_month: 0.10, job: watch, grafana_url: 'https://g.example.com/a/', "
        "runbook_url: 'http://[::1]:3000', pagerduty_key_file: k/pd, slack_url_file: /etc/slack, "
        "slack_channel: '#ml'}\n" + MODELS
    )
    assert settings.slo == Slo(Duration(7 * DAY, "7d"), Duration(2 * MINUTE, "2m"), Duration(40 * DAY, "40d"))
    assert settings.alerting == Alerting(
        false_pages_per_month=Decimal("0.10"),
        job="watch",
        grafana_url="https://g.example.com/a",
        runbook_url="http://[::1]:3000",
        pagerduty_key_file=tmp_path / "k/pd",
        slack_url_file=Path("/etc/slack"),
        slack_channel="#ml",
    )
    assert str(settings.alerting.false_pages_per_month) == "0.10"
    assert settings.cadence == 2 * MINUTE


def test_an_empty_slo_and_alerting_are_as_none(read):
    assert (read(f"slo:\nalerting:\n{MODELS}").slo, read(f"slo: {{}}\n{MODELS}").alerting) == (Slo(), Alerting())


def test_a_retention_as_long_as_the_period_is_enough(read):
    settings = read(f"slo: {{period: 1d, retention: 24h}}\n{MODELS}")
    assert settings.slo.retention == Duration(DAY, "24h")


@pytest.mark.parametrize(
    ("period", "every", "scrape"),
    [("24m", "60s", "30s"), ("12m", "1s", "30s"), ("24s", "1s", "1s"), ("365d", "1h", "30s")],
)
def test_a_period_that_holds_the_shortest_windows_is_fine(read, period, every, scrape):
    settings = read(f"slo: {{period: {period}, scrape_interval: {scrape}}}\nevaluate_every: {every}\n{MODELS}")
    assert settings.slo.period.text == period


def test_an_objective_without_a_target_has_no_budget(read):
    one = objective(read)
    assert (one.target, one.kind, one.routing, one.annotations) == (None, "timeslices", "page", {})


def test_an_objective_with_a_target_is_of_timeslices_and_may_page_unless_told_otherwise(read):
    one = objective(read, target=0.95)
    assert (one.target, one.kind, one.routing) == (Decimal("0.95"), "timeslices", "page")


def test_kind_routing_and_annotations_are_read_as_written(read):
    texts = {"runbook": "https://wiki.example.com/a?b=c#d", "escalation": "call\nme {{ $value }}", "_x1": "y"}
    one = objective(read, target="0.9300", kind="occurrences", routing="shadow", annotations=texts)
    assert (one.kind, one.routing, one.annotations) == ("occurrences", "shadow", texts)
    assert str(one.target) == "0.9300"


@pytest.mark.parametrize("metric", ["recall", "precision", "specificity", "accuracy"])
def test_the_four_proportions_may_be_of_occurrences(read, metric):
    of = {} if metric == "accuracy" else {"class": "a"}
    assert objective(read, metric=metric, target=0.99, kind="occurrences", **of).metric == metric


@settings(max_examples=60, deadline=None)
@given(target=st.decimals("0.9256", "0.9999", places=4))
def test_a_target_is_exactly_what_was_written(tmp_path_factory, target):
    path = tmp_path_factory.getbasetemp() / "target.yaml"
    one = f"{{name: o, metric: accuracy, window: 24h, kind: occurrences, target: {target}}}"
    path.write_text(f"models: {{m: {{classes: [a, b], objectives: [{one}]}}}}", encoding="utf-8")
    assert load(path).models["m"].objectives[0].target == target


def test_the_line_of_an_objective_is_that_of_its_target(read):
    settings = read(
        "models:\n  m:\n    classes: [a, b]\n    objectives:\n"
        "      - name: o\n        metric: accuracy\n        window: 24h\n        target: 0.95\n"
    )
    assert settings.models["m"].objectives[0].line == 8


def test_key_files_are_demanded_by_those_who_need_them_alone(read, tmp_path):
    text = f"alerting: {{pagerduty_key_file: pd, slack_url_file: slack}}\n{MODELS}"
    settings = read(text)
    with pytest.raises(InputError) as failed:
        require_key_files(settings)
    assert [problem.place for problem in failed.value.problems] == [
        f"{tmp_path}/c.yaml: alerting.pagerduty_key_file",
        f"{tmp_path}/c.yaml: alerting.slack_url_file",
    ]
    (tmp_path / "pd").write_text(" \n")
    (tmp_path / "slack").mkdir()
    findings = [problem.finding for problem in key_file_problems(settings)]
    assert findings == [f"{tmp_path}/pd is empty", f"{tmp_path}/slack is a directory"]
    (tmp_path / "slack").rmdir()
    for name in ("pd", "slack"):
        (tmp_path / name).write_bytes(b"\xff\n")
    require_key_files(settings)


def test_a_key_file_that_is_a_pipe_is_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "pd")
    (problem,) = key_file_problems(read(f"alerting: {{pagerduty_key_file: pd}}\n{MODELS}"))
    assert problem.finding.startswith(f"{tmp_path}/pd is no file")


def test_without_key_files_none_is_demanded(read):
    require_key_files(read(MODELS))


def test_the_example_of_alerts_has_budgets_of_both_kinds_links_and_its_key_files():
    settings = load(EXAMPLES / "churn.yaml")
    promised = [(one.kind, one.routing) for one in settings.models["churn"].objectives if one.target is not None]
    assert promised == [("timeslices", "page"), ("occurrences", "page"), ("occurrences", "shadow")]
    assert settings.alerting.grafana_url
    assert settings.alerting.runbook_url
    require_key_files(settings)
    assert "placeholder" in settings.alerting.pagerduty_key_file.read_text()
    assert "placeholder" in settings.alerting.slack_url_file.read_text()
