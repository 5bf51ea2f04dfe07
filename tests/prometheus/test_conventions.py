"""What anybody who knows Prometheus expects of an exporter: of its names, its labels and its text."""

from __future__ import annotations

import re
import subprocess

import pytest
from filled import filled_snapshot
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from monitor.prometheus import catalog
from monitor.prometheus.catalog import CATALOG
from monitor.prometheus.collector import Exposition, SnapshotCollector

FILLED = filled_snapshot()
TEXT = Exposition(FILLED).body("")[0].decode()
OPENMETRICS = Exposition(FILLED).body("application/openmetrics-text")[0].decode()
UNITS = ("_seconds", "_bytes", "_ratio", "_info", "_total", "_rate", "_loss", "_lower", "_upper", "_labels", "_fds")
COUNTS = {
    "foldwatch_class_support",
    "foldwatch_verdict",
    "foldwatch_confusion",
    "foldwatch_waiting_predictions",
    "foldwatch_consumer_lag",
    "foldwatch_halted",
    "foldwatch_source_up",
    "foldwatch_data_gate",
    "foldwatch_slo_state",
    "foldwatch_series",
    "foldwatch_series_left_out",
    "foldwatch_revalidation_waits",
    "foldwatch_revalidation_failures",
    "foldwatch_gate_passed",
}
"""Numbers of something, and states of 0 or 1: they have no unit."""
NOT_BASE = re.compile(r"milli|micro|nano|minute|hour|day|week|percent|kilo|mega|giga|_(kb|mb|gb|ms|ns|us)(_|$)")
RESERVED = {"le", "quantile", "job", "instance", "exported_job", "service", "env", "environment", "stage", "region"}
RESERVED |= {"cluster", "type", "pod", "namespace", "owner"}


def samples():
    return [sample for family in parse(TEXT) for sample in family.samples]


def test_every_family_of_the_catalog_is_filled():
    filled = {sample.name for sample in samples()}
    assert [name for metric in CATALOG for name in metric.samples if name not in filled] == []


def test_prometheus_own_checker_has_nothing_to_say_of_a_full_scrape(promtool):
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=TEXT, capture_output=True, text=True, timeout=30, check=False
    )
    # `process_*` are the names of every Prometheus client.
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_a_name_says_whose_it_is_and_in_which_unit(metric):
    assert re.fullmatch(r"(foldwatch|process)_[a-z]+(_[a-z]+)*", metric.name)
    assert (metric in catalog.FOOTPRINT) == metric.name.startswith("process_")
    assert metric.name.endswith(UNITS) or metric.name in COUNTS
    assert not NOT_BASE.search(metric.name)
    words = metric.name.split("_")
    assert [word for word in words[:-1] if word in ("total", "sum", "count", "bucket", "info", "created")] == []
    assert words.count("seconds") + words.count("bytes") + words.count("ratio") <= 1
    assert metric.help.endswith((".", "?"))


def test_a_counter_ends_in_total_and_a_histogram_in_its_unit():
    assert {metric.kind for metric in CATALOG if metric.name.endswith("_total")} == {"counter"}
    assert all(metric.name.endswith("_total") for metric in CATALOG if metric.kind == "counter")
    assert all(metric.name.endswith("_seconds") and metric.buckets for metric in CATALOG if metric.kind == "histogram")
    assert all(metric.kind == "gauge" for metric in CATALOG if "timestamp" in metric.name)


def test_the_name_of_a_label_is_in_a_metric_name_only_where_it_tells_families_apart():
    """`class` and `overall` are two families of everything, so that no sum mixes them; the rest says what it counts."""
    inside = {
        (label, metric.name)
        for metric in CATALOG
        for label in metric.labels
        if label in metric.name.removeprefix("foldwatch_").split("_")
    }
    assert {label for label, _ in inside} == {"class", "fold", "gate", "model", "slo", "state", "verdict"}
    assert {name for label, name in inside if label == "fold"} == {
        "foldwatch_class_fold_ratio",
        "foldwatch_overall_fold_ratio",
        "foldwatch_fold_class_share_ratio",
    }
    assert {name for label, name in inside if label == "model"} == {"foldwatch_model_info"}


def test_no_label_is_one_that_prometheus_or_a_target_gives():
    used = {(label, metric.name) for metric in CATALOG for label in metric.labels if label in RESERVED}
    assert used == {("owner", "foldwatch_model_info")}


def test_no_value_of_a_label_stands_for_the_sum_of_the_others():
    for sample in samples():
        assert {"all", "total", "overall", "any"}.isdisjoint(sample.labels.values())
        assert sample.labels.get("class") != ""
    assert {metric.name for metric in CATALOG if "class" in metric.labels and "overall" in metric.name} == set()


def test_a_band_and_a_corridor_are_series_of_their_own_with_the_labels_of_the_value():
    for measured in (catalog.OF_CLASS, catalog.OF_MODEL, catalog.LOSS):
        assert len({metric.labels for metric in measured.families}) == 1
        assert len({metric.name for metric in measured.families}) == len(measured.families)


def test_ratios_lie_between_nought_and_one():
    found = [sample for sample in samples() if sample.name.endswith("_ratio")]
    assert len(found) > 100
    assert all(0 <= s.value <= 1 for s in found if s.name != "foldwatch_slo_budget_left_ratio")


def test_moments_are_seconds_since_the_epoch_and_infos_are_one():
    moments = [sample.value for sample in samples() if "timestamp" in sample.name]
    assert len(moments) >= 6
    assert all(1.7e9 < moment < 1.9e9 for moment in moments)
    assert {sample.value for sample in samples() if sample.name.endswith("_info")} == {1.0}


def test_no_sample_has_a_time_of_its_own_in_either_format():
    assert {sample.timestamp for sample in samples()} == {None}
    assert {s.timestamp for family in parse_openmetrics(OPENMETRICS) for s in family.samples} == {None}


def test_openmetrics_is_what_its_own_parser_accepts_with_its_end_and_without_births_and_exemplars():
    families = list(parse_openmetrics(OPENMETRICS))
    assert OPENMETRICS.endswith("\n# EOF\n")
    assert OPENMETRICS.count("# EOF") == 1
    assert "_created" not in OPENMETRICS
    assert {sample.exemplar for family in families for sample in family.samples} == {None}
    kinds = {family.name: family.type for family in families}
    assert kinds == {metric.name.removesuffix("_total"): metric.kind for metric in CATALOG}
    found = {s.name for family in families if family.type == "counter" for s in family.samples}
    assert found == {metric.name for metric in CATALOG if metric.kind == "counter"}


def test_both_formats_tell_the_same():
    told = {(s.name, *sorted(s.labels.items())): s.value for f in parse_openmetrics(OPENMETRICS) for s in f.samples}
    assert told == {(s.name, *sorted(s.labels.items())): s.value for s in samples()}


@pytest.mark.parametrize("metric", [catalog.STEP_SECONDS, catalog.EVALUATION_SECONDS], ids=lambda m: m.name)
def test_the_buckets_of_a_histogram_rise_and_the_last_one_holds_all(metric):
    bucket, total, count = metric.samples
    ends = [(float(s.labels["le"]), s.value) for s in samples() if s.name == bucket]
    assert [end for end, _ in ends] == [*metric.buckets, float("inf")]
    assert [n for _, n in ends] == sorted(n for _, n in ends)
    (whole,) = [s.value for s in samples() if s.name == count]
    (seconds,) = [s.value for s in samples() if s.name == total]
    assert ends[-1][1] == whole == 3
    assert seconds > 0


def test_a_value_on_the_end_of_a_bucket_belongs_to_it_and_one_beyond_all_ends_to_the_last():
    bucket = catalog.STEP_SECONDS.samples[0]
    assert [s.value for s in samples() if s.name == bucket][:4] == [1, 1, 3, 3]
    evaluated = [s.value for s in samples() if s.name == catalog.EVALUATION_SECONDS.samples[0]]
    assert evaluated[-2:] == [2, 3]


def test_the_series_of_an_exposition_are_counted_and_counted_right():
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    (told,) = [s.value for s in samples() if s.name == "foldwatch_series"]
    assert told == len(lines) == len(samples())


def test_describing_names_every_family_without_a_sample():
    described = list(SnapshotCollector(FILLED).describe())
    assert [family.name for family in described] == [family.name for family in SnapshotCollector(FILLED).collect()]
    assert [sample for family in described for sample in family.samples] == []
