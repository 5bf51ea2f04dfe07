"""Raw messages as a bad day brings them, from one seed: two topics, three models, several versions, and every fault.

What is counted for objectives depends on the order of reading. Of the model ORDERLY no order of reading between
partitions changes it: its first predictions are the earliest, its labels come in the order of their times.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
PREDICTIONS, LABELS = "predictions", "labels"
CORRECTION, FIRST = 2 * DAY, 6 * HOUR
"""The windows of belonging in CONFIG."""
MOST_BYTES = 2**20
"""A longer event is `oversized`."""
CLASSES = {"churn": ("stay", "leave"), "digit": ("0", "1", "2"), "claim": ("no", "yes")}
SEGMENTED = ("churn", "claim")
ORDERLY = "claim"
OBJECTIVES = (
    ("churn", "leave-recall", "recall", "leave", None),
    ("churn", "accuracy", "accuracy", None, "region=eu"),
    ("digit", "ones", "precision", "1", None),
    ("claim", "yes-recall", "recall", "yes", None),
    ("claim", "yes-precision", "precision", "yes", "region=größer"),
    ("claim", "yes-specificity", "specificity", "yes", "region=(none)"),
    ("claim", "accuracy", "accuracy", None, None),
)
"""(model, name, metric, class, segment), all of them of occurrences."""
MODELS = """
models:
  churn:
    classes: [stay, leave]
    positive: leave
    windows: [1h, 24h, 60d]
    label_horizon: 1d
    correction_window: 2d
    label_first_wait: 6h
    segments: [region]
  digit:
    classes: ["0", "1", "2"]
    windows: [60d]
    label_horizon: 1d
    correction_window: 2d
    label_first_wait: 6h
  claim:
    classes: ["no", "yes"]
    windows: [60d]
    label_horizon: 1d
    correction_window: 2d
    label_first_wait: 6h
    segments: [region]
"""


@dataclass(frozen=True)
class Message:
    """What a producer sends. It comes after all messages with a smaller `timestamp`."""

    role: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int


@dataclass(frozen=True)
class Day:
    """How bad it gets; shares are of the events."""

    ids: int = 800
    span: int = 20 * DAY
    partitions: tuple[int, int] = (4, 3)
    duplicates: float = 0.10
    corrections: float = 0.05
    labels_first: float = 0.03
    garbage: float = 0.01
    foreign: float = 0.01
    tombstones: float = 0.005
    strangers: float = 0.02
    """Labels of ids that nobody predicted."""
    burst: float = 0.2
    """Of the ids these come within a two-hundredth of the time."""
    large: int = 1
    """Valid messages of 1 MB and oversized ones, so many of each for each topic."""
    heavy: int = 0
    """Bytes of each prediction in partition 0, which is therefore read slower than the others."""


@dataclass
class Writing:
    """The messages so far."""

    rng: random.Random
    day: Day
    messages: list[Message] = field(default_factory=list)

    def send(self, role, key, value, at):
        """`at` is when the message is sent, which the broker notes."""
        partitions = self.day.partitions[role == LABELS]
        place = zlib.crc32(key) % partitions if key is not None else self.rng.randrange(partitions)
        if role == PREDICTIONS and place == 0 and value is not None and value[-1:] == b"}" and self.day.heavy:
            value = _padded(value, max(self.day.heavy, len(value)))
        self.messages.append(Message(role, place, key, value, at))


def generate(seed: int, begin: int, day: Day | None = None) -> list[Message]:
    """All messages, in the order in which they are sent; event times lie in [begin, begin + span + 3 days)."""
    rng = random.Random(f"faults {seed}")
    day = day or Day()
    writing = Writing(rng, day)
    calm = begin + rng.randrange(day.span // 2)
    for number in range(day.ids):
        at = begin + rng.randrange(day.span)
        if rng.random() < day.burst:
            at = calm + rng.randrange(day.span // 200)
        _life(writing, f"{seed}-{number}", at)
    sent = len(writing.messages)
    for number in range(math.ceil(day.strangers * sent)):
        at = begin + rng.randrange(day.span)
        owner = f"stranger-{number}"
        writing.send(LABELS, owner.encode(), _label(writing, "churn", owner, at, "stay"), at)
    for _ in range(math.ceil(day.foreign * sent)):
        _foreign(writing, begin + rng.randrange(day.span))
    for _ in range(math.ceil(day.tombstones * sent)):
        owner = f"{seed}-{rng.randrange(day.ids)}"
        writing.send(rng.choice((PREDICTIONS, LABELS)), owner.encode(), None, begin + rng.randrange(day.span))
    faults = [*_faulty_predictions(rng), *_faulty_labels(rng)]
    rng.shuffle(faults)
    for number in range(max(math.ceil(day.garbage * sent), len(faults))):
        role, value = faults[number % len(faults)]
        writing.send(role, rng.choice((None, b"k%d" % number)), value, begin + rng.randrange(day.span))
    for number in range(day.large):
        at = begin + rng.randrange(day.span)
        for size in (MOST_BYTES, MOST_BYTES + 1 + rng.randrange(100_000)):
            owner = f"large-{number}-{size}"
            key = owner.encode()
            writing.send(PREDICTIONS, key, _padded(_prediction(writing, "churn", "3", owner, at, "leave"), size), at)
            writing.send(LABELS, key, _padded(_label(writing, "churn", owner, at + HOUR, "stay"), size), at + HOUR)
    return sorted(writing.messages, key=lambda message: message.timestamp)


def _life(writing, owner, at):
    """One id: its predictions, one for each version that scores it, its labels, and what is sent twice."""
    rng, day = writing.rng, writing.day
    model = rng.choices(("churn", "digit", ORDERLY), (0.65, 0.15, 0.2))[0]
    orderly = model == ORDERLY
    classes = CLASSES[model]
    truth = rng.choice(classes)
    key = owner.encode()
    # A message that is sent late belongs to times that are still open then.
    late = rng.randrange(HOUR) if rng.random() < 0.05 and not orderly else 0
    versions = ["3", "4"] if rng.random() < 0.2 else [rng.choice(["3", "3", "3", "4"])]
    for version in versions:
        moment = at + (rng.randrange(MINUTE) if version == "4" else 0)
        said = truth if rng.random() < 0.8 else rng.choice(classes)
        value = _prediction(writing, model, version, owner, moment, said)
        writing.send(PREDICTIONS, key, value, moment + late)
        if rng.random() < day.duplicates:
            again = rng.choice([0, 0, 1, -1, MINUTE, -MINUTE, 20 * MINUTE, -20 * MINUTE])
            again = abs(again) if orderly else again
            if again or rng.random() < 0.5:
                value = _prediction(writing, model, version, owner, moment + again, rng.choice(classes))
            writing.send(PREDICTIONS, key, value, moment + late + rng.randrange(HOUR))
    if rng.random() < 0.9:
        _truth(writing, model, owner, at, late, truth)


def _truth(writing, model, owner, at, late, truth):
    """The labels of one id: the first, perhaps corrected or retracted, perhaps sent twice."""
    rng, day = writing.rng, writing.day
    classes, key = CLASSES[model], owner.encode()
    if rng.random() < day.labels_first:
        longest = [] if late else [FIRST, FIRST + 2 * MINUTE]
        moment = at - rng.choice([1, SECOND, HOUR, 4 * HOUR, *longest])
        late = 0
    else:
        moment = at + rng.choice([0, SECOND, MINUTE, HOUR, 5 * HOUR, DAY, int(1.5 * DAY)]) + rng.randrange(2 * HOUR)
        if rng.random() < 0.02:
            moment = at + rng.choice([CORRECTION, CORRECTION + 2 * MINUTE, CORRECTION + 3 * HOUR])
            late = 0
    labels = [(moment, truth)]
    if rng.random() < day.corrections:
        labels.append((moment + rng.choice([1 if model == ORDERLY else 0, 1, HOUR]), rng.choice([*classes, None])))
        if rng.random() < 0.3:
            labels.append((moment + 2 * HOUR, rng.choice([*classes, None])))
    for moment, y_true in labels:
        value = _label(writing, model, owner, moment, y_true)
        delay = 0 if b"labelled_at" not in value else late
        writing.send(LABELS, key, value, moment + delay)
        if rng.random() < day.duplicates and delay == late and b"labelled_at" in value:
            writing.send(LABELS, key, value, moment + delay + rng.randrange(HOUR))


def _prediction(writing, model, version, owner, at, y_pred):
    rng = writing.rng
    event = {"prediction_id": owner, "predicted_at": _time(rng, at), "y_pred": _class(rng, y_pred)}
    if model != "churn" or rng.random() < 0.5:
        event["model"] = model
    if version != "3" or rng.random() < 0.5:
        event["version"] = rng.choice([version, int(version)])
    chance = rng.random()
    if model in SEGMENTED:
        event["segment"] = {"region": rng.choice(["eu", "us", "größer"])}
        if rng.random() < 0.1:
            del event["segment"]
    if model == "churn":
        p = round(rng.random(), 3)
        if chance < 0.4:
            event["score"] = p
        elif chance < 0.6:
            event["scores"] = {"leave": p}
        elif chance < 0.8:
            event["scores"] = {"leave": p, "stay": 1 - p}
    elif model == "digit" and chance < 0.8:
        p = round(rng.random() / 2, 3)
        event["scores"] = {"0": p, "1": 0.3, "2": 0.7 - p}
    return _written(rng, event)


def _label(writing, model, owner, at, y_true):
    """A label; one without `labelled_at` has to be sent at that very moment."""
    rng = writing.rng
    event = {"prediction_id": owner, "y_true": None if y_true is None else _class(rng, y_true), "model": model}
    if rng.random() < 0.9:
        event["labelled_at"] = _time(rng, at)
    if model == "churn" and rng.random() < 0.5:
        del event["model"]
    return _written(rng, event)


def _written(rng, event):
    """JSON in any of its dresses: a message may well hold line feeds."""
    dress = rng.random()
    if dress < 0.85:
        return json.dumps(event).encode()
    if dress < 0.95:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return json.dumps(event, indent=1).encode() + rng.choice([b"", b"\n"])


def _padded(event, size):
    padded = event.rstrip()[:-1] + b', "features": "'
    return padded + b"x" * (size - len(padded) - 2) + b'"}' if size > len(padded) + 2 else event


def _time(rng, at):
    if rng.random() < 0.5:
        return at
    seconds, millis = divmod(at, SECOND)
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{millis:03d}Z")


def _class(rng, text):
    return rng.choice([text, int(text), float(text)]) if text.isdigit() else text


def _foreign(writing, at):
    rng = writing.rng
    role = rng.choice((PREDICTIONS, LABELS))
    event = rng.choice(
        [
            {"model": "fraud", "prediction_id": "f1", "predicted_at": at, "y_pred": "bad", "y_true": "bad"},
            {"model": "pricing", "price": 12.5},
        ]
    )
    writing.send(role, b"foreign", json.dumps(event).encode(), at)


def _faulty_predictions(rng):
    good = {"prediction_id": "bad-p", "predicted_at": "2026-01-05T10:00:00Z", "y_pred": "stay", "model": "churn"}
    events = [
        *({**good, "prediction_id": wrong} for wrong in ("", "x" * 129, "ü" * 65, 1.5, True, ["a"])),
        *({name: value for name, value in good.items() if name != gone} for gone in ("prediction_id", "y_pred")),
        {**good, "predicted_at": None},
        {**good, "y_pred": "perhaps"},
        *({**good, "predicted_at": wrong} for wrong in ("yesterday", "2026-13-01T00:00:00Z", [])),
        *({**good, "predicted_at": wrong} for wrong in (1_767_225_600, "2199-01-01T00:00:00Z", -1)),
        *({**good, "score": wrong} for wrong in (1.5, -0.1, "high", math.nan, math.inf)),
        {**good, "scores": {"stay": 0.5, "leave": 0.7}},
        {**good, "scores": {"stay": 0.5}},
        {**good, "model": "digit", "y_pred": 1, "scores": {"0": 0.5, "1": 0.5}},
        {**good, "model": "digit", "y_pred": 1, "scores": {"0": 0.5, "1": 0.5, "2": 0.5}},
    ]
    values = [json.dumps(event).encode() for event in events]
    whole = json.dumps(good).encode()
    values += [whole[:-1], whole + whole, whole + b"\n" + whole, b"nonsense", b"{", b"\x00", b"[" * 5000]
    values += [b"[1, 2]", b'"text"', b"42", b"null", b"true"]
    values += [b"\xff\xfe\x00", whole.replace(b"bad-p", b"\xe9"), b'{"prediction_id": "\xed\xa0\x80"}']
    return [(PREDICTIONS, value) for value in rng.sample(values, len(values))]


def _faulty_labels(rng):
    good = {"prediction_id": "bad-l", "labelled_at": "2026-01-05T10:00:00Z", "y_true": "stay"}
    events = [
        {**good, "prediction_id": "x" * 500},
        {name: value for name, value in good.items() if name != "prediction_id"},
        {name: value for name, value in good.items() if name != "y_true"},
        {**good, "y_true": "maybe"},
        {**good, "y_true": ["stay"]},
        {**good, "labelled_at": "soon"},
        {**good, "labelled_at": 1_767_225_600},
        {**good, "labelled_at": "2199-01-01T00:00:00Z"},
    ]
    values = [json.dumps(event).encode() for event in events]
    values += [b"\xff", b"{}{}", b"[]", b'{"prediction_id": "a", "y_true": "stay"']
    return [(LABELS, value) for value in rng.sample(values, len(values))]
