"""The durable state says what memory says, whatever the batches and however often it is opened again."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from stream_drive import OCCURRENCES, GivenSource, batch_of, settings_of

from monitor.clock import DAY, HOUR
from monitor.counts.slices import FixedSlices
from monitor.state import MemoryState
from monitor.state.disk.durable import RocksState
from monitor.stream import Stream

CORRECTION, FIRST_WAIT = 8, 3
REACH = CORRECTION + FIRST_WAIT
SETTINGS = settings_of(unit=HOUR, correction=CORRECTION, first_wait=FIRST_WAIT, objectives=OCCURRENCES)
LAYOUT = SETTINGS.models["m"].layout

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk would only make these laws slower
ids, moments = st.sampled_from(["a", "b", "ü" * 40]), st.integers(0, 60)
predictions = st.tuples(
    st.just("p"),
    ids,
    st.sampled_from(["1", "2"]),
    moments,
    st.integers(0, 2),
    st.sampled_from(["eu", "us", None]),
    st.sampled_from([None, (0.1, 0.2, 0.7), (1 / 3, 1 / 3, 1 - 2 / 3)]),
)
labels = st.tuples(st.just("l"), ids, moments, st.sampled_from([-2, 0, 1, 2]))
events = st.lists(st.one_of(predictions, labels, labels), max_size=20)
cuts = st.lists(st.integers(0, 20), max_size=6)
again = st.sets(st.integers(0, 7))
"""Batches before which the state is closed and opened."""


def at(event):
    """When an event was, in hours."""
    return event[3] if event[0] == "p" else event[2]


def timed(event):
    """The event with its moment in ms."""
    return (*event[:3], event[3] * HOUR, *event[4:]) if event[0] == "p" else (*event[:2], event[2] * HOUR, event[3])


def batches_of(found, edges, passed):
    """The events in batches, each with its offset and what has passed."""
    edges = [0, *sorted(min(edge, len(found)) for edge in edges), len(found)]
    return [
        batch_of([timed(e) for e in found[lo:hi]], LAYOUT, offsets={"p/0": hi}, passed=passed(found[:hi]))
        for lo, hi in pairwise(edges)
    ]


def told(state):
    """Everything that a state tells."""
    return {
        "offsets": state.offsets(),
        "slices": {s: found for s in state.series() if (found := list(state.slices(s, -DAY, 400 * DAY)))},
        "model": state.model("m"),
        "totals": state.totals(),
        "skipped": state.skipped(),
        "objectives": state.objectives(),
    }


def memory(batches, **more):
    """What memory tells after all batches."""
    state = MemoryState(SETTINGS.models, **more)
    stream = Stream(SETTINGS, GivenSource(batches), state, FixedSlices(HOUR), skip_old=True)
    for _ in batches:
        stream.step()
    return told(state)


def durable(batches, reopened, **more):
    """What the durable state tells after all batches, opened again before some of them and in the end."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        state = RocksState(Path(folder), SETTINGS.models, **more)
        for number, batch in enumerate(batches):
            if number in reopened:
                state.close()
                state = RocksState(Path(folder), SETTINGS.models, **more)
            Stream(SETTINGS, GivenSource([batch]), state, FixedSlices(HOUR), skip_old=True).step()
        before = told(state)
        state.close()
        state = RocksState(Path(folder), SETTINGS.models, **more)
        after = told(state)
        state.close()
    assert before == after
    return after


@settings(max_examples=25, deadline=None)
@given(events, cuts, again, st.integers(0, 80))
def test_it_tells_what_memory_tells_however_often_it_is_opened_again(found, edges, reopened, passed):
    batches = batches_of(found, edges, lambda _: passed * HOUR)
    assert durable(list(batches), reopened) == memory(list(batches))


def in_order(found):
    """Events in the order of their own times, without predictions that come again when they may be forgotten."""
    first: dict[tuple[str, str], int] = {}
    ordered = sorted(found, key=lambda event: (at(event), event[0] == "l"))
    return [e for e in ordered if e[0] == "l" or at(e) <= first.setdefault(e[1:3], at(e)) + REACH]


@settings(max_examples=25, deadline=None)
@given(events.map(in_order), cuts, again)
def test_forgetting_loses_nothing_when_events_come_in_order(found, edges, reopened):
    batches = batches_of(found, edges, lambda read: max(map(at, read), default=0) * HOUR)
    kept = memory(list(batches))
    forgetful = durable(list(batches), reopened, always_kept=0)
    assert kept.pop("model") == kept_model(forgetful.pop("model"))
    assert forgetful == kept


def kept_model(model):
    """What is known of a model, had nothing been forgotten."""
    return type(model)(*(None if name == "forgotten" else getattr(model, name) for name in model.__dataclass_fields__))
