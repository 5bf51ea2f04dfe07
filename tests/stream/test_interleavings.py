"""However fast each partition is read, whatever waits where: the same events end in the same counts."""

from __future__ import annotations

import itertools
import json
import random
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_client import ScriptedClient, ticking

from monitor.clock import HOUR, MINUTE, ManualClock
from monitor.config import Duration, Input, ModelSettings, Objective, Settings, SourceSettings
from monitor.counts import Layout
from monitor.counts.slices import AgingSlices
from monitor.sources.broker.client import Partition
from monitor.sources.broker.topics import Topics
from monitor.state.memory import MemoryState
from monitor.stream import Stream

AT = 1_767_225_600_000
PARTS, ROUNDS, IDS = 4, 12, 5
MODEL = ModelSettings(
    "m",
    ("a", "b"),
    Layout(2),
    (Duration(HOUR, "1h"),),
    Duration(HOUR, "1h"),
    Duration(2 * HOUR, "2h"),
    Duration(30 * MINUTE, "30m"),
    segments={"region": ("eu", "us")},
    objectives=(
        Objective("right", "accuracy", None, "1h", target=Decimal("0.9"), kind="occurrences"),
        Objective("b", "recall", "b", "1h", "region=us", target=Decimal("0.9"), kind="occurrences"),
    ),
)
SETTINGS = Settings(
    {"m": MODEL},
    SourceSettings(
        kind="kafka", predictions=Input(topic="p"), labels=Input(topic="q"), default_model="m", default_version="1"
    ),
)


def history(seed):
    """Rounds of events, an hour apart: each is written to all partitions before the next one is."""
    rng = random.Random(seed)
    rounds = [{Partition(topic, part): [] for topic in "pq" for part in range(PARTS)} for _ in range(ROUNDS)]
    for number, part, one in itertools.product(range(ROUNDS), range(PARTS), range(IDS)):
        prediction = {
            "prediction_id": f"{number}-{part}-{one}",
            "predicted_at": AT + number * HOUR + rng.randrange(1_000),
            "y_pred": rng.choice("ab"),
            "segment": {"region": rng.choice(["eu", "us"])},
        }
        rounds[number][Partition("p", part)] += [prediction] * rng.choice([1, 1, 1, 2])
        # One label: of several the order of reading says which is the correction. Some come before, some too late.
        then = number + rng.choice([-1, 0, 0, 1, 2, 3, 5, ROUNDS])
        if 0 <= then < ROUNDS:
            label = {
                "prediction_id": prediction["prediction_id"],
                "labelled_at": AT + then * HOUR + rng.randrange(1_000),
                "y_true": rng.choice(["a", "b", None]),
            }
            rounds[then][Partition("q", rng.randrange(PARTS))].append(label)
    return [
        {each: [json.dumps(event).encode() for event in events] for each, events in written.items()}
        for written in rounds
    ]


def counted(rounds, script):
    """Read all rounds as the script says; what was counted, and what became of every event."""
    last = itertools.cycle((number, 10_000, True) for number in range(2 * PARTS))
    client = ScriptedClient(rounds, itertools.chain(script, last))
    source = Topics(SETTINGS, ManualClock(AT + 1000 * HOUR), client, most=50, monotonic=ticking())
    state = MemoryState(SETTINGS.models, always_kept=10)
    stream = Stream(SETTINGS, source, state, AgingSlices.at(AT + 1000 * HOUR), skip_old=True)
    quiet = 0
    while quiet < 20:  # long enough for the ends to be asked for once more
        quiet = 0 if stream.step().read or not client.done else quiet + 1
    slices = {each: dict(state.slices(each, 0, AT + 1000 * HOUR)) for each in state.series()}
    return slices, state.objectives(), stream.totals(), state.skipped(), state.rows("m")


@cache
def expected(seed):
    """What is counted where everything is read as it is written."""
    return counted(history(seed), [(number, 10_000, number == 0) for _ in range(ROUNDS) for number in range(2 * PARTS)])


SPEEDS = st.lists(st.tuples(st.integers(0, 2 * PARTS - 1), st.integers(0, 30), st.booleans()), max_size=150)


def test_most_has_been_forgotten_in_the_end():
    _, objectives, totals, skipped, rows = expected(1)
    assert objectives["m", "right"].events == totals.matched
    assert objectives["m", "right"].events > objectives["m", "b"].events > objectives["m", "b"].bad > 0
    assert totals.expired > 50
    assert rows < 200
    assert skipped == {}


@settings(max_examples=15)
@given(st.integers(0, 2), SPEEDS)
def test_any_interleaving_of_partitions_ends_in_the_same_counts(seed, script):
    assert counted(history(seed), script)[:4] == expected(seed)[:4]


@pytest.mark.parametrize("slow", range(2 * PARTS))
def test_a_partition_that_is_read_last_finds_all_that_belongs_to_it(slow):
    fast = [number for number in range(2 * PARTS) if number != slow]
    script = [(number, 7, number == fast[0]) for _ in range(60) for number in fast]
    assert counted(history(1), script)[:4] == expected(1)[:4]
