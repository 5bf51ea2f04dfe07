"""M1 to M10 against numbers computed by hand, from two-class folds whose confusion is written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import t

from monitor.baselines.file import sealed
from monitor.baselines.measures import fold_values, measured
from monitor.baselines.timings import FoldTiming, Timings
from monitor.counts import Counts, Layout, tally_labelled
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.estimate import estimate

CONFUSIONS = np.array([[[40, 10], [5, 45]], [[44, 6], [8, 42]], [[38, 12], [2, 48]], [[45, 5], [9, 41]]])
TRAINED = np.array([[[130, 20], [10, 140]]] * 4)
LAYOUT = Layout(2, 1)


def confusion_only(confusion):
    return Counts.from_planes(LAYOUT, {"confusion": confusion})


def plain(*, train=True, repeats=1):
    folds = tuple(
        Fold(str(at), repeat, 300, confusion_only(one), confusion_only(other) if train else None)
        for repeat in range(repeats)
        for at, (one, other) in enumerate(zip(CONFUSIONS, TRAINED, strict=True))
    )
    scheme = "stratified" if repeats == 1 else "repeated-stratified"
    return sealed(Baseline("churn", "3", ("stay", "leave"), LAYOUT, scheme, folds, "", 7, repeats))


@pytest.fixture(scope="module")
def shown():
    return measured(plain(), None).document


ACCURACY = np.array([85, 86, 86, 86]) / 100
RECALL = CONFUSIONS[:, 1, 1] / CONFUSIONS[:, 1].sum(axis=1)
F1 = 2 * CONFUSIONS[:, 1, 1] / (CONFUSIONS[:, 1].sum(axis=1) + CONFUSIONS[:, :, 1].sum(axis=1))


def test_m1_is_the_standard_deviation_over_folds_with_n_minus_1(shown):
    assert shown["M1"]["accuracy"] == pytest.approx(np.std(ACCURACY, ddof=1))
    assert shown["M1"]["recall"]["leave"] == pytest.approx(np.std(RECALL, ddof=1))


def test_m2_is_f1_of_each_class_in_each_fold(shown):
    assert shown["M2"]["leave"] == pytest.approx(F1)
    assert [fold["fold"] for fold in shown["folds"]] == ["0", "1", "2", "3"]


def test_m5_is_the_mean_of_train_minus_validation(shown):
    assert shown["M5"]["accuracy"] == pytest.approx(0.9 - ACCURACY.mean())
    assert shown["M5"]["recall"]["leave"] == pytest.approx((14 / 15 - RECALL).mean())


def test_m6_is_the_rows_of_each_class_in_each_fold_and_in_the_whole(shown):
    assert shown["M6"]["whole"] == {"stay": 200, "leave": 200}
    assert [fold["counts"] for fold in shown["M6"]["folds"]] == [{"stay": 50, "leave": 50}] * 4


def test_m7_is_the_full_width_by_plain_t_and_by_nadeau_and_bengio(shown):
    quantile, deviation = t.ppf(0.975, 3), np.std(RECALL, ddof=1)
    assert shown["M7"]["recall"]["leave"] == {
        "t": pytest.approx(2 * quantile * deviation * np.sqrt(1 / 4)),
        "nadeau_bengio": pytest.approx(2 * quantile * deviation * np.sqrt(1 / 4 + 100 / 300)),
    }


def test_repeats_are_folds_of_their_own_in_m7_and_one_whole_in_m6():
    shown = measured(plain(repeats=2), None).document
    deviation = np.std(np.tile(ACCURACY, 2), ddof=1)
    expected = 2 * t.ppf(0.975, 7) * deviation * np.sqrt(1 / 8 + 1 / 3)
    assert shown["M7"]["accuracy"]["nadeau_bengio"] == pytest.approx(expected)
    assert shown["M6"]["whole"] == {"stay": 200, "leave": 200}
    assert shown["per_class"]["leave"]["support"] == 200


def test_what_was_not_measured_is_null():
    shown = measured(plain(train=False), None).document
    assert [shown[f"M{i}"] for i in (3, 5, 8, 9)] == [None] * 4
    assert shown["M4"] == {"brier": None, "ece": None}
    assert "backtest" in shown["M10"]


def test_m8_and_m9_come_from_the_timings():
    spent = Timings(3.5, (FoldTiming("0", 0, 0.25, 2**20),))
    shown = measured(plain(), spent).document
    assert shown["M8"] == 3.5
    assert shown["M9"] == [{"fold": "0", "repeat": 0, "cpu_seconds": 0.25, "peak_memory_bytes": 2**20}]


def test_m3_is_the_mean_over_folds_and_m4_is_pooled():
    p = np.array([0.1, 0.4, 0.35, 0.8])
    q = np.array([0.2, 0.6, 0.7, 0.9])
    y = np.array([0, 0, 1, 1])
    folds = []
    for at, score in enumerate((p, q)):
        one = np.ones(4, np.int64)
        (counts,) = tally_labelled(LAYOUT, y, (score >= 0.5).astype(int), score[:, None], one, one - 1, 1)
        folds.append(Fold(str(at), 0, 4, counts))
    shown = measured(sealed(Baseline("m", "1", ("a", "b"), LAYOUT, "plain", tuple(folds), "")), None).document
    assert shown["M3"] == {"mean": pytest.approx(0.875), "per_class": {"a": pytest.approx(0.875)} | {"b": 0.875}}
    both, twice = np.concatenate((p, q)), np.tile(y, 2)
    assert shown["M4"]["brier"] == pytest.approx(((both - twice) ** 2).mean(), abs=1e-6)
    bins = np.minimum((both * 15).astype(int), 14)
    gaps = [abs((both - twice)[bins == b].sum()) for b in range(15)]
    assert shown["M4"]["ece"] == pytest.approx(sum(gaps) / 8, abs=1e-6)


def test_the_corridor_holds_the_pooled_value(shown):
    for entry in shown["per_class"].values():
        for metric in ("recall", "precision", "f1"):
            assert 0 < entry[metric]["lower"] < entry[metric]["value"] < entry[metric]["upper"] < 1
    assert shown["per_class"]["leave"]["recall"]["value"] == pytest.approx(176 / 200)


def test_a_fold_that_never_predicts_a_class_leaves_its_precision_undefined_there_alone():
    silent = np.array([[50, 0], [50, 0]])
    folds = tuple(Fold(str(at), 0, 300, confusion_only(one)) for at, one in enumerate([silent, *CONFUSIONS[:3]]))
    shown = measured(sealed(Baseline("m", "1", ("a", "b"), LAYOUT, "plain", folds, "")), None).document
    precision = CONFUSIONS[:3, 1, 1] / CONFUSIONS[:3, :, 1].sum(axis=1)
    assert shown["M1"]["precision"]["b"] == pytest.approx(np.std(precision, ddof=1))
    assert shown["M2"]["b"][0] == 0.0


def test_one_fold_has_no_spread_and_says_so_with_null():
    folds = (Fold("0", 0, 100, confusion_only(CONFUSIONS[0])),)
    shown = measured(sealed(Baseline("m", "1", ("a", "b"), LAYOUT, "holdout", folds, "")), None).document
    assert shown["M1"]["accuracy"] is None
    assert shown["M7"]["accuracy"] == {"t": None, "nadeau_bengio": None}
    json.dumps(shown, allow_nan=False)


def test_a_thousand_classes_are_measured():
    k = 1000
    layout = Layout(k)
    random = np.random.default_rng(0)
    folds = []
    for at in range(2):
        y = np.arange(5 * k) % k
        guess = np.where(random.random(5 * k) < 0.8, y, random.integers(0, k, 5 * k))
        one = np.ones(5 * k, np.int64)
        scores = np.stack((np.full(5 * k, 0.8), guess), axis=1)
        (counts,) = tally_labelled(layout, y, guess, scores, one, one - 1, 1)
        folds.append(Fold(str(at), 0, 5 * k, counts))
    names = tuple(str(i) for i in range(k))
    shown = measured(sealed(Baseline("m", "1", names, layout, "plain", tuple(folds), "")), None).document
    assert shown["overall"]["accuracy"]["value"] == pytest.approx(0.8, abs=0.02)
    assert len(shown["M2"]) == k


@pytest.mark.parametrize("classes", [2, 4])
def test_folds_are_scored_by_the_metrics_of_production(classes):
    layout = Layout(classes, classes - 1)
    random = np.random.default_rng(3)
    y_true, y_pred = random.integers(0, classes, (2, 300))
    scores = random.dirichlet(np.ones(classes), 300)[:, : layout.score_columns]
    one = np.ones(300, np.int64)
    folds = tally_labelled(layout, y_true, y_pred, scores, one, np.arange(300) % 3, 3, by_class=True)
    production = estimate(layout, folds)
    for metric, found in fold_values(layout, folds).items():
        np.testing.assert_array_equal(found.reshape(3, -1), production[metric].value)
