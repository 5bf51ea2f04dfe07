import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.file import sealed, write
from monitor.baselines.floors import floor_problems, promised
from monitor.baselines.in_force import load_baselines
from monitor.cli import main
from monitor.config import load
from monitor.counts import Counts, Layout
from monitor.statistics.baseline import Baseline, Fold

CONFIG = """\
slo: {retention: 30d}
alerting: {pagerduty_key_file: key, slack_url_file: slack, slack_channel: "#ml"}
models:
  churn:
    classes: [stay, leave]
    baseline: {"3": 3.json}
    segments: {region: [eu, us]}
    margin: 0.1
    objectives:
      - {name: floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.95}
"""
PLACE = "c.yaml:10: models.churn.objectives[0].target: "
PERFECT = ((1_000, 0), (0, 1_000))


def counted(confusion):
    predicted = [sum(column) for column in zip(*confusion, strict=True)]
    return Counts.from_planes(Layout(2, 1), {"confusion": confusion, "predicted": predicted})


def baseline(*folds, version="3", eu=None):
    """Return a baseline of these confusions, one a fold; `eu` is that of region=eu in each of them."""
    segments = {} if eu is None else {"region=eu": counted(eu)}
    made = tuple(Fold(str(i), 0, 9_000, counted(fold), segments=segments) for i, fold in enumerate(folds))
    return sealed(Baseline("churn", version, ("stay", "leave"), Layout(2, 1), "stratified", made, ""))


@pytest.fixture
def checked(tmp_path, capsys):
    """Write baselines, key files and a configuration, run `check`, and return (exit code, stdout, stderr lines)."""

    def run(config=CONFIG, *stored, keys=("key", "slack")):
        for one in stored or (baseline(PERFECT, PERFECT),):
            write(one, tmp_path / f"{one.version}.json")
        for name in keys:
            (tmp_path / name).write_text("placeholder")
        (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
        code = main(["check", "--config", str(tmp_path / "c.yaml")])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, [line.replace(f"{tmp_path}/", "") for line in said.err.splitlines()]

    return run


def test_a_budget_is_summed_up_in_shares_windows_and_events(checked, tmp_path):
    more = (
        "      - {name: few, metric: recall, class: leave, window: 24h, target: 0.95}\n"
        "      - {name: quiet, metric: accuracy, window: 24h, kind: occurrences, target: 0.8, routing: ticket}\n"
        "      - {name: dark, metric: accuracy, window: 24h, kind: occurrences, target: 0.999, routing: shadow}\n"
    )
    code, out, warnings = checked(CONFIG + more)
    assert (code, warnings) == (0, [])
    lines = out.splitlines()
    assert lines[2:4] == [
        "budgets    of 28d; scraped every 30s as job foldwatch, kept for 30d",
        f"receivers  PagerDuty, key in {tmp_path}/key; Slack #ml, address in {tmp_path}/slack",
    ]
    first = next(i for i, line in enumerate(lines) if "objective  floor" in line)
    assert lines[first + 1] == ("    budget   occurrences: 95 % of labelled predictions good in 28d; pages and tickets")
    assert [
        f"      {level} are bad ({factor}), from {least} labelled predictions on: 6 bad of {least}"
        for level, factor, least in (
            ("page   when more than 67.2 % of the last 1h and of the last 5m", "13.44x", 8),
            ("page   when more than 28 % of the last 6h and of the last 30m", "5.6x", 18),
            ("ticket when more than 14 % of the last 1d and of the last 2h", "2.8x", 36),
            ("ticket when more than 4.665 % of the last 3d and of the last 6h", "0.933x", 108),
        )
    ] == lines[first + 2 : first + 6]
    few = "    budget   timeslices: 95 % of evaluations good in 28d; tickets alone: timeslices page nobody"
    dark = "labelled predictions good in 28d; pages and tickets, in the shadow: they reach nobody"
    assert few in lines
    assert "    budget   occurrences: 80 % of labelled predictions good in 28d; tickets alone" in lines
    assert f"    budget   occurrences: 99.9 % of {dark}" in lines
    assert any("from 5,360 labelled predictions on" in line for line in lines)


def test_links_are_summed_up_as_alerts_will_build_on_them(checked):
    urls = 'grafana_url: "https://g.example.com/", runbook_url: "https://r.example.com/a/"'
    _, out, _ = checked(CONFIG.replace('slack_channel: "#ml"', urls))
    assert "links      Grafana https://g.example.com, runbooks https://r.example.com/a\n" in out


def test_the_ladder_is_that_of_the_cadence_in_force(checked):
    _, out, _ = checked("evaluate_every: 30m\n" + CONFIG)
    assert "of the last 12h and of the last 1h are bad (5.6x)" in out
    assert "13.44x" not in out  # it would look at the same windows, and rings later


def test_without_budgets_and_receivers_nothing_is_said_of_them(checked):
    config = CONFIG.partition("models:")[2].replace(", kind: occurrences, target: 0.95", "")
    code, out, warnings = checked(f"models:{config}")
    assert (code, warnings) == (0, [])
    assert "\nbudgets" not in out
    assert "    budget" not in out
    assert "receivers" not in out


@pytest.mark.parametrize(
    ("of", "confusion", "value"),
    [
        ("metric: recall, class: leave", ((900, 0), (60, 940)), "recall of leave of 0.94"),
        ("metric: precision, class: leave", ((900, 60), (0, 940)), "precision of leave of 0.94"),
        ("metric: specificity, class: leave", ((94, 6), (0, 7)), "specificity of leave of 0.94"),
        ("metric: accuracy", ((500, 60), (0, 440)), "accuracy of 0.94"),
        ("metric: recall, class: leave, segment: region=eu", PERFECT, "recall of leave in region=eu of 0.94"),
    ],
)
def test_a_floor_above_what_the_folds_promise_is_refused_with_the_nearest_that_they_keep(checked, of, confusion, value):
    stored = baseline(confusion, confusion, eu=((900, 0), (60, 940)))
    config = CONFIG.replace("metric: recall, class: leave", of)
    code, out, (line,) = checked(config, stored)
    assert (code, out) == (2, "")
    assert line.startswith(PLACE)
    assert f"the folds of version 3 promise a {value}: 0.95 would burn its budget although nothing got worse" in line
    assert line.endswith("; lower it to 0.9400")
    assert checked(config.replace("0.95", "0.9400"), stored)[0] == 0


def test_what_the_folds_promise_is_their_pooled_value(checked):
    stored = baseline(((10, 0), (0, 10)), ((900, 0), (60, 940)))
    code, _, (line,) = checked(CONFIG.replace("0.95", "0.9407"), stored)
    assert code == 2
    assert "promise a recall of leave of 0.9405" in line  # 950 of 1010, not the mean of 1 and 0.94
    assert checked(CONFIG.replace("0.95", "0.9405"), stored)[0] == 0


def test_of_several_versions_the_one_that_promises_least_is_named(checked):
    config = CONFIG.replace('{"3": 3.json}', '{"3": 3.json, "4": 4.json, "5": 5.json}')
    stored = [
        baseline(((900, 0), (bad, 1_000 - bad)), version=version) for version, bad in (("3", 55), ("4", 70), ("5", 60))
    ]
    code, _, (line,) = checked(config, *stored)
    assert code == 2
    assert "version 4 promise a recall of leave of 0.93:" in line
    assert "lower it to 0.9300" in line


@pytest.mark.parametrize(
    ("routing", "remedy"),
    [
        ("page", "lower it to 0.9000 and write `routing: ticket`: no page could ring below 0.9256"),
        ("shadow", "lower it to 0.9000 and write `routing: ticket`: no page could ring below 0.9256"),
        ("ticket", "lower it to 0.9000"),
    ],
)
def test_where_no_page_could_ring_at_what_the_folds_keep_a_ticket_is_proposed(checked, routing, remedy):
    config, stored = CONFIG.replace("0.95", f"0.95, routing: {routing}"), baseline(((900, 0), (100, 900)))
    code, _, (line,) = checked(config, stored)
    assert code == 2
    assert line.endswith(f"; {remedy}")
    accepted = CONFIG.replace("0.95", "0.9, routing: ticket")
    assert checked(accepted, stored)[0] == 0


def test_where_nothing_could_ring_at_what_the_folds_keep_timeslices_are_proposed(checked):
    code, _, (line,) = checked(CONFIG, baseline(((900, 0), (500, 500))))
    assert code == 2
    assert "no alert could ring below 0.6429: write `kind: timeslices`" in line


@pytest.mark.parametrize(
    ("of", "stored"),
    [
        ("metric: recall, class: leave", baseline(((900, 0), (0, 0)))),
        ("metric: recall, class: leave, segment: region=us", baseline(PERFECT)),
    ],
)
def test_folds_that_say_nothing_of_it_refuse_nothing(checked, of, stored):
    code, _, lines = checked(CONFIG.replace("metric: recall, class: leave", of), stored)
    assert code == 0
    assert any("can never be OK" in line for line in lines)


def test_timeslices_are_not_held_against_the_folds(checked):
    config = CONFIG.replace("kind: occurrences", "kind: timeslices")
    code, _, lines = checked(config, baseline(((900, 0), (500, 500))))
    assert (code, lines) == (0, [])


@settings(max_examples=40, deadline=None)
@given(right=st.integers(9_300, 9_998), wrong=st.integers(1, 700), written=st.sampled_from(["0.9999", "0.99995"]))
def test_the_floor_that_is_named_is_accepted_and_a_step_higher_is_not(tmp_path_factory, right, wrong, written):
    folder = tmp_path_factory.mktemp("floors", numbered=True)
    write(baseline(((900, 0), (wrong, right))), folder / "3.json")

    def problems(target):
        path = folder / "c.yaml"
        path.write_text(CONFIG.replace("0.95", target), encoding="utf-8")
        read = load(path)
        return floor_problems(read, load_baselines(read))

    (problem,) = problems(written)
    (near,) = re.findall(r"lower it to ([0-9.]+)", problem.remedy)
    assert problems(near) == []
    assert problems(str(Decimal(near) + Decimal("0.0001")))


@given(cells=st.lists(st.integers(0, 50), min_size=4, max_size=4), class_=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_what_is_promised_is_counted_from_the_confusion(cells, class_):
    (a, b, c, d) = cells
    stored = baseline(((a, b), (c, d)))
    own, rest = ((a, b, c), d) if class_ == 0 else ((d, c, b), a)
    (tp, fn, fp), tn = own, rest
    expected = {
        "recall": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
        "accuracy": (a + d, a + b + c + d),
    }
    for metric, (good, events) in expected.items():
        assert promised(stored, metric, class_) == ((good, events) if events else None)


def test_baselines_key_files_and_floors_that_are_wrong_come_at_once(checked):
    config = CONFIG.replace('{"3": 3.json}', '{"3": 3.json, "9": 9.json}')
    code, out, lines = checked(config, baseline(((900, 0), (100, 900))), keys=())
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in lines] == [
        "alerting.pagerduty_key_file",
        "alerting.slack_url_file",
        "models.churn.baseline.9",
    ]
    code, _, lines = checked(CONFIG, baseline(((900, 0), (100, 900))), keys=("key",))
    assert code == 2
    assert [line.split(": ")[1] for line in lines] == ["alerting.slack_url_file", "models.churn.objectives[0].target"]


@pytest.mark.parametrize(
    ("content", "finding"),
    [(None, "is not there"), (b"", "is empty"), (b" \n", "is empty"), ("folder", "is a directory")],
)
def test_a_key_file_that_is_of_no_use_is_refused(checked, tmp_path, content, finding):
    if content == "folder":
        (tmp_path / "slack").mkdir()
    elif content is not None:
        (tmp_path / "slack").write_bytes(content)
    code, out, (line,) = checked(keys=("key",))
    assert (code, out) == (2, "")
    assert line.startswith(f"c.yaml: alerting.slack_url_file: slack {finding}")
    assert "write Slack's webhook address into it, or remove the key" in line


@pytest.mark.parametrize(
    ("good", "bad", "place", "finding", "remedy"),
    [
        (
            "slo: {retention: 30d}\n",
            "",
            "slo.retention",
            "Prometheus keeps 15d unless told, and a budget looks back on 28d",
            "--storage.tsdb.retention.time=28d",
        ),
        ("pagerduty_key_file: key, ", "", "alerting.pagerduty_key_file", "a page of churn.floor wakes nobody", "name"),
        (
            'slack_url_file: slack, slack_channel: "#ml"',
            "job: j",
            "alerting.slack_url_file",
            "tickets of churn.floor reach nobody",
            "Slack's webhook",
        ),
    ],
)
def test_what_would_be_missed_at_night_is_warned_of(checked, good, bad, place, finding, remedy):
    assert CONFIG.count(good) == 1
    code, _, (warning,) = checked(CONFIG.replace(good, bad))
    assert code == 0
    assert warning.startswith(f"warning: c.yaml: {place}: ")
    assert finding in warning
    assert remedy in warning.rpartition("; ")[2]


def test_a_channel_without_an_address_is_warned_of(checked):
    code, _, lines = checked(CONFIG.replace("slack_url_file: slack, ", ""))
    assert code == 0
    assert ["`slack_url_file`" in line for line in lines if "alerting.slack_channel: is of no use" in line] == [True]


@pytest.mark.parametrize("objective", ["target: 0.95", "kind: occurrences, target: 0.95, routing: ticket"])
def test_where_nothing_pages_nobody_needs_a_pager(checked, objective):
    config = CONFIG.replace("pagerduty_key_file: key, ", "")
    assert checked(config.replace("kind: occurrences, target: 0.95", objective))[::2] == (0, [])


def test_where_all_is_in_the_shadow_nobody_needs_to_be_told(checked):
    config = CONFIG.replace('pagerduty_key_file: key, slack_url_file: slack, slack_channel: "#ml"', "")
    assert checked(config.replace("target: 0.95", "target: 0.95, routing: shadow"))[::2] == (0, [])


def test_a_short_period_fits_what_prometheus_keeps_by_itself(checked):
    assert checked(CONFIG.replace("{retention: 30d}", "{period: 15d}"))[::2] == (0, [])


def test_an_annotation_that_alerts_write_themselves_is_warned_of(checked):
    texts = '{escalation: me, summary: s, runbook_url: "https://a.example", description: d, dashboard_url: u}'
    code, _, lines = checked(CONFIG.replace("target: 0.95", f"target: 0.95, annotations: {texts}"))
    assert code == 0
    assert [line.split(": ")[2].rpartition(".")[2] for line in lines] == [
        "dashboard_url",
        "description",
        "runbook_url",
        "summary",
    ]
    assert "write `runbook` for a runbook of its own" in lines[2]
