"""The cell bootstrap against scipy's on the rows, its acceleration against a jackknife of every event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.metrics import f1_score, precision_score, recall_score

from monitor.statistics import bootstrap as boot
from monitor.statistics import confusion as cm


def f1_of(y: np.ndarray, p: np.ndarray, axis: int = -1) -> np.ndarray:
    tp = (y & p).sum(axis)
    return 2 * tp / (y.sum(axis) + p.sum(axis))


@pytest.mark.parametrize("method", ["percentile", "BCa"])
@pytest.mark.parametrize("cells", [(91, 9, 9, 91), (1794, 30, 25, 202)])
def test_end_points_are_those_of_scipy_on_the_rows(cells: tuple[int, ...], method: str) -> None:
    rows = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], cells, axis=0).astype(bool)
    scipy = stats.bootstrap(
        (rows[:, 0], rows[:, 1]),
        f1_of,
        paired=True,
        vectorized=True,
        n_resamples=8000,
        batch=1000,
        method=method,
        rng=np.random.default_rng(1),
    ).confidence_interval
    window = np.array(cells, float).reshape(1, 2, 2)
    values, bend = boot.binary_metrics(window, [7], 8000), boot.binary_accelerations(window)[0, 5:6]
    found = boot.bands(values[0, 5:6], bend if method == "BCa" else np.full(1, np.nan))
    assert found.bca.tolist() == [method == "BCa"]
    assert np.allclose((found.lower[0], found.upper[0]), scipy, atol=0.006)


def leave_one_out(table: np.ndarray, metric) -> float:
    values, weights = [], []
    for cell in np.argwhere(table > 0):
        left = table.copy()
        left[tuple(cell)] -= 1
        values.append(metric(left))
        weights.append(table[tuple(cell)])
    away = np.average(values, weights=weights) - np.array(values)
    return float((weights * away**3).sum() / (6 * (weights * away**2).sum() ** 1.5))


tables = hnp.arrays(np.float64, (3, 3), elements=st.integers(0, 30).map(float)).filter(
    lambda t: t.sum() > 5 and (t - np.diag(np.diag(t))).sum() > 1 and np.trace(t) > 1
)


@settings(deadline=None, max_examples=40)
@given(tables)
def test_the_acceleration_is_that_of_leaving_out_every_event(table: np.ndarray) -> None:
    m = cm.margins(table)
    index = np.flatnonzero(table)
    cells = cm.cells(index, table.ravel()[index].astype(np.int64), 3)
    found = {
        "macro_recall": boot.macro_share_acceleration(m.tp, m.row),
        "macro_precision": boot.macro_share_acceleration(m.tp, m.col),
        "macro_f1": boot.macro_f1_acceleration(cells, m.tp, m.row + m.col),
        "accuracy": boot.share_acceleration(m.tp.sum(), m.total - m.tp.sum(), np.float64(0.0)),
    }
    for name, bend in found.items():
        spread = np.ptp([cm.values(cm.margins(table))[name]])
        assert np.isfinite(spread)
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = leave_one_out(table, lambda left, name=name: float(cm.values(cm.margins(left))[name]))
        if np.isfinite(expected) and abs(expected) < 10:
            assert float(bend) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("total", [150, 3000, 300_000])
def test_replicates_have_the_moments_of_resampled_rows(total: int) -> None:
    share = np.array([[0.5, 0.03, 0.01], [0.02, 0.3, 0.01], [0.005, 0.025, 0.1]])
    table = np.rint(share * total)
    index = np.flatnonzero(table)
    cells = cm.cells(index, table.ravel()[index].astype(np.int64), 3)
    r = boot.replicates_of(cells, 3, 11, 20_000)
    rows = np.random.default_rng(2).multinomial(int(table.sum()), table.ravel() / table.sum(), 20_000)
    resampled = cm.values(cm.margins(rows.reshape(-1, 3, 3)))
    for name in ("precision", "recall", "f1"):
        mine = boot.class_metric(name, r)
        assert np.allclose(mine[:, -1], cm.values(cm.margins(table))[name], atol=1e-12)
        spread = np.nanstd(resampled[name], axis=0)
        assert np.allclose(
            np.nanmean(mine[:, :-1], axis=1), np.nanmean(resampled[name], axis=0), atol=0.05 * spread.max()
        )
        assert np.allclose(np.nanstd(mine[:, :-1], axis=1), spread, rtol=0.05)
        macro = boot.macro(mine)[:-1]
        assert np.std(macro) == pytest.approx(np.std(resampled[f"macro_{name}"]), rel=0.04)
    assert np.std(boot.accuracy(r)[:-1]) == pytest.approx(np.std(resampled["accuracy"]), rel=0.04)


def test_two_classes_are_scikit_learns_at_the_observed_window() -> None:
    table = np.array([[40.0, 7.0], [5.0, 22.0]])
    y, p = (np.repeat(x.ravel(), table.ravel().astype(int)) for x in np.indices((2, 2)))
    observed = boot.binary_metrics(table[None], [1])[0, :, -1]
    for at, score in enumerate((precision_score, recall_score, f1_score)):
        expected = score(y, p, average=None)
        assert np.allclose(observed[2 * at : 2 * at + 2], expected, atol=1e-12)
        assert observed[7 + at] == pytest.approx(expected.mean(), abs=1e-12)
    assert observed[6] == pytest.approx(62 / 74)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.float64, (2, 2), elements=st.integers(1, 60).map(float)))
def test_one_class_of_two_bends_as_its_own_kinds_of_events_do(table: np.ndarray) -> None:
    tp, row, col = table[1, 1], table[1].sum(), table[:, 1].sum()
    wrong, rest = row + col - 2 * tp, table[0, 0]
    found = boot.binary_accelerations(table[None])[0]
    assert found[5] == pytest.approx(float(boot.share_acceleration(tp, wrong, rest, 2.0)), rel=1e-9, abs=1e-12)
    assert found[3] == pytest.approx(float(boot.share_acceleration(tp, row - tp, table[0].sum())), rel=1e-9, abs=1e-12)
    expected = leave_one_out(table, lambda left: float(cm.values(cm.margins(left))["macro_f1"]))
    if np.isfinite(expected):
        assert found[9] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_replicates_without_a_value_are_left_out() -> None:
    values = np.array([[np.nan, 0.1, 0.2, 0.3, 0.4, np.nan, 0.25], [np.nan] * 7])
    found = boot.bands(values, np.array([np.nan, np.nan]), 0.5)
    assert found.bca.tolist() == [False, False]
    assert np.allclose((found.lower[0], found.upper[0]), np.quantile([0.1, 0.2, 0.3, 0.4], [0.25, 0.75]))
    assert np.isnan((found.lower[1], found.upper[1])).all()


def test_the_same_seed_gives_the_same_bands() -> None:
    table = np.array([[[400.0, 70.0], [50.0, 220.0]]])
    first, again, other = (boot.binary_metrics(table, [seed]) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
