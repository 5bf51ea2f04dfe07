"""What topics mean as a source: partitions, moments, tombstones, lag, and topics that change while they are read."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import replace

import pytest
from broker import Broker
from cluster import Cluster, until
from source_drive import NOW, configured, event, label, labels, predictions

from monitor.clock import ManualClock
from monitor.config import Input
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.clients import CLIENTS, open_client
from monitor.sources.broker.topics import Topics

pytestmark = pytest.mark.parametrize("library", CLIENTS)
AT = 1_767_225_600_000


class Seconds:
    """A clock that only rises, and faster when told."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead


class Reading:
    """Topics of predictions and labels, and the source that reads them."""

    def __init__(self, broker, library, *, parts=1, label_parts=1, labels=True, config=None, **source):
        self.broker, self.library, self.source = broker, library, source
        self.predictions = broker.topic("predictions", parts, config)
        self.labels = broker.topic("labels", label_parts) if labels else None
        self.seconds, self.clock = Seconds(), ManualClock(NOW)
        self.opened = []

    def open(self):
        settings = configured(
            kind="kafka", client=self.library, bootstrap_servers=(self.broker.bootstrap,), **self.source
        )
        topics = replace(settings.source, predictions=Input(topic=self.predictions), labels=Input(topic=self.labels))
        settings = replace(settings, source=topics)
        made = Topics(settings, self.clock, open_client(settings.source), monotonic=self.seconds)
        self.opened.append(made)
        return made

    def write(self, *events, to=None, partition=0, timestamp=None):
        values = [each if isinstance(each, bytes | None) else json.dumps(each) for each in events]
        self.broker.produce(to or self.predictions, values, partition, timestamp)


@pytest.fixture
def reading(broker, library):
    made = []

    def make(**more):
        made.append(Reading(broker, library, **more))
        return made[-1]

    yield make
    for each in made:
        for source in each.opened:
            source.close()


def polled(source, events):
    """Poll until so many events have been read; the batches with something to say."""
    found = []
    deadline = time.monotonic() + 20
    while sum(batch.read for batch in found) < events or any(found[-1].lag.values()):
        found.append(source.poll())
        assert time.monotonic() < deadline, found
    assert sum(batch.read for batch in found) == events
    return [batch for batch in found if batch.read or batch.notices]


def ids(batches):
    return sorted(row[0] for batch in batches for row in (*predictions(batch), *labels(batch)))


def test_rejected_messages_are_known_by_place_and_whole(reading):
    here = reading(parts=2)
    bad = json.dumps(event(prediction_id="bad", y_pred="maybe")).encode()
    values = [b'{"a":\n 1}', b"", b" \n", b"\xff", b"x" * (2**20 + 1), bad]
    here.broker.produce(here.predictions, [("key", values[0]), (None, values[1]), *values[2:]], 1, 1_700_000_000_000)
    here.write(event(prediction_id="good"), partition=0)
    found = [each for batch in polled(here.open(), 7) for each in batch.rejected]
    assert [each.original for each in found] == values
    assert [each.place for each in found] == [f"{here.predictions}/1/{n}" for n in range(6)]
    assert [each.reason for each in found] == [
        "missing field",
        "not JSON",
        "not JSON",
        "not UTF-8",
        "oversized",
        "unknown class",
    ]
    assert [each.key for each in found] == [b"key", None, None, None, None, None]
    assert {each.timestamp for each in found} == {1_700_000_000_000}


def test_tombstones_and_models_of_others_are_skipped(reading):
    here = reading()
    here.write(None, event(prediction_id="a"), event(model="other"), None, event(prediction_id="b"))
    batches = polled(here.open(), 5)
    skipped = {name: sum(batch.skipped.get(name, 0) for batch in batches) for name in ("tombstone", "unknown model")}
    assert skipped == {"tombstone": 2, "unknown model": 1}
    assert ids(batches) == ["a", "b"]
    assert not any(batch.rejected for batch in batches)


def test_a_message_may_stand_on_several_lines(reading):
    here = reading()
    here.write(json.dumps(event(prediction_id="wide"), indent=2).encode() + b"\r\n", event(prediction_id="flat"))
    assert ids(polled(here.open(), 2)) == ["flat", "wide"]


def test_the_moment_of_the_message_stands_in_for_labelled_at_alone(reading):
    here = reading()
    moments = [AT + 1, AT + 2, AT + 3]
    own = [label(labelled_at=...), label(prediction_id="b", labelled_at=None), label(prediction_id="c")]
    here.broker.produce(here.labels, [json.dumps(each) for each in own], 0, moments)
    here.broker.produce(here.predictions, [json.dumps(event(predicted_at=...))], 0, AT)
    batches = polled(here.open(), 4)
    found = sorted(row for batch in batches for row in labels(batch))
    assert [row[:2] for row in found] == [("a", AT + 1), ("b", AT + 2), ("c", AT + 86_400_000)]
    assert [each.detail for batch in batches for each in batch.rejected] == ["no predicted_at"]


def test_an_implausible_moment_of_the_message_is_no_labelled_at(reading):
    here = reading()
    here.broker.produce(here.labels, [json.dumps(label(labelled_at=...))], 0, 1_700_000)
    (rejected,) = [each for batch in polled(here.open(), 1) for each in batch.rejected]
    assert rejected.reason == "implausible time"


def test_without_a_topic_of_labels_predictions_carry_them(reading):
    here = reading(labels=False)
    here.write(event(prediction_id="a", y_true="leave"), event(prediction_id="b"), timestamp=AT + 5)
    batches = polled(here.open(), 2)
    assert [row for batch in batches for row in labels(batch)] == [("a", AT, 1)]
    assert len([row for batch in batches for row in predictions(batch)]) == 2


def test_offsets_name_the_next_message_of_each_partition_and_the_topics(reading):
    here = reading(parts=2)
    here.write(event(), None, partition=1)
    offsets = polled(here.open(), 2)[-1].offsets
    known = {name: offset for name, offset in offsets.items() if "/" in name}
    assert known == {f"{here.predictions}/0": 0, f"{here.predictions}/1": 2, f"{here.labels}/0": 0}
    assert set(offsets) - set(known) == {f"{here.predictions}#id", f"{here.labels}#id"}


def test_a_second_source_goes_on_where_the_first_stopped(reading):
    here = reading()
    here.write(*(event(prediction_id=str(n)) for n in range(5)))
    offsets = dict(polled(here.open(), 5)[-1].offsets)
    here.write(event(prediction_id="5"))
    second = here.open()
    second.seek(offsets | {"other/0": 7, "other#id": 3})
    (batch,) = polled(second, 1)
    assert ids([batch]) == ["5"]
    assert set(batch.offsets) == set(offsets)
    second.seek(offsets | {f"{here.predictions}/0": 3})
    assert ids(polled(second, 3)) == ["3", "4", "5"]


def test_what_lags_and_from_when_on_events_may_still_come(reading):
    here = reading(parts=2)
    source = here.open()
    first = source.poll()
    assert (first.behind, set(first.lag.values())) == (None, {0})
    here.write(event(predicted_at=AT + 9_000), partition=0)
    here.write(*(event(prediction_id="x" * 100, predicted_at=AT + n // 10) for n in range(30_000)), partition=1)
    seen = []
    until(lambda: seen.append(source.poll()) or sum(batch.read for batch in seen) == 30_001, "all is read")
    lagging = [batch for batch in seen if batch.lag[f"{here.predictions}/1"]]
    assert lagging
    for batch in lagging:
        read = batch.offsets[f"{here.predictions}/1"]
        assert batch.lag[f"{here.predictions}/1"] <= 30_000 - read
        assert batch.behind == (AT + (read - 1) // 10 if read else 0)
    assert (seen[-1].behind, set(seen[-1].lag.values())) == (None, {0})


def test_new_partitions_are_found_and_read_from_their_beginning(reading):
    here = reading(start="latest")
    here.write(event(prediction_id="old"))
    source = here.open()
    assert source.poll().offsets[f"{here.predictions}/0"] == 1
    here.broker.grow(here.predictions, 3)
    Cluster(here.broker.bootstrap).produce(here.predictions, [json.dumps(event(prediction_id="new"))], 2)
    here.seconds.ahead += 10
    batches = polled(source, 1)
    assert ids(batches) == ["new"]
    assert batches[-1].offsets[f"{here.predictions}/2"] == 1
    known = {name: offset for name, offset in batches[-1].offsets.items() if name != f"{here.predictions}/2"}
    later = here.open()
    later.seek(known)
    assert ids(polled(later, 1)) == ["new"]


def test_latest_begins_at_the_end_of_the_first_look_for_good(reading):
    here = reading(start="latest")
    here.write(event(prediction_id="old"))
    source = here.open()
    first = source.poll()
    assert (first.read, first.offsets[f"{here.predictions}/0"]) == (0, 1)
    here.write(event(prediction_id="new"))
    source.seek({})  # the first batch could not be committed
    assert ids(polled(source, 1)) == ["new"]


def test_a_topic_that_comes_later_is_read_from_its_beginning(reading):
    here = reading(start="latest")
    here.predictions = "later-" + here.predictions
    source = here.open()
    for _ in range(3):
        with pytest.raises(SourceUnavailable) as wrong:
            source.poll()
        assert f"topic {here.predictions} does not exist at {here.broker.bootstrap}" in str(wrong.value)
        assert "correct source.predictions.topic" in str(wrong.value)
    here.broker.create(here.predictions)
    here.write(event(prediction_id="first"))
    here.seconds.ahead += 10
    assert ids(polled(source, 1)) == ["first"]


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while it is down"])
@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_a_topic_that_is_made_again_begins_as_configured_and_is_told(reading, start, running):
    here = reading(parts=2, start=start)
    source = here.open()
    source.poll()
    here.write(event(prediction_id="a"), event(prediction_id="b"), partition=0)
    offsets = dict(polled(source, 2)[-1].offsets)
    here.broker.delete(here.predictions)
    if running:
        here.seconds.ahead += 10
        with pytest.raises(SourceUnavailable, match=f"topic {here.predictions} does not exist"):
            source.poll()
    else:
        source.close()
        source = here.open()
        source.seek(offsets)
    here.broker.create(here.predictions, 1)
    here.write(*(event(prediction_id=f"new {n}") for n in range(3)))  # as many as were read of the old one, and more
    here.seconds.ahead += 10
    batches = polled(source, 3 if start == "earliest" else 0) if start == "earliest" else [source.poll()]
    notices = [notice for batch in batches for notice in batch.notices]
    assert len(notices) == 1
    assert notices[0].startswith(f"topic {here.predictions} was deleted and made again")
    assert [batch.resets for batch in batches if batch.resets] == [{here.predictions: 2}]
    assert batches[-1].offsets[f"{here.predictions}/0"] == 3
    assert batches[-1].offsets[f"{here.predictions}/1"] == 0, "it may come again one day"
    here.write(event(prediction_id="last"))
    assert ids(polled(source, 1)) == ["last"]


def test_messages_that_were_removed_unread_are_counted(reading):
    here = reading()
    source = here.open()
    here.write(*(event(prediction_id=str(n)) for n in range(10)))
    offsets = dict(polled(source, 10)[-1].offsets)
    here.broker.truncate(here.predictions, 0, 9)
    source.seek(offsets | {f"{here.predictions}/0": 4})
    batches = polled(source, 1)
    assert ids(batches) == ["9"]
    notices = [notice for batch in batches for notice in batch.notices]
    assert len(notices) == 1
    assert notices[0].startswith(f"{here.predictions}/0: up to 5 messages were removed before they were read")
    assert [batch.resets for batch in batches if batch.resets] == [{here.predictions: 1}]


@pytest.mark.parametrize(("start", "events"), [("earliest", ["a", "b", "c"]), ("latest", ["c"])])
def test_an_offset_beyond_the_end_begins_anew(reading, start, events):
    here = reading(start=start)
    here.write(event(prediction_id="a"), event(prediction_id="b"))
    source = here.open()
    source.seek({f"{here.predictions}/0": 100})
    seen = []
    until(lambda: seen.append(source.poll()) or seen[-1].resets, "it is noticed")
    here.write(event(prediction_id="c"))
    until(lambda: seen.append(source.poll()) or "c" in ids(seen), "it goes on")
    assert ids(seen) == events
    assert [batch.resets for batch in seen if batch.resets] == [{here.predictions: 1}]
    assert "offset 100 lies beyond its end 2" in "".join(notice for batch in seen for notice in batch.notices)


def test_offsets_are_committed_as_a_courtesy_now_and_then_and_at_the_end(reading, library):
    here = reading(group_id=f"courtesy-{library}")
    source = here.open()
    here.write(event(prediction_id="a"))
    source.commit(polled(source, 1)[-1].offsets)
    here.write(event(prediction_id="b"))
    here.seconds.ahead += 5
    source.commit(polled(source, 1)[-1].offsets)
    until(lambda: here.broker.committed(here.source["group_id"], here.predictions) == {0: 2}, "committed")
    here.write(event(prediction_id="c"))
    source.commit(polled(source, 1)[-1].offsets)
    source.close()
    until(lambda: here.broker.committed(here.source["group_id"], here.predictions) == {0: 3}, "committed at the end")


def test_what_did_not_become_a_batch_is_read_again(reading):
    here = reading()
    source = here.open()
    here.write(event(prediction_id="a"))
    now = here.clock.now

    def failing():
        here.clock.now = now
        return 1 // 0

    here.clock.now = failing
    with pytest.raises(ZeroDivisionError):
        polled(source, 1)
    assert ids(polled(source, 1)) == ["a"]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # kafka-python leaves those that got no answer
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_comes_and_goes_loses_and_doubles_nothing(kafka, library, tmp_path):
    with Broker(tmp_path, script=kafka) as own:
        here = Reading(own, library)
        own.stop()
        source = here.open()
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(SourceUnavailable, match=f"{own.bootstrap}: connection refused"):
                source.poll()
            assert time.monotonic() - begun < 2
        own.start()
        here.write(event(prediction_id="a"))
        found = []
        until(lambda: _attempt(source, found) or ids(found) == ["a"], "the first event")
        own.kill()
        until(lambda: _attempt(source, found) == "away", "its absence is noticed", patience=10)
        assert "foldwatch" not in str(found)
        own.start()
        here.write(event(prediction_id="b"))
        until(lambda: _attempt(source, found) or ids(found) == ["a", "b"], "the second event")
        source.close()
    gc.collect()


def _attempt(source, found):
    try:
        found.append(source.poll())
    except SourceUnavailable:
        return "away"
    return ""


def test_a_topic_of_predictions_is_needed(library):
    with pytest.raises(InputError, match=r"source.predictions.topic: is missing"):
        Topics(configured(kind="kafka", client=library), ManualClock(NOW), client=None)
