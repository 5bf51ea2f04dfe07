"""Values of a confusion against scikit-learn, and the covariance of F1 against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from monitor.statistics import confusion as cm
from monitor.statistics import intervals

tables = hnp.arrays(np.int64, st.tuples(st.integers(2, 6)).map(lambda k: (k[0], k[0])), elements=st.integers(0, 40))


def events(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.indices(table.shape)
    return np.repeat(true.ravel(), table.ravel()), np.repeat(predicted.ravel(), table.ravel())


@settings(deadline=None, max_examples=60)
@given(tables)
def test_the_metrics_are_those_of_scikit_learn_and_nan_where_it_puts_a_zero(table: np.ndarray) -> None:
    values = cm.values(cm.margins(table))
    y, p = events(table)
    labels = np.arange(len(table))
    if not y.size:
        assert all(np.isnan(value).all() for value in values.values())
        return
    sk = metrics.precision_recall_fscore_support(y, p, labels=labels, zero_division=np.nan)
    for name, theirs in zip(("precision", "recall", "f1"), sk, strict=False):
        assert np.allclose(values[name], theirs, atol=1e-12, rtol=0, equal_nan=True)
        macro = float(values[f"macro_{name}"])
        assert macro == pytest.approx(np.nanmean(theirs), abs=1e-12)
    rates = metrics.multilabel_confusion_matrix(y, p, labels=labels)
    tn, fp = rates[:, 0, 0], rates[:, 0, 1]
    defined = tn + fp > 0
    assert np.allclose(values["specificity"][defined], (tn / np.maximum(tn + fp, 1))[defined], atol=1e-12, rtol=0)
    assert np.isnan(values["specificity"][~defined]).all()
    assert float(values["accuracy"]) == pytest.approx(metrics.accuracy_score(y, p), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_occupied_cells_have_the_margins_of_the_table(table: np.ndarray) -> None:
    index = np.flatnonzero(table)
    sparse = cm.cell_margins(cm.cells(index, table.ravel()[index], len(table)), len(table))
    for mine, dense in zip(sparse, cm.margins(table), strict=True):
        assert np.array_equal(mine, dense)


def test_half_a_correction_is_no_labelled_prediction() -> None:
    cells = cm.cells(np.array([0, 3]), np.array([-1, 5]), 2)
    assert cells.n.tolist() == [5.0]


def test_the_delta_covariance_of_f1_is_that_of_resampled_windows() -> None:
    table = np.array([[300, 20, 10], [15, 200, 30], [5, 25, 100]])
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(table.sum(), table.ravel() / table.sum(), 40_000).reshape(-1, 3, 3)
    simulated = np.cov(cm.f1(cm.margins(drawn)).T)
    assert np.allclose(cm.f1_covariance(table), simulated, rtol=0.06, atol=2e-6)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_cells_give_mover_what_the_correlation_matrix_gives(table: np.ndarray) -> None:
    m = cm.margins(table)
    values = cm.f1(m)
    lower, upper = intervals.jeffreys_f1(m.tp, m.row + m.col - 2 * m.tp)
    below, above = (np.nan_to_num(x) for x in (values - lower, upper - values))
    index = np.flatnonzero(table)
    cells = cm.cells(index, table.ravel()[index], len(table))
    crossed = [cm.crossed_cells(cells, cm.f1_lever(m, half)) for half in (below, above)]
    sparse = intervals.mover_mean_of(values, below, above, *crossed)
    dense = intervals.mover_mean(values, lower, upper, cm.f1_correlation(table))
    assert np.allclose(sparse, dense, atol=1e-12, equal_nan=True)
