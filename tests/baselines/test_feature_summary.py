"""The summary of features: what it says of each kind of column, and that no single row shows in it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.feature_summary import (
    CATEGORY,
    FEWEST,
    NUMBER,
    STEPS,
    category_of,
    decoded,
    encoded,
    number_of,
    summarised,
)


def one(values, **more):
    """The summary of one column."""
    return summarised({"x": np.asarray(values)}, "hash", **more).columns["x"]


@settings(max_examples=60)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=400))
def test_each_number_is_the_mean_of_at_least_five_rows_and_their_mean_is_the_columns(values):
    column = one(values)
    if column.kind == NUMBER:
        assert len(column.means) == min(STEPS, len(values) // FEWEST)
        if column.means:
            assert list(column.means) == sorted(column.means)
            sizes = np.diff(np.arange(len(column.means)) * len(values) // len(column.means), append=len(values))
            assert sizes.min() >= FEWEST
            assert np.dot(column.means, sizes / len(values)) == pytest.approx(
                np.mean(np.array(values) / 1e300) * 1e300, rel=1e-4, abs=1e-4 * np.abs(values).max()
            )
    else:
        assert len(set(values)) <= 5


@settings(max_examples=60)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60))
def test_rare_categories_have_no_name(values):
    column = one(np.array(values, object))
    assert (column.kind, column.n) == (CATEGORY, len(values))
    assert column.counts == {name: values.count(name) for name in set(values) if values.count(name) >= FEWEST}
    assert column.n == sum(column.counts.values()) + column.other


@pytest.mark.parametrize(
    ("values", "kind", "n", "missing"),
    [
        (np.arange(10.0), NUMBER, 10, 0),
        (np.array([*range(9), np.nan, np.inf]), NUMBER, 9, 2),
        (np.array([1, 2.5, None, 3, 4, 5, 6, 7], object), NUMBER, 7, 1),
        (np.array([0, 1] * 10), CATEGORY, 20, 0),
        (np.array([True, False] * 10), CATEGORY, 20, 0),
        (np.array(["a", None, "", float("nan")], object), CATEGORY, 1, 3),
        (np.array(["1", 2, True], object), CATEGORY, 3, 0),
        (np.full(7, None), CATEGORY, 0, 7),
    ],
)
def test_the_kind_of_a_column_and_what_is_missing(values, kind, n, missing):
    column = one(values)
    assert (column.kind, column.n, column.missing) == (kind, n, missing)


def test_whole_numbers_and_truth_values_are_named_as_events_write_them():
    assert set(one(np.array([0.0, 1.0] * 9)).counts) == {"0", "1"} == {category_of(0), category_of(1.0)}
    assert set(one(np.array([True, False] * 9)).counts) == {"true", "false"} == set(map(category_of, (True, False)))
    assert [number_of(value) for value in (True, "2.5", " 3 ", "x", None, float("nan"), 10**400)] == [
        1.0,
        2.5,
        3.0,
        None,
        None,
        None,
        None,
    ]


def test_fifty_categories_are_named_and_a_column_of_times_is_left_out():
    values = np.array([f"c{n:03}" for n in range(80) for _ in range(5 + n % 3)], object)
    times = np.zeros(len(values), "datetime64[s]")
    summary = summarised({"c": values, "t": times}, "hash")
    assert len(summary.columns["c"].counts) == 50
    assert list(summary.columns) == ["c"]
    assert "t" in summary.left_out


def test_parts_are_predicted_classes_and_segments_of_enough_rows():
    n = 400
    predicted = np.where(np.arange(n) < 150, 0, np.where(np.arange(n) < 390, 1, -1))
    region = np.array(["eu"] * 200 + ["us"] * 120 + ["ap"] * 50 + [None] * 30, object)
    summary = summarised({"x": np.arange(n)}, "hash", predicted, ("stay", "leave", "none"), {"region": region})
    assert {name: part["x"].n for name, part in summary.classes.items()} == {"leave": 240, "stay": 150}
    assert {name: part["x"].n for name, part in summary.segments.items()} == {"region=eu": 200, "region=us": 120}
    assert np.mean(summary.classes["stay"]["x"].means) == pytest.approx(74.5, abs=0.1)


def test_a_file_comes_back_as_it_was_and_one_that_is_damaged_is_refused():
    summary = summarised({"x": np.arange(40.0), "c": np.array(["a"] * 40, object)}, "hash", np.zeros(40, int), ("a",))
    stored = encoded(summary)
    assert decoded(stored) == summary
    assert json.loads(stored)["content_hash"] == "hash"
    for wrong in (b"", b"{}", stored[:-9], stored.replace(b"summary/1", b"summary/9"), b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            decoded(wrong)
