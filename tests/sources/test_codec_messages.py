"""Messages mean what the same events mean as lines, whatever their bytes; each is one event."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from source_drive import NOW, configured, event, label, model

from monitor.sources.broker.client import Messages, Partition
from monitor.sources.broker.gathered import Gathered
from monitor.sources.decoding.codec import Codec, Kind, batch_of
from monitor.sources.source import Rejected

AT = 1_767_225_600_000
CODEC = Codec(configured(model(segments=["region"]), model("other")))
EVENTS = st.builds(
    event,
    prediction_id=st.sampled_from(["a", "b", "", "é", 7, None, ...]),
    predicted_at=st.sampled_from([AT, "2026-01-01T00:00:00Z", "never", 5, ...]),
    y_pred=st.sampled_from(["stay", "leave", "maybe", None]),
    model=st.sampled_from(["churn", "other", "strange", ...]),
    score=st.sampled_from([0.5, 2, float("nan"), ...]),
)
LABELS = st.builds(
    label,
    labelled_at=st.sampled_from([AT, None, "never", ..., 5]),
    y_true=st.sampled_from(["stay", None, "maybe", ...]),
    model=st.sampled_from(["churn", "other", "strange", ...]),
)
ODD = st.sampled_from([None, b"", b" ", b"\n", b"\r\n", b"\xff", b"[]", b"{", b'{"a":"\n"}', b"1", b"\xef\xbb\xbf"])
STYLES = st.sampled_from([{}, {"indent": 1}, {"indent": "\n"}, {"separators": (",", ":")}])


def written(kind):
    events = LABELS if kind is Kind.LABELS else EVENTS
    plain = st.builds(lambda fields, style, end: json.dumps(fields, **style).encode() + end, events, STYLES,
                      st.sampled_from([b"", b"\n", b"\r\n", b"\n\n"]))  # fmt: skip
    return st.lists(st.one_of(plain, ODD), max_size=12)


def read(kind, values, stamps):
    def letter(row, reason, detail):
        return Rejected(reason, detail, str(row), values[row])

    decoded = CODEC.decode_messages(kind, values, now=NOW, stamps=np.array(stamps, np.int64), letter=letter)
    return decoded, batch_of(CODEC, decoded)


def rows(decoded):
    """Every valid event with its row and all its columns."""
    found = []
    for name, frames in decoded.valid.items():
        for kind, frame in (("p", frames.predictions), ("l", frames.labels)):
            if frame is not None:
                found += [(name, kind, *row) for row in frame.fill_nan(None).rows()]
    return sorted(found, key=repr)


@given(st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), written(kind))))
def test_a_message_means_the_same_alone_and_among_others(case):
    kind, values = case
    stamps = [AT + n if n % 3 else -1 for n in range(len(values))]
    together, _ = read(kind, values, stamps)
    alone = [read(kind, [value], [stamp])[0] for value, stamp in zip(values, stamps, strict=True)]
    assert rows(together) == sorted(
        ((name, what, n, *rest) for n, each in enumerate(alone) for name, what, _, *rest in rows(each)), key=repr
    )
    assert [(each.place, each.reason, each.detail, each.original) for each in together.rejected] == [
        (str(n), one.reason, one.detail, one.original) for n, each in enumerate(alone) for one in each.rejected
    ]
    for reason in ("tombstone", "unknown model"):
        assert together.skipped.get(reason, 0) == sum(each.skipped.get(reason, 0) for each in alone)
    assert together.read == len(values)


@given(st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), written(kind))))
def test_every_message_is_valid_or_rejected_or_skipped(case):
    kind, values = case
    decoded, _ = read(kind, values, [AT] * len(values))
    valid = {row[2] for row in rows(decoded)}
    rejected = {int(each.place) for each in decoded.rejected}
    assert not valid & rejected
    assert len(valid) + len(rejected) + sum(decoded.skipped.values()) == len(values)
    assert decoded.skipped.get("tombstone", 0) == values.count(None)


def test_the_moment_of_a_message_is_of_no_use_to_predictions():
    own = [json.dumps(event(y_true="leave")).encode(), json.dumps(event(predicted_at=...)).encode()]
    decoded, batch = read(Kind.LABELLED_PREDICTIONS, own, [5, AT])
    assert batch.models["churn"].labels.labelled_at.tolist() == [AT]
    assert [each.detail for each in decoded.rejected] == ["no predicted_at"]


def test_what_lies_outside_is_told_with_the_moment_that_stood_in():
    values = [json.dumps(label(labelled_at=each)).encode() for each in (..., None, AT, "never")]
    decoded, _ = read(Kind.LABELS, values, [NOW * 2, 1_000, 1_000, AT])
    assert [each.detail for each in decoded.rejected] == [
        f"labelled_at is in the future: '{NOW * 2}'",
        "labelled_at is before 1971: '1000'",
        "labelled_at is no time: 'never'",
    ]


def part(number, first, values, key=None):
    n = len(values)
    return Messages(Partition("t", number), np.arange(first, first + n), np.arange(n), [key] * n, values)


def test_messages_of_several_partitions_keep_their_places():
    gathered = Gathered.of([part(0, 5, [b"a", None]), part(1, 0, []), part(1, 9, [b"b"], b"k"), part(0, 7, [b"c"])])
    assert list(gathered.values) == [b"a", None, b"b", b"c"]
    assert gathered.timestamps.tolist() == [0, 1, 0, 0]
    letters = [gathered.letter(row, "r", "d") for row in range(4)]
    assert [each.place for each in letters] == ["t/0/5", "t/0/6", "t/1/9", "t/0/7"]
    assert [each.original for each in letters] == [b"a", b"", b"b", b"c"]
    assert [each.key for each in letters] == [None, None, b"k", None]
    found = gathered.newest(np.array([0, 2, 3]), np.array([30, 20, 10]))
    assert found == {Partition("t", 0): 30, Partition("t", 1): 20}
    assert gathered.newest(np.zeros(0, np.int64), np.zeros(0, np.int64)) == {}
    assert Gathered.of([]).values == []
