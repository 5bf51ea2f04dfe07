"""The demo's production on Kafka: what would come from a model and from those who label is written to topics."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import msgspec

from monitor.config.settings import Input, SourceSettings
from monitor.demo.phases import BEGIN, CLASSES, MODEL, VERSION
from monitor.errors import InputError, Problem, SourceUnavailable
from monitor.sources.broker.client import Produced
from monitor.sources.broker.clients import open_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.clock import Clock
    from monitor.demo.production import Columns, Production
    from monitor.sources.broker.client import Client

PARTITIONS: Final = 2
"""Of each topic: both halves of a pair are keyed by prediction id, as a real producer should."""
_RETENTION: Final = {"retention.ms": "86400000"}
_PAUSE_SECONDS: Final = 0.1
_MOST: Final = 2_000
"""Messages that are written at once."""


def topics_on(kafka: str) -> SourceSettings:
    """Return the settings of a source on this broker (HOST:PORT), its two topics, named after this moment, created.

    Raises InputError within some seconds where the broker is away, does not answer or lets us create no topics.
    """
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    source = SourceSettings(
        kind="kafka",
        bootstrap_servers=(kafka,),
        group_id="foldwatch-demo",
        predictions=Input(topic=f"foldwatch-demo-predictions-{moment}"),
        labels=Input(topic=f"foldwatch-demo-labels-{moment}"),
    )
    client = open_client(source)
    try:
        for topic in filter(None, (source.predictions.topic, source.labels.topic)):
            client.create(topic, PARTITIONS, _RETENTION)
    except SourceUnavailable as away:
        finding = str(away).partition("; ")[0]  # what follows speaks of a configuration, which the demo has not
        remedy = "start the broker, or name another one; `make demo-kafka` starts one of its own"
        raise InputError(Problem("--kafka", finding, remedy)) from away
    finally:
        client.close()
    return source


class Feed:
    """Writes production's events to the topics of `source` as they happen, in a thread of its own."""

    def __init__(self, source: SourceSettings, production: Production, clock: Clock, client: Client) -> None:
        """Begin at BEGIN; nothing has been written yet. The feed closes the client."""
        self._source, self._production, self._clock, self._client = source, production, clock, client
        self._written = BEGIN - 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for it."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def write(self) -> None:
        """Write what has happened since the last time. Raises SourceUnavailable: then the next call does it again.

        What had arrived by then arrives twice, as with any producer that makes sure; it is not counted twice.
        """
        now = self._clock.now()
        events = self._production.between(self._written, now)
        for topic, messages in (
            (self._source.predictions.topic, predicted(events.predictions)),
            (self._source.labels.topic, labelled(events.labels)),
        ):
            for part in _parts(messages):
                self._client.produce(str(topic), part)
        self._written = now

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self.write()
            except SourceUnavailable:  # the daemon's page and its readiness say so
                self._stop.wait(1)


def predicted(columns: Columns) -> list[Produced]:
    """Return predictions as messages, keyed by their id."""
    rows = zip(columns.ids, columns.at.tolist(), columns.y_pred.tolist(), columns.scores.tolist(), strict=True)
    return [
        _message(
            {
                "prediction_id": name,
                "model": MODEL,
                "version": VERSION,
                "predicted_at": at,
                "y_pred": CLASSES[y_pred],
                "scores": dict(zip(CLASSES, scores, strict=True)),
            }
        )
        for name, at, y_pred, scores in rows
    ]


def labelled(columns: Columns) -> list[Produced]:
    """Return labels as messages, keyed by their prediction's id."""
    rows = zip(columns.ids, columns.at.tolist(), columns.y_true.tolist(), strict=True)
    return [
        _message({"prediction_id": name, "model": MODEL, "y_true": CLASSES[y_true], "labelled_at": at})
        for name, at, y_true in rows
    ]


def _message(event: dict[str, object]) -> Produced:
    return Produced(str(event["prediction_id"]).encode(), msgspec.json.encode(event), {})


def _parts(messages: Sequence[Produced]) -> Iterator[Sequence[Produced]]:
    for begin in range(0, len(messages), _MOST):
        yield messages[begin : begin + _MOST]
