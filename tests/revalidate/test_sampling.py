"""What drift is judged by is what the state holds: the sample, the slices of the right time, the folds once each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stream_drive import GivenSource, settings_of
from stream_drive import batch_of as plain_batch

from monitor.baselines.feature_summary import encoded, features_path, summarised
from monitor.baselines.file import sealed, write
from monitor.clock import DAY, HOUR
from monitor.config.revalidation import CommandAction, Revalidation, When
from monitor.counts import tally_labelled
from monitor.counts.layout import score_bins
from monitor.counts.slices import FixedSlices
from monitor.revalidate.evidence.sampling import sampled
from monitor.sources.source import Batch, ModelEvents
from monitor.state.memory import MemoryState
from monitor.statistics.baseline import Baseline, Fold
from monitor.stream.loop import Stream
from monitor.stream.sampled import Samples

PLAIN = settings_of(unit=HOUR, classes=("0", "1"))
LAYOUT = PLAIN.models["m"].layout
LAST = 20 * DAY


class Carried:
    def __init__(self, values):
        self.values = values

    def __getitem__(self, row):
        return self.values[row]


def settings(folder):
    """Windows of 4 hours, mature after 4 hours; baselines beside the state."""
    wanted = Revalidation(CommandAction(("true",)), folder / "promoted", When(drift_share=0.3))
    model = replace(PLAIN.models["m"], revalidation=wanted, baseline={"3": folder / "b.json"})
    return replace(PLAIN, models={"m": model})


def baseline_at(path, repeats=2):
    """Two folds and two repeats: 6 rows predicted 0 and 4 predicted 1, all with the score 0.7."""
    y_pred = np.array([0] * 6 + [1] * 4)
    one = np.ones(10, np.int64)
    scores = np.full((10, 1), 0.7)
    whole = tally_labelled(LAYOUT, y_pred, y_pred, scores, one, one - 1, 1, by_class=True)[0]
    folds = tuple(Fold(str(repeat), repeat, 10, whole) for repeat in range(repeats))
    baseline = sealed(Baseline("m", "3", ("0", "1"), LAYOUT, "repeated-stratified", folds, "", repeats=repeats))
    write(baseline, path)
    return baseline


def state_of(wanted, events, labels=()):
    """A state after one batch of (id, at, y_pred, score, features), and its sample."""
    made = plain_batch(
        [*(("p", name, "3", at, y, "eu", score) for name, at, y, score, _ in events), *labels], LAYOUT
    ).models["m"]
    predictions = replace(made.predictions, features=Carried([each[4] for each in events]))
    state = MemoryState(wanted.models)
    samples = Samples.restored(wanted, state)
    batch = Batch({"m": ModelEvents(predictions, made.labels)}, read=len(events))
    Stream(wanted, GivenSource([batch]), state, FixedSlices(HOUR), samples=samples).step()
    return state, samples


def test_rows_predictions_and_scores_are_those_of_their_times(tmp_path):
    wanted, baseline = settings(tmp_path), baseline_at(tmp_path / "b.json")
    events = [
        ("old", LAST - 8 * DAY, 0, 0.2, {"x": 1}),
        ("late", LAST - HOUR, 1, 0.9, {"x": 2}),
        ("labelled", LAST - DAY, 1, 0.8, {"x": 3}),
        ("last", LAST, 0, 0.1, None),
    ]
    labels = [("l", "late", LAST - HOUR + 1, 1), ("l", "labelled", LAST - DAY + 1, 1)]
    found = sampled(wanted, *state_of(wanted, events, labels), baseline, "m", "3")
    seen = sorted(found.rows, key=lambda row: row["x"])
    assert seen == [{"x": x, "(class)": "1", "(segment) region": "eu"} for x in (2, 3)]
    assert found.predicted == {"0": 1, "1": 2}
    assert found.promised == {"0": 6, "1": 4}
    # Scores of the last hours wait until their slow labels are in.
    assert np.flatnonzero(found.scores).tolist() == score_bins(np.array([0.8])).tolist()
    assert (sum(found.scores), sum(found.promised_scores)) == (1, 10)


@pytest.mark.parametrize("beside", ["own", "another's", "damaged", "none"])
def test_the_reference_is_the_summary_beside_the_baseline_in_force_and_no_other(tmp_path, beside):
    wanted, baseline = settings(tmp_path), baseline_at(tmp_path / "b.json")
    hashed = {"own": baseline.content_hash, "another's": "f" * 64}.get(beside)
    stored = b"{" if hashed is None else encoded(summarised({"x": np.arange(50.0)}, hashed))
    if beside != "none":
        features_path(tmp_path / "b.json").write_bytes(stored)
    found = sampled(wanted, *state_of(wanted, [("a", LAST, 0, None, None)]), baseline, "m", "3")
    assert found.reference == (stored if beside == "own" else None)


def test_without_a_baseline_or_events_there_is_nothing(tmp_path):
    wanted = settings(tmp_path)
    state = MemoryState(wanted.models)
    found = sampled(wanted, state, Samples.restored(wanted, state), None, "m", "3")
    assert (found.reference, found.rows, found.promised, found.promised_scores) == (None, (), {}, ())
    assert (sum(found.predicted.values()), found.scores) == (0, ())
    assert not list(Path(tmp_path).iterdir())
