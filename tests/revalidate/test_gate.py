"""The gate: the bar is never lowered by itself, and noise does not move it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from cross_validated import baseline, churn, counted, cross_validated, drawn, floor, gated
from fabricated import settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor.baselines.measures import measured
from monitor.baselines.timings import FoldTiming, Timings
from monitor.config import Objective
from monitor.counts import Counts, Layout, tally_labelled
from monitor.revalidate.gate.gate import aligned, judge

TEN = tuple(f"c{i}" for i in range(10))


def judged(model, candidate, yardstick, live=None, **more):
    return judge(settings(model), model, candidate, yardstick, live, **more)


def numbers_in(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from numbers_in(one)
    elif isinstance(value, float):
        yield value


def row_of(judgement, metric, class_, segment=None):
    key = metric, class_, segment
    found = [row for row in judgement.document["comparisons"] if (row["metric"], row["class"], row["segment"]) == key]
    assert len(found) == 1
    return found[0]


def test_a_candidate_that_is_worse_is_rejected_and_class_values_band_and_margin_are_named():
    model = churn()
    before = cross_validated(model, 1, 6_000, (0.85, 0.74))
    now = cross_validated(model, 2, 6_000, (0.85, 0.61))
    judgement = judged(model, now, before)
    assert not judgement.passed
    row = row_of(judgement, "recall", "leave")
    assert row["verdict"] == "WORSE"
    said = next(reason for reason in judgement.reasons if reason.startswith("recall of leave"))
    values = [row[key] for key in ("candidate", "candidate_lower", "candidate_upper", "yardstick", "yardstick_lower")]
    assert all(f"{value:.3f}" in said for value in values)
    between = f"{row['difference']:+.3f} ({row['difference_lower']:+.3f} to {row['difference_upper']:+.3f})"
    assert f"where the baseline in force promises {row['yardstick']:.3f}" in said
    assert f"difference {between} is beyond the margin 0.03" in said
    assert row["difference_upper"] < -0.03


def test_the_class_that_fell_most_is_named_first():
    model = churn(classes=TEN)
    quality = np.full(10, 0.9)
    before = cross_validated(model, 1, 20_000, quality)
    quality[8] = 0.6
    judgement = judged(model, cross_validated(model, 2, 20_000, quality), before)
    assert judgement.reasons[0].startswith("recall of c8: ")


@pytest.mark.parametrize(
    ("classes", "rows", "margin"), [(("stay", "leave"), 600, 0.0), (("stay", "leave"), 3_000, 0.03), (TEN, 2_000, 0.0)]
)
def test_the_same_model_on_data_drawn_anew_is_hardly_ever_rejected(classes, rows, margin):
    model = churn(classes=classes, margin=margin)
    rejected = sum(
        not judged(model, cross_validated(model, seed, rows), cross_validated(model, 10_000 + seed, rows)).passed
        for seed in range(40)
    )
    assert rejected <= 2


def test_many_segments_do_not_make_a_rejection_likely():
    model = churn(margin=0.0, segments=("shop",))
    shops = [f"shop={i}" for i in range(20)]
    rejected = sum(
        not judged(
            model,
            cross_validated(model, seed, 4_000, segments=shops),
            cross_validated(model, 10_000 + seed, 4_000, segments=shops),
        ).passed
        for seed in range(6)
    )
    assert rejected <= 1


def test_a_candidate_that_is_worse_by_two_margins_is_found_where_there_are_rows_enough():
    model = churn()
    found = sum(
        not judged(
            model, cross_validated(model, seed, 30_000, (0.85, 0.79)), cross_validated(model, 500 + seed, 30_000)
        ).passed
        for seed in range(20)
    )
    assert found >= 19


@examples(max_examples=40, deadline=None)
@given(
    st.integers(2, 4),
    st.integers(0, 2**32),
    st.floats(0.3, 0.95),
    st.integers(20, 3_000),
    st.sampled_from([0.0, 0.01, 0.2]),
)
def test_what_is_no_worse_in_any_value_always_passes(k, seed, recall, rows, margin):
    model = churn(classes=TEN[:k], margin=margin)
    before = cross_validated(model, seed, rows, recall)
    # The same rows with every tenth mistake put right.
    better = []
    for fold in before.folds:
        cells = fold.counts.plane("confusion").copy()
        wrong = cells.copy()
        np.fill_diagonal(wrong, 0)
        repaired = wrong // 10
        cells += np.diag(repaired.sum(axis=1)) - repaired
        better.append(counted(model, cells))
    judgement = judged(model, baseline(model, better, hash_="b" * 64), before)
    row_values = judgement.document["comparisons"]
    if all(row["difference"] >= 0 for row in row_values):
        assert judgement.passed
    assert all(row["verdict"] != "WORSE" for row in row_values if row["difference"] >= 0)


def test_few_rows_pass_with_a_warning_that_says_how_many_would_decide():
    model = churn()
    judgement = judged(model, cross_validated(model, 3, 300), cross_validated(model, 4, 60_000))
    assert judgement.passed
    row = row_of(judgement, "recall", "leave")
    assert row["verdict"] == "UNKNOWN"
    assert row["labels_needed"] > row["n"]
    said = next(warning for warning in judgement.warnings if warning.startswith("recall of leave"))
    assert f"about {row['labels_needed']:,} rows in the candidate's folds would decide" in said


def test_the_rows_that_would_decide_do_decide():
    model = churn()
    before = cross_validated(model, 4, 200_000)
    row = row_of(judged(model, cross_validated(model, 3, 300), before), "recall", "leave")
    # n counts rows of the class, half of all; by chance the folds of one draw stray more than those of another.
    decided = [
        row_of(judged(model, cross_validated(model, seed, 2 * 3 * row["labels_needed"]), before), "recall", "leave")
        for seed in range(5, 15)
    ]
    assert sum(one["verdict"] == "OK" for one in decided) >= 8


def test_a_yardstick_that_is_too_small_is_named():
    model = churn()
    judgement = judged(model, cross_validated(model, 3, 60_000), cross_validated(model, 4, 300))
    assert judgement.passed
    said = next(warning for warning in judgement.warnings if warning.startswith("recall of leave"))
    assert "no number of rows in the candidate's folds is enough: the baseline in force is known to +-" in said
    assert row_of(judgement, "recall", "leave")["labels_needed"] is None


def test_many_warnings_are_told_short_and_kept_whole():
    model = churn(classes=TEN)
    judgement = judged(model, cross_validated(model, 3, 500), cross_validated(model, 4, 500))
    assert len(judgement.warnings) == 9
    assert judgement.warnings[-1] == "24 more comparisons are not decided"
    assert len(judgement.document["comparisons"]) == 32


def test_another_mix_of_classes_is_no_worse_model():
    model = churn()
    before = cross_validated(model, 1, 60_000, 0.85, (0.5, 0.5))
    now = cross_validated(model, 2, 60_000, 0.85, (0.9, 0.1))
    judgement = judged(model, now, before)
    row = row_of(judgement, "precision", "leave")
    assert judgement.passed
    assert row["candidate"] == pytest.approx(0.1 * 0.85 / (0.1 * 0.85 + 0.9 * 0.15), abs=0.02)
    assert row["verdict"] == "OK"
    raw = measured(before, None).document["per_class"]["leave"]["precision"]["value"]
    assert raw > row["candidate"] + 0.4


def test_the_order_and_the_spelling_of_classes_do_not_matter():
    model = churn(classes=("0", "1"))
    before = cross_validated(model, 1, 8_000, (0.9, 0.7))
    now = cross_validated(model, 2, 8_000, (0.9, 0.7))
    turned = [counted(model, fold.counts.plane("confusion")[::-1, ::-1]) for fold in now.folds]
    other = baseline(model, turned, hash_=now.content_hash)
    other = replace(other, classes=("1.0", "0.0"), layout=Layout(2, 0))
    plain, read = judged(model, now, before), judged(model, other, before)
    assert plain.passed
    assert read.document["comparisons"] == plain.document["comparisons"]
    assert aligned(other, model).classes == ("0", "1")


def test_other_classes_are_rejected_by_name():
    model = churn()
    strange = replace(cross_validated(model, 1, 1_000), classes=("stay", "go"))
    judgement = judged(model, strange, cross_validated(model, 2, 1_000))
    assert not judgement.passed
    assert judgement.reasons == ("the candidate has other classes than configured: it lacks leave; it alone has go",)


def test_another_models_baseline_is_rejected():
    model = churn()
    strange = replace(cross_validated(model, 1, 1_000), model="fraud")
    judgement = judged(model, strange, cross_validated(model, 2, 1_000))
    assert judgement.reasons == ("the candidate is of the model fraud, not of churn",)


def test_a_candidate_that_lost_a_class_is_rejected():
    model = churn()
    bare = baseline(model, [counted(model, [[180, 20], [0, 0]])] * 5, hash_="b" * 64)
    judgement = judged(model, bare, baseline(model, [counted(model, [[90, 10], [8, 92]])] * 5))
    assert not judgement.passed
    assert "the candidate's folds have no row of class leave" in judgement.reasons[-1]
    assert "500 rows" in judgement.reasons[-1]
    assert not [row for row in judgement.document["comparisons"] if row["class"] == "leave"]


def test_nothing_is_compared_where_the_yardstick_lacks_a_class_and_no_nan_leaks():
    model = churn()
    full = baseline(model, [counted(model, [[90, 10], [8, 92]])] * 5, hash_="b" * 64)
    judgement = judged(model, full, baseline(model, [counted(model, [[180, 20], [0, 0]])] * 5))
    assert judgement.passed
    assert [(row["metric"], row["class"]) for row in judgement.document["comparisons"]] == [("recall", "stay")]


@examples(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=9, max_size=9), min_size=2, max_size=6), st.booleans())
def test_no_nan_ever_leaves_the_gate(cells, use_live):
    model = churn(classes=TEN[:3], yardstick="live" if use_live else "baseline")
    folds = [counted(model, np.reshape(one, (3, 3))) for one in cells]
    half = len(folds) // 2
    pair = baseline(model, folds[:half]), baseline(model, folds[half:], hash_="b" * 64)
    judgement = judged(model, *pair, {None: folds[-1]})
    assert all(math.isfinite(number) for number in numbers_in(judgement.document))
    json.dumps(judgement.document, allow_nan=False)
    assert judgement.reasons


def test_folds_that_stray_too_much_are_rejected():
    model = churn(max_fold_sd=0.05)
    counts = [[[90, 10], [50, 50]], [[90, 10], [5, 95]], [[90, 10], [10, 90]]]
    now = baseline(model, [counted(model, c) for c in counts])
    judgement = judged(model, now, None)
    sd = measured(now, None).document["M1"]["f1"]
    assert judgement.document["fold_sd"] == sd
    assert judgement.reasons == tuple(
        f"F1 of {name} strays between the folds with a standard deviation of {sd[name]:.3f}, more than max_fold_sd 0.05"
        for name in ("stay", "leave")
    )


def test_an_objective_that_the_candidate_cannot_keep_is_rejected():
    model = churn(objectives=[floor("0.80")])
    now = cross_validated(model, 1, 20_000, (0.9, 0.78))
    judgement = judged(model, now, cross_validated(model, 2, 20_000, (0.9, 0.79)))
    assert not judgement.passed
    assert "promise a recall of leave of 0.7" in judgement.reasons[0]
    assert judged(model, cross_validated(model, 1, 20_000, (0.9, 0.83)), None).passed


def test_what_an_objective_promises_must_not_fall_silent():
    model = churn(objectives=[Objective("eu", "recall", "leave", "24h", segment="region=eu")], segments=("region",))
    before = cross_validated(model, 1, 6_000, segments=("region=eu", "region=us"))
    now = cross_validated(model, 2, 6_000)
    judgement = judged(model, now, before)
    assert judgement.reasons == (
        "recall of leave in region=eu: an objective promises it, and the candidate's folds say nothing of it",
    )
    assert "the candidate has no folds for region=eu, region=us, which the baseline in force has" in judgement.warnings


def test_a_segment_that_fell_is_named_though_the_whole_is_fine():
    model = churn(segments=("region",))
    before = cross_validated(model, 1, 40_000, segments=("region=eu", "region=us"))
    parts = [
        {"region=eu": drawn(model, np.random.default_rng(j), 4_000, 0.95),
         "region=us": drawn(model, np.random.default_rng(50 + j), 4_000, (0.85, 0.7))}
        for j in range(5)
    ]  # fmt: skip
    now = baseline(model, [Counts.sum(model.layout, p.values()) for p in parts], segments=parts, hash_="b" * 64)
    judgement = judged(model, now, before)
    assert not judgement.passed
    assert "recall of leave in region=us: 0.7" in judgement.reasons[0]
    assert row_of(judgement, "recall", "leave")["verdict"] != "WORSE"


def test_the_margin_of_an_objective_goes_before_the_models():
    objectives = [
        Objective("wide", "recall", "leave", "24h", margin=0.2),
        Objective("narrow", "recall", "leave", "24h", margin=0.1),
    ]
    model = churn(objectives=objectives)
    judgement = judged(model, cross_validated(model, 2, 40_000, (0.85, 0.78)), cross_validated(model, 1, 40_000))
    assert row_of(judgement, "recall", "leave")["margin"] == 0.1
    assert row_of(judgement, "recall", "leave")["verdict"] == "OK"
    assert row_of(judgement, "recall", "stay")["margin"] == 0.03


def scored(model, seed, n, strength):
    rng = np.random.default_rng(seed)
    folds = []
    for _ in range(5):
        y = rng.integers(0, 2, n // 5)
        z = rng.normal(size=len(y)) + np.where(y == 1, strength, -strength)
        p = 1 / (1 + np.exp(-2 * strength * z))
        ones = np.ones(len(y), np.int64)
        folds.append(tally_labelled(model.layout, y, (p > 0.5).astype(int), p[:, None], ones, 0 * ones, 1)[0])
    return baseline(model, folds, hash_=f"{seed:064x}")


def test_losses_are_compared_only_for_objectives_and_with_the_signs_turned():
    model = churn()
    unasked = judged(model, scored(model, 1, 5_000, 1.0), scored(model, 2, 5_000, 1.0))
    assert "log_loss" not in {row["metric"] for row in unasked.document["comparisons"]}
    model = churn(margin=0.5, objectives=[Objective("loss", "log_loss", None, "24h", margin=0.05)])
    worse = judged(model, scored(model, 1, 20_000, 0.6), scored(model, 2, 20_000, 1.0))
    row = row_of(worse, "log_loss", None)
    assert row["verdict"] == "WORSE"
    assert 0.05 < row["difference_lower"] < row["difference"] < row["difference_upper"]
    better = judged(model, scored(model, 1, 20_000, 1.0), scored(model, 2, 20_000, 0.6))
    assert better.passed
    assert row_of(better, "log_loss", None)["verdict"] == "OK"


def test_a_candidate_without_scores_cannot_keep_a_promise_about_scores():
    model = churn(objectives=[Objective("auc", "roc_auc", None, "24h")])
    judgement = judged(model, cross_validated(model, 1, 5_000, 0.9), scored(model, 2, 5_000, 1.0))
    assert not judgement.passed
    assert "ROC AUC: an objective promises it, and the candidate's folds say nothing of it" in judgement.reasons


def test_the_first_baseline_passes_and_that_is_said():
    judgement = judged(churn(), cross_validated(churn(), 1, 1_000), None)
    assert judgement.passed
    assert judgement.warnings == ("there is no baseline in force to compare with: the candidate would be the first",)
    assert judgement.document["yardstick"] == {"kind": "none"}


def test_the_same_baseline_again_passes_and_that_is_said():
    now = cross_validated(churn(), 1, 1_000)
    judgement = judged(churn(), now, now)
    assert judgement.passed
    assert judgement.warnings[0] == "the candidate is the baseline in force itself: the same folds"


def test_production_is_a_yardstick_that_accepts_a_changed_world():
    model = churn(yardstick="live")
    before = cross_validated(model, 1, 20_000, 0.9)
    now = cross_validated(model, 2, 20_000, 0.7)
    live = {None: drawn(model, np.random.default_rng(3), 20_000, 0.7, (0.8, 0.2))}
    assert not judged(gated(model), now, before).passed
    judgement = judged(model, now, before, live)
    assert judgement.passed
    assert judgement.document["yardstick"]["kind"] == "live"
    assert row_of(judgement, "accuracy", None)["yardstick"] == pytest.approx(0.7, abs=0.02)
    assert judgement.document["measures"]["yardstick"]["M2"] == measured(before, None).document["M2"]


def test_no_class_may_be_worse_than_what_production_delivers_now():
    model = churn(yardstick="live")
    live = {None: drawn(model, np.random.default_rng(3), 20_000, 0.8)}
    judgement = judged(model, cross_validated(model, 2, 20_000, (0.8, 0.7)), None, live)
    assert not judgement.passed
    said = next(reason for reason in judgement.reasons if reason.startswith("recall of leave"))
    assert "where production delivers 0.8" in said


def test_production_without_labels_of_a_class_is_no_yardstick():
    model = churn(yardstick="live")
    now = cross_validated(model, 2, 2_000)
    judgement = judged(model, now, now, {None: counted(model, [[10, 2], [0, 0]])})
    assert not judgement.passed
    assert judgement.reasons == (
        "production has no mature label of leave to compare with: wait for labels, or judge by `yardstick: baseline`",
    )
    assert judged(model, now, now, None).reasons[0].startswith("production has no mature label of stay, leave")


def test_more_labels_of_production_are_what_would_decide():
    model = churn(yardstick="live")
    live = {None: drawn(model, np.random.default_rng(3), 200, 0.85)}
    judgement = judged(model, cross_validated(model, 2, 80_000), None, live)
    row = row_of(judgement, "recall", "leave")
    assert row["n"] == live[None].plane("confusion")[1].sum()
    assert any(
        f"about {row['labels_needed']:,} mature labels would decide" in warning for warning in judgement.warnings
    )


def test_segments_of_production_are_compared_where_the_candidate_has_them():
    model = churn(yardstick="live", segments=("region",))
    now = cross_validated(model, 2, 40_000, (0.85, 0.7), segments=("region=eu", "region=us"))
    rng = np.random.default_rng(3)
    live = {None: drawn(model, rng, 30_000, (0.85, 0.7)), "region=eu": drawn(model, rng, 10_000, 0.85)}
    live["region=apac"] = drawn(model, rng, 500, 0.85)
    judgement = judged(model, now, None, live)
    assert not judgement.passed
    assert judgement.reasons[0].startswith("recall of leave in region=eu")
    assert "the candidate has no folds for region=apac: not compared" in judgement.warnings


def test_the_measures_of_both_stand_side_by_side():
    model = churn()
    now, before = cross_validated(model, 1, 2_000), cross_validated(model, 2, 2_000)
    cost = Timings(12.5, tuple(FoldTiming(str(j), 0, 1.0, 1_000) for j in range(5)))
    measures = judged(model, now, before, timings=(cost, None)).document["measures"]
    assert list(measures["candidate"]) == [f"M{i}" for i in range(1, 10)]
    for of, side, spent in ((now, "candidate", cost), (before, "yardstick", None)):
        document = measured(of, spent).document
        assert measures[side] == {key: document[key] for key in measures[side]}
    assert measures["candidate"]["M8"] == 12.5


def test_a_judgement_is_the_same_every_time_and_small_enough_for_the_ledger():
    model = churn(classes=TEN, segments=("shop",))
    shops = [f"shop={i}" for i in range(50)]
    pair = [cross_validated(model, seed, 20_000, segments=shops) for seed in (1, 2)]
    began = time.process_time()
    first = judged(model, *pair)
    assert time.process_time() - began < 20
    assert len(json.dumps(first.document)) < 300_000
    assert first.document["left_out"] + len(first.document["comparisons"]) == 51 * 32
    assert first == judged(model, *pair)
