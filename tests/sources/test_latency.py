"""`latency_ms` is read where events carry it, and what is wrong with it rejects nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from source_drive import NOW, configured, decode, event, lines

from monitor.sources.decoding.codec import Codec, Kind
from monitor.sources.logs.replay import Replay

PLAIN = b'{"prediction_id": "b", "predicted_at": 1767225600000, "y_pred": "stay", "latency_ms": %s}'


def latencies(buffer, **more):
    """What is read of each prediction, None where there is nothing; and why events were rejected."""
    batch = decode(configured(**more), Kind.PREDICTIONS, buffer)
    found = batch.models["churn"].predictions
    values = [math.nan] * len(found.ids) if found.latency is None else found.latency.tolist()
    return [None if math.isnan(value) else value for value in values], [each.reason for each in batch.rejected]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"12", 12.0),
        (b"0", 0.0),
        (b"0.25", 0.25),
        (b'"12.5"', 12.5),
        (b"-1", None),
        (b"-0.001", None),
        (b'"fast"', None),
        (b"null", None),
        (b"true", None),
        (b"[1]", None),
        (b'{"ms": 1}', None),
        (b"1e999", None),
        (b"1" + b"0" * 400, None),
    ],
)
def test_a_latency_is_a_number_from_zero_on_or_absent(written, read):
    good = lines(event(latency_ms=7))
    assert latencies(good + PLAIN % written + b"\n" + good) == ([7.0, read, 7.0], [])


def test_events_without_any_latency_have_no_such_column():
    for events in ([event(), event(prediction_id="b")], [event(latency_ms=-1)]):
        assert decode(configured(), Kind.PREDICTIONS, lines(*events)).models["churn"].predictions.latency is None


def test_a_line_that_is_no_json_stays_none():
    found, reasons = latencies(lines(event(latency_ms=1)) + PLAIN % b"NaN" + b"\n" + PLAIN % b"1e999 nonsense")
    assert (found, reasons) == ([1.0], ["not JSON", "not JSON"])


def test_a_latency_is_found_under_another_name_and_path():
    assert latencies(lines(event(took=3.5)), fields={"latency_ms": "took"})[0] == [3.5]
    assert latencies(lines(event(timing={"ms": 4})), fields={"latency_ms": "timing.ms"})[0] == [4.0]
    escaped = b'{"prediction_id": "b", "predicted_at": 1767225600000, "y_pred": "stay", "lat\\u0065ncy_ms": 5}'
    assert latencies(escaped)[0] == [5.0]


def test_rows_that_are_taken_keep_their_latencies():
    predictions = (
        decode(configured(), Kind.PREDICTIONS, lines(event(), event(latency_ms=2))).models["churn"].predictions
    )
    assert predictions.take(np.array([False, True])).latency.tolist() == [2.0]
    assert predictions.take(np.array([True, False])).latency.tolist() == [pytest.approx(math.nan, nan_ok=True)]


def test_no_log_needs_a_latency_to_be_replayed(tmp_path):
    (tmp_path / "1.jsonl").write_bytes(lines(event(latency_ms=3, y_true="stay")))
    (tmp_path / "2.jsonl").write_bytes(lines(event(prediction_id="b", y_true="stay")))
    settings = configured()
    assert "latency_ms" not in Codec(settings).required(Kind.PREDICTIONS, ["prediction_id", "predicted_at", "y_pred"])
    read = Replay(settings, tmp_path, now=NOW).poll_until(NOW)
    assert read.models["churn"].predictions.ids.tolist() == ["a", "b"]
