"""The corridor: what the folds promise at the class shares of a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from monitor.counts import Counts, Layout, tally_labelled
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.folds import design_effect, folds_of, strayed
from monitor.statistics.promise import Promise, promises_of
from monitor.statistics.rates import Rates

NAMES = tuple(f"c{k}" for k in range(60))


def baseline_of(confusions, *, repeats=1, n_train=None, scheme="stratified", segments=None):
    layout = Layout(len(confusions[0]))
    total = sum(int(np.sum(c)) for c in confusions) // repeats
    folds = []
    for j, confusion in enumerate(confusions):
        counts = Counts.from_planes(layout, {"confusion": confusion})
        train = n_train[j] if n_train else total - counts.labels
        folds.append(Fold(str(j), 0, train, counts, segments=segments[j] if segments else {}))
    return Baseline("m", "1", NAMES[: layout.classes], layout, scheme, tuple(folds), "hash", repeats=repeats)


def promise_of(baseline, segment=None):
    return Promise(baseline, folds_of(baseline, segment))


def at(promise, *shares):
    shares = np.array(shares, float)
    return promise.at(shares, shares, dict.fromkeys(("precision", "recall", "f1"), shares > 0))


def scored_rows(rng, classes, n, shares=None):
    y = rng.choice(classes, n, p=shares)
    z = rng.normal(size=(n, classes))
    z[np.arange(n), y] += 1.5
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    return y, p


def scored_baseline(rng, classes, n, folds=5):
    layout, parts = Layout(classes), []
    y, p = scored_rows(rng, classes, n)
    for j in range(folds):
        k = slice(j, None, folds)
        parts.append(Fold(str(j), 0, n - len(y[k]), tallied(layout, y[k], p[k], by_class=True)))
    return Baseline("m", "1", NAMES[:classes], layout, "stratified", tuple(parts), "hash"), y, p


def tallied(layout, y, p, *, by_class=False):
    one = np.ones(len(y), int)
    scores = p[:, [1]] if layout.classes == 2 else p
    return tally_labelled(layout, y, p.argmax(axis=1), scores, one, 0 * one, 1, by_class=by_class)[0]


def test_a_recall_is_promised_by_jeffreys_on_the_effective_counts():
    # Recalls of class c1: 8, 6 and 10 of 10; pooled 24 of 30.
    promise = promise_of(baseline_of([[[20, 0], [2, 8]], [[20, 0], [4, 6]], [[20, 0], [0, 10]]]))
    recall = at(promise, [0.5, 0.5])["recall"]
    deff = 0.04 * (1 / 3 + 1 / 2) * 30 / (0.8 * 0.2)
    assert deff > 1
    beta = stats.beta(24 / deff + 0.5, 6 / deff + 0.5)
    assert recall.value[0, 1] == pytest.approx(0.8)
    assert (recall.lower[0, 1], recall.upper[0, 1]) == pytest.approx(beta.ppf([0.025, 0.975]))


def test_folds_that_agree_are_not_narrower_than_their_counts():
    recall = at(promise_of(baseline_of([[[18, 2], [1, 9]]] * 4)), [0.5, 0.5])["recall"]
    assert (recall.lower[0, 1], recall.upper[0, 1]) == pytest.approx(stats.beta(36.5, 4.5).ppf([0.025, 0.975]))


def test_perfect_folds_have_a_corridor_of_some_width():
    promised = at(promise_of(baseline_of([[[50, 0], [0, 20]]] * 5)), [0.5, 0.5], [0.9, 0.1])
    for metric, corridor in promised.items():
        assert np.all(corridor.value == 1), metric
        assert np.all(corridor.upper == 1), metric
        assert np.all((corridor.lower > 0.85) & (corridor.lower < 1)), metric
    # Of 100 cases Jeffreys leaves 2.5 % below this; the precision of class c1 rests on 100 of them too at these shares.
    assert promised["recall"].lower[0, 1] == pytest.approx(stats.beta(100.5, 0.5).ppf(0.025))


def test_repeats_are_divided_out_and_not_counted_as_more_rows():
    folds = [[[18, 2], [1, 9]], [[16, 4], [3, 7]], [[19, 1], [2, 8]]]
    once, thrice = (
        at(promise_of(baseline_of(folds)), [0.6, 0.4]),
        at(promise_of(baseline_of(folds * 3, repeats=3)), [0.6, 0.4]),
    )
    for metric in once:
        assert thrice[metric].value == pytest.approx(once[metric].value), metric
        width = [(x[metric].upper - x[metric].lower)[0] for x in (once, thrice)]
        assert np.all(width[1] <= width[0] + 1e-12), metric
        assert np.all(width[1] > 0.5 * width[0]), metric


def test_a_time_series_uses_each_fold_s_own_share_of_rows_trained_on():
    fold = [[20, 0], [2, 8]]
    few, many = (
        folds_of(baseline_of([fold] * 3, n_train=n_train, scheme="time-series"))
        for n_train in ([30, 60, 90], [300, 600, 900])
    )
    assert few.ratio == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert many.ratio == pytest.approx(few.ratio / 10)


def test_one_fold_has_no_stray():
    promise = promise_of(baseline_of([[[90, 10], [5, 45]]], scheme="holdout"))
    recall = at(promise, [0.5, 0.5])["recall"]
    assert (recall.lower[0, 1], recall.upper[0, 1]) == pytest.approx(stats.beta(45.5, 5.5).ppf([0.025, 0.975]))


def test_the_variance_over_folds_is_nadeau_and_bengio_s():
    values = np.array([[0.7, np.nan], [0.8, 0.5], [0.9, np.nan]])
    assert strayed(values, 0.5) == pytest.approx([0.01 * (1 / 3 + 0.5), 0.0])
    assert design_effect(np.array([4.0, 1.0, 1.0]), np.array([2.0, 2.0, 0.0])) == pytest.approx([2, 1, 1])


def test_precision_and_f1_are_promised_at_the_live_shares():
    # Recall .8, false positive rate .1: precision is pi .8 / (pi .8 + (1 - pi) .1).
    promised = at(promise_of(baseline_of([[[90, 10], [10, 40]]] * 5)), [0.9, 0.1], [0.5, 0.5])
    assert promised["precision"].value[:, 1] == pytest.approx([0.08 / 0.17, 0.4 / 0.45])
    assert promised["precision"].raw[0, 1] == pytest.approx(40 / 50)
    assert promised["f1"].value[:, 1] == pytest.approx([2 * 0.08 / (0.1 + 0.17), 2 * 0.4 / (0.5 + 0.45)])
    assert promised["accuracy"].value[:, 0] == pytest.approx([0.9 * 0.9 + 0.1 * 0.8, 0.5 * 0.9 + 0.5 * 0.8])
    assert promised["macro_recall"].value[:, 0] == pytest.approx([0.85, 0.85])
    assert promised["specificity"].value[0] == pytest.approx([0.8, 0.9])


def test_at_the_folds_own_shares_every_promise_is_the_raw_one():
    rng = np.random.default_rng(3)
    for classes in (2, 3, 5):
        baseline, _, _ = scored_baseline(rng, classes, 600)
        promise = promise_of(baseline)
        for metric, corridor in at(promise, promise.own_shares[0]).items():
            assert corridor.value == pytest.approx(np.broadcast_to(corridor.raw, corridor.value.shape), abs=1e-9), (
                metric
            )


@pytest.mark.parametrize("classes", [2, 4])
def test_reweighting_equals_scoring_rows_with_weights(classes):
    rng = np.random.default_rng(classes)
    baseline, y, p = scored_baseline(rng, classes, 4000)
    shares = rng.dirichlet(np.full(classes, 3.0))
    weight = (shares / np.bincount(y, minlength=classes))[y]
    promised = at(promise_of(baseline), shares)
    for k in range(classes):
        assert promised["roc_auc"].value[0, k] == pytest.approx(
            roc_auc_score(y == k, p[:, k], sample_weight=weight), abs=2e-4
        )
        expected = average_precision_score(y == k, p[:, k], sample_weight=weight)
        assert promised["pr_auc"].value[0, k] == pytest.approx(expected, abs=2e-3)
    assert promised["log_loss"].value[0, 0] == pytest.approx(log_loss(y, p, sample_weight=weight), abs=1e-6)
    assert promised["accuracy"].value[0, 0] == pytest.approx((weight * (p.argmax(axis=1) == y)).sum())


def test_the_delta_variance_of_a_reweighted_metric_is_that_of_resampled_rows():
    rng = np.random.default_rng(11)
    confusion = np.array([[400, 60, 40], [30, 150, 20], [15, 5, 80]])
    shares = np.array([0.2, 0.5, 0.3])
    promised = at(promise_of(baseline_of([confusion], scheme="holdout")), shares)
    n = confusion.sum(axis=1)
    drawn = np.stack([rng.multinomial(n[i], confusion[i] / n[i], 4000) / n[i] for i in range(3)], axis=1)
    expected = shares[:, None] * drawn
    hit, column = np.einsum("wii->wi", expected), expected.sum(axis=1)
    by_metric = {
        "precision": hit / column,
        "f1": 2 * hit / (shares + column),
        "accuracy": hit.sum(axis=1, keepdims=True),
        "specificity": 1 - (column - hit) / (1 - shares),
        "macro_recall": np.einsum("wii->wi", drawn).mean(axis=1, keepdims=True),
        "macro_precision": (hit / column).mean(axis=1, keepdims=True),
        "macro_f1": (2 * hit / (shares + column)).mean(axis=1, keepdims=True),
    }
    for metric, values in by_metric.items():
        half = (promised[metric].upper - promised[metric].lower)[0] / 2
        assert half == pytest.approx(1.96 * values.std(axis=0), rel=0.08), metric


def test_the_corridor_of_scores_is_that_of_resampled_rows():
    rng = np.random.default_rng(5)
    layout = Layout(2)
    shares = np.array([0.8, 0.2])
    values = []
    for _ in range(150):
        y, p = scored_rows(rng, 2, 900, [0.5, 0.5])
        fold = Fold("0", 0, 900, tallied(layout, y, p, by_class=True))
        baseline = Baseline("m", "1", NAMES[:2], layout, "holdout", (fold,), "hash")
        promised = at(promise_of(baseline), shares)
        values.append(
            [
                (promised[m].value[0, -1], promised[m].upper[0, -1] - promised[m].lower[0, -1])
                for m in ("roc_auc", "pr_auc", "log_loss")
            ]
        )
    values = np.array(values)
    half = values[:, :, 1].mean(axis=0) / 2
    assert half == pytest.approx(1.96 * values[:, :, 0].std(axis=0), rel=0.25)


def test_a_class_that_the_folds_never_saw_is_not_promised():
    confusion = [[90, 10, 0], [10, 40, 0], [0, 0, 0]]
    promise = promise_of(baseline_of([confusion] * 5))
    promised = at(promise, [0.5, 0.4, 0.1], [0.5, 0.5, 0.0])
    assert np.isnan(promised["recall"].value[0]).tolist() == [False, False, True]
    for metric in ("precision", "f1", "accuracy", "macro_recall", "specificity"):
        assert np.all(np.isnan(promised[metric].value[0])), metric
        assert np.isfinite(promised[metric].value[1, 0]), metric
    assert promise.missing("recall", 2, np.array([0.5, 0.4, 0.1])) == "the folds have no class c2"
    assert promise.missing("accuracy", None, np.array([0.5, 0.4, 0.1])) == "the folds have no class c2"
    assert promise.missing("roc_auc", 0, np.array([0.5, 0.4, 0.1])) == "the folds have no scores"


def test_more_than_twenty_classes_have_a_raw_auc():
    rng = np.random.default_rng(0)
    baseline, y, p = scored_baseline(rng, 25, 1500)
    promise = promise_of(baseline)
    shares = rng.dirichlet(np.ones(25))
    promised = at(promise, shares)
    assert not promise.reweights_ranking
    assert promised["roc_auc"].value[0, 3] == pytest.approx(roc_auc_score(y == 3, p[:, 3]), abs=1e-3)
    assert promised["roc_auc"].value == pytest.approx(promised["roc_auc"].raw)


def test_sparse_and_square_rates_agree():
    rng = np.random.default_rng(9)
    confusion = rng.integers(0, 4, (60, 60)) * rng.integers(0, 2, (60, 60))
    confusion[7] = 0
    index = np.flatnonzero(confusion)
    sparse = Rates(60, index, confusion.ravel()[index].astype(float))
    weights = rng.random((3, 60))
    row = confusion.sum(axis=1, keepdims=True)
    assert sparse.cells.mixed(weights) == pytest.approx(weights @ (confusion / np.maximum(row, 1)))
    smooth = (confusion + 0.5 / 59 + np.eye(60) * (0.5 - 0.5 / 59)) / (row + 1)
    assert sparse.smooth.gathered(weights) == pytest.approx(weights @ smooth.T)
    assert sparse.variance.mixed(weights) == pytest.approx(weights @ (smooth * (1 - smooth) / np.maximum(row, 1)))
    assert sparse.smooth_right == pytest.approx(np.diag(smooth))
    few = Rates(4, np.array([0, 5, 6, 10, 15]), np.array([3.0, 2, 2, 5, 1]))
    assert few.smooth.mixed(np.ones((1, 4))).sum() == pytest.approx(4)


def test_a_segment_has_the_promise_of_its_own_folds():
    layout = Layout(2)
    eu = [{"region=eu": Counts.from_planes(layout, {"confusion": c})} for c in ([[8, 2], [1, 9]], [[9, 1], [2, 8]])]
    baseline = baseline_of([[[80, 20], [30, 70]]] * 2, segments=eu)
    promises = promises_of(baseline)
    assert set(promises) == {("1", None), ("1", "region=eu")}
    assert at(promises["1", "region=eu"], [0.5, 0.5])["recall"].value[0, 1] == pytest.approx(17 / 20)
    assert folds_of(baseline, "region=us") is None


confusions = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.lists(st.lists(st.integers(0, 30) | st.just(0), min_size=k, max_size=k), min_size=k, max_size=k),
        min_size=1,
        max_size=4,
    )
)


@settings(max_examples=80, deadline=None)
@given(confusions, st.integers(0, 2**32 - 1))
def test_no_corridor_is_ever_infinite_or_without_its_value(folds, seed):
    folds_found = folds_of(baseline_of(folds))
    if folds_found is None:
        return
    baseline = baseline_of(folds)
    rng = np.random.default_rng(seed)
    k = len(folds[0])
    shares = np.vstack((rng.dirichlet(np.full(k, 0.5), 3), np.eye(k), np.zeros((1, k))))
    whole = at(promise_of(baseline), *shares)
    for metric, (value, lower, upper, raw) in whole.items():
        defined = ~np.isnan(value)
        assert np.array_equal(defined, ~np.isnan(lower)), metric
        assert np.array_equal(defined, ~np.isnan(upper)), metric
        assert np.all((lower <= value)[defined]), metric
        assert np.all((value <= upper)[defined]), metric
        assert np.all((lower < upper)[defined]), metric
        assert np.all((lower >= 0)[defined] & (upper <= 1)[defined]), metric
        assert not np.isinf(raw).any(), metric
    for w, share in enumerate(shares):
        for metric, alone in at(promise_of(baseline), share).items():
            batch = [np.broadcast_to(x, (len(shares), x.shape[-1]))[w] for x in whole[metric][:3]]
            assert all(np.array_equal(a, b[0], equal_nan=True) for a, b in zip(batch, alone[:3], strict=True)), metric
