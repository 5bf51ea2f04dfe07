"""Whether a story ended well: what daemon, state and dead letters say, against the truth and an undisturbed reading."""

from __future__ import annotations

from faults_counters import are_certain, are_counted, exported
from faults_events import CLASSES, HOUR, PREDICTIONS
from faults_oracle import Letter

from monitor.clock import ManualClock
from monitor.config import load
from monitor.counts import Counts
from monitor.counts.slices import FixedSlices
from monitor.sources.opened import open_source
from monitor.state.memory import MemoryState
from monitor.state.opened import open_state
from monitor.stream import Stream

_FOREVER = 2**62
_OF_LABELS = ("applied", "corrected", "retracted", "repeated", "orphan", "labels_waiting")


def ends_well(scene, daemon=None, *, dead_letters=True, orderly=True):
    """Settle the last daemon, question it, end it, and look at everything it leaves behind.

    `orderly`: the messages of each id came in the order in which they were generated.
    """
    truth = scene.truth()
    if orderly:
        are_certain(truth.counters)
    daemon = daemon or scene.start()
    daemon.settle(truth.read)
    says_the_truth(daemon.report(), truth)
    shown = exported(daemon.get("metrics")[1])
    assert shown.keys() == truth.counters.keys()
    are_counted(shown, truth.counters)
    daemon.stop()
    assert daemon.said.rstrip().splitlines()[-1].find('"stopped"') > 0, daemon.said[-1000:]
    keeps_the_truth(scene, truth)
    if dead_letters:
        assert letters_of(scene) == truth.dead_letters
    return truth


def says_the_truth(report, truth):
    """The report of a daemon: its totals, and its windows that span everything."""
    events, expected = report["events"], truth.events()
    assert events["waiting"] + events["expired"] == expected.pop("open"), (events, truth.totals)
    assert {name: events[name] for name in expected} == expected
    assert events["labels"] == sum(events[name] for name in _OF_LABELS)
    newest = {
        (window["model"], window["version"], window["segment"]): window
        for window in sorted(report["windows"], key=lambda window: window["end"])
        if window["window"] == "60d"
    }
    assert newest.keys() == {key[:3] for key in truth.predicted}
    for (model, version, segment), window in newest.items():
        predictions, confusion = truth.window(model, version, segment)
        assert (window["predictions"], window["confusion"]["counts"]) == (predictions, confusion), (model, version)


def keeps_the_truth(scene, truth, *, undisturbed=True):
    """What the state holds; `undisturbed`: to the byte what an undisturbed reading of the same messages gives."""
    settings = load(scene.config())
    state = open_state(settings)
    try:
        kept, totals = hours_of(state), state.totals()
        counters = state.objectives()
        offsets, letters, skipped = dict(state.offsets()), dict(state.dead_letters()), dict(state.skipped())
    finally:
        state.close()
    counts_are_true(kept, truth)
    totals_are_true(totals, truth)
    are_counted(counters, truth.counters)
    expected = truth.events()
    assert (letters, skipped) == (expected["dead_letters"], expected["skipped"])
    assert _read_to(offsets) == ends_of(scene)
    if undisturbed:
        expected = undisturbed_hours(scene, settings)
        assert kept.keys() == expected.keys()
        for key, counts in kept.items():
            assert counts.to_json() == expected[key].to_json(), key


def counts_are_true(kept, truth):
    """Confusion and predictions of each hour of each series."""
    assert kept.keys() == truth.predicted.keys()
    for key, counts in kept.items():
        classes = CLASSES[key[0]]
        confusion, predicted = counts.plane("confusion"), counts.plane("predicted")
        cells = {
            (classes[i], classes[j]): int(confusion[i, j])
            for i in range(len(classes))
            for j in range(len(classes))
            if confusion[i, j]
        }
        assert cells == truth.confusion.get(key, {}), key
        assert {classes[j]: int(n) for j, n in enumerate(predicted) if n} == truth.predicted[key], key


def totals_are_true(totals, truth):
    for model, expected in truth.totals.items():
        of_model = totals[model]
        found = {name: getattr(of_model, name) for name in expected if name != "open"}
        assert {**found, "open": of_model.waiting + of_model.expired} == expected, model
        assert of_model.labels == sum(getattr(of_model, name) for name in _OF_LABELS)


def has_forgotten(scene):
    """Whether the state has forgotten rows that nothing needs any more."""
    state = open_state(load(scene.config()))
    try:
        return state.model("churn").forgotten is not None
    finally:
        state.close()


def letters_of(scene):
    """Place -> dead letter, as the topic has them; one that was written twice says the same twice."""
    found = {}
    for record in scene.broker.consume(scene.dead_letters):
        letter = Letter(dict(record.headers)["reason"].decode(), record.value)
        assert found.setdefault(record.key.decode(), letter) == letter
    return found


def _read_to(offsets):
    """Offsets of partitions that hold something; a state may keep other things beside them."""
    return {name: offset for name, offset in offsets.items() if offset and "#" not in name}


def ends_of(scene):
    return {
        f"{topic}/{number}": end
        for topic in scene.topics.values()
        for number, end in scene.broker.ends(topic).items()
        if end
    }


def hours_of(state):
    """(model, version, segment, hour) -> Counts, however time is cut."""
    hours = {}
    for series in state.series():
        for start, counts in state.slices(series, 0, _FOREVER):
            hours.setdefault((*series, start - start % HOUR), []).append(counts)
    summed = {key: Counts.sum(parts[0].layout, parts) for key, parts in hours.items()}
    return {key: counts for key, counts in summed.items() if counts}


def undisturbed_hours(scene, settings):
    """The same of the product's own loop that reads the topics once, into memory, without a fault."""
    source, state = open_source(settings, ManualClock(scene.latest)), MemoryState(settings.models)
    ends = ends_of(scene)
    try:
        stream = Stream(settings, source, state, FixedSlices(HOUR))
        for _ in range(10_000):
            stream.step()
            if _read_to(state.offsets()) == ends:
                return hours_of(state)
    finally:
        source.close()
    raise AssertionError((dict(state.offsets()), ends, scene.topics[PREDICTIONS]))
