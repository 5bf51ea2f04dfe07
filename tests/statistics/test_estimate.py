"""Every metric of a window: against scikit-learn, alone as in company, and in every degenerate window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from monitor.counts import Counts, Layout, tally_labelled
from monitor.statistics.estimate import OVERALL_OF_POSITIVE, estimate
from monitor.statistics.losses import greatest
from monitor.statistics.names import OVERALL, OVERALL_BINARY, PER_CLASS, RANKED
from monitor.statistics.shown import shown

UNBANDED = {"support", "ece"}


@pytest.mark.parametrize("classes", [2, 3, 60])
def test_the_metrics_come_in_the_contracts_order(classes: int) -> None:
    found = estimate(Layout(classes), [Counts(Layout(classes))])
    names = [(e.metric, e.per_class) for e in found.values()]
    overall = [*OVERALL, *(OVERALL_BINARY if classes == 2 else ())]
    assert names == [(name, True) for name in PER_CLASS] + [(name, False) for name in overall]
    assert [found[key].metric for key in OVERALL_OF_POSITIVE if key in found] == list(overall[len(OVERALL) :])


@pytest.mark.parametrize(("classes", "positive"), [(2, 0), (2, 1), (4, 3)])
def test_the_values_are_those_of_scikit_learn(simulated, classes: int, positive: int) -> None:
    layout = Layout(classes, positive)
    w = simulated(layout, 30_000, 1)
    found = estimate(layout, [w.counts])
    p, r, f, s = sk.precision_recall_fscore_support(w.y, w.predicted)
    for name, theirs in (("precision", p), ("recall", r), ("f1", f), ("support", s)):
        assert np.allclose(found[name].value[0], theirs, atol=1e-12, rtol=0)
    for name, theirs in (("macro_precision", p), ("macro_recall", r), ("macro_f1", f)):
        assert found[name].value[0, 0] == pytest.approx(theirs.mean(), abs=1e-12)
    assert found["accuracy"].value[0, 0] == pytest.approx(sk.accuracy_score(w.y, w.predicted), abs=1e-12)
    hits = w.probabilities if classes > 2 else w.probabilities[:, positive]
    brier = sk.brier_score_loss(w.y, hits, pos_label=positive) if classes == 2 else sk.brier_score_loss(w.y, hits)
    assert found["brier"].value[0, 0] == pytest.approx(brier, abs=1e-6)
    assert found["log_loss"].value[0, 0] == pytest.approx(sk.log_loss(w.y, w.probabilities), abs=1e-6)
    for k in range(classes):
        one = w.y == k, w.probabilities[:, k]
        assert found["roc_auc"].value[0, k] == pytest.approx(sk.roc_auc_score(*one), abs=1e-4)
        assert found["pr_auc"].value[0, k] == pytest.approx(sk.average_precision_score(*one), abs=5e-4)
    if classes == 2:
        for key, name in OVERALL_OF_POSITIVE.items():
            assert found[key].value[0, 0] == found[name].value[0, positive]
        assert found["roc_auc"].value[0, 0] == found["roc_auc"].value[0, 1]


def test_n_is_the_denominator_in_labelled_predictions(simulated) -> None:
    layout = Layout(3)
    w = simulated(layout, 500, 2, unscored=0.3)
    found = estimate(layout, [w.counts])
    table = sk.confusion_matrix(w.y, w.predicted)
    scored = int(w.counts.plane("losses")[:, 0].sum())
    assert 0 < scored < 500
    assert found["recall"].n[0].tolist() == table.sum(axis=1).tolist()
    assert found["precision"].n[0].tolist() == table.sum(axis=0).tolist()
    assert found["f1"].n[0].tolist() == (table.sum(axis=0) + table.sum(axis=1) - np.diag(table)).tolist()
    for name in ("specificity", "support", "accuracy", "macro_f1"):
        assert (found[name].n == 500).all()
    for name in ("roc_auc", "pr_auc", "log_loss", "brier", "ece"):
        assert (found[name].n == scored).all()


@pytest.mark.parametrize("classes", [2, 5, 60])
@pytest.mark.parametrize("deff", [1.0, 2.3])
def test_a_window_comes_out_in_company_as_it_does_alone(simulated, classes: int, deff: float) -> None:
    layout = Layout(classes)
    windows = [simulated(layout, n, n).counts for n in (3, 40, 300, 700, 2500, 1, 90)]
    seeds = list(range(len(windows)))
    together = estimate(layout, windows, deff)
    displayed = shown(layout, windows, seeds, together, deff)
    for w, window in enumerate(windows):
        alone = estimate(layout, [window], deff)
        alone_shown = shown(layout, [window], [seeds[w]], alone, deff)
        for key, e in alone.items():
            whole, band, mine = together[key], displayed[key], alone_shown[key]
            pairs = [
                *((getattr(whole, field)[w], getattr(e, field)[0]) for field in ("value", "lower", "upper", "n")),
                *((getattr(band, field)[w], getattr(mine, field)[0]) for field in ("lower", "upper")),
            ]
            assert all(np.array_equal(*pair, equal_nan=True) for pair in pairs), key
            assert whole.method[w].tolist() == e.method[0].tolist()
            assert whole.undefined[w].tolist() == e.undefined[0].tolist()
            assert band.method[w].tolist() == mine.method[0].tolist()


def test_a_larger_deff_widens_every_band_and_moves_no_value(simulated) -> None:
    layout = Layout(2)
    window = simulated(layout, 4000, 5).counts
    plain, wide = estimate(layout, [window]), estimate(layout, [window], 4.0)
    for key, e in plain.items():
        assert np.array_equal(e.value, wide[key].value)
        if e.metric not in UNBANDED:
            assert ((wide[key].upper - wide[key].lower) > 1.5 * (e.upper - e.lower)).all()


def test_the_methods_are_the_contracts(simulated) -> None:
    layout = Layout(2)
    found = estimate(layout, [simulated(layout, 3000, 6, strength=1.0).counts])
    expected = {
        "precision": "jeffreys",
        "recall": "jeffreys",
        "f1": "jeffreys-f1",
        "specificity": "jeffreys",
        "support": "none",
        "roc_auc": "logit-delong",
        "pr_auc": "logit-ij",
        "accuracy": "jeffreys",
        "macro_precision": "mover",
        "macro_recall": "mover",
        "macro_f1": "mover",
        "log_loss": "clt",
        "brier": "clt",
        "ece": "none",
        "overall_roc_auc": "logit-delong",
        "overall_pr_auc": "logit-ij",
    }
    assert {key: set(e.method.ravel()) for key, e in found.items()} == {k: {v} for k, v in expected.items()}


def test_above_50_classes_nothing_is_ranked_and_the_reason_is_said(simulated) -> None:
    layout = Layout(60)
    w = simulated(layout, 5000, 7)
    found = estimate(layout, [w.counts])
    assert np.allclose(found["recall"].value[0], sk.recall_score(w.y, w.predicted, average=None), atol=1e-12)
    for name in ("roc_auc", "pr_auc", "log_loss", "brier"):
        assert np.isnan(found[name].value).all()
        assert "only the top class" in found[name].undefined[0, 0]
    assert found["ece"].undefined[0, 0] is None
    assert found["ece"].n[0, 0] == 5000


def check_window(layout: Layout, window: Counts, deff: float) -> None:
    """Check that every value has a band with a width around it, and that a reason stands where there is no value."""
    found = estimate(layout, [window], deff)
    displayed = shown(layout, [window], [1], found, deff)
    for key, e in found.items():
        most = greatest(e.metric, layout.classes) if e.metric in {"log_loss", "brier"} else 1.0
        for c in range(e.value.shape[1]):
            value = e.value[0, c]
            if np.isnan(value):
                assert e.undefined[0, c], key
                assert e.method[0, c] == displayed[key].method[0, c] == "none"
                assert np.isnan([e.lower[0, c], e.upper[0, c], displayed[key].lower[0, c]]).all()
                continue
            assert e.undefined[0, c] is None, key
            if e.metric in UNBANDED:
                assert np.isnan([e.lower[0, c], displayed[key].upper[0, c]]).all()
                continue
            for band in (e, displayed[key]):
                assert 0.0 <= band.lower[0, c] <= value <= band.upper[0, c] <= most + 1e-6, key
                assert band.upper[0, c] > band.lower[0, c], key


@st.composite
def rough_windows(draw) -> tuple[Layout, Counts]:
    classes = draw(st.sampled_from([2, 2, 3, 5]))
    layout = Layout(classes, draw(st.integers(0, 1)))
    n = draw(st.integers(0, 12))
    word = st.integers(0, classes - 1)
    y, p = (np.array(draw(st.lists(word, min_size=n, max_size=n)), np.int64) for _ in range(2))
    grid = st.sampled_from([0.0, 1.0, 0.5, 0.3, 1e-9, 1 - 1e-9])
    scores = np.array(draw(st.lists(st.tuples(*[grid] * layout.score_columns), min_size=n, max_size=n)))
    scores = scores.reshape(n, layout.score_columns)
    if classes > 2:
        scores = (scores + 1e-12) / (scores + 1e-12).sum(axis=1, keepdims=True)
    if draw(st.booleans()):
        scores[draw(st.integers(0, 12)) :] = np.nan
    times = draw(st.sampled_from([1, 1, 40]))
    ones, zeros = np.full(n, times, np.int64), np.zeros(n, np.int64)
    return layout, tally_labelled(layout, y, p, scores, ones, zeros, 1)[0]


@settings(deadline=None, max_examples=150)
@given(rough_windows(), st.sampled_from([1.0, 1.7, 30.0]))
def test_no_window_is_too_degenerate(case: tuple[Layout, Counts], deff: float) -> None:
    check_window(*case, deff)


@pytest.mark.parametrize("classes", [2, 3, 60, 1000])
def test_an_empty_window_has_a_reason_everywhere(classes: int) -> None:
    layout = Layout(classes)
    check_window(layout, Counts(layout), 1.0)
    found = estimate(layout, [Counts(layout)])
    unranked = [e for e in found.values() if e.metric != "support" and not (classes > 50 and e.metric in RANKED)]
    assert {e.undefined[0, 0] for e in unranked} == {"no labels"}
    assert found["support"].value[0].tolist() == [0.0] * classes


@pytest.mark.parametrize("only", [(0,), (1,)])
def test_one_class_alone_has_no_auc_and_the_other_no_recall(simulated, only: tuple[int, ...]) -> None:
    layout = Layout(2)
    window = simulated(layout, 200, 8, only=only).counts
    found = estimate(layout, [window])
    check_window(layout, window, 1.0)
    assert np.isnan(found["roc_auc"].value).all()
    assert np.isnan(found["recall"].value[0, 1 - only[0]])
    assert found["macro_recall"].value[0, 0] == found["recall"].value[0, only[0]]
    assert np.isnan(found["specificity"].value[0, only[0]])


def test_a_perfect_window_keeps_a_width(simulated) -> None:
    layout = Layout(3)
    w = simulated(layout, 900, 9, strength=40.0)
    assert (w.y == w.predicted).all()
    check_window(layout, w.counts, 1.0)


def test_no_windows_are_no_estimates() -> None:
    for classes in (2, 4, 60):
        found = estimate(Layout(classes), [])
        assert all(len(e.value) == 0 for e in found.values())
        assert all(len(s.lower) == 0 for s in shown(Layout(classes), [], [], found).values())
