"""The table of outcomes, the order of labels, and the codes of texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.join.events import NO_LABEL, RETRACTED, Labels, Predictions, Words
from monitor.join.rules import Outcomes, Rules, Total, outcome
from monitor.join.vocabulary import MOST_VALUES, NONE, OTHER, Vocabulary, coded


@pytest.mark.parametrize(
    ("known", "y_true", "newer", "had_class", "became"),
    [
        (NO_LABEL, 1, True, False, Total.APPLIED),
        (NO_LABEL, RETRACTED, True, False, Total.REPEATED),
        (1, 1, True, True, Total.REPEATED),
        (1, 0, True, True, Total.CORRECTED),
        (1, RETRACTED, True, True, Total.RETRACTED),
        (1, 0, False, True, Total.REPEATED),
        (RETRACTED, 0, True, True, Total.CORRECTED),
        (RETRACTED, 0, True, False, Total.APPLIED),
        (RETRACTED, RETRACTED, True, True, Total.REPEATED),
        (RETRACTED, 0, False, False, Total.REPEATED),
    ],
)
def test_the_table_of_outcomes_is_the_contracts(known, y_true, newer, had_class, became):
    assert outcome(known, y_true, newer=newer, had_class=had_class) is became


def test_of_one_moment_null_comes_first_and_then_the_larger_text():
    rules = Rules.of(["9", "10.0", "b"], 5, 1)
    assert sorted([RETRACTED, 0, 1, 2], key=rules.rank) == [1, 0, 2, RETRACTED]


def test_outcomes_add_up_and_say_what_is_open():
    a = Outcomes(predictions=5, matched=2, labels=4, applied=2, repeated=1)
    assert a + Outcomes() == a
    assert (a + a).predictions == 10
    assert a.unmatched == 3
    assert a.open_labels == 1


def predictions_of(versions, regions, order=None):
    """Predictions with these versions and regions (None: none)."""
    n = len(versions)
    empty = Predictions.none(["region"], 1)
    words = tuple(sorted({r for r in regions if r is not None}))
    return Predictions(
        np.array([f"p{i}" for i in range(n)], object),
        np.arange(n) if order is None else np.array(order),
        np.zeros(n, np.int64),
        Words(np.arange(n, dtype=np.int32), tuple(versions)),
        np.zeros(n, np.int32),
        np.zeros((n, 1)),
        {
            **empty.segments,
            "region": Words(np.array([-1 if r is None else words.index(r) for r in regions], np.int32), words),
        },
    )


def test_texts_get_codes_in_the_order_of_reading():
    version, segments, vocabulary = coded(
        predictions_of(["3", "2", "1"], ["x", None, "a"], order=[2, 1, 0]), Vocabulary.of({"region": None})
    )
    assert vocabulary.versions == ("1", "2", "3")
    assert vocabulary.segments == (("region", ("a", NONE, "x")),)
    assert version.tolist() == [2, 1, 0]
    assert segments.tolist() == [[2], [1], [0]]


def test_fixed_values_send_every_other_one_to_other():
    vocabulary = Vocabulary.of({"region": ("eu", "us")})
    _, segments, after = coded(predictions_of(["1"] * 4, ["cn", "us", None, "eu"]), vocabulary)
    assert after.segments == (("region", ("eu", "us", OTHER, NONE)),)
    assert segments[:, 0].tolist() == [2, 1, 3, 0]


def test_beyond_fifty_values_there_is_other():
    vocabulary = Vocabulary.of({"region": None})
    regions = [None, *(f"r{i:03}" for i in range(MOST_VALUES + 9))]
    _, segments, vocabulary = coded(predictions_of(["1"] * len(regions), regions), vocabulary)
    ((_, values),) = vocabulary.segments
    assert values == (NONE, *(f"r{i:03}" for i in range(MOST_VALUES)), OTHER)
    assert segments[-9:, 0].tolist() == [len(values) - 1] * 9
    _, again, after = coded(predictions_of(["1"], ["something else"]), vocabulary)
    assert (again.tolist(), after) == ([[len(values) - 1]], vocabulary)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("12"), st.sampled_from(["a", "b", OTHER, None])), max_size=12),
    st.integers(0, 12),
)
def test_no_split_changes_the_codes(found, cut):
    def of(part):
        return predictions_of([v for v, _ in part], [r for _, r in part])

    whole_version, whole_segments, whole = coded(of(found), Vocabulary.of({"region": None}))
    first_version, first_segments, first = coded(of(found[:cut]), Vocabulary.of({"region": None}))
    version, segments, both = coded(of(found[cut:]), first)
    assert both == whole
    assert [*first_version, *version] == whole_version.tolist()
    assert [*first_segments.tolist(), *segments.tolist()] == whole_segments.tolist()


def test_events_that_are_not_there_have_no_rows():
    assert len(Predictions.none(["region"], 3).ids) == len(Labels.none().ids) == 0
    assert Predictions.none(["region"], 3).scores.shape == (0, 3)
    version, segments, _ = coded(Predictions.none(["region"], 1), Vocabulary.of({"region": None}))
    assert (version.shape, segments.shape) == ((0,), (0, 1))
    _, segments, _ = coded(Predictions.none([], 1), Vocabulary.of({}))
    assert segments.shape == (0, 0)
