"""What both Kafka clients promise to the source, against a real broker."""

from __future__ import annotations

import gc
import time
from contextlib import suppress
from pathlib import Path

import pytest
from broker import Broker
from client_drive import Patient, Transaction, client_of, read_all, read_until, write_with
from cluster import until

from monitor.errors import SourceUnavailable
from monitor.sources.broker.client import Bounds, MessageTooLarge, Partition, Produced
from monitor.sources.broker.clients import CLIENTS

pytestmark = pytest.mark.parametrize("library", CLIENTS)


@pytest.fixture
def client(broker, library):
    made = client_of(library, broker.bootstrap)
    yield Patient(made)
    made.close()


def test_topics_are_told_with_partitions_and_identity_and_none_is_made(client, broker):
    topic = broker.topic("told", 3)
    found = client.topics([topic, "never-made"])
    assert list(found) == [topic]
    assert found[topic].partitions == (0, 1, 2)
    assert 0 < found[topic].identity < 2**63
    assert {"READ", "WRITE", "DESCRIBE"} <= set(found[topic].rights)
    assert "never-made" not in broker.topics()
    assert client.topics([]) == {}


def test_a_topic_that_is_made_again_has_another_identity_and_both_clients_see_the_same(client, broker):
    topic = broker.topic("again", 1)
    before = client.topics([topic])[topic].identity
    others = [client_of(each, broker.bootstrap) for each in CLIENTS]
    assert [other.topics([topic])[topic].identity for other in others] == [before] * len(CLIENTS)
    for other in others:
        other.close()
    broker.delete(topic)
    assert client.topics([topic]) == {}
    broker.create(topic, 2)
    after = client.topics([topic])[topic]
    assert after.identity != before
    assert after.partitions == (0, 1)


def test_reading_and_committing_bring_no_deleted_topic_back(broker, library):
    topic, group = broker.topic("gone", 2), f"gone-{library}"
    client = client_of(library, broker.bootstrap, group_id=group)
    broker.produce(topic, ["a", "b"], 0)
    read_all(client, topic)
    broker.delete(topic)
    for _ in range(25):
        with suppress(SourceUnavailable):
            client.fetch(1, 0.1)
        client.commit({Partition(topic, 0): 2})
    client.close()
    assert topic not in broker.topics()


def test_settings_are_those_of_the_topic_and_the_defaults_of_the_broker(client, broker):
    topic = broker.topic("settings", 1, {"retention.ms": "3600000"})
    found = client.settings(topic)
    assert found["retention.ms"] == "3600000"
    assert found["cleanup.policy"] == "delete"
    with pytest.raises(SourceUnavailable, match="topic never-made does not exist"):
        client.settings("never-made")


def test_messages_come_with_all_they_have_in_the_order_of_their_partition(client, broker):
    topic = broker.topic("messages", 2)
    broker.produce(topic, [("k1", "v1"), (None, "v2"), ("k3", None), ("", "")], 0, [11, 12, 13, 14], {"h": b"1"})
    broker.produce(topic, [("k5", b"\x00\n\xff")], 1, 15)
    assert read_all(client, topic) == [
        (0, 0, 11, b"k1", b"v1"),
        (0, 1, 12, None, b"v2"),
        (0, 2, 13, b"k3", None),
        (0, 3, 14, b"", b""),
        (1, 0, 15, b"k5", b"\x00\n\xff"),
    ]


def test_headers_come_where_they_are_asked_for(client, broker):
    topic = broker.topic("headers")
    broker.produce(topic, ["v"], headers={"reason": "größer".encode(), "empty": b""})
    client.assign({Partition(topic, 0): 0})
    plain, with_headers = [], []
    for found, asked in ((plain, False), (with_headers, True)):
        client.assign({Partition(topic, 0): 0})
        until(
            lambda found=found, asked=asked: found.extend(client.fetch(10, 0.1, headers=asked).messages) or found, "it"
        )
    assert plain[0].headers == ()
    assert with_headers[0].headers == [{"reason": "größer".encode(), "empty": b""}]


def test_reading_begins_where_it_is_told_and_an_assignment_replaces_the_one_before(client, broker):
    topic = broker.topic("begin", 2)
    for number in (0, 1):
        broker.produce(topic, [f"{number}-{n}" for n in range(5)], number)
    client.assign({Partition(topic, 0): 3})
    assert [each.value for each in read_until(client, lambda found, _: len(found) == 2)] == [b"0-3", b"0-4"]
    client.assign({Partition(topic, 1): 4, Partition(topic, 0): 4})
    assert sorted(each.value for each in read_until(client, lambda found, _: len(found) == 2)) == [b"0-4", b"1-4"]
    client.assign({Partition(topic, 0): 1})
    assert [each.offset for each in read_until(client, lambda found, _: len(found) == 4)] == [1, 2, 3, 4]


def test_no_more_than_asked_for_comes_at_once_and_nothing_is_left_out(client, broker):
    topic = broker.topic("few", 2)
    for number in (0, 1):
        broker.produce(topic, [str(n) for n in range(100)], number)
    client.assign({Partition(topic, 0): 0, Partition(topic, 1): 0})
    found = read_until(client, lambda found, _: len(found) >= 200, most=7)
    assert sorted((each.partition, each.offset) for each in found) == [(p, n) for p in (0, 1) for n in range(100)]
    client.assign({Partition(topic, 0): 0})
    sizes = []
    until(lambda: sizes.append(sum(len(m.values) for m in client.fetch(7, 0.1).messages)) or sum(sizes) == 100, "all")
    assert max(sizes) <= 7


def test_one_full_partition_does_not_keep_the_others_from_being_read(client, broker):
    topic = broker.topic("fair", 3)
    broker.produce(topic, [b"x" * 400] * 20_000, 0)
    broker.produce(topic, ["first"], 1)
    broker.produce(topic, ["second"], 2)
    client.assign({Partition(topic, number): 0 for number in (0, 1, 2)})
    found = read_until(client, lambda found, _: {each.partition for each in found} == {0, 1, 2}, most=1000)
    assert len(found) <= 12_000


def test_bounds_are_the_first_message_and_the_end_of_what_is_committed(client, broker):
    topic = broker.topic("bounds", 2)
    broker.produce(topic, ["a", "b", "c"], 0)
    broker.truncate(topic, 0, 2)
    open_one = Transaction(broker, topic, [b"d", b"e"])
    wanted = [Partition(topic, 0), Partition(topic, 1)]
    assert client.bounds(wanted) == {wanted[0]: Bounds(2, 3), wanted[1]: Bounds(0, 0)}
    open_one.commit()
    until(lambda: client.bounds(wanted)[wanted[0]] == Bounds(2, 6), "the transaction counts")
    assert client.bounds([]) == {}


def test_aborted_messages_are_not_delivered_and_markers_are_passed(client, broker):
    topic = broker.topic("transactions")
    Transaction(broker, topic, [b"a", b"b"]).commit()
    Transaction(broker, topic, [b"c"]).abort()
    broker.produce(topic, ["d"], 0)
    Transaction(broker, topic, [b"e"]).abort()
    until(
        lambda: broker.ends(topic) == {0: 8} and client.bounds([Partition(topic, 0)])[Partition(topic, 0)].end == 8,
        "all is settled",
    )
    assert [each.value for each in read_all(client, topic)] == [b"a", b"b", b"d"]


def test_messages_of_an_open_transaction_come_when_it_is_committed(client, broker):
    topic = broker.topic("open")
    broker.produce(topic, ["a"], 0)
    transaction = Transaction(broker, topic, [b"b"])
    assert [each.value for each in read_all(client, topic)] == [b"a"]
    assert client.fetch(10, 0.3).messages == []
    transaction.commit()
    assert [each.value for each in read_until(client, lambda found, _: len(found) > 0)] == [b"b"]


@pytest.mark.parametrize("wanted", [0, 50])
def test_an_offset_out_of_range_is_gone_and_the_others_go_on(client, broker, wanted):
    topic = broker.topic("gone", 2)
    for number in (0, 1):
        broker.produce(topic, [str(n) for n in range(10)], number)
    broker.truncate(topic, 0, 5)
    lost, other = Partition(topic, 0), Partition(topic, 1)
    client.assign({lost: wanted, other: 0})
    gone = []
    found = read_until(client, lambda found, fetched: gone.extend(fetched.gone) or (len(found) == 10 and gone))
    assert {each.partition for each in found} == {1}
    assert set(gone) == {lost}
    assert client.fetch(10, 0.3).messages == []
    client.assign({lost: 5, other: 9})
    again = read_until(client, lambda found, _: len(found) == 6)
    assert sorted((each.partition, each.offset) for each in again) == [(0, n) for n in range(5, 10)] + [(1, 9)]


def test_the_end_is_known_once_a_partition_was_read(client, broker):
    topic = broker.topic("end")
    broker.produce(topic, [str(n) for n in range(50)], 0)
    client.assign({Partition(topic, 0): 0})
    ends = []
    read_until(client, lambda found, fetched: ends.append(fetched.ends) or len(found) == 50, most=10)
    assert ends[-1] == {Partition(topic, 0): 50}


def test_a_fetch_without_news_waits_no_longer_than_it_may(client, broker):
    topic = broker.topic("silent")
    client.assign({Partition(topic, 0): 0})
    client.fetch(10, 0.5)
    for seconds in (0.0, 0.3):
        begun = time.monotonic()
        fetched = client.fetch(10, seconds)
        assert seconds * 0.5 <= time.monotonic() - begun < seconds + 0.5
        assert fetched.messages == []
        assert fetched.positions == {Partition(topic, 0): 0}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_messages_are_read(client, broker, codec):
    topic = broker.topic(codec)
    values = [b"%d %s" % (n, b"x" * 100) for n in range(500)]
    write_with(broker, topic, values, {"compression.type": codec, "linger.ms": 50})
    assert [each.value for each in read_all(client, topic)] == values


def test_messages_of_several_megabytes_are_read_among_small_ones(client, broker):
    topic = broker.topic("large", 1, {"max.message.bytes": str(2**25)})
    values = [b"a", b"x" * 2**20, b"b", b"y" * 5_000_000, b"c", b"z" * 20_000_000, b"d"]
    for value in values:
        write_with(broker, topic, [value], {})
    assert [each.value for each in read_all(client, topic)] == values


def test_what_is_written_is_there_as_it_was_given(client, broker):
    topic = broker.topic("written", 3)
    client.produce(
        topic,
        [
            Produced(b"k", b"v", {"reason": b"r", "at": b""}, partition=2, timestamp=1_700_000_000_000),
            Produced(b"t", None, {}, partition=1),
            Produced(b"", b"\xff\n", {}, partition=0),
        ],
    )
    first, second, third = broker.consume(topic)
    assert first[:1] + first[3:] == (0, b"", b"\xff\n", ())
    assert second[:1] + second[3:] == (1, b"t", None, ())
    assert third == (2, 0, 1_700_000_000_000, b"k", b"v", (("reason", b"r"), ("at", b"")))
    assert abs(second.timestamp - time.time() * 1000) < 60_000
    client.produce(topic, [])


def test_a_key_belongs_to_the_same_partition_whoever_writes_it(client, broker):
    topic = broker.topic("keys", 7)
    client.produce(topic, [Produced(f"customer-{n}".encode(), b"", {}) for n in range(50)])
    found = {record.key: record.partition for record in broker.consume(topic)}
    assert [found[f"customer-{n}".encode()] for n in range(8)] == [5, 3, 0, 5, 5, 4, 1, 6]


def test_a_message_that_the_topic_does_not_take_is_too_large(client, broker):
    topic = broker.topic("narrow", 1, {"max.message.bytes": "10000"})
    with pytest.raises(
        MessageTooLarge, match=rf"{topic}: takes no message of 20000 bytes; raise its max.message.bytes"
    ):
        client.produce(topic, [Produced(b"k", b"x" * 20_000, {})])
    client.produce(topic, [Produced(b"k", b"x" * 5_000, {})])
    assert [len(record.value) for record in broker.consume(topic)] == [5_000]


def test_committed_offsets_stand_under_the_name_of_the_group(broker, library):
    topic = broker.topic("committed", 2)
    broker.produce(topic, ["a", "b", "c"], 0)
    client = client_of(library, broker.bootstrap, group_id=f"group-of-{library}")
    client.assign({Partition(topic, 0): 0, Partition(topic, 1): 0})
    client.commit({Partition(topic, 0): 2})
    client.commit({Partition(topic, 0): 3, Partition(topic, 1): 0})
    client.close()
    until(lambda: broker.committed(f"group-of-{library}", topic) == {0: 3, 1: 0}, "the offsets are committed")


def test_a_missing_topic_is_named_where_its_bounds_are_asked(client):
    with pytest.raises(SourceUnavailable, match="topic never-made does not exist"):
        client.bounds([Partition("never-made", 0)])


def test_without_a_broker_every_question_names_the_address_within_seconds(library):
    client = client_of(library, "127.0.0.1:9", "127.0.0.1:13")
    part = Partition("t", 0)
    questions = {
        "topics": lambda: client.topics(["t"]),
        "settings": lambda: client.settings("t"),
        "bounds": lambda: client.bounds([part]),
        "assign": lambda: client.assign({part: 0}),
        "produce": lambda: client.produce("t", [Produced(None, b"", {})]),
    }
    for ask in questions.values():
        begun = time.monotonic()
        with pytest.raises(
            SourceUnavailable, match=r"127.0.0.1:9: connection refused; 127.0.0.1:13: connection refused"
        ):
            ask()
        assert time.monotonic() - begun < 2
    client.commit({part: 1})
    client.close()
    client.close()


def test_a_broker_that_went_away_is_noticed_and_found_again(kafka, library, tmp_path):
    with Broker(tmp_path, script=kafka) as own:
        topic = own.topic("away")
        own.produce(topic, ["a"])
        client = client_of(library, own.bootstrap)
        assert len(read_all(client, topic)) == 1
        own.kill()
        begun = time.monotonic()
        with pytest.raises(SourceUnavailable, match=own.bootstrap):
            client.topics([topic])
        assert time.monotonic() - begun < 5
        own.start()
        until(lambda: _answers(client, topic), "the client found the broker again")
        own.produce(topic, ["b"])
        client.assign({Partition(topic, 0): 1})
        assert [each.value for each in read_until(client, lambda found, _: len(found) > 0)] == [b"b"]
        own.pause()
        begun = time.monotonic()
        until(lambda: not _answers(client, topic), "a broker that stands still is noticed")
        assert time.monotonic() - begun < 6
        begun = time.monotonic()
        client.close()
        assert time.monotonic() - begun < 2
    gc.collect()


def test_knocking_at_a_broker_that_is_away_leaves_no_socket_open(kafka, library, tmp_path):
    with Broker(tmp_path, script=kafka) as own:
        topic = own.topic("knocks")
        client = client_of(library, own.bootstrap)
        client.produce(topic, [Produced(None, b"a", {})])
        read_all(client, topic)
        own.kill()
        before, seen = _open_files(), []
        gc.disable()  # a socket that waits for the garbage collector is open
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            with suppress(SourceUnavailable):
                client.topics([topic])
            seen.append(_open_files())
        gc.enable()
        client.close()
    assert max(seen) <= before + 3, "each knock left a socket"


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _answers(client, topic) -> bool:
    try:
        return topic in client.topics([topic])
    except SourceUnavailable:
        return False
