"""Where each integer lies, and which bin a score falls into."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR
from monitor.counts.durations import (
    DELAY_BINS,
    DELAY_EDGES,
    LATENCY_BINS,
    LATENCY_EDGES,
    delay_bins,
    latency_bins,
)
from monitor.counts.layout import BIN_EDGES, BINS, Layout, score_bins


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50))
def test_a_score_falls_between_its_stored_edges(scores):
    p = np.array(scores)
    assert score_bins(p).tolist() == np.searchsorted(BIN_EDGES, p, side="right").tolist()


def test_every_edge_and_its_neighbours_fall_into_the_right_bin():
    p = np.concatenate([BIN_EDGES, np.nextafter(BIN_EDGES, 0.0), np.nextafter(BIN_EDGES, 1.0), [0.0, 1.0, 5e-324]])
    assert score_bins(p).tolist() == np.searchsorted(BIN_EDGES, p, side="right").tolist()
    assert score_bins(np.array([[0.0, 1.0]])).tolist() == [[0, BINS - 1]]


@pytest.mark.parametrize(
    ("classes", "columns", "ranked", "by_class"),
    [(2, 1, 1, 0), (3, 3, 3, 3), (20, 20, 20, 20), (21, 21, 21, 0), (50, 50, 50, 0), (51, 2, 0, 0), (1000, 2, 0, 0)],
)
def test_planes_lie_one_after_the_other(classes, columns, ranked, by_class):
    layout = Layout(classes)
    assert layout.score_columns == columns
    assert layout.shapes["scores"] == (ranked, 2, BINS)
    assert layout.shapes["losses"] == ((classes if ranked else 0), 5)
    assert layout.shapes["scores_by_class"] == (by_class, by_class, BINS)
    assert layout.shapes["delays"] == (classes, classes if classes <= 20 else 1, DELAY_BINS)
    assert layout.shapes["latency"] == (LATENCY_BINS,)
    ends = [layout.offsets[name] + prod(shape) for name, shape in layout.shapes.items()]
    assert list(layout.offsets.values()) == [0, *ends[:-1]]
    assert layout.size == ends[-1]
    assert layout.judged_size == layout.offsets["delays"]
    assert layout.live_size == layout.offsets["scores_by_class"]


def test_a_delay_falls_between_its_edges_and_every_usual_horizon_is_one():
    assert (np.diff(DELAY_EDGES) > 0).all()
    assert {HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY} <= set(DELAY_EDGES.tolist())
    delays = np.array([-1, 0, 999, 1_000, DAY - 1, DAY, 60 * DAY, 2**60])
    at = DELAY_EDGES.tolist().index(DAY)
    assert delay_bins(delays).tolist() == [0, 1, 1, 2, at, at + 1, DELAY_BINS - 1, DELAY_BINS - 1]


def test_a_latency_falls_between_its_edges():
    assert (np.diff(LATENCY_EDGES) > 0).all()
    assert latency_bins(np.array([0.0, 0.1, 1e9])).tolist() == [0, 1, LATENCY_BINS - 1]
