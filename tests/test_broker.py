"""The broker that tests, demo and benchmarks run on is a real one, checked to the byte, and keeps what it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker import Broker


def test_what_is_produced_is_read_again_in_order_with_key_time_and_headers(broker: Broker):
    topic = broker.topic("events", 2)
    broker.produce(topic, [("a", "1"), ("a", None)], partition=1, timestamp=[5, 6], headers={"trace": b"x"})
    broker.produce(topic, [b"2"], partition=0)
    first, *others = broker.consume(topic)
    assert (first.partition, first.offset, first.key, first.value) == (0, 0, None, b"2")
    marks = (("trace", b"x"),)
    assert others == [(1, 0, 5, b"a", b"1", marks), (1, 1, 6, b"a", None, marks)]
