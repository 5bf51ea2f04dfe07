"""The tally counts in columns what one would count event by event."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY
from monitor.counts import Counts, Layout, tally_labelled, tally_predicted
from monitor.counts.durations import DELAY_EDGES, LATENCY_BINS, LATENCY_EDGES
from monitor.counts.layout import BIN_EDGES, LOSS_UNIT
from monitor.counts.tally import columns_labelled, columns_latency, columns_predicted, grouped, losses


def events_of(layout, n, seed, unscored=0.2):
    """Random labelled predictions: (y_true, y_pred, scores, sign)."""
    rng = np.random.default_rng(seed)
    k = layout.classes
    y_true, y_pred = rng.integers(0, k, n), rng.integers(0, k, n)
    if k == 2:
        scores = rng.random((n, 1))
        scores[rng.random(n) < 0.1] = rng.choice([0.0, 1.0])
    elif layout.ranked:
        scores = rng.dirichlet(np.ones(k), n)
    else:
        scores = np.stack([rng.random(n), rng.integers(0, k, n)], axis=1)
    scores[rng.random(n) < unscored] = np.nan
    return y_true.astype(np.int32), y_pred.astype(np.int32), scores, rng.choice([1, -1], n).astype(np.int8)


def by_class_index(layout, row):
    """The probability of each class."""
    if layout.classes > 2:
        return row
    return [1 - row[0], row[0]] if layout.positive else [row[0], 1 - row[0]]


def one_by_one(layout, y_true, y_pred, scores, sign, *, by_class=False):
    """The same Counts, in plain Python."""
    cells = Counter()
    k, at = layout.classes, layout.offsets
    for true, pred, row, s in zip(y_true.tolist(), y_pred.tolist(), scores.tolist(), sign.tolist(), strict=True):
        cells[at["confusion"] + true * k + pred] += s
        if math.isnan(row[0]):
            continue
        if layout.ranked:
            ranked = [layout.positive] if k == 2 else range(k)
            for column, c in enumerate(ranked):
                score_bin = int(np.searchsorted(BIN_EDGES, row[column], side="right"))
                cells[at["scores"] + (column * 2 + (true == c)) * 512 + score_bin] += s
                if by_class and 2 < k <= 20:
                    cells[at["scores_by_class"] + (c * k + true) * 512 + score_bin] += s
            p = by_class_index(layout, row)
            eps = np.finfo(float).eps
            log_loss = -math.log(min(max(p[true], eps), 1 - eps))
            brier = sum((p[c] - (c == true)) ** 2 for c in range(k)) / (2 if k == 2 else 1)
            amounts = (1, log_loss, log_loss**2, brier, brier**2)
            for i, amount in enumerate(amounts):
                cells[at["losses"] + true * 5 + i] += s * (1 if i == 0 else amount * LOSS_UNIT)
        if k == 2:
            top, hit = row[0], true == layout.positive
        elif layout.ranked:
            best = int(np.argmax(row))
            top, hit = row[best], best == true
        else:
            top, hit = row[0], row[1] == true
        bucket = at["calibration"] + min(int(top * 15), 14) * 3
        for i, amount in enumerate((1, top * LOSS_UNIT, hit)):
            cells[bucket + i] += s * amount
    return cells


def assert_counts(counts, cells, layout, slack):
    """The integers are the same; sums of losses differ by their roundings."""
    flat = np.zeros(layout.size)
    for address, n in cells.items():
        flat[address] = n
    mine = np.zeros(layout.size)
    mine[counts.index] = counts.value
    rounded = slice(layout.offsets["losses"], layout.judged_size)
    assert np.abs(mine[rounded] - flat[rounded]).max() <= slack
    flat[rounded] = mine[rounded] = 0
    assert np.array_equal(mine, flat)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([Layout(2), Layout(2, positive=0), Layout(3), Layout(21), Layout(60)]),
    st.integers(0, 60),
    st.integers(0, 9),
    st.booleans(),
)
def test_labelled_predictions_are_counted_as_one_by_one(layout, n, seed, by_class):
    events = events_of(layout, n, seed)
    (counts,) = tally_labelled(layout, *events, np.zeros(n, np.int64), 1, by_class=by_class)
    assert_counts(counts, one_by_one(layout, *events, by_class=by_class), layout, slack=n)


@pytest.mark.parametrize("groups", [1, 7, 400])
@pytest.mark.parametrize("layout", [Layout(2), Layout(5), Layout(60), Layout(1000)], ids=lambda layout: layout.classes)
def test_groups_are_counted_apart_however_many_there_are(layout, groups):
    n = 3000
    events = events_of(layout, n, 5)
    group = np.random.default_rng(6).integers(0, groups, n)
    found = tally_labelled(layout, *events, group, groups)
    assert len(found) == groups
    for g in range(0, groups, max(1, groups // 5)):
        mine = group == g
        alone = tally_labelled(layout, *(column[mine] for column in events), np.zeros(mine.sum(), np.int64), 1)
        assert found[g] == alone[0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.integers(0, 300), st.integers(0, 300))
def test_any_split_of_the_events_counts_the_same(seed, cut, groups_from):
    layout, n = Layout(3), 300
    events = events_of(layout, n, seed)
    group = np.full(n, 0) if groups_from > 150 else np.arange(n) % 90
    groups = int(group.max()) + 1
    whole = tally_labelled(layout, *events, group, groups)
    parts = [
        tally_labelled(layout, *(column[part] for column in events), group[part], groups)
        for part in (slice(cut), slice(cut, None))
    ]
    assert whole == [a + b for a, b in zip(*parts, strict=True)]


@pytest.mark.parametrize("layout", [Layout(2), Layout(20), Layout(21)], ids=lambda layout: layout.classes)
def test_delays_are_counted_per_cell_and_for_many_classes_per_true_class(layout):
    n = 500
    y_true, y_pred, scores, sign = events_of(layout, n, 8)
    delay = np.random.default_rng(9).integers(-DAY, 70 * DAY, n)
    (counts,) = tally_labelled(layout, y_true, y_pred, scores, sign, np.zeros(n, np.int64), 1, delay=delay)
    wanted = np.zeros(layout.shapes["delays"], np.int64)
    for true, pred, s, ms in zip(y_true, y_pred, sign, delay.tolist(), strict=True):
        wanted[true, pred if layout.classes <= 20 else 0, sum(edge <= ms for edge in DELAY_EDGES.tolist())] += s
    assert np.array_equal(counts.plane("delays"), wanted)
    (without,) = tally_labelled(layout, y_true, y_pred, scores, sign, np.zeros(n, np.int64), 1)
    assert not without.sparse("delays")[0].size
    assert {name: plane for name, plane in counts.to_json().items() if name != "delays"} == without.to_json()


def test_latencies_are_counted_where_events_carry_one():
    layout = Layout(2)
    latency = np.array([0.05, np.nan, 12.0, 14.9, 1e7])
    found = grouped(layout, [(columns_latency(layout, latency), np.array([0, 0, 0, 1, 1]))], 2)
    ten = LATENCY_EDGES.tolist().index(10.0) + 1
    assert [np.flatnonzero(counts.plane("latency")).tolist() for counts in found] == [[0, ten], [ten, LATENCY_BINS - 1]]
    assert [counts.predictions for counts in found] == [0, 0]
    assert grouped(layout, [(columns_latency(layout, np.full(3, np.nan)), np.zeros(3, np.int64))], 1) == [
        Counts(layout)
    ]


def test_a_correction_takes_back_what_was_counted():
    layout = Layout(2)
    y_true, y_pred, scores, _ = events_of(layout, 50, 1)
    counted = [
        tally_labelled(layout, y_true, y_pred, scores, np.full(50, sign), np.zeros(50, np.int64), 1)[0]
        for sign in (1, -1)
    ]
    assert counted[0].labels == 50
    assert not counted[0] + counted[1]


def test_predictions_are_counted_per_predicted_class():
    found = tally_predicted(Layout(3), np.array([0, 2, 2, 1]), np.array([1, 1, 1, -1]), np.array([0, 0, 1, 1]), 3)
    assert [counts.plane("predicted").tolist() for counts in found] == [[1, 0, 1], [0, -1, 1], [0, 0, 0]]
    assert [counts.predictions for counts in found] == [2, 0, 0]


def test_blocks_are_summed_together():
    layout, n = Layout(2), 40
    y_true, y_pred, scores, sign = events_of(layout, n, 3)
    group = np.arange(n) % 4
    together = grouped(
        layout,
        [
            (columns_predicted(layout, y_pred, sign), group),
            (columns_labelled(layout, y_true, y_pred, scores, sign), group),
        ],
        4,
    )
    apart = zip(
        tally_predicted(layout, y_pred, sign, group, 4),
        tally_labelled(layout, y_true, y_pred, scores, sign, group, 4),
        strict=True,
    )
    assert together == [a + b for a, b in apart]
    assert grouped(layout, [], 2) == [Counts(layout), Counts(layout)]


def test_sums_over_very_many_events_are_exact():
    n = 2**18 + 1000
    scores = np.full((n, 1), 1e-300)
    y_true = np.ones(n, np.int64)
    (counts,) = tally_labelled(Layout(2), y_true, y_true, scores, y_true, np.zeros(n, np.int64), 1)
    log_loss, _ = losses(Layout(2), y_true[:1], scores[:1])
    squared = int(np.rint(log_loss[0] ** 2 * LOSS_UNIT))
    assert counts.plane("losses")[1, 2] == n * squared
    assert n * squared > 2**52


def test_many_groups_of_few_events_need_no_room_for_all_their_cells():
    layout, n = Layout(50), 30_000
    events = events_of(layout, 100, 2)
    columns = [np.resize(column, (n, *column.shape[1:])) for column in events]
    found = tally_labelled(layout, *columns, np.arange(n), n)
    assert found[123] == found[223]
    assert Counts.sum(layout, found) == tally_labelled(layout, *columns, np.zeros(n, np.int64), 1)[0]
