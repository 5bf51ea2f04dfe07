"""Settings, logs and readable results for the tests of the sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.clock import parse_time
from monitor.config import Duration, Input, ModelSettings, Settings, SourceSettings
from monitor.counts import Layout
from monitor.sources.decoding.codec import Codec, Kind, batch_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from monitor.sources.source import Batch

NOW = parse_time("2026-06-01T00:00:00Z") or 0
HOUR = Duration(3_600_000, "1h")


def model(name="churn", classes=("stay", "leave"), positive=None, threshold=None, segments=()):
    layout = Layout(len(classes), len(classes) - 1 if positive is None else positive)
    return ModelSettings(
        name, tuple(classes), layout, (HOUR,), HOUR, HOUR, HOUR, segments=dict.fromkeys(segments), threshold=threshold
    )


def configured(*models, fields=None, label_fields=None, paths=(None, None), **source) -> Settings:
    source = {"default_model": "churn", "default_version": "3"} | source
    return Settings(
        {each.name: each for each in models or (model(),)},
        SourceSettings(
            predictions=Input(paths[0], fields=fields or {}),
            labels=Input(paths[1], fields=label_fields or {}),
            **source,
        ),
    )


def event(**fields: Any) -> dict[str, Any]:
    """Return a valid prediction with `fields` changed; `...` leaves one out."""
    known = {"prediction_id": "a", "predicted_at": "2026-01-01T00:00:00Z", "y_pred": "stay"} | fields
    return {name: value for name, value in known.items() if value is not ...}


def label(**fields: Any) -> dict[str, Any]:
    """Return a valid label with `fields` changed; `...` leaves one out."""
    known = {"prediction_id": "a", "labelled_at": "2026-01-02T00:00:00Z", "y_true": "leave"} | fields
    return {name: value for name, value in known.items() if value is not ...}


def lines(*events: Any) -> bytes:
    """Return JSON Lines; bytes are put in as they are."""
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in events)


def decode(settings: Settings, kind: Kind, buffer: bytes) -> Batch:
    codec = Codec(settings)
    return batch_of(codec, codec.decode(kind, buffer, now=NOW, place=lambda line: f"log:{line + 1}"))


def reasons(batch: Batch) -> list[str]:
    return [each.reason for each in batch.rejected]


def predictions(*batches: Batch, name: str = "churn") -> list[tuple[Any, ...]]:
    """Return (id, predicted_at, version, y_pred, scores, segments) of each prediction, None for NaN and code -1."""
    found = []
    for batch in batches:
        events = batch.models[name].predictions if name in batch.models else None
        for row in range(0 if events is None else len(events.ids)):
            scores = tuple(None if score != score else float(score) for score in events.scores[row])  # noqa: PLR0124 - NaN
            words = {key: _word(column, row) for key, column in events.segments.items()}
            at = int(events.predicted_at[row])
            found.append((events.ids[row], at, _word(events.version, row), int(events.y_pred[row]), scores, words))
    return found


def labels(*batches: Batch, name: str = "churn") -> list[tuple[Any, ...]]:
    """Return (id, labelled_at, y_true) of each label."""
    found: list[tuple[Any, ...]] = []
    for batch in batches:
        events = batch.models[name].labels if name in batch.models else None
        if events is not None:
            found += zip(events.ids.tolist(), events.labelled_at.tolist(), events.y_true.tolist(), strict=True)
    return found


def stream(*batches: Batch, name: str = "churn") -> list[tuple[Any, ...]]:
    """Return all events in the order of their `order`, batch by batch."""
    found: list[tuple[Any, ...]] = []
    for batch in batches:
        events = batch.models.get(name)
        parts = []
        if events is not None and events.predictions is not None:
            parts += zip(events.predictions.order.tolist(), predictions(batch, name=name), strict=True)
        if events is not None and events.labels is not None:
            parts += zip(events.labels.order.tolist(), labels(batch, name=name), strict=True)
        found += [each for _, each in sorted(parts, key=lambda part: part[0])]
    return found


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_bytes(lines(*rows))
    return path


def _word(words, row):
    code = int(words.codes[row])
    return None if code < 0 else words.words[code]
