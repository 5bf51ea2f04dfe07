"""How often the gate rejects what is no worse, and finds what is: cross-validations of one model on rows drawn anew.

    python benchmarks/gate.py [--runs N]

Margins of 0 show the rule at its hardest: then only the bands keep chance away. `alone` is what a gate would do that
judges every comparison at 95 % for itself. Below it the canary: looked at once, and forty times while labels come.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from monitor.config import Duration, ModelSettings, Settings
from monitor.counts import Counts, Layout
from monitor.revalidate.gate import sides
from monitor.revalidate.gate.canary import weigh
from monitor.revalidate.gate.gate import judge
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDS = 5
MOST_FALSE = 0.06
"""5 %, and what chance adds to a few hundred runs."""
LEAST_FOUND = 0.95
DAY = Duration(86_400_000, "24h")


@dataclass(frozen=True)
class Case:
    """One thing that is tried many times."""

    name: str
    classes: int
    rows: int
    margin: float
    estimator: Any = None
    """None: confusions are drawn, recall .85."""
    segments: int = 0
    worse: float = 0.0
    """By how much the recall of the last class falls in the candidate."""


CASES = (
    Case("logistic regression", 2, 400, 0.0, LogisticRegression()),
    Case("tree", 2, 400, 0.0, DecisionTreeClassifier(max_depth=6)),
    Case("tree", 2, 2_000, 0.0, DecisionTreeClassifier(max_depth=6)),
    Case("tree", 5, 1_000, 0.0, DecisionTreeClassifier(max_depth=6)),
    Case("tree", 5, 1_000, 0.03, DecisionTreeClassifier(max_depth=6)),
    Case("naive Bayes", 10, 2_000, 0.0, GaussianNB()),
    Case("drawn, 20 segments", 2, 4_000, 0.0, None, 20),
    Case("drawn, 20 segments", 2, 4_000, 0.03, None, 20),
    Case("worse by 2 margins", 2, 30_000, 0.03, None, 0, 0.06),
    Case("worse by 4 margins", 2, 8_000, 0.03, None, 0, 0.12),
)


def model_of(classes: int, margin: float) -> ModelSettings:
    """Return a model of so many classes."""
    names = tuple(f"c{i}" for i in range(classes))
    return ModelSettings("m", names, Layout(classes), (DAY,), DAY, DAY, DAY, margin=margin)


def drawn(model: ModelSettings, rng: np.random.Generator, n: int, worse: float = 0.0) -> Counts:
    """Return n labelled predictions; mistakes go anywhere."""
    k = len(model.classes)
    recall = np.full(k, 0.85)
    recall[-1] -= worse
    cells = np.repeat(((1.0 - recall) / (k - 1))[:, None], k, axis=1)
    np.fill_diagonal(cells, recall)
    return Counts.from_planes(model.layout, {"confusion": rng.multinomial(n, cells.ravel() / k).reshape(k, k)})


def drawn_baseline(model: ModelSettings, rng: np.random.Generator, case: Case, worse: float) -> Baseline:
    """Return folds that were drawn."""
    folds = []
    for j in range(FOLDS):
        segments = {
            f"s={s}": drawn(model, rng, case.rows // FOLDS // case.segments, worse) for s in range(case.segments)
        }
        whole = Counts.sum(model.layout, segments.values()) if segments else None
        counts = whole or drawn(model, rng, case.rows // FOLDS, worse)
        folds.append(Fold(str(j), 0, case.rows - case.rows // FOLDS, counts, segments=segments))
    return baseline_of(model, folds, rng)


def fitted_baseline(model: ModelSettings, rng: np.random.Generator, estimator: Any, x: Any, y: Any) -> Baseline:  # noqa: ANN401 - scikit-learn's
    """Return the folds of a real cross-validation."""
    folds = []
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for j, (train, test) in enumerate(split.split(x, y)):
        said = estimator.fit(x[train], y[train]).predict(x[test])
        confusion = np.zeros((len(model.classes),) * 2, np.int64)
        np.add.at(confusion, (y[test], said), 1)
        folds.append(Fold(str(j), 0, len(train), Counts.from_planes(model.layout, {"confusion": confusion})))
    return baseline_of(model, folds, rng)


def baseline_of(model: ModelSettings, folds: list[Fold], rng: np.random.Generator) -> Baseline:
    """Return a baseline of these folds."""
    name = str(rng.integers(2**62))
    return Baseline("m", "1", model.classes, model.layout, "stratified", tuple(folds), name)


def pairs(case: Case, model: ModelSettings, runs: int) -> Iterator[tuple[Baseline, Baseline]]:
    """Yield (candidate, baseline in force), on rows that have nothing in common."""
    rng = np.random.default_rng(7)
    if case.estimator is None:
        for _ in range(runs):
            yield drawn_baseline(model, rng, case, case.worse), drawn_baseline(model, rng, case, 0.0)
        return
    x, y = make_classification(
        100_000, 10, n_informative=6, n_classes=case.classes, n_clusters_per_class=1, flip_y=0.1, random_state=1
    )
    for _ in range(runs):
        rows = rng.choice(len(y), 2 * case.rows, replace=False)
        first, second = rows[: case.rows], rows[case.rows :]
        yield (
            fitted_baseline(model, rng, case.estimator, x[first], y[first]),
            fitted_baseline(model, rng, case.estimator, x[second], y[second]),
        )


def rejected(case: Case, runs: int) -> tuple[float, float]:
    """Return which share is rejected: by the gate, and by one whose comparisons share nothing."""
    model = model_of(case.classes, case.margin)
    settings = Settings(models={"m": model})
    shared = alone = 0
    for candidate, yardstick in pairs(case, model, runs):
        shared += not judge(settings, model, candidate, yardstick, None).passed
        with patch.object(sides, "family_level", lambda _: 0.95):
            alone += not judge(settings, model, candidate, yardstick, None).passed
    return shared / runs, alone / runs


def canary(classes: int, margin: float, looks: int, runs: int) -> float:
    """Return how often a version that is as good as the other is called WORSE at any of so many looks."""
    model, rng, false = model_of(classes, margin), np.random.default_rng(7), 0
    for _ in range(runs):
        other, ours = drawn(model, rng, 20_000), drawn(model, rng, 60)
        for look in range(looks):
            verdict = weigh(model, "4", "3", {None: ours}, {None: other}, "24h").verdict
            false += verdict is Verdict.WORSE
            if verdict is not Verdict.UNKNOWN:
                break
            ours += drawn(model, rng, int(10 * 1.12**look))
    return false / runs


def main() -> int:
    """Print the tables; 1 where a figure is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    warnings.filterwarnings("ignore", module="sklearn")
    bad = []
    print(f"{'case':<24}{'classes':>8}{'rows':>8}{'margin':>8}{'rejected':>10}{'alone':>8}")
    for case in CASES:
        shared, alone = rejected(case, runs)
        print(
            f"{case.name:<24}{case.classes:>8}{case.rows:>8,}{case.margin:>8}{shared:>10.3f}{alone:>8.3f}", flush=True
        )
        if shared < LEAST_FOUND if case.worse else shared > MOST_FALSE:
            bad.append(case.name)
    print(f"\n{'canary as good':<24}{'classes':>8}{'margin':>8}{'1 look':>8}{'40 looks':>10}")
    for classes, margin in ((2, 0.03), (2, 0.0), (10, 0.03)):
        once, often = (canary(classes, margin, looks, runs // 2) for looks in (1, 40))
        print(f"{'':<24}{classes:>8}{margin:>8}{once:>8.3f}{often:>10.3f}", flush=True)
        if once > MOST_FALSE:
            bad.append("canary")
    print("not as it has to be: " + ", ".join(bad) if bad else "as it has to be")
    return bool(bad)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    raise SystemExit(main())
