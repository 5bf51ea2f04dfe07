"""The columnar way and the single way are one: whatever bytes come, a batch is what its lines are one by one."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from source_drive import NOW, configured, event, labels, model, predictions

from monitor.sources.decoding.codec import Codec, Kind, batch_of

SETTINGS = configured(
    model(segments=["region"]),
    model("digits", classes=("0", "1", "2")),
    fields={"y_pred": "out.class", "segment": {"region": "geo.country"}},
)
CODEC = Codec(SETTINGS)
NAMES = ["prediction_id", "model", "version", "predicted_at", "y_pred", "y_true", "labelled_at", "score", "scores"]
NAMES += [
    "out",
    "out.class",
    "geo",
    "geo.country",
    "segment",
    "score_leave",
    "score_0",
    "score_1.0",
    "score_2",
    "leave",
    "stay",
    "class",
    "0",
]
WORDS = ["churn", "digits", "other", "a", "", "stay", "leave", "0", "1.0", "2026-01-01T00:00:00Z", "1767225600000"]
NUMBERS = st.sampled_from([0, 1, 1.0, 0.5, -1, 2, 1_767_225_600_000, 1e300, 2**63, 2**64, 10**30, -(10**400)])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | NUMBERS | st.text(max_size=8) | st.sampled_from(WORDS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
LIKELY = st.fixed_dictionaries(
    {"prediction_id": st.sampled_from(["a", 7, 2**70, 7.0]), "predicted_at": st.sampled_from([1_767_225_600_000, "x"])},
    optional={name: VALUES for name in NAMES if name not in {"prediction_id", "predicted_at", "out"}},
).map(lambda found: {"out": {"class": "stay"}} | found)
ENCODED = (OBJECTS | LIKELY | VALUES).map(lambda value: json.dumps(value).encode())
CUT = st.tuples(ENCODED, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]])
SPACED = st.tuples(ENCODED, st.sampled_from([b" ", b"\r", b"\xef\xbb\xbf", b"\t"])).map(
    lambda pair: pair[1] + pair[0] + pair[1]
)
TWICE = st.tuples(OBJECTS, OBJECTS).map(
    lambda pair: json.dumps(pair[0]).encode()[:-1] + b"," + json.dumps(pair[1]).encode()[1:]
)
LINES = st.lists(ENCODED | CUT | SPACED | TWICE | st.binary(max_size=30), max_size=6)


def shown(batch):
    found = []
    for name in ("churn", "digits"):
        found += [predictions(batch, name=name), labels(batch, name=name)]
    return found


def together(kind, buffer):
    return batch_of(CODEC, CODEC.decode(kind, buffer, now=NOW, place=str))


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=80)
@given(LINES)
@example([b'{"prediction_id":', b'"a"} {"x": 1}'])
@example([b'{"a":{"b":1}}', b'{"a":{"b":1}} {}', b"{}{}"])
@example([b'{"score\\u005f0":0.2,"score\\u005f1":0.2,"score\\u005f2":0.6,"model":"digits"}', b'{"score_0":0.1}'])
@example([json.dumps(event(y_pred={"class": "stay"})).encode(), b"\x00", b'{"score": Infinity}', b'{"x": -1e999}'])
def test_a_batch_is_what_its_lines_are_one_by_one(kind, found):
    buffer = b"\n".join(found)
    batch = together(kind, buffer)
    singles = [CODEC.decode_one(kind, line, now=NOW) for line in buffer.split(b"\n")]
    alone = [batch_of(CODEC, single) for single in singles]
    assert [(each.reason, each.detail, each.original) for each in batch.rejected] == [
        (each.reason, each.detail, each.original) for single in alone for each in single.rejected
    ]
    assert shown(batch) == [list(chain(*parts)) for parts in zip(*map(shown, alone), strict=True)]
    assert batch.read == sum(single.read for single in singles)
    assert sum(batch.skipped.values()) == sum(sum(single.skipped.values()) for single in singles)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=40)
@given(st.lists(OBJECTS | LIKELY, max_size=5))
def test_every_event_is_valid_rejected_or_skipped(kind, found):
    batch = together(kind, b"\n".join(json.dumps(each).encode() for each in found))
    valid = sum(len(events) for events in shown(batch)[(1 if kind is Kind.LABELS else 0) :: 2])
    assert valid + len(batch.rejected) + sum(batch.skipped.values()) == batch.read == len(found)
