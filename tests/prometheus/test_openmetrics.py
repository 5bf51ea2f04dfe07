"""A replay as text with timestamps: what Prometheus and its own library accept, exact to the bit, in little memory."""

from __future__ import annotations

import io
import subprocess
import tracemalloc
from collections import Counter
from dataclasses import replace

import fabricated as made
from filled import scored_baseline
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from monitor.clock import DAY, HOUR
from monitor.config import Alerting, Duration, Export, Objective
from monitor.config.settings import Slo
from monitor.prometheus.catalog import CATALOG
from monitor.prometheus.collector import SnapshotCollector
from monitor.prometheus.openmetrics import OpenMetricsWriter
from monitor.report.snapshot import Activity
from monitor.statistics.budget import Tally
from monitor.statistics.fold_scores import FoldScores
from monitor.statistics.report import Maturity

CHURN = made.churn()
SETTINGS = made.settings(CHURN)
KEY = ("churn", "leave-recall")


def replayed(days=3, every=6 * HOUR, **more):
    ends = range(made.START + DAY, made.START + days * DAY + 1, every)
    return made.history_of(CHURN, "3", ends=ends, recall=lambda _: (0.87, 0.86), per_window=400, **more)


def in_time(windows):
    return sorted(windows, key=lambda window: window.as_of)


def written(fill, of=SETTINGS):
    file = io.BytesIO()
    with OpenMetricsWriter(of, 6 * HOUR) as writer:
        fill(writer)
        writer.finish(file)
    return file.getvalue().decode()


def samples(text):
    """Return {(name, labels, ms): value} in the order of the text; the library refuses what is out of order."""
    found = {}
    for family in parse(text):
        for sample in family.samples:
            at = sample.timestamp.sec * 1_000 + sample.timestamp.nsec // 1_000_000
            key = (sample.name, tuple(sorted(sample.labels.items())), at)
            assert key not in found
            found[key] = sample.value
    return found


def points(text, name):
    """Return {labels: [(ms, value)]} of a name."""
    found = {}
    for (one, labels, at), value in samples(text).items():
        if one == name:
            found.setdefault(labels, []).append((at, value))
    return found


def add_all(windows):
    def fill(writer):
        for window in in_time(windows):
            writer.add(window)

    return fill


def test_it_tells_at_each_report_what_a_scrape_of_that_moment_would():
    windows = in_time(replayed(segments=("region=eu", "region=us")))
    text = written(add_all(windows))
    expected = {}
    for as_of in {window.as_of for window in windows}:
        snapshot = made.snapshot([window for window in windows if window.as_of == as_of], CHURN)
        for family in SnapshotCollector(snapshot).collect():
            for sample in family.samples:
                if "maturity" in sample.labels:
                    labels = tuple(sorted((sample.labels | {"job": "foldwatch"}).items()))
                    expected[sample.name, labels, as_of] = sample.value
    assert len(expected) > 1_000
    assert samples(text) == expected


def test_folds_and_what_is_compared_with_are_told_too_where_baselines_are_given():
    of = made.churn()
    baseline = scored_baseline(of)
    windows = in_time(replayed())
    at = windows[0].as_of
    file = io.BytesIO()
    with OpenMetricsWriter(SETTINGS, 6 * HOUR, {("churn", "3"): baseline}) as writer:
        writer.add(windows[0])
        writer.receive(at, {"churn": Activity(predictions={"3": 4})})
        writer.finish(file)
    text = file.getvalue().decode()
    folds = points(text, "foldwatch_class_fold_ratio")
    recall = [dict(labels)["fold"] for labels in folds if {("metric", "recall"), ("class", "leave")} <= set(labels)]
    assert recall == ["0", "1", "2", "3", "4"]
    assert {moment for course in folds.values() for moment, _ in course} == {at}
    scores = FoldScores.of(baseline).metrics["recall"][:, 1].tolist()
    assert [
        course[0][1] for labels, course in folds.items() if {("metric", "recall"), ("class", "leave")} <= set(labels)
    ] == scores
    ((labels, course),) = points(text, "foldwatch_model_info").items()
    assert (dict(labels)["baseline_sha256"], course) == (baseline.content_hash, [(at, 1.0)])
    assert len(points(text, "foldwatch_confusion")) == 4


def test_of_many_versions_the_counters_are_capped_too_the_busiest_first():
    of = replace(SETTINGS, export=Export(max_series=5))
    counts = {f"v{i}": i for i in range(30)} | {"3": 0}
    text = written(lambda writer: writer.receive(made.START, {"churn": Activity(predictions=counts)}), of)
    seen = [dict(labels)["version"] for labels in points(text, "foldwatch_predictions_total")]
    assert len(seen) == 5
    assert set(seen) <= {f"v{i}" for i in range(10, 30)}


def test_families_are_whole_in_the_order_of_the_catalog_and_end_with_the_mark():
    text = written(add_all(replayed()))
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    order = [metric.name.removesuffix("_total") for metric in CATALOG]
    assert names == [name for name in order if name in set(names)]
    assert len(names) > 10
    assert text.endswith("# EOF\n")
    assert written(lambda _: None) == "# EOF\n"


def test_every_sample_has_the_job_that_the_rules_select():
    of = replace(SETTINGS, alerting=Alerting(job='quality "one"'))
    text = written(add_all(replayed()), of)
    jobs = {sample.labels["job"] for family in parse(text) for sample in family.samples}
    assert jobs == {'quality "one"'}


def test_counters_and_what_was_read_are_told_at_each_evaluation():
    at, after = made.START + DAY, made.START + DAY + 6 * HOUR

    def fill(writer):
        writer.count(at, {})
        writer.count(after, {KEY: Tally(2, 1, 5), ("churn", "gone"): Tally(9, 9, 9)})
        writer.receive(at, {"churn": Activity(predictions={"3": 40, "4": 2}, last_prediction_at=at - 1)})

    text = written(fill)
    slo = (("job", "foldwatch"), ("model", "churn"), ("slo", "leave-recall"))
    between = [*((at + half * HOUR // 2, 0.0) for half in range(12)), (after - 1_000, 0.0)]
    assert points(text, "foldwatch_slo_events_total") == {slo: [*between, (after, 2.0)]}
    assert points(text, "foldwatch_slo_bad_events_total") == {slo: [*between, (after, 1.0)]}
    assert points(text, "foldwatch_slo_skipped_total") == {slo: [(at, 0.0), (after, 5.0)]}
    assert points(text, "foldwatch_last_prediction_timestamp_seconds") == {slo[:2]: [(at, (at - 1) / 1_000)]}
    assert points(text, "foldwatch_last_label_timestamp_seconds") == {}
    assert points(text, "foldwatch_last_evaluation_timestamp_seconds") == {slo[:1]: [(at, at / 1_000)]}
    seen = points(text, "foldwatch_predictions_total")
    assert list(seen.values()) == [[(at, 40.0)], [(at, 2.0)]]


def test_counters_are_told_as_often_as_they_are_scraped_but_not_through_a_gap():
    at = made.START

    def moments(*steps, scraped=30_000):
        of = replace(SETTINGS, slo=Slo(scrape_interval=Duration(scraped, "")))
        text = written(lambda writer: [writer.count(step, {}) for step in steps], of)
        (course,) = points(text, "foldwatch_slo_events_total").values()
        return [moment - at for moment, _ in course]

    assert moments(at, at + 6 * HOUR, scraped=2 * HOUR) == [
        0, 2 * HOUR, 4 * HOUR, 6 * HOUR - 1_000, 6 * HOUR,
    ]  # fmt: skip
    assert moments(at, at + DAY) == [0, DAY]
    assert moments(at, at + 1) == [0, 1]


def test_of_two_values_of_a_series_at_one_moment_the_later_one_is_told():
    of = made.model(objectives=(Objective("o", "recall", "leave", "24h"),))
    cut = made.START + 5 * DAY
    windows = [
        replace(made.window(of, "3", "24h", cut + i * HOUR, Maturity.PROVISIONAL, [[90, 3], [i, 80]]), as_of=cut)
        for i in range(3)
    ]

    def fill(writer):
        for window in windows:
            writer.add(window)
        writer.count(cut, {("churn", "o"): Tally(1, 0, 0)})
        writer.count(cut, {("churn", "o"): Tally(2, 0, 0)})

    of = made.settings(replace(of, objectives=(replace(of.objectives[0], target=CHURN.objectives[0].target),)))
    text = written(fill, of)
    (course,) = [
        course
        for labels, course in points(text, "foldwatch_class_quality_ratio").items()
        if {("class", "leave"), ("metric", "recall")} <= set(labels)
    ]
    assert course == [(cut, 80 / 82)]
    (counted,) = points(text, "foldwatch_slo_events_total").values()
    assert counted == [(cut, 2.0)]


@settings(max_examples=30)
@given(
    name=st.text(min_size=1, max_size=6).filter(lambda text: text.isprintable() or "\n" in text),
    events=st.integers(0, 2**53),
    at=st.integers(0, 4_102_444_800_000),
)
def test_names_values_and_times_come_back_as_they_were(name, events, at):
    of = made.settings(
        made.model(objectives=(Objective(name, "recall", "leave", "24h", target=CHURN.objectives[0].target),))
    )
    text = written(lambda writer: writer.count(at + DAY, {("churn", name): Tally(events)}), of)
    ((labels, course),) = points(text, "foldwatch_slo_events_total").items()
    assert dict(labels)["slo"] == name
    assert course[-1] == (at + DAY, float(events))


def test_the_cap_on_series_leaves_out_segments_first():
    of = replace(SETTINGS, export=Export(segments=True, max_series=200))
    text = written(add_all(replayed(days=2, segments=("region=eu", "region=us"))), of)
    moments = Counter(at for _, _, at in samples(text))
    assert 150 < max(moments.values()) <= 200
    assert {dict(labels)["segment"] for _, labels, _ in samples(text)} == {"", "region=eu"}


def test_promtool_makes_blocks_of_it(promtool, tmp_path):
    path = tmp_path / "history.om"

    def fill(writer):
        for step, window in enumerate(in_time(replayed())):
            writer.add(window)
            writer.count(window.as_of, {KEY: Tally(step, step // 2, 0)})

    path.write_text(written(fill), encoding="utf-8")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", path, tmp_path / "blocks"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [block for block in (tmp_path / "blocks").iterdir() if (block / "meta.json").exists()]


def test_memory_does_not_grow_with_the_length_of_history():
    def peak(moments):
        tracemalloc.start()
        with OpenMetricsWriter(SETTINGS, HOUR) as writer:
            for step in range(moments):
                writer.count(made.START + step * HOUR, {KEY: Tally(step)})
            highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(2_000) < 1.5 * peak(1_000)
