"""What drift of one version is judged by, gathered where the state is: a sample of features, counts, and references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.baselines.feature_summary import decoded, features_path
from monitor.baselines.in_force import sources
from monitor.clock import DAY
from monitor.counts import Counts
from monitor.counts.slices import Series
from monitor.errors import InputError
from monitor.revalidate.desk import Sampled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from monitor.config import ModelSettings, Settings
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline
    from monitor.stream.sampled import SampledRow, Samples

CLASS: Final = "(class)"
"""Name of the predicted class in a row; no feature's, since ours have parentheses."""
SEGMENT: Final = "(segment) "
"""Begin of a segment's name in a row."""
SHORTEST: Final = 7 * DAY
"""Drift is judged on no shorter time than this: a week has each of its days."""


def sampled(
    settings: Settings, state: State, samples: Samples, baseline: Baseline | None, model: str, version: str
) -> Sampled:
    """Return what drift of one version is judged by. `baseline` is the one in force, as configured.

    Features and predictions: of the longest window, at least seven days, up to the model's last prediction. Scores are
    counted with labels: so they are those of as long a time that ended `label_horizon` earlier, and slow labels are in.
    """
    one = settings.models[model]
    last = state.model(model).last_prediction
    end = 0 if last is None else last + 1
    length = max(SHORTEST, *(window.millis for window in one.windows))
    now = _counts(state, one, version, end - length, end)
    mature = end - one.label_horizon.millis
    scored = _counts(state, one, version, mature - length, mature)
    return Sampled(
        model,
        version,
        _reference(settings, one, version, baseline),
        tuple(_row(row) for row in samples.rows(model, version, end - length)),
        dict(zip(one.classes, now.plane("predicted").tolist(), strict=True)),
        {} if baseline is None else _promised(baseline),
        _histogram(scored),
        () if baseline is None else tuple(n // baseline.repeats for n in _histogram(_pooled(baseline))),
    )


def _counts(state: State, model: ModelSettings, version: str, start: int, end: int) -> Counts:
    """Return what was counted of one version."""
    found = state.slices(Series(model.name, version, None), start, end)
    return Counts.sum(model.layout, [counts for _, counts in found])


def _pooled(baseline: Baseline) -> Counts:
    """Return the folds' sum: each row as often as there are repeats."""
    return Counts.sum(baseline.layout, [fold.counts for fold in baseline.folds])


def _promised(baseline: Baseline) -> dict[str, int]:
    """Return class -> rows of the folds that were predicted to be of it, each row once."""
    predicted: NDArray[np.int64] = _pooled(baseline).plane("confusion").sum(axis=0)
    return dict(zip(baseline.classes, (predicted // baseline.repeats).tolist(), strict=True))


def _histogram(counts: Counts) -> tuple[int, ...]:
    """Return the score histograms of all ranked classes, one behind the other; empty where nothing has a score."""
    histogram = counts.plane("scores").sum(axis=1)
    return tuple(histogram.ravel().tolist()) if histogram.any() else ()


def _row(row: SampledRow) -> Mapping[str, Any]:
    """Return a row as the desk hands it over."""
    segments = {f"{SEGMENT}{name}": value for name, value in row.segments.items()}
    return {**row.features, CLASS: row.y_pred, **segments}


def _reference(settings: Settings, model: ModelSettings, version: str, baseline: Baseline | None) -> bytes | None:
    """Return the summary beside the baseline in force; None where there is none, or it is another baseline's."""
    if baseline is None:
        return None
    try:
        source = sources(settings, model).get(version)
        if source is None or not isinstance(source.at, Path):
            return None
        stored = features_path(source.at).read_bytes()
        return stored if decoded(stored).content_hash == baseline.content_hash else None
    except (OSError, ValueError, InputError):
        return None
