"""What a re-validation costs: 20,000 rows of 20 features, K = 6, two cores against one, and against scikit-learn alone.

    python benchmarks/crossval.py [--rows N] [--trees N] [--repeats N]

Each way is a program of its own that reads the same file; its seconds count from its start to its end, and of several
repeats, taken in turn, the quickest counts, since others may use the machine. Bare is `cross_validate` with the same
estimator, splitter, cores and `return_train_score=True`; ours is the action `crossval`, which also counts confusions,
scores and losses of every fold, watches itself and seals the baseline. Memory is what all processes of a way hold
together, shared pages counted once, at its greatest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from monitor.revalidate.actions.programs import resident

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEATURES, FOLDS, SEED = 20, 6, 7
MUST_SPEEDUP: Final = 1.5
MUST_SHARE: Final = 0.10
MUST_START: Final = 2.0
"""Seconds on top of the share."""
_LOOK: Final = 0.5

ESTIMATOR = """
def make():
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(n_estimators={trees}, min_samples_leaf=5, random_state=7)
"""
BARE = """
import sys
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_validate
sys.path.append(".")
from benchmarked import make
rows = pd.read_csv("rows.csv")
splitter = StratifiedKFold({folds}, shuffle=True, random_state={seed})
x, y = rows.drop(columns="y"), rows["y"]
print(cross_validate(make(), x, y, cv=splitter, n_jobs={jobs}, return_train_score=True)["test_score"].mean())
"""
OURS = """
import threading, time
from pathlib import Path
from monitor.config.revalidation import CrossvalAction, TrainingRows
from monitor.revalidate.actions.action import Order, Watch
from monitor.revalidate.actions.made import action_of
here = Path.cwd()
data = TrainingRows(file=here / "rows.csv", pattern=str(here / "rows.csv"))
limits = {{"jobs": {jobs}, "memory_limit": 8 * 10**9}}
action = action_of(CrossvalAction(data, "y", "benchmarked:make", folds={folds}, seed={seed}, **limits))
order = Order("0" * 16, "m", "1", "1", time.time_ns() // 10**6, here)
outcome = action.run(order, Watch(threading.Event(), lambda text: None, lambda text: None))
assert outcome.candidate is not None, outcome.reason
"""


@dataclass(frozen=True)
class Cost:
    """What one way took."""

    seconds: float
    processor: float
    """Seconds of processor time, of all its processes."""
    memory: int
    """Bytes, at the greatest, of all its processes together."""


def rows_in(folder: Path, rows: int, trees: int) -> None:
    """Write the rows, of which some features tell something, and the estimator."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(rows, FEATURES))
    y = (x[:, :6].sum(axis=1) + 2 * np.sin(2 * x[:, 6]) + rng.normal(scale=2, size=rows) > 0).astype(int)
    columns = {f"f{at}": x[:, at].round(6) for at in range(FEATURES)}
    pl.DataFrame({**columns, "y": y}).write_csv(folder / "rows.csv")
    (folder / "benchmarked.py").write_text(ESTIMATOR.format(trees=trees), encoding="utf-8")


def measured(program: str, folder: Path) -> Cost:
    """Run a program in a session of its own and look at it until its end."""
    before, began, most = os.times(), time.perf_counter(), 0
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    ) as it:
        while True:
            try:
                code = it.wait(_LOOK)
                break
            except subprocess.TimeoutExpired:
                most = max(most, resident(iter(below(it.pid)), 0))
        seconds = time.perf_counter() - began
    if code:
        sys.exit(f"the program ended with {code}")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(seconds, spent, most)


def below(pid: int) -> Sequence[int]:
    """Return a process and everything below it, in whatever session."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def best(costs: Sequence[Cost]) -> Cost:
    """Return the quickest."""
    return min(costs, key=lambda cost: cost.seconds)


def verdict(costs: Mapping[tuple[str, int], Cost]) -> bool:
    """Print what must hold, and whether it does."""
    one, two, bare = costs["ours", 1], costs["ours", 2], costs["bare", 2]
    speedup = one.seconds / two.seconds
    allowed = bare.seconds * (1 + MUST_SHARE) + MUST_START
    share = two.seconds / bare.seconds - 1
    limit = f"{MUST_SHARE:.0%} and {MUST_START:.0f} s of start ({allowed:.1f} s)"
    checks = [
        (f"two cores against one: {speedup:.2f} times, at least {MUST_SPEEDUP}", speedup >= MUST_SPEEDUP),
        (
            f"ours {two.seconds:.1f} s, bare {bare.seconds:.1f} s: {share:+.1%}, at most {limit}",
            two.seconds <= allowed,
        ),
    ]
    for text, holds in checks:
        print(f"{'PASS' if holds else 'FAIL'}  {text}")
    return all(holds for _, holds in checks)


def main() -> int:
    """Measure, print a table and a verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    ways = [(name, jobs) for jobs in (1, 2) for name in ("bare", "ours")]
    programs = {"bare": BARE, "ours": OURS}
    costs: dict[tuple[str, int], list[Cost]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="foldwatch-benchmark-") as kept:
        folder = Path(kept)
        rows_in(folder, args.rows, args.trees)
        for _ in range(args.repeats):
            for name, jobs in ways:
                program = programs[name].format(folds=FOLDS, seed=SEED, jobs=jobs)
                costs[name, jobs].append(measured(program, folder))
    quickest = {way: best(found) for way, found in costs.items()}
    print(
        f"{args.rows:,} rows x {FEATURES} features, {FOLDS} folds, {args.trees} trees; the quickest of {args.repeats}"
    )
    print(f"{'way':6} {'cores':>5} {'seconds':>8} {'processor':>10} {'memory MB':>10}   all repeats, s")
    for (name, jobs), cost in quickest.items():
        every = " ".join(f"{one.seconds:.1f}" for one in costs[name, jobs])
        print(f"{name:6} {jobs:5} {cost.seconds:8.1f} {cost.processor:10.1f} {cost.memory / 1e6:10,.0f}   {every}")
    return 0 if verdict(quickest) else 1


if __name__ == "__main__":
    sys.exit(main())
