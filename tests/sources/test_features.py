"""Features are read of chosen rows alone, from whatever shape, and never make an event wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_drive import NOW, configured, decode, event, lines, model

from monitor.config.revalidation import CommandAction, Revalidation, When
from monitor.sources.decoding.codec import Codec, Kind, batch_of
from monitor.sources.decoding.features import FeatureReader

DRIFT = Revalidation(CommandAction(("true",)), Path(), When(drift_share=0.3))


def sampled(fields=None):
    """Settings of a model that wants features."""
    return configured(replace(model(), revalidation=DRIFT), fields=fields)


def features(*events, fields=None):
    """What each valid prediction carries."""
    found = decode(sampled(fields), Kind.PREDICTIONS, lines(*events)).models["churn"].predictions
    return [found.features[row] for row in range(len(found.ids))]


def test_an_object_of_plain_values_is_read_and_everything_else_in_it_is_passed_over():
    given_ = {"age": 31, "share": 0.5, "plan": "gold", "new": True, "gone": None, "tags": ["a"], "deep": {"x": 1}}
    assert features(event(features=given_)) == [{"age": 31, "share": 0.5, "plan": "gold", "new": True, "gone": None}]


@pytest.mark.parametrize(
    "wrong", ["text", 7, None, [1], {}, {"list": [1]}, {"n" * 65: 1}, ...], ids=lambda each: str(each)[:12]
)
def test_what_are_no_features_leaves_the_event_valid_and_without_any(wrong):
    good = event(features={"age": 1})
    assert features(good, event(prediction_id="b", features=wrong)) == [{"age": 1}, None]


def test_they_are_found_below_a_path_under_a_dotted_key_and_one_by_one():
    assert features(event(payload={"x": {"age": 1}}), fields={"features": "payload.x"}) == [{"age": 1}]
    assert features(event(**{"payload.x": {"age": 2}}), fields={"features": "payload.x"}) == [{"age": 2}]
    each = {"features": {"age": "user.age", "plan": "plan"}}
    assert features(event(user={"age": 3}, plan="gold"), event(user=4), fields=each) == [
        {"age": 3, "plan": "gold"},
        None,
    ]


def test_a_key_that_is_written_with_escapes_is_found_too():
    line = b'{"prediction_id": "a", "predicted_at": 1767225600000, "y_pred": "stay", "\\u0066eatures": {"age": 1}}'
    assert features(line) == [{"age": 1}]


def test_numbers_that_no_float_holds_are_passed_over_and_large_integers_are_floats():
    line = b'{"prediction_id": "a", "predicted_at": 1767225600000, "y_pred": "stay", "features": {"a": %s, "b": 1}}'
    assert features(line % b"12345678901234567890") == [{"a": 12345678901234567890.0, "b": 1}]
    assert features(line % (b"1" + b"0" * 400)) in ([{"b": 1}], [None])


def test_who_wants_no_drift_gets_none():
    for settings in (configured(), configured(replace(model(), revalidation=replace(DRIFT, when=When())))):
        found = decode(settings, Kind.PREDICTIONS, lines(event(features={"age": 1}))).models["churn"].predictions
        assert found.features is None


def test_messages_with_tombstones_blanks_and_rejected_ones_keep_their_own_features():
    values = [None, b" ", b"{", *(json.dumps(event(prediction_id=str(n), features={"n": n})).encode() for n in (3, 4))]
    codec = Codec(sampled())
    decoded = codec.decode_messages(
        Kind.PREDICTIONS, values, now=NOW, stamps=np.zeros(5, np.int64), letter=lambda row, *_: row
    )
    found = batch_of(codec, decoded).models["churn"].predictions
    assert [(found.ids[row], found.features[row]) for row in range(2)] == [("3", {"n": 3}), ("4", {"n": 4})]
    assert found.take(np.array([False, True])).features[0] == {"n": 4}


def test_lines_between_rejected_ones_keep_their_own_features():
    found = features(b"{", event(prediction_id="3", features={"n": 3}), b"", event(features={"n": 4}), b"nonsense")
    assert found == [{"n": 3}, {"n": 4}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["features", "a", "b"]), JSON))
def test_whatever_stands_there_nothing_raises_and_only_plain_values_come_back(outer):
    found = FeatureReader("features").read(json.dumps(outer).encode())
    values = outer.get("features")
    plain = {
        name: value
        for name, value in (values.items() if isinstance(values, dict) else ())
        if value is None or isinstance(value, bool | int | float | str)
    }
    assert (found or {}) == {name: pytest.approx(v) if isinstance(v, int | float) else v for name, v in plain.items()}
