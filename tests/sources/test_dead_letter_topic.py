"""Dead letters in a topic of a real broker: whole, unique by their key, and in nobody's way."""

from __future__ import annotations

import gc
import time
from contextlib import closing

import pytest
from broker import Broker
from source_drive import NOW, configured

from monitor.clock import format_time
from monitor.config.settings import DeadLetters
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.clients import CLIENTS
from monitor.sources.dead_letters.kept import kept_letters, open_dead_letters
from monitor.sources.dead_letters.letters import FOREIGN
from monitor.sources.source import Rejected

pytestmark = [
    pytest.mark.parametrize("client", CLIENTS),
    # kafka-python reads its own files in an old way.
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
]


def settings_of(broker, client, topic, **more):
    return configured(
        kind="kafka",
        client=client,
        bootstrap_servers=(broker.bootstrap,),
        dead_letters=DeadLetters(topic=topic),
        **more,
    )


def rejected(n, original=b"nonsense", key=b"k", timestamp=NOW - 1):
    return Rejected("not JSON", f"détail {n}", f"predictions/0/{n}", original, key, timestamp)


def write(settings, *batches, at=NOW):
    letters = open_dead_letters(settings)
    try:
        for batch in batches:
            letters.write(batch, at)
    finally:
        letters.close()
        letters.close()


def read(settings):
    with kept_letters(settings) as kept:
        return list(kept.letters)


def test_a_letter_is_the_original_under_its_place_with_the_reason_in_headers(broker, client):
    topic = broker.topic("dead", 2)
    settings = settings_of(broker, client, topic)
    originals = [b'{"a": "\xc3\xa9"}', b"\xff\x00\n", b"", b"x" * 300_000]
    events = [rejected(n, original) for n, original in enumerate(originals)]
    events += [rejected(9, key=None, timestamp=None), rejected(10, key=b"\xff")]
    write(settings, events, [])
    found = {record.key: (record.value, dict(record.headers)) for record in broker.consume(topic)}
    assert len(found) == len(events)
    for event in events:
        value, headers = found[event.place.encode()]
        assert value == event.original
        assert headers.pop("reason") == b"not JSON"
        assert headers.pop("detail").decode() == event.detail
        assert headers.pop("at") == format_time(NOW).encode() == b"2026-06-01T00:00:00Z"
        expected = {} if event.key is None else {"key": event.key, "timestamp": str(NOW - 1).encode()}
        assert headers == expected


def test_letters_are_read_as_they_were_written_each_once(broker, client):
    topic = broker.topic("dead", 3)
    settings = settings_of(broker, client, topic)
    first = [rejected(n) for n in range(700)]
    write(settings, first, first[:300], [rejected(7, b"of a topic that was made anew")])
    letters = read(settings)
    assert len(letters) == 701
    assert {(each.place, each.value) for each in letters} > {(each.place, each.original) for each in first}
    letter = next(each for each in letters if each.place == "predictions/0/8")
    assert (letter.reason, letter.detail, letter.at) == ("not JSON", "détail 8", NOW)
    assert (letter.key, letter.timestamp, letter.truncated) == (b"k", NOW - 1, None)
    assert broker.committed(settings.source.group_id, topic) == {}


def test_what_is_too_large_for_the_topic_is_cut_and_holds_nobody_up(broker, client):
    topic = broker.topic("dead", 1, {"max.message.bytes": "100000"})
    settings = settings_of(broker, client, topic)
    events = [rejected(n) for n in range(20)]
    events[5] = rejected(5, b"5" * 1_500_000)
    events[6] = rejected(6, b"6" * 99_000)
    events[7] = rejected(7, b"7" * 10, key=b"k" * 200_000)
    write(settings, events)
    letters = {each.place: each for each in read(settings)}
    assert len(letters) == 20 == len(broker.consume(topic))
    cut = {place: each for place, each in letters.items() if each.truncated is not None}
    assert {place: each.truncated for place, each in cut.items()} == {
        "predictions/0/5": 1_500_000,
        "predictions/0/7": 10,
    }
    assert 95_000 < len(cut["predictions/0/5"].value) < 100_000
    assert set(cut["predictions/0/5"].value) == set(b"5")
    assert cut["predictions/0/7"].key is None
    assert len(letters["predictions/0/6"].value) == 99_000


def test_what_somebody_else_wrote_is_shown_and_tombstones_are_not(broker, client):
    topic = broker.topic("dead", 1)
    settings = settings_of(broker, client, topic)
    broker.produce(topic, [("a", b"stranger"), ("b", None)], timestamp=NOW)
    broker.produce(topic, [(None, b"x")], headers={"reason": b"not JSON"}, timestamp=NOW)
    broker.produce(topic, [("p/0/1", b"y")], headers={"reason": b"not JSON", "timestamp": b"soon"}, timestamp=NOW)
    letters = read(settings)
    assert [(each.place, each.reason, each.at) for each in letters] == [
        (f"{topic}/0/{offset}", FOREIGN, NOW) for offset in (0, 2, 3)
    ]


def test_an_empty_topic_has_no_letters_and_a_missing_one_is_named(broker, client):
    settings = settings_of(broker, client, broker.topic("dead", 2))
    assert read(settings) == []
    with pytest.raises(InputError, match=r"topic never-made: does not exist at 127.*; create it: kafka-topics"):
        read(settings_of(broker, client, "never-made"))
    assert "never-made" not in broker.topics()


def test_a_reader_ends_where_the_topic_ended_when_it_began(broker, client):
    topic = broker.topic("dead", 1)
    settings = settings_of(broker, client, topic)
    write(settings, [rejected(n) for n in range(1_200)])
    with kept_letters(settings) as kept:
        found = [next(kept.letters)]
        write(settings, [rejected(n) for n in range(2_000, 3_000)])
        found += kept.letters
    assert len(found) == 1_200


def test_letters_that_retention_removed_are_passed_over(broker, client):
    topic = broker.topic("dead", 1)
    settings = settings_of(broker, client, topic)
    write(settings, [rejected(n, b"x" * 30_000) for n in range(1_000)])
    with kept_letters(settings) as kept:
        assert next(kept.letters).place == "predictions/0/0"
        broker.truncate(topic, 0, 990)
        places = [each.place for each in kept.letters]
    assert places[-10:] == [f"predictions/0/{n}" for n in range(990, 1_000)]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # kafka-python forgets sockets that were refused
@pytest.mark.usefixtures("kafka")
def test_a_missing_topic_and_a_missing_broker_are_named_and_writing_goes_on_when_they_are_back(client, tmp_path):
    with Broker(tmp_path / "kafka", {"auto.create.topics.enable": "false"}) as own:
        settings = settings_of(own, client, "dead")
        with closing(open_dead_letters(settings)) as letters:
            remedy = rf"topic dead, and .*: it does not exist at {own.bootstrap}; create it: kafka-topics.sh"
            with pytest.raises(SourceUnavailable, match=remedy):
                letters.write([rejected(1)], NOW)
            own.create("dead")
            until_written(letters, [rejected(1)])
        own.stop()
        with closing(open_dead_letters(settings)) as letters:
            with pytest.raises(SourceUnavailable, match=rf"topic dead, and .*: {own.bootstrap}: connection refused"):
                letters.write([rejected(2)], NOW)
            own.start()
            until_written(letters, [rejected(2)])
        assert {each.place for each in read(settings)} == {"predictions/0/1", "predictions/0/2"}
    gc.collect()


def test_where_the_broker_makes_topics_by_itself_the_first_letter_makes_its_own(broker, client):
    topic = f"dead-made-by-{client}"
    settings = settings_of(broker, client, topic)
    letters = open_dead_letters(settings)
    until_written(letters, [rejected(1)])
    letters.close()
    assert [each.place for each in read(settings)] == ["predictions/0/1"]


def until_written(letters, events):
    deadline = time.monotonic() + 20
    while True:
        try:
            letters.write(events, NOW)
        except SourceUnavailable:
            assert time.monotonic() < deadline
        else:
            return
