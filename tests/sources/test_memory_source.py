"""A source fed by hand delivers what it was fed."""

from __future__ import annotations

import polars as pl
from source_drive import NOW, configured, event, labels, lines, predictions, reasons

from monitor.clock import ManualClock
from monitor.sources.decoding.codec import Kind
from monitor.sources.memory import Memory

AT = 1_767_225_600_000


def test_columns_and_bytes_are_the_same_events():
    source = Memory(configured(), ManualClock(NOW))
    rows = [event(prediction_id="a", score=0.5), event(prediction_id="b", y_pred="maybe", score=None)]
    source.feed(predictions=lines(*rows))
    source.feed_columns(Kind.PREDICTIONS, pl.DataFrame(rows))
    first, second = source.poll(), source.poll()
    assert predictions(first) == predictions(second) == [("a", AT, "3", 0, (0.5,), {})]
    assert reasons(first) == reasons(second) == ["unknown class"]
    assert [each.place for each in (*first.rejected, *second.rejected)] == ["memory:2", "memory:2"]
    assert b"maybe" in second.rejected[0].original
    assert source.poll().read == 0


def test_labelled_predictions_bring_their_labels_and_the_moment_passed():
    source = Memory(configured(), ManualClock(NOW))
    source.feed_labelled(lines(event(y_true="leave")), passed=AT)
    batch = source.poll()
    assert (labels(batch), batch.passed) == ([("a", AT, 1)], AT)


def test_the_clock_tells_what_lies_in_the_future():
    clock = ManualClock(AT - 300_001)
    source = Memory(configured(), clock)
    source.feed(predictions=lines(event()))
    clock.move_to(AT - 300_000)
    source.feed(predictions=lines(event()))
    assert [reasons(source.poll()), reasons(source.poll())] == [["implausible time"], []]
