"""Drives a state through the one loop with batches that a seed makes; run as a script it is the process that dies.

    python durable_drive.py FOLDER BATCHES

opens the state in FOLDER, goes on where it says, prints a line for each step, and ends with the last batch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from stream_drive import OCCURRENCES, batch_of, settings_of

from monitor.clock import DAY, HOUR, MINUTE
from monitor.counts.slices import FixedSlices
from monitor.state import MemoryState
from monitor.state.disk.durable import RocksState
from monitor.stream import Stream

SETTINGS = settings_of(unit=HOUR, correction=8, first_wait=3, objectives=OCCURRENCES)
LAYOUT = SETTINGS.models["m"].layout
PER_BATCH = 60
PARTITION = "p/0"


def told(state):
    """Everything that a state tells."""
    return {
        "offsets": state.offsets(),
        "slices": {s: found for s in state.series() if (found := list(state.slices(s, -DAY, 4000 * DAY)))},
        "models": {name: state.model(name) for name in SETTINGS.models},
        "totals": state.totals(),
        "dead letters": state.dead_letters(),
        "skipped": state.skipped(),
        "boundary": state.boundary(),
        "objectives": state.objectives(),
    }


def begins(number):
    """When the events of a batch begin."""
    return 30 * DAY + number * 10 * MINUTE


def batch(number):
    """The batch of this number: ten minutes of predictions, and labels of the last hours in any order."""
    rng = np.random.default_rng((11, number))
    now = begins(number) + 10 * MINUTE
    events = []
    for at in range(PER_BATCH):
        n = number * PER_BATCH + at
        kind = rng.random()
        own = max(0, n - int(rng.exponential(6 * 6 * PER_BATCH / 4)))
        text = f"id-{own if kind > 0.5 else n}"
        moment = now - int(rng.integers(0, 10)) * MINUTE
        if kind < 0.5 or kind > 0.97:
            version = "1" if rng.random() < 0.9 else "2"
            scores = None if rng.random() < 0.1 else tuple(rng.dirichlet(np.ones(3)))
            events.append(("p", text, version, moment, int(rng.integers(0, 3)), ["eu", "us", None][n % 3], scores))
        else:
            events.append(("l", text, moment, int(rng.choice([0, 1, 2, -2], p=[0.4, 0.3, 0.25, 0.05]))))
    return batch_of(
        events,
        LAYOUT,
        offsets={PARTITION: number + 1},
        passed=now - HOUR,
        skipped={"unknown model": 1} if number % 3 == 0 else {},
    )


class Seeded:
    """A source of so many batches."""

    def __init__(self, batches):
        self.batches, self.next = batches, 0

    def poll(self):
        self.next += 1
        return batch(self.next - 1)

    def seek(self, offsets):
        self.next = offsets.get(PARTITION, 0)

    def commit(self, offsets):
        pass

    def close(self):
        pass


def run(state, batches, each=None):
    """Take all batches from where the state says; old slices are dropped on the way."""
    source = Seeded(batches)
    stream = Stream(SETTINGS, source, state, FixedSlices(HOUR), skip_old=True)
    for number in range(state.offsets().get(PARTITION, 0), batches):
        if number % 7 == 6:
            state.drop_slices("m", begins(number) - 3 * HOUR)
        stream.step()
        if each is not None:
            each(number + 1)
    return state


def remembered(batches):
    """What memory tells after so many batches."""
    return told(run(MemoryState(SETTINGS.models), batches))


def remembered_after_each(batches):
    """What memory tells after each batch, and before the first."""
    state = MemoryState(SETTINGS.models)
    found = [told(state)]
    run(state, batches, lambda _: found.append(told(state)))
    return found


def opened(folder, **more):
    """The durable state in a folder."""
    return RocksState(Path(folder), SETTINGS.models, **more)


def say(what):
    """A line for whoever reads us."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    mine = opened(sys.argv[1])
    run(mine, int(sys.argv[2]), say)
    mine.close()
    say("closed")
