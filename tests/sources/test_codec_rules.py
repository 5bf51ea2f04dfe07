"""What each field of an event means, and why an event is rejected or skipped."""

from __future__ import annotations

import pytest
from source_drive import NOW, configured, decode, event, label, labels, lines, model, predictions, reasons

from monitor.join.events import RETRACTED
from monitor.sources.decoding.codec import REASONS, Codec, Kind
from monitor.sources.decoding.json_lines import LONGEST_LINE

AT = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
BAD_PREDICTIONS = [
    (b"{", "not JSON"),
    (b"nonsense", "not JSON"),
    (b'{"a": 1} {"b": 2}', "not JSON"),
    (b"\x00\x00", "not JSON"),
    (b'{"prediction_id": "\\ud800"}', "not JSON"),
    (b'{"x": NaN, "prediction_id": "a", "predicted_at": 1767225600000, "y_pred": "stay"}', "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[1]", "not an object"),
    (b"null", "not an object"),
    (b'"text"', "not an object"),
    (b'{"prediction_id": "\xff"}', "not UTF-8"),
    (b'{"unread": "\xff"}', "not UTF-8"),
    (event(prediction_id=...), "missing field"),
    (event(prediction_id=None), "missing field"),
    (event(predicted_at=...), "missing field"),
    (event(y_pred=...), "missing field"),
    (event(version=["3"]), "missing field"),
    (event(model=7.5, version=...), None),
    (event(prediction_id=""), "bad id"),
    (event(prediction_id="é" * 65), "bad id"),
    (event(prediction_id=["a"]), "bad id"),
    (event(prediction_id=True), "bad id"),
    (event(prediction_id=7.5), "bad id"),
    (event(y_pred="maybe"), "unknown class"),
    (event(y_pred=""), "unknown class"),
    (event(y_pred=["stay"]), "unknown class"),
    (event(y_pred=10**30), "unknown class"),
    (event(predicted_at="yesterday"), "bad time"),
    (event(predicted_at="2026-02-30T00:00:00Z"), "bad time"),
    (event(predicted_at="2026-01-01"), "bad time"),
    (event(predicted_at=True), "bad time"),
    (event(predicted_at="9" * 5_000), "bad time"),
    (event(predicted_at=1_767_225_600), "implausible time"),
    (event(predicted_at=NOW + 300_001), "implausible time"),
    (event(predicted_at=10**30), "implausible time"),
    (event(score=1.5), "bad score"),
    (event(score=-0.1), "bad score"),
    (event(score="high"), "bad score"),
    (event(score=[0.5]), "bad score"),
    (event(score=float("nan")), "bad score"),
    (b'{"prediction_id": "a", "predicted_at": 1767225600000, "y_pred": "stay", "score": 1e999}', "bad score"),
    (event(scores={"stay": 0.5}), "bad score"),
    (event(scores={"stay": 0.5, "leave": 0.6}), "bad score"),
    (event(scores="0.5 or so"), "bad score"),
    (event(padding="x" * LONGEST_LINE), "oversized"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_PREDICTIONS)
def test_a_bad_prediction_is_rejected_for_its_reason_beside_good_ones(bad, reason):
    good = event(prediction_id="good")
    batch = decode(configured(), Kind.PREDICTIONS, lines(good, bad, good))
    if reason is None:
        assert batch.skipped == {"unknown model": 1}
    else:
        assert reasons(batch) == [reason]
        assert batch.rejected[0].original + b"\n" == lines(bad)
        assert batch.rejected[0].place == "log:2"
        assert batch.rejected[0].detail
    assert [each[0] for each in predictions(batch)] == ["good", "good"]
    assert batch.read == 3


def test_every_reason_is_tried():
    assert {reason for _, reason in BAD_PREDICTIONS} - {None} == set(REASONS)


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (event(), ("a", AT, "3", 0, (None,), {})),
        (event(prediction_id=7), ("7", AT, "3", 0, (None,), {})),
        (event(prediction_id=10**30), (str(10**30), AT, "3", 0, (None,), {})),
        (event(prediction_id="007"), ("007", AT, "3", 0, (None,), {})),
        (event(prediction_id="x" * 128), ("x" * 128, AT, "3", 0, (None,), {})),
        (event(prediction_id="a\x00b"), ("a\x00b", AT, "3", 0, (None,), {})),
        (event(version="3.10"), ("a", AT, "3.10", 0, (None,), {})),
        (event(version="4.0"), ("a", AT, "4.0", 0, (None,), {})),
        (event(version=4.0), ("a", AT, "4", 0, (None,), {})),
        (event(version=None), ("a", AT, "3", 0, (None,), {})),
        (event(predicted_at=AT), ("a", AT, "3", 0, (None,), {})),
        (event(predicted_at=AT + 0.5), ("a", AT, "3", 0, (None,), {})),
        (event(predicted_at=str(AT)), ("a", AT, "3", 0, (None,), {})),
        (event(predicted_at="2026-01-01 01:00:00.0019+01:00"), ("a", AT + 1, "3", 0, (None,), {})),
        (event(predicted_at=NOW + 300_000), ("a", NOW + 300_000, "3", 0, (None,), {})),
        (event(score=0.25), ("a", AT, "3", 0, (0.25,), {})),
        (event(score=1), ("a", AT, "3", 0, (1.0,), {})),
        (event(score="0.25"), ("a", AT, "3", 0, (0.25,), {})),
        (event(score=None), ("a", AT, "3", 0, (None,), {})),
        (event(scores=0.25), ("a", AT, "3", 0, (0.25,), {})),
        (event(scores={"leave": 0.25}), ("a", AT, "3", 0, (0.25,), {})),
        (event(scores={"stay": 0.73, "leave": 0.25}), ("a", AT, "3", 0, (0.25,), {})),
        (event(score_leave=0.25, score_stay=0.75), ("a", AT, "3", 0, (0.25,), {})),
    ],
)
def test_a_good_prediction_is_read_as_what_it_means(good, expected):
    batch = decode(configured(), Kind.PREDICTIONS, lines(good))
    assert predictions(batch) == [expected]
    assert batch.rejected == []


@pytest.mark.parametrize(
    ("classes", "value", "index"),
    [
        (("0", "1"), 1, 1),
        (("0", "1"), 1.0, 1),
        (("0", "1"), "1.00", 1),
        (("0.0", "1.0"), "1", 1),
        (("no", "on"), "on", 1),
        (("1_0", "10"), "1_0", 0),
        (("3.1", "3.10"), "3.10", 1),
        (("false", "true"), True, 1),
        (("false", "true"), "True", 1),
    ],
)
def test_classes_are_compared_by_the_one_rule(classes, value, index):
    settings = configured(model(classes=classes))
    assert [each[3] for each in predictions(decode(settings, Kind.PREDICTIONS, lines(event(y_pred=value))))] == [index]
    assert [each[2] for each in labels(decode(settings, Kind.LABELS, lines(label(y_true=value))))] == [index]


def test_mixed_types_in_one_batch_are_each_read_by_their_own():
    settings = configured(model(classes=("0", "1"), segments=["region"]))
    buffer = lines(
        event(prediction_id=1, y_pred=1.0, segment={"region": 7.0}),
        event(prediction_id="b", y_pred=False, predicted_at=AT),
        event(prediction_id=2**70, y_pred="0", segment_region=True, score="0.5"),
        event(prediction_id="c", y_pred=1, segment=None, score=0),
    )
    batch = decode(settings, Kind.PREDICTIONS, buffer)
    assert reasons(batch) == ["unknown class"]
    assert predictions(batch) == [
        ("1", AT, "3", 1, (None,), {"region": "7"}),
        (str(2**70), AT, "3", 0, (0.5,), {"region": "true"}),
        ("c", AT, "3", 1, (0.0,), {"region": None}),
    ]


def test_a_missing_class_follows_from_the_threshold():
    settings = configured(model(classes=("leave", "stay"), positive=0, threshold=0.4))
    buffer = lines(
        event(y_pred=..., score=0.4), event(y_pred=None, score=0.39), event(y_pred="stay", score=0.9), event(y_pred=...)
    )
    batch = decode(settings, Kind.PREDICTIONS, buffer)
    assert [each[3] for each in predictions(batch)] == [0, 1, 1]
    assert reasons(batch) == ["missing field"]


def test_three_classes_need_every_score():
    settings = configured(model(classes=("a", "b", "c")))
    buffer = lines(
        event(y_pred="a", scores={"a": 0.2, "b": 0.3, "c": 0.5}),
        event(y_pred="a", scores={"a": 0.2, "b": 0.8}),
        event(y_pred="a", score_a=0.2, score_b=0.3, score_c=0.52),
        event(y_pred="a", score_a=0.2, score_b=0.3, score_c=0.53),
        event(y_pred="a", score=0.9),
        event(y_pred="a", scores=0.9),
    )
    batch = decode(settings, Kind.PREDICTIONS, buffer)
    assert [each[4] for each in predictions(batch)] == [(0.2, 0.3, 0.5), (0.2, 0.3, 0.52), (None, None, None)]
    assert reasons(batch) == ["bad score"] * 3


def test_above_fifty_classes_the_top_score_and_its_class_are_kept():
    classes = [f"c{number}" for number in range(60)]
    scores = dict.fromkeys(classes, 0.5 / 59) | {"c7": 0.5}
    batch = decode(configured(model(classes=classes)), Kind.PREDICTIONS, lines(event(y_pred="c1", scores=scores)))
    assert predictions(batch)[0][4] == (0.5, 7.0)


def test_a_null_label_retracts_and_an_absent_one_is_missing():
    batch = decode(
        configured(), Kind.LABELS, lines(label(), label(y_true=None), label(y_true=...), label(labelled_at=...))
    )
    assert [each[2] for each in labels(batch)] == [1, RETRACTED]
    assert reasons(batch) == ["missing field", "missing field"]


def test_predictions_may_carry_their_labels():
    later = "2026-01-03T00:00:00Z"
    buffer = lines(
        event(prediction_id="with", y_true="leave", labelled_at=later),
        event(prediction_id="at once", y_true="stay"),
        event(prediction_id="none"),
        event(prediction_id="null", y_true=None, labelled_at="nonsense"),
        event(prediction_id="wrong", y_true="maybe"),
        event(prediction_id="late", y_true="stay", labelled_at=7),
    )
    batch = decode(configured(), Kind.LABELLED_PREDICTIONS, buffer)
    assert labels(batch) == [("with", AT + 2 * 86_400_000, 1), ("at once", AT, 0)]
    assert [each[0] for each in predictions(batch)] == ["with", "at once", "none", "null"]
    assert reasons(batch) == ["unknown class", "implausible time"]
    assert batch.models["churn"].labels.order.tolist() == [1, 3]
    assert batch.models["churn"].predictions.order.tolist() == [0, 2, 4, 6]


def test_models_share_a_log_and_unknown_ones_are_skipped():
    settings = configured(model("one"), model("two", classes=("x", "y", "z")), default_model=None)
    buffer = lines(
        event(model="one"),
        event(model="two", y_pred="z"),
        event(model="three", prediction_id=["any", "shape"]),
        b'{"model": "three", "x": NaN}',
        event(model="two", y_pred="stay"),
        event(),
        event(model=["one"]),
    )
    batch = decode(settings, Kind.PREDICTIONS, buffer)
    assert batch.skipped == {"unknown model": 2}
    assert [each[3] for each in predictions(batch, name="two")] == [2]
    assert batch.models["two"].predictions.order.tolist() == [2]
    assert reasons(batch) == ["unknown class", "missing field", "missing field"]
    assert [each.place for each in batch.rejected] == ["log:5", "log:6", "log:7"]


def test_without_a_default_a_version_is_missing():
    assert reasons(decode(configured(default_version=None), Kind.PREDICTIONS, lines(event()))) == ["missing field"]


def test_fields_are_found_under_other_names_and_dotted_paths():
    fields = {
        "prediction_id": "id",
        "predicted_at": "meta.time",
        "y_pred": "prediction",
        "scores": {"leave": "out.proba"},
        "segment": {"region": "geo.country"},
    }
    settings = configured(model(segments=["region", "plan"]), fields=fields)
    nested = {
        "id": 1,
        "meta": {"time": AT},
        "prediction": "leave",
        "out": {"proba": 0.5},
        "geo": {"country": "nz"},
        "segment": {"plan": "free"},
    }
    flat = {
        "id": 2,
        "meta.time": AT,
        "prediction": "stay",
        "out.proba": 0.5,
        "geo.country": "nz",
        "segment_plan": "free",
    }
    words = {"region": "nz", "plan": "free"}
    batch = decode(settings, Kind.PREDICTIONS, lines(nested, flat, {"prediction_id": 3}))
    assert predictions(batch) == [("1", AT, "3", 1, (0.5,), words), ("2", AT, "3", 0, (0.5,), words)]
    assert "id" in batch.rejected[0].detail


def test_blank_lines_byte_order_marks_and_carriage_returns_do_not_matter():
    one = lines(event()).strip()
    buffer = b"\xef\xbb\xbf" + one + b"\r\n\r\n  \t\n" + one + b"\n\n" + one
    batch = decode(configured(), Kind.PREDICTIONS, buffer)
    assert (len(predictions(batch)), batch.read, batch.rejected) == (3, 3, [])


def test_objects_that_run_over_lines_are_no_lines_of_json():
    two_lines = b'{"prediction_id": "a",\n "predicted_at": 1767225600000, "y_pred": "stay"} {"prediction_id": "b"}\n'
    assert reasons(decode(configured(), Kind.PREDICTIONS, two_lines)) == ["not JSON", "not JSON"]


def test_a_tombstone_is_skipped():
    decoded = Codec(configured()).decode_one(Kind.PREDICTIONS, None, now=NOW)
    assert (decoded.skipped, decoded.rejected, decoded.read) == ({"tombstone": 1}, (), 1)


def test_no_detail_shows_a_score():
    batch = decode(
        configured(), Kind.PREDICTIONS, lines(event(score=123.456), event(scores={"leave": 0.7, "stay": 0.9}))
    )
    assert not any("123" in each.detail or "0.9" in each.detail for each in batch.rejected)


def test_flat_scores_are_found_however_their_keys_are_written():
    settings = configured(model(classes=("0", "1", "2")))
    escaped = lines(event(y_pred=1, score_0=0.2, score_1=0.2, score_2=0.6)).replace(b"score_", b"score\\u005f")
    plain = lines(event(y_pred=1, **{"score_0.0": 0.2, "score_1": 0.2, "score_2.0": 0.6}))
    for buffer in (escaped, plain):
        assert [each[4] for each in predictions(decode(settings, Kind.PREDICTIONS, buffer))] == [(0.2, 0.2, 0.6)]
