"""What the bands of a window cost: every metric with its band, against scipy.stats.bootstrap on the rows.

    python benchmarks/bands.py

"All bands" are the 44 confusion metrics of ten classes and the AUC, average precision, losses and ECE besides: value,
closed form and what is shown (cell bootstrap, B = 1000, BCa). scipy resamples the rows of that window, B = 1000: the
percentile band, because its BCa takes a jackknife of n windows of n rows, which it cannot hold at n = 1e5; BCa is timed
at n = 3000 and 10,000 and extrapolated as n^2. Three of scipy's metrics are timed and multiplied by their number.
Exit 1 if a MUST is missed.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import stats

from monitor.counts import Counts, Layout
from monitor.counts.layout import BINS, CALIBRATION_BINS, LOSS_UNIT
from monitor.statistics import bootstrap as boot
from monitor.statistics import confusion as cm
from monitor.statistics.batch import gather
from monitor.statistics.estimate import estimate_batch
from monitor.statistics.shown import shown_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

B = 1000
METRICS_OF_TEN = 44
"""Precision, recall, F1 and specificity of ten classes, accuracy and three macro averages."""


class Row(NamedTuple):
    """One line of the table; times in milliseconds."""

    what: str
    measured: float
    unit: str = "ms"
    must: float | None = None
    goal: float | None = None
    least: bool = False
    """Whether more is better."""


def law_of(classes: int) -> NDArray[np.float64]:
    """Return cell shares (K, K): Zipf's classes, nine in ten right."""
    shares = 1 / np.arange(1, classes + 1)
    law = np.full((classes, classes), 0.1 / (classes - 1))
    law[np.diag_indices(classes)] = 0.9
    law *= (shares / shares.sum())[:, None]
    return law


def window_of(classes: int, n: int, rng: np.random.Generator) -> Counts:
    """Return a window of n labelled predictions, with scores up to 50 classes. Drawn as counts: n costs nothing."""
    layout = Layout(classes)
    table = rng.multinomial(n, law_of(classes).ravel()).reshape(classes, classes)
    row = table.sum(axis=1)
    bins = np.arange(BINS)
    up, down = (stats.norm.pdf(bins, centre, 45.0) for centre in (290, 215))
    planes = {"confusion": table}
    if layout.ranked:
        members = [row[layout.positive]] if layout.ranked == 1 else row
        planes["scores"] = np.array(
            [[rng.multinomial(n - m, down / down.sum()), rng.multinomial(m, up / up.sum())] for m in members]
        )
        unit = np.array([1, 0.3 * LOSS_UNIT, 0.2 * LOSS_UNIT, 0.1 * LOSS_UNIT, 0.03 * LOSS_UNIT])
        planes["losses"] = np.rint(row[:, None] * unit)
    size = rng.multinomial(n, np.full(CALIBRATION_BINS, 1 / CALIBRATION_BINS))
    middle = (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS
    planes["calibration"] = np.stack((size, np.rint(size * middle * LOSS_UNIT), rng.binomial(size, middle)), axis=1)
    return Counts.from_planes(layout, planes)


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several runs."""
    best = np.inf
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begun)
    return best * 1e3


def all_bands(layout: Layout, windows: Sequence[Counts]) -> None:
    """Do what the evaluator does with a batch."""
    batch = gather(layout, windows)
    shown_batch(batch, range(len(windows)), estimate_batch(batch))


def ours(classes: int, n: int, rng: np.random.Generator, windows: int = 1, repeats: int = 20) -> float:
    """Return the time of all bands of a window, in a batch of `windows`."""
    layout = Layout(classes)
    batch = [window_of(classes, n, rng) for _ in range(windows)]
    return milliseconds(lambda: all_bands(layout, batch), repeats) / windows


def resampled_only(classes: int, n: int, rng: np.random.Generator, repeats: int) -> float:
    """Return the time of resampling a confusion and of the BCa bands of all its metrics."""
    layout = Layout(classes)
    batch = gather(layout, [Counts.from_planes(layout, {"confusion": window_of(classes, n, rng).plane("confusion")})])
    found = estimate_batch(batch)
    return milliseconds(lambda: shown_batch(batch, [1], found), repeats)


def bootstrap_of_two(n: int, rng: np.random.Generator) -> float:
    """Return the time of resampling one window of two classes and of the BCa bands of its ten metrics."""
    confusion = rng.multinomial(n, law_of(2).ravel()).reshape(1, 2, 2).astype(np.float64)
    return milliseconds(
        lambda: boot.bands(boot.binary_metrics(confusion, [1]), boot.binary_accelerations(confusion)), 100
    )


def rows_of(classes: int, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (true, predicted) class of n rows."""
    cell = rng.choice(classes**2, n, p=law_of(classes).ravel())
    return cell // classes, cell % classes


def recall_of(y: NDArray[np.bool_], p: NDArray[np.bool_], axis: int = -1) -> NDArray[np.float64]:
    """Return the recall of rows."""
    share: NDArray[np.float64] = (y & p).sum(axis) / y.sum(axis)
    return share


def f1_of(y: NDArray[np.bool_], p: NDArray[np.bool_], axis: int = -1) -> NDArray[np.float64]:
    """Return the F1 of rows."""
    share: NDArray[np.float64] = 2 * (y & p).sum(axis) / (y.sum(axis) + p.sum(axis))
    return share


def accuracy_of(y: NDArray[np.bool_], p: NDArray[np.bool_], axis: int = -1) -> NDArray[np.float64]:
    """Return the accuracy of rows."""
    share: NDArray[np.float64] = (y == p).mean(axis)
    return share


def scipy_on_rows(metric: Callable[..., NDArray[np.float64]], n: int, method: Literal["percentile", "BCa"]) -> float:
    """Return the time of scipy's band of one metric of one class on n rows, ms."""
    rng = np.random.default_rng(3)
    y, p = (x == 0 for x in rows_of(10, n, rng))
    size = max(1, 20_000_000 // n)
    return milliseconds(
        lambda: stats.bootstrap(
            (y, p), metric, paired=True, vectorized=True, n_resamples=B, method=method, batch=size, rng=rng
        ),
        1,
    )


def table(rng: np.random.Generator) -> list[Row]:
    """Return every line."""
    ten = ours(10, 100_000, rng)
    each = [scipy_on_rows(metric, 100_000, "percentile") for metric in (recall_of, f1_of, accuracy_of)]
    scipy_all = float(np.mean(each)) * METRICS_OF_TEN
    bca = [scipy_on_rows(f1_of, n, "BCa") for n in (3000, 10_000)]
    hundred = {n: ours(100, n, rng, repeats=3) for n in (10_000, 100_000, 1_000_000, 10_000_000)}
    rows = [
        Row("K=10, n=1e5: all bands of a window", ten, must=20.0, goal=10.0),
        Row("  scipy percentile, mean of 3 metrics timed", float(np.mean(each))),
        Row(f"  scipy percentile, estimated for {METRICS_OF_TEN} metrics", scipy_all),
        Row("  scipy / ours", scipy_all / ten, "x", must=1000.0, goal=3000.0, least=True),
        Row("  scipy BCa, one F1, n=3000", bca[0]),
        Row("  scipy BCa, one F1, n=10,000", bca[1]),
        Row("  scipy BCa, one F1, extrapolated to n=1e5", bca[1] * 100),
        Row("K=2, n=1e4: resampling and BCa of 10 metrics", bootstrap_of_two(10_000, rng), must=0.5, goal=0.3),
        Row("K=2, n=1e2: resampling and BCa of 10 metrics", bootstrap_of_two(100, rng), must=0.5, goal=0.3),
        Row("K=10, n=1e5: resampled bands of 44 metrics", resampled_only(10, 100_000, rng, 20), must=20.0, goal=10.0),
        Row("K=2, n=1e4: all bands, alone", ours(2, 10_000, rng, repeats=40), must=4.0, goal=2.0),
        Row("K=2, n=1e4: all bands, in a batch of 24", ours(2, 10_000, rng, 24), must=1.0, goal=0.5),
        Row("K=2, n=1e7: all bands, in a batch of 24", ours(2, 10_000_000, rng, 24), must=1.0, goal=0.5),
    ]
    for classes in (2, 10):
        few, many = (ours(classes, n, rng, repeats=40) for n in (10_000, 10_000_000))
        rows.append(Row(f"K={classes}: t(n=1e7) / t(n=1e4)", many / few, "x", must=2.0, goal=1.2))
    rows += [Row(f"K=100, n={n:.0e}: all bands", took, must=1500.0, goal=750.0) for n, took in hundred.items()]
    layout = Layout(100)
    batch = gather(layout, [window_of(100, 100_000, rng)])
    rows.append(Row("K=100: closed forms alone", milliseconds(lambda: estimate_batch(batch), 20), must=5.0, goal=2.0))
    rows.append(Row("K=1000, n=1e5: all bands", ours(1000, 100_000, rng, repeats=2), must=3000.0, goal=1500.0))
    return rows


def verdict(row: Row) -> str:
    """Return what the targets say."""
    if row.must is None or row.goal is None:
        return ""
    value, must, goal = (-x if row.least else x for x in (row.measured, row.must, row.goal))
    return "goal met" if value <= goal else ("must met" if value <= must else "MISSED")


def agreement(rng: np.random.Generator) -> float:
    """Return how far the ends of class 0's F1 are from scipy's, n = 1e5, in widths of the band."""
    y, p = rows_of(10, 100_000, rng)
    index, value = np.unique(y * 10 + p, return_counts=True)
    cells = cm.cells(index, value, 10)
    r = boot.replicates_of(cells, 10, 1)
    mine = boot.bands(boot.class_metric("f1", r)[:1], np.full(1, np.nan))
    theirs = stats.bootstrap(
        (y == 0, p == 0), f1_of, paired=True, vectorized=True, n_resamples=B, method="percentile", batch=200, rng=rng
    ).confidence_interval
    width = float(mine.upper[0] - mine.lower[0])
    return float(max(abs(mine.lower[0] - theirs.low), abs(mine.upper[0] - theirs.high))) / width


def main() -> int:
    """Print the table, return 1 if a must is missed."""
    rng = np.random.default_rng(1)
    rows = [*table(rng), Row("K=10: ends against scipy's, share of the width", agreement(rng), "", 0.15, 0.08)]
    print(f"{'what':<52} {'measured':>12} {'':<3} {'must':>8} {'goal':>8}  verdict")
    for row in rows:
        must, goal = ("" if x is None else f"{x:g}" for x in (row.must, row.goal))
        print(f"{row.what:<52} {row.measured:>12,.2f} {row.unit:<3} {must:>8} {goal:>8}  {verdict(row)}")
    return int(any(verdict(row) == "MISSED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
