"""What Prometheus gets: the contract's names, one moment per scrape, and text that Prometheus' own checker accepts."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from decimal import Decimal

import fabricated as made
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from monitor.config import Export, Input, Objective, SourceSettings
from monitor.prometheus.catalog import CATALOG
from monitor.prometheus.collector import Exposition, SnapshotCollector
from monitor.report.snapshot import Reading
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.gates import Gate, GateState
from monitor.statistics.inspection import Inspection, Vitals
from monitor.statistics.report import Maturity, Report, Verdict

CHURN = made.churn_snapshot(days=9)
NAMES_OF_THE_CONTRACT = """
foldwatch_class_quality_ratio foldwatch_class_quality_lower_ratio foldwatch_class_quality_upper_ratio
foldwatch_class_baseline_ratio foldwatch_class_baseline_lower_ratio foldwatch_class_baseline_upper_ratio
foldwatch_class_labels foldwatch_overall_quality_ratio foldwatch_overall_quality_lower_ratio
foldwatch_overall_quality_upper_ratio foldwatch_overall_baseline_ratio foldwatch_overall_baseline_lower_ratio
foldwatch_overall_baseline_upper_ratio foldwatch_overall_labels foldwatch_overall_loss foldwatch_overall_loss_lower
foldwatch_overall_loss_upper foldwatch_overall_baseline_loss foldwatch_overall_baseline_loss_lower
foldwatch_overall_baseline_loss_upper foldwatch_verdict foldwatch_predictions_total foldwatch_labels_total
foldwatch_waiting_predictions foldwatch_waiting_labels foldwatch_dead_letters_total foldwatch_skipped_total
foldwatch_halted foldwatch_last_evaluation_timestamp_seconds foldwatch_last_label_timestamp_seconds
foldwatch_last_prediction_timestamp_seconds foldwatch_build_info foldwatch_model_info
foldwatch_slo_events_total foldwatch_slo_bad_events_total foldwatch_slo_skipped_total
foldwatch_tls_expiry_timestamp_seconds
"""


def text(snapshot):
    return Exposition(snapshot).body("")[0].decode()


def series(snapshot, name=None):
    """Return {(name, labels): value}; the same series twice would be a fault."""
    found = {}
    for family in parse(text(snapshot)):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return {key: value for key, value in found.items() if name in (None, key[0])}


def labelled(snapshot, name):
    """Return [(labels, value)] of a name."""
    return [(dict(labels), value) for (_, labels), value in series(snapshot, name).items()]


def with_export(**export):
    return replace(CHURN, settings=replace(CHURN.settings, export=Export(**export)))


def standing(slo, state, left):
    return Standing("churn", slo, "timeslices", Decimal("0.95"), "page", state, Tally(), left)


def budgeted():
    """A snapshot that fills every family of budgets, baselines and certificates."""
    states = (standing("a", BudgetState.BURNING, -0.25), standing("b", BudgetState.INSUFFICIENT, None))
    written = {key: replace(one, written_at=1_767_225_600_250) for key, one in CHURN.baselines.items()}
    counted = {("churn", "leave-recall"): Tally(7, 2, 3), ("churn", "retired"): Tally(9, 9, 9)}
    return replace(CHURN, objectives=states, tallies=counted, baselines=written, tls_expiry=1_800_000_000_000)


@pytest.mark.parametrize("snapshot", [made.empty_snapshot(), CHURN], ids=["from the start", "later"])
def test_every_name_of_the_contract_shows_with_its_type(snapshot):
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text(snapshot), re.MULTILINE))
    assert set(NAMES_OF_THE_CONTRACT.split()) <= set(types)
    assert list(types) == [metric.name for metric in CATALOG]
    assert types == {metric.name: metric.kind for metric in CATALOG}
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in types.items())


@pytest.mark.parametrize(
    "snapshot",
    [made.empty_snapshot(), CHURN, made.digits_snapshot(hours=5), made.without_labels(), budgeted()],
    ids=["empty", "churn", "digits", "no labels", "budgets"],
)
def test_prometheus_own_checker_has_nothing_to_say(promtool, snapshot):
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text(snapshot), capture_output=True, text=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_sample_has_the_labels_of_the_catalog():
    labels = {name: set(metric.labels) for metric in CATALOG for name in metric.samples}
    labels |= {name: labels[name] | {"le"} for name in labels if name.endswith("_bucket")}
    for name, pairs in series(with_export(metrics=("recall", "log_loss", "support", "ece"), segments=True)):
        missing = labels[name] - {label for label, _ in pairs}
        assert {label for label, _ in pairs} <= labels[name]
        # Only a verdict may be about the whole model, and then it has no class.
        assert missing <= ({"class"} if name == "foldwatch_verdict" else set())


def test_a_value_has_its_band_its_corridor_its_n_and_one_verdict():
    (window,) = [w for w in CHURN.report.windows if (w.window, w.maturity, w.segment) == ("24h", Maturity.MATURE, None)]
    (recall,) = [r for r in window.metrics if (r.metric, r.class_) == ("recall", "leave")]
    key = {
        "model": "churn", "version": "3", "segment": "", "window": "24h", "maturity": "mature", "metric": "recall",
        "class": "leave",
    }  # fmt: skip
    values = {
        name: value
        for (name, labels), value in series(CHURN).items()
        if dict(labels) == key and name.startswith("foldwatch_class")
    }
    assert values == {
        "foldwatch_class_quality_ratio": recall.value,
        "foldwatch_class_quality_lower_ratio": recall.lower,
        "foldwatch_class_quality_upper_ratio": recall.upper,
        "foldwatch_class_baseline_ratio": recall.baseline,
        "foldwatch_class_baseline_lower_ratio": recall.baseline_lower,
        "foldwatch_class_baseline_upper_ratio": recall.baseline_upper,
        "foldwatch_class_labels": recall.n,
    }
    verdicts = {
        labels["verdict"]: value
        for labels, value in labelled(CHURN, "foldwatch_verdict")
        if key.items() <= labels.items()
    }
    assert verdicts == {name: float(name == recall.verdict.value.lower()) for name in ("ok", "worse", "unknown")}


def test_overall_series_have_no_class_and_log_loss_has_names_of_its_own():
    wide = with_export(metrics=("accuracy", "log_loss"))
    assert all("class" not in labels for labels, _ in labelled(wide, "foldwatch_overall_quality_ratio"))
    assert {labels["metric"] for labels, _ in labelled(wide, "foldwatch_overall_loss")} == {"log_loss"}
    assert "log_loss" not in {labels["metric"] for labels, _ in labelled(wide, "foldwatch_overall_quality_ratio")}
    assert labelled(wide, "foldwatch_overall_baseline_loss_upper")[0][1] == 0.41


def test_support_is_a_count_and_no_ratio():
    wide = with_export(metrics=("support",))
    assert {labels["metric"] for labels, _ in labelled(wide, "foldwatch_class_quality_ratio")} == {"recall"}
    assert max(value for _, value in labelled(wide, "foldwatch_class_support")) > 100


def test_by_default_a_few_metrics_and_those_of_objectives_with_their_segments_are_exported():
    classes = labelled(CHURN, "foldwatch_class_quality_ratio")
    everything = {(labels["metric"], labels["class"]) for labels, _ in classes if not labels["segment"]}
    assert everything == {(metric, class_) for metric in ("recall", "precision", "f1") for class_ in ("stay", "leave")}
    segments = {(labels["segment"], labels["metric"], labels["class"]) for labels, _ in classes if labels["segment"]}
    assert segments == {("region=eu", "recall", "leave")}
    overall = {labels["metric"] for labels, _ in labelled(CHURN, "foldwatch_overall_quality_ratio")}
    assert overall == {"accuracy"}


def test_export_replaces_the_default_but_never_the_metrics_of_objectives():
    narrow = with_export(metrics=("specificity",))
    classes = {(labels["metric"], labels["class"]) for labels, _ in labelled(narrow, "foldwatch_class_quality_ratio")}
    assert classes == {("specificity", "stay"), ("specificity", "leave"), ("recall", "leave")}
    overall = {labels["metric"] for labels, _ in labelled(narrow, "foldwatch_overall_quality_ratio")}
    assert overall == {"accuracy"}


def test_export_of_segments_gives_every_segment():
    wide = labelled(with_export(segments=True), "foldwatch_class_quality_ratio")
    assert {labels["segment"] for labels, _ in wide} == {"", "region=apac", "region=eu", "region=us"}


def of_versions(snapshot):
    """Return the series that grow with the data: those of versions, but for what is configured."""
    fixed = {"foldwatch_build_info", "foldwatch_model_info", "foldwatch_baseline_timestamp_seconds"}
    return [key for key in series(snapshot) if "version" in dict(key[1]) and key[0] not in fixed]


def test_the_cap_leaves_out_segments_first_and_objectives_last_and_says_how_many():
    full = with_export(segments=True)
    measured = of_versions(full)
    assert labelled(full, "foldwatch_series_left_out") == [({}, 0.0)]
    capped = with_export(segments=True, max_series=80)
    left = of_versions(capped)
    assert len(left) <= 80
    assert set(left) < set(measured)
    assert labelled(capped, "foldwatch_series_left_out") == [({}, len(measured) - len(left))]
    kept = {dict(labels)["segment"] for _, labels in left if "segment" in dict(labels)}
    assert kept <= {"", "region=eu"}
    assert ("foldwatch_class_quality_ratio", "recall", "leave", "24h") in {
        (name, *map(dict(labels).get, ("metric", "class", "window"))) for name, labels in left
    }


def test_what_is_undefined_has_no_value_but_an_n():
    bare = made.without_labels()
    assert labelled(bare, "foldwatch_class_quality_ratio") == []
    assert {value for _, value in labelled(bare, "foldwatch_class_labels")} == {0.0}
    assert labelled(bare, "foldwatch_verdict") == []


def test_series_of_a_retired_version_vanish():
    of = made.churn()
    two = [made.window(of, v, "24h", made.START, Maturity.MATURE, [[90, 3], [4, 80]]) for v in ("3", "4")]
    versions = [
        {labels["version"] for labels, _ in labelled(made.snapshot(seen, of), "foldwatch_class_quality_ratio")}
        for seen in (two, two[1:])
    ]
    assert versions == [{"3", "4"}, {"4"}]


def test_of_several_windows_of_a_series_the_newest_is_exported():
    of = made.model()
    old, new = (made.window(of, "3", "24h", made.START + i, Maturity.MATURE, [[90, 3], [10 * i, 80]]) for i in (0, 1))
    both = replace(made.snapshot([new], of), report=Report(made.START, (new, old)))
    (value,) = [
        value
        for labels, value in labelled(both, "foldwatch_class_quality_ratio")
        if (labels["metric"], labels["class"]) == ("recall", "leave")
    ]
    assert value == 80 / 90


def test_counters_begin_at_zero_and_count_final_outcomes_only():
    start = made.empty_snapshot(of=made.churn(baseline={"3": None}))
    assert labelled(start, "foldwatch_predictions_total") == [({"model": "churn", "version": "3"}, 0.0)]
    outcomes = {labels["outcome"]: value for labels, value in labelled(CHURN, "foldwatch_labels_total")}
    assert outcomes == {"applied": 40_120, "corrected": 310, "retracted": 12, "repeated": 388, "orphan": 41}
    assert {labels["outcome"] for labels, _ in labelled(start, "foldwatch_labels_total")} == set(outcomes)
    assert labelled(CHURN, "foldwatch_predictions_total") == [({"model": "churn", "version": "3"}, 48_211.0)]


def test_gauges_tell_what_waits_what_was_rejected_and_when():
    assert labelled(CHURN, "foldwatch_waiting_predictions") == [({}, 7_311.0)]
    assert labelled(CHURN, "foldwatch_waiting_labels") == [({}, 131.0)]
    assert ({"reason": "bad score"}, 17.0) in labelled(CHURN, "foldwatch_dead_letters_total")
    assert ({"reason": "unknown model"}, 220.0) in labelled(CHURN, "foldwatch_skipped_total")
    assert ({"reason": "tombstone"}, 0.0) in labelled(CHURN, "foldwatch_skipped_total")
    as_of = CHURN.report.as_of / 1_000
    assert labelled(CHURN, "foldwatch_last_evaluation_timestamp_seconds") == [({}, as_of)]
    assert labelled(CHURN, "foldwatch_last_prediction_timestamp_seconds") == [({"model": "churn"}, as_of - 3_600)]
    assert labelled(CHURN, "foldwatch_last_label_timestamp_seconds") == [({"model": "churn"}, as_of - 1_800)]
    assert labelled(CHURN, "foldwatch_halted") == [({}, 0.0)]
    assert labelled(replace(CHURN, halted="why"), "foldwatch_halted") == [({}, 1.0)]


def test_of_each_partition_the_lag_and_of_each_topic_the_resets():
    assert labelled(CHURN, "foldwatch_consumer_lag") == []
    assert labelled(CHURN, "foldwatch_offset_resets_total") == []
    topics = SourceSettings(predictions=Input(topic="scored"), labels=Input(topic="truth"))
    quiet = replace(CHURN, settings=replace(CHURN.settings, source=topics))
    assert labelled(quiet, "foldwatch_offset_resets_total") == [({"topic": "scored"}, 0.0), ({"topic": "truth"}, 0.0)]
    read = replace(quiet, reading=Reading(lag={"truth/0": 3, "scored/10": 7, "scored/2": 0}, resets={"truth": 2}))
    assert labelled(read, "foldwatch_consumer_lag") == [
        ({"topic": "scored", "partition": "10"}, 7.0),
        ({"topic": "scored", "partition": "2"}, 0.0),
        ({"topic": "truth", "partition": "0"}, 3.0),
    ]
    assert labelled(read, "foldwatch_offset_resets_total")[1] == ({"topic": "truth"}, 2.0)


def test_what_runs_and_what_it_compares_with():
    assert labelled(CHURN, "foldwatch_build_info") == [({"version": "0.1.0"}, 1.0)]
    ((labels, _),) = labelled(CHURN, "foldwatch_model_info")
    assert labels == {
        "model": "churn", "version": "3", "owner": "team-growth", "baseline_sha256": "5be1" + "a" * 60,
        "scheme": "stratified", "folds": "5",
    }  # fmt: skip


def test_counters_of_each_objective_with_a_target_are_there_at_zero_from_the_start():
    slo = {"model": "churn", "slo": "leave-recall"}
    names = [f"foldwatch_slo_{name}_total" for name in ("events", "bad_events", "skipped")]
    assert [labelled(made.empty_snapshot(), name) for name in names] == [[(slo, 0.0)]] * 3
    assert [labelled(budgeted(), name) for name in names] == [[(slo, 7.0)], [(slo, 2.0)], [(slo, 3.0)]]


def test_one_state_of_an_objective_holds_and_an_unknown_budget_has_no_series():
    assert labelled(made.empty_snapshot(), "foldwatch_slo_state") == []
    states = labelled(budgeted(), "foldwatch_slo_state")
    assert {labels["state"] for labels, _ in states} == {"ok", "burning", "exhausted", "insufficient"}
    assert [(labels["slo"], labels["state"]) for labels, value in states if value] == [
        ("a", "burning"), ("b", "insufficient"),
    ]  # fmt: skip
    assert labelled(budgeted(), "foldwatch_slo_budget_left_ratio") == [({"model": "churn", "slo": "a"}, -0.25)]


def test_when_a_baseline_was_written_and_when_a_certificate_expires_are_told_where_they_are_known():
    assert labelled(CHURN, "foldwatch_baseline_timestamp_seconds") == []
    assert labelled(CHURN, "foldwatch_tls_expiry_timestamp_seconds") == []
    assert labelled(budgeted(), "foldwatch_baseline_timestamp_seconds") == [
        ({"model": "churn", "version": "3"}, 1_767_225_600.25)
    ]
    assert labelled(budgeted(), "foldwatch_tls_expiry_timestamp_seconds") == [({}, 1.8e9)]


def test_label_values_from_outside_do_not_break_the_text():
    odd = 'a"b\\c\nd'
    of = made.model(odd, (odd, "b"), objectives=(Objective("o", "recall", odd, "24h"),))
    seen = [made.window(of, odd, "24h", made.START, Maturity.MATURE, [[90, 3], [4, 80]])]
    found = labelled(made.snapshot(seen, of), "foldwatch_class_quality_ratio")
    assert odd in {labels["class"] for labels, _ in found}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept, kind):
    body, content_type = Exposition(CHURN).body(accept)
    assert content_type.startswith(kind)
    assert body.endswith(b"# EOF\n") is kind.startswith("application")


def test_openmetrics_tells_the_same_as_the_text():
    body, _ = Exposition(CHURN).body("application/openmetrics-text")
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value for f in parse_openmetrics(body.decode()) for s in f.samples
    }
    assert samples == series(CHURN)


def test_the_same_snapshot_gives_the_same_bytes():
    assert Exposition(CHURN).body("") == Exposition(made.churn_snapshot(days=9)).body("")


def test_it_is_a_collector_that_a_registry_accepts_without_collecting():
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(CHURN))
    assert registry.get_sample_value("foldwatch_halted") == 0.0
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(SnapshotCollector(CHURN))


def test_every_verdict_has_its_series():
    assert {verdict.value.lower() for verdict in Verdict} == {
        labels["verdict"] for labels, _ in labelled(CHURN, "foldwatch_verdict")
    }


def test_the_gates_and_what_they_measure_are_exported_as_far_as_they_are_known():
    gates = [
        Gate(name, state, 1.0, None, None, "")
        for name, state in (
            ("completeness", GateState.BAD),
            ("timeliness", GateState.OK),
            ("volume", GateState.UNKNOWN),
        )
    ]
    vitals = Vitals(tuple(gates), 0.5, (1.0, 2.0, 3.0), 0.25, 0.1, None, (None, 0.02))
    report = replace(CHURN.report, inspection=Inspection({"churn": vitals}, 0.03))
    inspected = replace(CHURN, report=report)
    churn = {"model": "churn"}
    assert labelled(inspected, "foldwatch_data_gate") == [
        (churn | {"gate": "completeness"}, 1.0),
        (churn | {"gate": "timeliness"}, 0.0),
    ]
    assert labelled(inspected, "foldwatch_label_completeness_ratio") == [(churn, 0.5)]
    assert labelled(inspected, "foldwatch_label_delay_seconds") == [
        (churn | {"percentile": percentile}, value) for percentile, value in (("50", 1.0), ("90", 2.0), ("99", 3.0))
    ]
    assert labelled(inspected, "foldwatch_prediction_rate") == [(churn, 0.25)]
    assert labelled(inspected, "foldwatch_duplicate_ratio") == [(churn, 0.1)]
    assert labelled(inspected, "foldwatch_orphan_ratio") == []
    assert labelled(inspected, "foldwatch_rejected_ratio") == [({}, 0.03)]
    assert labelled(inspected, "foldwatch_prediction_latency_seconds") == [(churn | {"percentile": "99"}, 0.02)]
