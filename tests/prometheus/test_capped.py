"""One cap holds whatever events bring: versions that hardly anybody uses give way first, objectives last."""

from __future__ import annotations

from dataclasses import replace

import fabricated as made
from alert_stack import until
from filled import scored_baseline
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse
from scraped_daemon import evaluated, history, lines_of, running, samples, scrape, value

from monitor.clock import DAY, HOUR, ManualClock
from monitor.config import Duration, Export, Input, ServerSettings, SourceSettings
from monitor.prometheus.capped import MAIN, capped, places
from monitor.prometheus.collector import Exposition
from monitor.report.snapshot import Activity
from monitor.statistics.report import Maturity, Report

OF = made.churn(baseline={"3": None})
FIXED = {"foldwatch_build_info", "foldwatch_model_info", "foldwatch_baseline_timestamp_seconds"}


def flooded(versions, most, **export):
    """A snapshot of a model whose producer writes so many versions, each but `3` and `busy` with one prediction."""
    names = ["3", "busy", *(f"v{i}" for i in range(versions))]
    windows = [made.window(OF, name, "24h", made.START, Maturity.MATURE, [[90, 3], [4, 80]]) for name in names]
    windows += [
        made.window(OF, "3", "24h", made.START, Maturity.MATURE, [[9, 3], [4, 8]], segment=f"region={name}")
        for name in ("eu", "us")
    ]
    shown = made.snapshot([], OF, baselines={("churn", "3"): scored_baseline(OF)})
    predictions = dict.fromkeys(names, 1) | {"3": 5_000, "busy": 900}
    return replace(
        shown,
        settings=replace(shown.settings, export=Export(max_series=most, **export)),
        report=Report(made.START, tuple(windows)),
        activity={"churn": Activity(predictions=predictions)},
    )


def of_versions(snapshot):
    text = Exposition(snapshot).body("")[0].decode()
    found = [s for family in parse(text) for s in family.samples]
    (left_out,) = [s.value for s in found if s.name == "foldwatch_series_left_out"]
    return [s for s in found if "version" in s.labels and s.name not in FIXED], left_out


def test_the_cap_covers_counters_folds_and_confusions_and_tells_what_is_missing():
    whole, none = of_versions(flooded(60, 100_000, segments=True))
    assert none == 0
    capped_to, left_out = of_versions(flooded(60, 500, segments=True))
    assert len(capped_to) <= 500
    assert left_out == len(whole) - len(capped_to)
    assert {s.name for s in whole} > {
        "foldwatch_predictions_total", "foldwatch_confusion", "foldwatch_class_fold_ratio",
        "foldwatch_fold_class_share_ratio", "foldwatch_verdict",
    }  # fmt: skip


def test_versions_that_hardly_anybody_uses_give_way_before_anything_of_those_that_matter():
    ours, _ = of_versions(flooded(0, 100_000, segments=True))
    many, _ = of_versions(flooded(1_000, 2_000, segments=True))
    versions = ("3", "busy")
    assert [s for s in many if s.labels["version"] in versions] == ours
    assert len({s.labels["version"] for s in many}) < 100


def test_of_a_version_segments_give_way_first_then_folds_and_confusion_then_metrics_and_objectives_last():
    whole, order = flooded(0, 1, segments=True), []
    for most in range(1, 400, 3):
        of = replace(whole.settings, export=Export(segments=True, max_series=most))
        found, _ = capped(of, whole.report.windows, whole.folds, whole.activity)
        kinds = {kind_of(metric.name, labels) for metric, labels, _ in found}
        order += [kind for kind in sorted(kinds) if kind not in order]
    assert order == ["counter", "objectives", "metrics", "folds", "segments"]


def kind_of(name, labels):
    if name == "foldwatch_predictions_total":
        return "counter"
    if "fold" in labels or name == "foldwatch_confusion":
        return "folds"
    objective = (labels["metric"], labels.get("class")) in {("recall", "leave"), ("accuracy", None)}
    if labels["segment"] and not (objective and labels["segment"] == "region=eu"):
        return "segments"
    return "objectives" if objective else "metrics"


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(0, 5), max_size=60), st.sets(st.text(max_size=3), max_size=3))
def test_every_version_has_a_place_and_those_with_a_baseline_are_first(predictions, compared):
    found = places(compared, predictions)
    assert found.keys() == compared | predictions.keys()
    assert all(found[version] == 0 for version in compared)
    others = sorted(found[version] for version in predictions.keys() - compared)
    assert others == [max(0, at - MAIN + 1) for at in range(len(others))]
    behind = [version for version in predictions if found[version]]
    assert all(
        predictions[one] <= predictions[other]
        for one in behind
        for other in predictions.keys() - compared
        if not found[other]
    )


def test_the_same_cap_holds_whatever_order_events_came_in():
    shown = flooded(50, 300)
    back = dict(reversed(shown.activity["churn"].predictions.items()))
    other = replace(shown, activity={"churn": Activity(predictions=back)})
    assert Exposition(other).body("") == Exposition(shown).body("")


def test_nothing_more_than_the_cap_is_made_into_samples():
    shown = flooded(800, 100)
    samples, left_out = capped(shown.settings, shown.report.windows, shown.folds, shown.activity)
    assert len(samples) <= 100
    assert left_out > 20_000


def live(**more):
    of = made.model(windows=("1h",), horizon="0s", **more)
    source = SourceSettings(predictions=Input(topic="p"), labels=Input(topic="l"))
    every = Duration(HOUR, "1h")
    return made.settings(of, source=source, server=ServerSettings(("127.0.0.1", 0)), evaluate_every=every)


def counted(text):
    return {s.labels["version"]: s.value for s in samples(text) if s.name == "foldwatch_predictions_total"}


def test_a_producer_that_writes_a_new_version_into_each_event_leaves_the_others_as_they_are():
    many = 200
    settings = replace(live(baseline={"3": None}), export=Export(max_series=1_000))
    flood = [
        {
            "prediction_id": f"f{i}", "model": "churn", "version": f"build-{i:05}", "predicted_at": made.START - 1,
            "y_pred": "leave",
        }
        for i in range(many)
    ]  # fmt: skip
    kept = history("churn", "3", ("stay", "leave"), made.START, hours=1)
    busy = history("churn", "busy", ("stay", "leave"), made.START, hours=1)
    with running(settings, ManualClock(made.START)) as (daemon, source, seconds):
        calm = evaluated(daemon, source, seconds, [kept, busy])
        source.feed(predictions=lines_of(flood))

        def told():
            seconds.now += HOUR
            return value(scrape(daemon), "foldwatch_series_left_out") > 0

        until(told, "the cap to be reached")
        text = scrape(daemon)

    def ours(text):
        return [(s.name, s.labels, s.value) for s in samples(text) if s.labels.get("version") in ("3", "busy")]

    assert ours(text) == ours(calm)
    assert len(ours(text)) > 60
    of_flood = {s.labels["version"] for s in samples(text) if s.labels.get("version", "").startswith("build-")}
    assert 20 <= len(of_flood) < many
    assert len(samples(text)) < 1_000 + 150


def test_a_version_that_nobody_uses_any_more_is_retired_and_comes_back_with_its_count():
    clock = ManualClock(made.START)
    with running(live(baseline={"3": None}), clock) as (daemon, source, seconds):
        old = history("churn", "old", ("stay", "leave"), made.START, hours=1)
        kept = history("churn", "3", ("stay", "leave"), made.START, hours=1)
        assert counted(evaluated(daemon, source, seconds, [old, kept])) == {"old": 60, "3": 60}
        later = made.START + 3 * DAY
        clock.move_to(later)
        new = history("churn", "new", ("stay", "leave"), later, hours=1)

        def until_told(wanted):
            def told():
                seconds.now += HOUR
                return counted(scrape(daemon)) == wanted

            until(told, f"an exposition that counts {wanted}")

        source.feed(predictions=lines_of(new[0]), labels=lines_of(new[1]))
        until_told({"3": 60, "new": 60})
        assert {s.labels.get("version") for s in samples(scrape(daemon))} >= {"3", "new"}
        assert 'version="old"' not in scrape(daemon)
        again = history("churn", "old", ("stay", "leave"), later, hours=1)
        renamed = [one | {"prediction_id": f"again-{one['prediction_id']}"} for one in again[0]]
        source.feed(predictions=lines_of(renamed))
        until_told({"3": 60, "new": 60, "old": 120})
        assert value(scrape(daemon), "foldwatch_series_left_out") == 0
