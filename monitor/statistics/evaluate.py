"""The ONE evaluator: counts of windows and the folds' promises in, immutable results out. Pure.

Nothing here knows who counted, or when it is called: the same counts give the same result to the bit, alone or in a
batch, however they were counted.
"""

from __future__ import annotations

import hashlib
import math
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from monitor.statistics.arrays import floats, ratio
from monitor.statistics.batch import gather
from monitor.statistics.calibration import calibration
from monitor.statistics.comparison import NO_BASELINE, NO_FOLDS, Columns, Live, compare
from monitor.statistics.estimate import estimate_batch
from monitor.statistics.report import Maturity, MetricResult, WindowResult
from monitor.statistics.shown import shown_batch
from monitor.statistics.terms import Margins, Terms, WindowCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.statistics.arrays import Floats
    from monitor.statistics.batch import Batch
    from monitor.statistics.comparison import Comparison
    from monitor.statistics.promise import Promise
    from monitor.statistics.table import Estimates

_BATCH: Final = 2**17
"""So many numbers of one kind are worked on at once: they stay in the processor's cache."""
_BINS: Final = 1024
"""Numbers that one class's two score histograms take."""

__all__ = ["Terms", "WindowCounts", "evaluate", "seed_of"]


def evaluate(
    terms: Terms,
    windows: Sequence[WindowCounts],
    promises: Mapping[tuple[str, str | None], Promise],
    level: float = 0.95,
) -> list[WindowResult]:
    """Return the result of every window, in the order given.

    promises: (version, segment or None) -> promise, as `promise.promises_of` gives them, made for the same level. A
    version that has none at all is not compared, nor is a segment that its version's folds do not know. Many windows
    at once are much cheaper than one by one.
    """
    columns = Columns(terms.layout)
    margins = Margins(terms, columns)
    size = max(1, _BATCH // (terms.layout.classes**2 + terms.layout.ranked * _BINS))
    results: list[WindowResult] = []
    for start in range(0, len(windows), size):
        results += _some(terms, columns, margins, windows[start : start + size], promises, level)
    return results


def seed_of(model: str, version: str, segment: str | None, window: str) -> int:
    """Return the seed of a series' resamples: neither maturity nor time changes it, so that bands do not jitter."""
    key = "\0".join((model, version, segment or "", window))
    return int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")


def _some(
    terms: Terms,
    columns: Columns,
    margins: Margins,
    windows: Sequence[WindowCounts],
    promises: Mapping[tuple[str, str | None], Promise],
    level: float,
) -> list[WindowResult]:
    """Evaluate as many windows as fit into a batch."""
    batch = gather(terms.layout, [w.counts for w in windows], [w.deff for w in windows])
    estimates = estimate_batch(batch, level)
    seeds = [seed_of(terms.name, w.version, w.segment, w.window) for w in windows]
    bands = shown_batch(batch, seeds, estimates, level)
    margin = margins.of(windows)
    live = _live(columns, batch, windows, estimates, margin)
    compared = compare(columns, live, [_owner(w, promises) for w in windows])
    _test_calibration(columns, batch, compared)
    names = [None if c is None else terms.classes[c] for c in columns.class_]
    numbers = [live.value, columns.ordered(bands.lower), columns.ordered(bands.upper), *compared.numbers, margin]
    value, lower, upper, *promised = _optional(np.array([*numbers, compared.needed]))
    needed = [[None if x is None else int(x) for x in row] for row in promised.pop()]
    # In the order of a MetricResult's fields: naming 21 of them for every entry would cost half as much again.
    fields = zip(
        value,
        lower,
        upper,
        repeat(repeat(level)),
        columns.ordered(bands.method).tolist(),
        live.n.tolist(),
        [repeat(w.deff) for w in windows],
        columns.ordered(estimates.undefined).tolist(),
        *promised,
        compared.verdict.tolist(),
        compared.reason.tolist(),
        needed,
        strict=False,
    )
    return [
        WindowResult(
            model=terms.name,
            version=w.version,
            segment=w.segment,
            window=w.window,
            start=w.start,
            end=w.end,
            as_of=w.as_of,
            maturity=w.maturity,
            classes=terms.classes,
            counts=w.counts,
            metrics=tuple(map(MetricResult, columns.metric, names, *row)),
        )
        for w, row in zip(windows, fields, strict=True)
    ]


def _live(
    columns: Columns, batch: Batch, windows: Sequence[WindowCounts], estimates: Estimates, margin: Floats
) -> Live:
    """Return what the comparison needs of a batch."""
    labels = batch.margins.total[:, None]
    predictions = [0 if w.maturity == Maturity.MATURE else w.counts.predictions for w in windows]
    scored = np.zeros_like(batch.margins.row)
    if batch.losses is not None:
        scored = ratio(floats(batch.losses[..., 0]), batch.scored[:, None], 0.0)
    defined = ~np.isnan(estimates.value)
    return Live(
        value=columns.ordered(estimates.value),
        lower=columns.ordered(estimates.lower),
        upper=columns.ordered(estimates.upper),
        n=columns.ordered(estimates.n),
        margin=margin,
        shares=ratio(batch.margins.row, labels, 0.0),
        scored=scored,
        present={name: defined[:, estimates.blocks[name].columns] for name in ("precision", "recall", "f1")},
        unlabelled=np.maximum(np.array(predictions, np.float64)[:, None] - labels, 0.0),
    )


def _test_calibration(columns: Columns, batch: Batch, compared: Comparison) -> None:
    """Say beside every ECE what it would be if the model were calibrated."""
    test = calibration(batch.calibration, batch.deff)
    at = columns.metric.index("ece")
    for row, expected, p in zip(compared.reason, test.expected.tolist(), test.p_value.tolist(), strict=True):
        if not math.isnan(p):
            row[at] = f"{expected:.3g} expected if calibrated, p = {p:.2g}"


def _optional(values: Floats) -> list[Any]:
    """Return nested lists of Python floats, None for NaN."""
    boxed = values.astype(object)
    boxed[np.isnan(values)] = None
    nested: list[Any] = boxed.tolist()
    return nested


def _owner(window: WindowCounts, promises: Mapping[tuple[str, str | None], Promise]) -> Promise | str:
    """Return the promise of a window, or why there is none."""
    found = promises.get((window.version, window.segment))
    if found is not None:
        return found
    return NO_FOLDS if window.segment is not None and (window.version, None) in promises else NO_BASELINE
