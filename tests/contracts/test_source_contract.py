"""What every source promises to the one loop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

from monitor.clock import HOUR, ManualClock
from monitor.config import Duration, Input, ModelSettings, Settings, SourceSettings
from monitor.counts import Layout
from monitor.sources.broker.clients import CLIENTS, open_client
from monitor.sources.broker.topics import Topics
from monitor.sources.files import Files
from monitor.sources.logs.replay import Replay
from monitor.sources.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from broker import Broker

    from monitor.sources.source import Batch, Source

AT = 1_767_225_600_000
NOW = AT + 1_000 * HOUR
WINDOW = Duration(HOUR, "1h")
MODEL = ModelSettings("m", ("a", "b"), Layout(2), (WINDOW,), WINDOW, WINDOW, WINDOW)
PREDICTIONS = [
    {"prediction_id": f"p{number}", "predicted_at": AT + number * HOUR, "y_pred": "ab"[number % 2]}
    for number in range(8)
]
LABELS = [{"prediction_id": f"p{number}", "labelled_at": AT + number * HOUR + 1, "y_true": "a"} for number in range(8)]
BAD = {"prediction_id": "bad", "predicted_at": "never", "y_pred": "a"}
OTHER = {"model": "other"}


class Make(Protocol):
    """Returns a fresh source of the same events, in the order in which they arrive."""

    def __call__(self) -> Source: ...


def _settings(predictions: Path | None = None, labels: Path | None = None) -> Settings:
    source = SourceSettings(
        kind="files", predictions=Input(predictions), labels=Input(labels), default_model="m", default_version="1"
    )
    return Settings({"m": MODEL}, source)


def _lines(events) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def _files(path: Path) -> Source:
    return Files(_settings(path / "p.jsonl", path / "l.jsonl"), ManualClock(NOW), most=100)


def _memory(_path: Path) -> Source:
    source = Memory(_settings(), ManualClock(NOW))
    source.feed(predictions=_lines([BAD, OTHER]))
    for predicted, labelled in zip(PREDICTIONS, LABELS, strict=True):
        source.feed(predictions=_lines([predicted]), labels=_lines([labelled]), passed=predicted["predicted_at"])
    return source


def _replay(path: Path) -> Source:
    return Replay(_settings(), path / "p.jsonl", path / "l.jsonl", now=NOW)


def _topics(broker: Broker, client: str) -> Callable[[], Source]:
    predictions, labels = broker.topic("predictions", 2), broker.topic("labels", 3)
    for topic, events in ((predictions, [BAD, OTHER, *PREDICTIONS]), (labels, LABELS)):
        broker.produce(topic, [(event.get("prediction_id"), json.dumps(event)) for event in events])
    source = SourceSettings(
        kind="kafka",
        client=client,
        bootstrap_servers=(broker.bootstrap,),
        predictions=Input(topic=predictions),
        labels=Input(topic=labels),
        default_model="m",
        default_version="1",
    )
    return lambda: Topics(Settings({"m": MODEL}, source), ManualClock(NOW), open_client(source), most=3)


@pytest.fixture(params=[_files, _memory, _replay, *CLIENTS], ids=["files", "memory", "replay", *CLIENTS])
def make(request, tmp_path) -> Iterator[Make]:
    """Return what makes a source of the kind in question."""
    (tmp_path / "p.jsonl").write_bytes(_lines([BAD, OTHER, *PREDICTIONS]))
    (tmp_path / "l.jsonl").write_bytes(_lines(LABELS))
    made: list[Source] = []
    if request.param in CLIENTS:
        opened = _topics(request.getfixturevalue("broker"), request.param)
    else:

        def opened() -> Source:
            return request.param(tmp_path)

    def source() -> Source:
        made.append(opened())
        return made[-1]

    yield source
    for each in made:
        each.close()


def polled(source: Source) -> list[Batch]:
    batches = []
    while (batch := source.poll()).read or any(batch.lag.values()):
        if batch.read:
            batches.append(batch)
    return batches


def delivered(batches: list[Batch]) -> list[tuple[str, str]]:
    found = []
    for batch in batches:
        for events in batch.models.values():
            found += [("prediction", each) for each in events.predictions.ids] if events.predictions else []
            found += [("label", each) for each in events.labels.ids] if events.labels else []
    return sorted(found)


def everything() -> list[tuple[str, str]]:
    return sorted([("prediction", f"p{n}") for n in range(8)] + [("label", f"p{n}") for n in range(8)])


def test_every_event_is_delivered_once(make):
    source = make()
    batches = polled(source)
    assert delivered(batches) == everything()
    assert [(each.reason, each.original) for batch in batches for each in batch.rejected] == [
        ("bad time", json.dumps(BAD).encode())
    ]
    assert [batch.skipped for batch in batches if batch.skipped] == [{"unknown model": 1}]
    assert sum(batch.read for batch in batches) == 18


def test_a_source_without_news_gives_an_empty_batch(make):
    source = make()
    last = polled(source)[-1].offsets
    for _ in range(3):
        batch = source.poll()
        assert (batch.models, list(batch.rejected), batch.skipped, batch.read) == ({}, [], {}, 0)
        assert batch.offsets == last


def test_order_rises_strictly_over_predictions_and_labels_of_a_batch(make):
    source = make()
    for batch in polled(source):
        for events in batch.models.values():
            order = [
                each for part in (events.predictions, events.labels) if part is not None for each in part.order.tolist()
            ]
            assert len(set(order)) == len(order)
            for part in (events.predictions, events.labels):
                if part is not None:
                    assert part.order.tolist() == sorted(part.order.tolist())


def test_seeking_to_the_offsets_of_a_batch_delivers_what_comes_behind_it(make):
    first = make()
    batches = polled(first)
    for count in range(1, len(batches) + 1):
        source = make()
        source.seek(batches[count - 1].offsets)
        assert delivered(batches[:count]) + delivered(polled(source)) == delivered(batches[:count]) + delivered(
            batches[count:]
        )


def test_seeking_without_offsets_begins_at_the_beginning(make):
    source = make()
    source.seek({})
    assert delivered(polled(source)) == everything()
    source.seek({})
    assert delivered(polled(source)) == everything()


def test_a_commit_changes_nothing_that_is_delivered(make):
    source = make()
    batches = []
    while (batch := source.poll()).read or any(batch.lag.values()):
        source.commit(batch.offsets)
        batches.append(batch)
    assert delivered(batches) == everything()


def test_passed_is_kept(make):
    source = make()
    passed = None
    for batch in polled(source):
        for events in batch.models.values():
            times = [*events.predictions.predicted_at.tolist()] if events.predictions else []
            times += events.labels.labelled_at.tolist() if events.labels else []
            assert passed is None or min(times) >= passed
        passed = batch.passed if batch.passed is not None else passed


def test_the_same_events_give_the_same_batches(make):
    first, second = make(), make()
    batches, again = polled(first), polled(second)
    assert delivered(batches) == delivered(again)
    assert sum(batch.read for batch in batches) == sum(batch.read for batch in again)
    assert batches[-1].offsets == again[-1].offsets
    if not isinstance(first, Topics):  # how a network cuts them is chance
        assert [delivered([batch]) for batch in batches] == [delivered([batch]) for batch in again]
        assert [(batch.offsets, batch.passed, batch.read) for batch in batches] == [
            (batch.offsets, batch.passed, batch.read) for batch in again
        ]


def test_closing_twice_is_closing_once(make):
    source = make()
    source.poll()
    source.close()
    source.close()
