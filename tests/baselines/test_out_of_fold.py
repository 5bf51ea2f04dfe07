"""Baselines from out-of-fold predictions: what is counted, and everything that is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix, f1_score, log_loss, roc_auc_score

from monitor.baselines.columns import Reading
from monitor.baselines.measures import fold_values
from monitor.baselines.out_of_fold import build
from monitor.counts import Counts, Layout
from monitor.errors import InputError
from monitor.statistics.ranking import auc_error


def table(n=400, folds=4, seed=0, **columns):
    random = np.random.default_rng(seed)
    fold = np.arange(n) % folds
    leave = random.random(n) < 0.4
    score = np.clip(np.where(leave, 0.65, 0.35) + random.normal(0, 0.2, n), 0.001, 0.999)
    frame = pl.DataFrame(
        {
            "fold": fold,
            "y_true": np.where(leave, "leave", "stay"),
            "y_pred": np.where(score >= 0.5, "leave", "stay"),
            "score": score,
        }
    )
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def built(frame, **reading):
    return build(
        frame,
        model="churn",
        version="3",
        place="oof.csv",
        locate=lambda row: f"oof.csv:{row + 2}",
        reading=Reading(**reading),
    )


def refused(frame, **reading):
    with pytest.raises(InputError) as error:
        built(frame, **reading)
    return [str(problem) for problem in error.value.problems]


def pooled(baseline):
    return Counts.sum(baseline.layout, [fold.counts for fold in baseline.folds])


def test_pooled_metrics_are_those_of_scikit_learn():
    frame = table()
    baseline = built(frame, positive="leave").baseline
    truth, predicted = frame["y_true"].to_list(), frame["y_pred"].to_list()
    np.testing.assert_array_equal(pooled(baseline).plane("confusion"), confusion_matrix(truth, predicted))
    found = fold_values(baseline.layout, [pooled(baseline)])
    leave = frame["y_true"].to_numpy() == "leave"
    score = frame["score"].to_numpy()
    assert found["f1"][0] == pytest.approx(f1_score(truth, predicted, average=None), abs=1e-12)
    bins = pooled(baseline).plane("scores")[0]
    within = float(auc_error(bins[1], bins[0]))  # 512 bins: ties of the histogram that the scores do not have
    assert found["roc_auc"][0] == pytest.approx([roc_auc_score(leave, score)] * 2, abs=within)
    assert within < 0.02
    assert found["log_loss"][0] == pytest.approx(log_loss(leave, score), abs=1e-6)


def test_texts_as_a_csv_gives_them_count_the_same_as_typed_columns():
    typed = table(segment_region=["eu", None] * 200, repeat=[0] * 200 + [1] * 200)
    texts = typed.with_columns(pl.all().cast(pl.String))
    assert built(typed).baseline == built(texts).baseline


def test_folds_stand_in_natural_order_and_know_what_they_trained_on():
    frame = table(n=1200, folds=12)
    folds = built(frame).baseline.folds
    assert [fold.fold for fold in folds] == [str(k) for k in range(12)]
    assert {fold.n_train for fold in folds} == {1100}


def test_a_time_series_trains_on_the_folds_before():
    folds = built(table(), scheme="time-series").baseline.folds
    assert [fold.n_train for fold in folds] == [100, 200, 300, 400]


def test_training_rows_are_kept_apart_and_give_n_train():
    frame = table()
    train = table(seed=1).with_columns(pl.lit("train").alias("split"), ((pl.col("fold") + 1) % 4).alias("fold"))
    both = pl.concat([frame.with_columns(pl.lit("validation").alias("split")), train, train])
    baseline = built(both).baseline
    assert pooled(baseline) == pooled(built(frame).baseline)
    assert [fold.n_train for fold in baseline.folds] == [200] * 4
    assert [fold.train.labels for fold in baseline.folds] == [200] * 4


def test_segments_have_folds_of_their_own():
    frame = table(segment_region=["eu", "us", "us", "", "eu"] * 80, segment_tier=[1] * 400).sample(
        400, shuffle=True, seed=3
    )
    folds = built(frame, scheme="plain").baseline.folds
    assert sorted(folds[0].segments) == ["region=(none)", "region=eu", "region=us", "tier=1"]
    for fold in folds:
        regions = [counts for name, counts in fold.segments.items() if name.startswith("region=")]
        assert Counts.sum(fold.counts.layout, regions) == fold.counts
        assert fold.segments["tier=1"] == fold.counts


def test_from_the_fifty_first_value_of_a_segment_on_it_is_other():
    frame = table(segment_city=[f"c{i % 60}" for i in range(400)])
    names = {name for fold in built(frame).baseline.folds for name in fold.segments}
    assert len(names) == 51
    assert "city=(other)" in names


@pytest.mark.parametrize(
    ("frame", "scheme", "repeats"),
    [
        (table(folds=1), "holdout", 1),
        (table(), "plain", 1),
        (pl.concat([table().with_columns(repeat=pl.lit(r)) for r in (1, 2)]), "repeated-stratified", 2),
    ],
)
def test_without_a_scheme_the_one_that_claims_least_is_noted(frame, scheme, repeats):
    baseline = built(frame).baseline
    assert (baseline.scheme, baseline.repeats) == (scheme, repeats)
    each = len(baseline.folds) // repeats
    assert [fold.repeat for fold in baseline.folds] == [repeat for repeat in range(repeats) for _ in range(each)]


def test_a_holdout_needs_no_fold_column():
    baseline = built(table().drop("fold"), scheme="holdout").baseline
    assert [(fold.fold, fold.counts.labels) for fold in baseline.folds] == [("0", 400)]


def test_the_prediction_can_come_from_score_and_threshold():
    frame = table()
    assert built(frame.drop("y_pred"), positive="leave", threshold=0.5).baseline.folds == (
        built(frame, positive="leave").baseline.folds
    )


def test_a_threshold_beside_predictions_is_warned_of():
    assert any("--threshold is not used" in text for text in built(table(), threshold=0.9, positive="stay").warnings)


def test_the_one_score_of_a_named_class_makes_it_the_positive_one():
    named = built(table().rename({"score": "score_leave"})).baseline
    assert named.layout == Layout(2, 0)
    assert named.folds == built(table(), positive="leave").baseline.folds


def test_without_a_word_the_last_of_two_classes_is_positive():
    assert built(table()).baseline.layout == Layout(2, 1)


def test_columns_can_have_other_names():
    frame = table().rename({"fold": "k", "y_true": "label", "score": "p"})
    fields = {"fold": "k", "y_true": "label", "score_leave": "p"}
    assert built(frame, fields=fields).baseline.folds == built(table(), positive="leave").baseline.folds


def test_rows_without_scores_count_in_the_confusion_alone():
    frame = table().with_columns(score=pl.when(pl.int_range(400) < 100).then(None).otherwise(pl.col("score")))
    counts = pooled(built(frame).baseline)
    assert counts.labels == 400
    assert counts.plane("losses")[:, 0].sum() == 300


def test_more_than_fifty_classes_keep_their_top_score():
    k, n = 60, 240
    codes = np.arange(n) % k
    scores = np.full((n, k), 0.4 / (k - 1))
    scores[np.arange(n), codes] = 0.6
    columns = {f"score_{i}": scores[:, i] for i in range(k)}
    frame = pl.DataFrame({"fold": np.arange(n) // 120, "y_true": codes, "y_pred": codes, **columns})
    baseline = built(frame).baseline
    assert baseline.classes == tuple(str(i) for i in range(k))
    assert pooled(baseline).plane("calibration")[9].tolist() == [n, round(0.6 * 2**24) * n, n]


def test_few_errors_are_warned_of_with_the_reach_of_the_corridor():
    frame = table().with_columns(y_pred=pl.col("y_true"))
    found = built(frame).warnings
    assert len(found) == 2
    assert found[0].startswith("class leave has only 0 errors: the corridor of its recall, 1.000, reaches from 0.9")
    assert "a half-width of 0.0" in found[0]


def test_few_members_are_warned_of():
    frame = table(n=60)
    assert any("members" in text for text in built(frame).warnings)


def test_an_entity_in_two_folds_is_warned_of_where_rows_are_taken_as_independent():
    frame = table(entity=[f"u{i // 2}" for i in range(400)])
    assert any("200 groups have rows in more than one fold" in text for text in built(frame).warnings)


@pytest.mark.parametrize(
    ("frame", "reading", "messages"),
    [
        (table().drop("fold", "y_true"), {}, ["has no column y_true", "has no column fold; name it with --fields"]),
        (table().drop("y_pred"), {}, ["has no column y_pred (it may be left out with --positive and --threshold)"]),
        (table(), {"fields": {"y_true": "label"}}, ["has no column label (named by --fields y_true=label)"]),
        (table(), {"fields": {"truth": "y_true"}}, ["--fields truth=y_true: truth is no column of ours"]),
        (table(y_true=["leave", ""] + ["stay"] * 398), {}, ["oof.csv:3: column y_true is empty;"]),
        (table(y_pred=[None, None] + ["stay"] * 398), {}, ["oof.csv:2: column y_pred is empty, and in 1 more rows"]),
        (table(split=["test"] * 400), {}, ["oof.csv:2: column split is neither validation nor train, and in 399"]),
        (table(score=[float("nan")] + [0.5] * 399), {}, ["oof.csv:2: column score is not a finite number;"]),
        (table(score=["inf", "x"] + ["0.5"] * 398), {}, ["oof.csv:2: column score is not a finite number, and in 1"]),
        (table(score=[0.5, 1.5] + [0.5] * 398), {}, ["oof.csv:3: column score is outside of [0, 1];"]),
        (
            table().with_columns(score_leave=0.7, score_stay=0.25),
            {},
            ["oof.csv:2: column score_stay and the others do not sum to 1 within 0.02"],
        ),
        (table().with_columns(score_go=0.7), {}, ["has a column score_go, and no row has the class go"]),
        (table(), {"positive": "go"}, ["--positive: go is not among the classes (leave, stay)"]),
        (table(y_true=["stay"] * 400, y_pred=["stay"] * 400), {}, ["holds only the class stay"]),
        (table(), {"scheme": "holdout"}, ["has 4 folds, and scheme holdout has one"]),
        (table(folds=1), {"scheme": "stratified"}, ["has one fold, and scheme stratified has at least two"]),
        (table(), {"scheme": "group"}, ["has no column entity, and scheme group needs the group of each row"]),
        (
            table(entity=[f"u{i // 2}" for i in range(400)]),
            {"scheme": "stratified-group"},
            ["200 groups have rows in more than one fold (the first: u0 in folds 0, 1)"],
        ),
        (table(entity=[None] + ["u"] * 399), {"scheme": "group"}, ["column entity is empty in 1 rows"]),
        (table().filter(pl.col("fold") != 2), {}, ["fold 2 has no rows"]),
        (table(split=(["validation"] * 3 + ["train"]) * 100), {}, ["fold 3 has no validation rows"]),
        (
            pl.concat([table().with_columns(repeat=0), table(folds=3).with_columns(repeat=1)]),
            {},
            ["fold 3 of repeat 1 has no rows"],
        ),
        (
            table(y_true=["other"] * 3 + ["stay", "leave"] * 198 + ["stay"]),
            {},
            [
                "has a column score, which is for two classes, and 3 classes (leave, other, stay)",
                "class other has 3 rows",
            ],
        ),
        (
            table(y_pred=["other"] + ["stay", "leave"] * 199 + ["stay"]).drop("score"),
            {},
            ["class other has 0 rows, fewer than the 4 folds"],
        ),
        (
            table(y_true=(["stay", "leave", "stay", "stay"]) * 100),
            {},
            [f"fold {k} has no rows of class" for k in range(4)],
        ),
        (
            table(fold=[i // 100 for i in range(400)], y_true=["a", "b", "c", "b"] * 100, y_pred=["a"] * 400),
            {"positive": "a"},
            ["--positive: there are 3 classes (a, b, c), and a positive one is for two", "has a column score"],
        ),
        (
            table(
                fold=[i // 100 for i in range(400)], y_true=["a", "b", "c", "b"] * 100, y_pred=["a"] * 400
            ).with_columns(score_a=0.5, score_b=0.5),
            {},
            ["has no column score_c"],
        ),
        (table().drop("y_pred", "score"), {"positive": "leave", "threshold": 0.5}, ["has no column score"]),
        (
            table(score=[None] + [0.5] * 399).drop("y_pred"),
            {"positive": "leave", "threshold": 0.5},
            ["oof.csv:2: column score is empty (and --threshold needs it)"],
        ),
    ],
)
def test_what_cannot_promise_anything_is_refused(frame, reading, messages):
    found = refused(frame, **reading)
    assert len(found) == len(messages)
    for text, message in zip(found, messages, strict=True):
        assert message in text


def test_a_group_both_trained_on_and_validated_in_one_fold_is_refused():
    frame = table(entity=[f"u{i % 8}" for i in range(400)], split=["validation"] * 400)
    train = frame.with_columns(split=pl.lit("train"))
    (found,) = refused(pl.concat([frame, train]), scheme="group")
    assert "group u0 is both trained on and validated in fold 0" in found


def test_empty_scores_beside_filled_ones_are_refused():
    frame = pl.DataFrame({"fold": [0, 1] * 6, "y_true": [0, 0, 1, 1, 2, 2] * 2, "y_pred": [0] * 12})
    scores = {f"score_{k}": [1 / 3] * 11 + ([None] if k == 2 else [1 / 3]) for k in range(3)}
    (found,) = refused(frame.with_columns(**{name: pl.Series(values) for name, values in scores.items()}))
    assert "oof.csv:13: column score_2 is empty beside others" in found
