"""A desk over a real state, ledger and folder of baselines, with a clock that stands still and chosen evidence."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field

from promoted_scene import CLASSES, LAYOUT, fabricated, settings_in

from monitor.baselines.file import document_bytes, write
from monitor.baselines.in_force import load_baselines
from monitor.clock import DAY, HOUR, ManualClock
from monitor.counts import Counts
from monitor.revalidate.desk import Ask, Candidate, Result
from monitor.revalidate.evidence.evidence import Seen
from monitor.revalidate.ledger.ledger import verify
from monitor.revalidate.writing.state_desk import StateDesk
from monitor.revalidate.writing.writer import known, open_ledger
from monitor.state.opened import open_state
from monitor.statistics.report import Maturity, WindowResult

NOW = 1_700_000_000_000 // HOUR * HOUR
MODEL = "churn"


@dataclass
class Opened:
    """A desk, and what stands behind it."""

    desk: StateDesk
    settings: object
    state: object
    ledger: object
    clock: ManualClock
    in_force: dict
    adopted: list = field(default_factory=list)


@contextmanager
def opened(settings, *, now=NOW, seen=None, state=None, same_machine=True):
    """Open everything, as whoever holds the state does; close it in the end."""
    own = open_state(settings) if state is None else state
    clock = ManualClock(now)
    ledger = None
    try:
        ledger = open_ledger(settings, own)
        in_force, adopted = dict(load_baselines(settings)), []

        def adopt(model, version, baseline):
            adopted.append((version, None if baseline is None else baseline.content_hash))
            if baseline is None:
                in_force.pop((model, version), None)
            else:
                in_force[model, version] = baseline

        desk = StateDesk(
            settings,
            own,
            ledger,
            clock,
            see=lambda: seen or Seen(now),
            baselines=lambda: in_force,
            adopt=adopt,
            same_machine=same_machine,
        )
        yield Opened(desk, settings, own, ledger, clock, in_force, adopted)
    finally:
        if ledger is not None:
            ledger.close()
        if state is None:
            own.close()


def scene(folder, **keys):
    """Return the settings of a model with a first baseline, that of version 3."""
    write(fabricated("3"), folder / "first.json")
    return settings_in(folder, **keys)


def ask(**more):
    """A forced question."""
    return Ask(**{"model": MODEL, "by": "me@here", "holder": "here/boot/1/2", "force": True, **more})


def begin(desk, **more):
    """Start a run and return its key."""
    [decision] = desk.decide(ask(**more))
    assert decision.decision == "start", decision
    return decision.run


def result(run, baseline, **more):
    """A baseline, handed in."""
    return Result(run, "me@here", Candidate(document_bytes(baseline), folds="row,fold\n", **more))


def promoted(desk, baseline, **more):
    """Start a run and hand a baseline in that passes."""
    decision = desk.hand_in(result(begin(desk, **more), baseline))
    assert decision.decision == "promoted", decision
    return decision


def kinds(settings):
    """The kinds of all entries of the ledger; of decisions also the word."""
    entries = [json.loads(line) for line in settings.ledger.read_bytes().splitlines()]
    return [f"{one['kind']} {one['decision']}" if one["kind"] == "decision" else one["kind"] for one in entries]


def entries(settings, kind):
    """The entries of one kind."""
    found = [json.loads(line) for line in settings.ledger.read_bytes().splitlines()]
    return [one for one in found if one["kind"] == kind]


def pointed(settings):
    """What `current.json` says of the model: version -> hash."""
    path = settings.models[MODEL].revalidation.promote_to / "current.json"
    if not path.exists():
        return {}
    return {v: name.removesuffix(".json") for v, name in json.loads(path.read_text()).get(MODEL, {}).items()}


def is_whole(settings, state):
    """Whether the ledger verifies against what the state knows."""
    return verify(settings.ledger, known(state, settings.ledger)) == []


def live(confusion, *, version="3", window="24h", end=NOW - HOUR):
    """What production delivered: one mature window."""
    flat = [n for row in confusion for n in row]
    counts = Counts.from_planes(
        LAYOUT, {"confusion": flat, "predicted": [sum(c) for c in zip(*confusion, strict=True)]}
    )
    whole = WindowResult(MODEL, version, None, window, end - DAY, end, end + HOUR, Maturity.MATURE, CLASSES, counts, ())
    return Seen(NOW, (whole,))
