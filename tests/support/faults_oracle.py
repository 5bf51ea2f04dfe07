"""What a daemon must come to, read by hand from the raw messages of two topics: slow, and independent of the product.

It takes what the contract makes independent of the order of reading between partitions; within one partition, to which
each id keeps, offsets are the order.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from faults_counters import bounds_of
from faults_events import CLASSES, CORRECTION, FIRST, HOUR, MOST_BYTES, PREDICTIONS, SEGMENTED
from history_oracle import Label, Prediction, World

_INTEGRAL = re.compile(r"(-?\d+)\.0+", re.ASCII)
_EARLIEST = 31_536_000_000
_FOREVER = 2**62


@dataclass(frozen=True)
class Record:
    """A message as a broker hands it out."""

    role: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int

    @property
    def place(self):
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    reason: str
    value: bytes


@dataclass(frozen=True)
class Truth:
    """The end of the story."""

    confusion: dict[tuple, dict[tuple[str, str], int]]
    """(model, version, segment or None, hour) -> (y_true, y_pred) -> labelled predictions; those with any."""
    predicted: dict[tuple, dict[str, int]]
    """(model, version, segment or None, hour) -> y_pred -> predictions."""
    totals: dict[str, dict[str, int]]
    """model -> predictions, matched, duplicate, label_first, labels; and `open` = waiting + expired."""
    dead_letters: dict[str, Letter]
    """TOPIC/PARTITION/OFFSET -> dead letter."""
    skipped: dict[str, int]
    """Reason -> messages."""
    read: int
    """Messages in all."""
    counters: dict[tuple[str, str], tuple[tuple[int, int], tuple[int, int]]]
    """(model, objective) -> the least and the most (events, bad) that any order of reading between partitions gives."""

    def events(self):
        """The part of the report's `events` that no order of reading changes."""
        found = Counter()
        for totals in self.totals.values():
            found.update(totals)
        reasons = Counter(letter.reason for letter in self.dead_letters.values())
        return {**found, "dead_letters": dict(reasons), "skipped": self.skipped}

    def window(self, model, version, segment=None):
        """(predictions, confusion) of all time."""
        mine = [key for key in self.predicted if key[:3] == (model, version, segment)]
        cells = Counter()
        for key in mine:
            cells.update(self.confusion.get(key, {}))
        classes = CLASSES[model]
        predictions = sum(sum(self.predicted[key].values()) for key in mine)
        return predictions, [[cells[i, j] for j in classes] for i in classes]


def truth_of(records: list[Record], latest: int) -> Truth:
    """Read everything; `latest` is a plausible moment that no good event exceeds and every bad one does."""
    predictions: dict[str, list[Prediction]] = {model: [] for model in CLASSES}
    labels: dict[str, list[Label]] = {model: [] for model in CLASSES}
    letters: dict[str, Letter] = {}
    skipped: Counter[str] = Counter()
    for record in sorted(records, key=lambda record: (record.topic, record.partition, record.offset)):
        try:
            event = json_of(record.value)
            model = _model(event)
            if record.role == PREDICTIONS:
                predictions[model].append(prediction_of(event, model, latest))
            else:
                labels[model].append(label_of(event, model, latest, record.timestamp))
        except Skipped as why:
            skipped[str(why)] += 1
        except Rejected as why:
            letters[record.place] = Letter(str(why), record.value)
    confusion: dict[tuple, Counter] = {}
    predicted: dict[tuple, Counter] = {}
    totals, counters = {}, {}
    for model in CLASSES:
        world = World(predictions[model], labels[model], _FOREVER, CORRECTION, FIRST)
        for p in world.identities.values():
            y_true = world.class_of(p)
            regions = [None, f"region={p.region}"] if model in SEGMENTED else [None]
            for region in regions:
                key = (model, p.version, region, p.at - p.at % HOUR)
                predicted.setdefault(key, Counter())[p.y_pred] += 1
                if y_true is not None:
                    confusion.setdefault(key, Counter())[y_true, p.y_pred] += 1
        counters.update(bounds_of(model, world))
        of_all = world.totals()
        unmatched = of_all.pop("waiting") + of_all.pop("expired")
        totals[model] = {**of_all, "open": unmatched}
    return Truth(confusion, predicted, totals, letters, dict(skipped), len(records), counters)


class Rejected(Exception):  # noqa: N818 - it says what became of a message
    """A dead letter, with its reason."""


class Skipped(Exception):  # noqa: N818 - it says what became of a message
    """Neither an event of ours nor a dead letter, with the reason."""


def reject(reason):
    raise Rejected(reason)


def skip(reason):
    raise Skipped(reason)


class _NoNumber(str):
    """NaN and the infinities, which JSON does not know."""

    __slots__ = ()


def json_of(value: bytes | None):
    if value is None:
        skip("tombstone")
    if len(value) > MOST_BYTES:
        reject("oversized")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        reject("not UTF-8")
    try:
        event = json.loads(text, parse_constant=_NoNumber)
    except (ValueError, RecursionError):
        reject("not JSON")
    if not isinstance(event, dict):
        reject("not an object")
    return event


def _model(event):
    model = _text(event.get("model")) or "churn"
    return model if model in CLASSES else skip("unknown model")


def prediction_of(event, model, latest):
    owner = _id(event)
    at = _moment(_needed(event, "predicted_at"), latest)
    y_pred = _class(_needed(event, "y_pred"), model)
    score = _score(event, model)
    version = _text(event.get("version")) or "3"
    region = (event.get("segment") or {}).get("region") or "(none)"
    return Prediction(owner, version, at, y_pred, score, region)


def label_of(event, model, latest, timestamp):
    owner = _id(event)
    given = event.get("labelled_at")
    at = _moment(timestamp if given is None else given, latest)
    if "y_true" not in event:
        reject("missing field")
    y_true = None if event["y_true"] is None else _class(event["y_true"], model)
    return Label(owner, at, y_true)


def _id(event):
    owner = _needed(event, "prediction_id")
    if not isinstance(owner, str | int) or isinstance(owner, bool) or not 0 < len(str(owner).encode()) <= 128:
        reject("bad id")
    return str(owner)


def _needed(event, name):
    if event.get(name) is None:
        reject("missing field")
    return event[name]


def _moment(value, latest):
    if isinstance(value, str):
        try:
            moment = round(datetime.fromisoformat(value).timestamp() * 1000)
        except ValueError:
            reject("bad time")
    elif isinstance(value, int) and not isinstance(value, bool):
        moment = value
    else:
        reject("bad time")
    if not _EARLIEST <= moment <= latest:
        reject("implausible time")
    return moment


def _text(value):
    if value is None:
        return None
    text = str(value)
    whole = _INTEGRAL.fullmatch(text)
    return whole[1] if whole else text


def _class(value, model):
    if isinstance(value, list | dict) or _text(value) not in CLASSES[model]:
        reject("unknown class")
    return _text(value)


def _score(event, model):
    """The positive class's score, or True for a full mapping; None where there is none."""
    scores = event.get("scores", {})
    if model == "churn" and "score" in event:
        scores = {"leave": event["score"]}
    if not scores:
        return None
    if not all(type(p) in {int, float} and 0 <= p <= 1 for p in scores.values()):
        reject("bad score")
    classes = CLASSES[model]
    if set(scores) == set(classes):
        if abs(sum(scores.values()) - 1) > 0.02:
            reject("bad score")
    elif model != "churn" or "leave" not in scores:
        reject("bad score")
    return scores.get("leave", True)
