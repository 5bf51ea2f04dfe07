"""The same folds under another order of classes promise the same."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.baselines.file import sealed
from monitor.baselines.reorder import in_order
from monitor.clock import HOUR
from monitor.counts import Layout, tally_labelled
from monitor.statistics.baseline import Baseline, Fold

NAMES = ("ask", "buy", "cry")


def counted(layout, y_true, y_pred, scores):
    one = np.ones(len(y_true), np.int64)
    delay = np.arange(len(y_true)) * HOUR
    return tally_labelled(layout, y_true, y_pred, scores, one, one - 1, 1, delay=delay, by_class=True)[0]


def of(layout, classes, counts):
    fold = Fold("0", 0, 10, counts, counts, {"region=eu": counts})
    return sealed(Baseline("m", "1", classes, layout, "holdout", (fold,), ""))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_three_classes_count_as_if_they_had_been_tallied_in_that_order(order):
    random = np.random.default_rng(0)
    y_true, y_pred = random.integers(0, 3, (2, 200))
    scores = random.dirichlet(np.ones(3), 200)
    place = np.argsort(order)
    there = counted(Layout(3), place[y_true], place[y_pred], scores[:, list(order)])
    moved = in_order(of(Layout(3), NAMES, counted(Layout(3), y_true, y_pred, scores)), order, "xyz", Layout(3))
    assert moved.classes == ("x", "y", "z")
    assert moved.folds == of(Layout(3), ("x", "y", "z"), there).folds


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("wanted", [0, 1])
def test_two_classes_in_either_order_with_either_one_positive(positive, order, wanted):
    random = np.random.default_rng(1)
    y_true, y_pred = random.integers(0, 2, (2, 300))
    p = random.uniform(0.001, 0.999, 300)  # of class 1
    layout, other = Layout(2, positive), Layout(2, wanted)
    scores = (p if positive == 1 else 1 - p)[:, None]
    place = np.argsort(order)
    theirs = (p if place[1] == wanted else 1 - p)[:, None]
    ours = of(layout, ("a", "b"), counted(layout, y_true, y_pred, scores))
    moved = in_order(ours, order, [("a", "b")[at] for at in order], other)
    expected = counted(other, place[y_true], place[y_pred], theirs)
    for name in ("confusion", "scores", "losses", "calibration", "delays"):
        difference = moved.folds[0].counts.plane(name) - expected.plane(name)
        # 2^-24 is the unit of losses and calibration; squares of 1 - p round otherwise than those of p
        assert np.abs(difference).max() <= (300 if name in {"losses", "calibration"} else 0)
    assert moved.content_hash == ours.content_hash


def test_many_classes_keep_their_delays_per_true_class():
    layout, random = Layout(30), np.random.default_rng(2)
    y_true, y_pred = random.integers(0, 30, (2, 100))
    order, names = random.permutation(30), tuple(f"c{k}" for k in range(30))
    place, scores = np.argsort(order), np.full((100, 30), 1 / 30)
    moved = in_order(of(layout, names, counted(layout, y_true, y_pred, scores)), order.tolist(), names, layout)
    there = counted(layout, place[y_true], place[y_pred], scores)
    assert moved.folds[0].counts.sparse("delays")[1].sum() == 100
    assert np.array_equal(moved.folds[0].counts.plane("delays"), there.plane("delays"))


def test_the_same_order_is_the_same_baseline():
    ours = of(Layout(3), NAMES, counted(Layout(3), np.zeros(1, int), np.zeros(1, int), np.ones((1, 3)) / 3))
    assert in_order(ours, (0, 1, 2), NAMES, Layout(3)) is ours
