"""A model in production that can be broken at will: predictions into one topic of Kafka, their labels into another.

Three of four customers stay. The model finds so many of those who leave as `--recall` says, and 96 % of those who stay.
A label comes five seconds after its prediction. `--out-of-fold F` writes instead what five folds of the same model said
at its best, from which deploy/compose/baselines/churn-3.json was built.

    python feed.py --kafka localhost:9092 --recall 0.97 --rate 20
"""

# ruff: noqa: INP001 - a script that is mounted into a container
from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMISED = 0.97
SPECIFICITY = 0.96
LEAVE_SHARE = 0.25
FOLDS, ROWS = 5, 600
LABEL_AFTER = timedelta(seconds=5)
SEED = 20


class Customer(NamedTuple):
    """One prediction, and what became of it."""

    y_true: str
    y_pred: str
    score: float
    """Of `leave`."""


def customers(chance: random.Random, recall: float) -> Iterator[Customer]:
    """Yield customers without end."""
    while True:
        leaves = chance.random() < LEAVE_SHARE
        right = chance.random() < (recall if leaves else SPECIFICITY)
        called = leaves == right
        score = 0.5 + chance.betavariate(4, 2) / 2 if called else chance.betavariate(2, 4) / 2
        yield Customer("leave" if leaves else "stay", "leave" if called else "stay", round(score, 4))


def out_of_fold() -> str:
    """Return the table that `foldwatch baseline build` reads."""
    lines, chosen = ["fold,y_true,y_pred,score"], customers(random.Random(SEED), PROMISED)
    for fold in range(FOLDS):
        lines += [f"{fold},{one.y_true},{one.y_pred},{one.score}" for one, _ in zip(chosen, range(ROWS), strict=False)]
    return "\n".join(lines) + "\n"


def feed(bootstrap: str, recall: float, rate: float, count: int | None) -> int:
    """Send until a signal comes, or so many predictions; return how many were sent. All have their label then."""
    from kafka import KafkaProducer  # noqa: PLC0415 - the table is written without it

    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopped.append(number))
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50)
    waiting: deque[tuple[datetime, str, str]] = deque()
    began, sent, chosen = time.monotonic(), 0, customers(random.Random(), recall)

    def label(until: datetime) -> None:
        while waiting and waiting[0][0] <= until:
            at, name, y_true = waiting.popleft()
            send(producer, "labels", name, {"model": "churn", "y_true": y_true, "labelled_at": at.isoformat()})

    while not stopped and sent != count:
        now = datetime.now(UTC)
        due = int((time.monotonic() - began) * rate) - sent
        for one, _ in zip(chosen, range(due if count is None else min(due, count - sent)), strict=False):
            name, sent = str(uuid.uuid4()), sent + 1
            event = {"model": "churn", "version": "3", "y_pred": one.y_pred, "scores": one.score}
            send(producer, "predictions", name, event | {"predicted_at": now.isoformat()})
            waiting.append((now + LABEL_AFTER, name, one.y_true))
        label(now)
        time.sleep(0.05)
    label(datetime.max.replace(tzinfo=UTC))
    producer.flush()
    producer.close()
    return sent


def send(producer: object, topic: str, name: str, event: dict[str, object]) -> None:
    """Send one event, under its prediction's name: both of a pair have the same key."""
    # An object to the type checker: the library is imported where it is needed, and ships no types.
    producer.send(topic, key=name.encode(), value=json.dumps({"prediction_id": name} | event).encode())  # type: ignore[attr-defined]


def main() -> int:
    """Read the options, and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--recall", type=float, default=PROMISED, help="how many of those who leave are found")
    parser.add_argument("--rate", type=float, default=20.0, help="predictions a second")
    parser.add_argument("--count", type=int, help="end after so many predictions (default: SIGTERM or Ctrl-C)")
    parser.add_argument("--out-of-fold", type=Path, metavar="F", help="write the folds' table, and send nothing")
    arguments = parser.parse_args()
    if arguments.out_of_fold is not None:
        arguments.out_of_fold.write_text(out_of_fold())
        return 0
    print(f"feeding {arguments.kafka}: recall {arguments.recall}, {arguments.rate} predictions a second", flush=True)  # noqa: T201 - for `docker compose logs feed`
    print(f"{feed(arguments.kafka, arguments.recall, arguments.rate, arguments.count)} predictions sent", flush=True)  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
