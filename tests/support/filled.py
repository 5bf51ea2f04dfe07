"""A snapshot that fills every family of the catalog, as a daemon's after a long day."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import fabricated as made
import numpy as np

from monitor.config import Export, Input, Settings, SourceSettings
from monitor.counts import tally_labelled
from monitor.prometheus import catalog
from monitor.prometheus.own import footprint
from monitor.report.operation import Distribution, Operation
from monitor.report.revalidating import Revalidating
from monitor.report.snapshot import Reading
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.gates import Gate, GateState
from monitor.statistics.inspection import NAMES, Inspection, Vitals


def scored_baseline(of, version="3", folds=5, repeats=1):
    """Return a baseline whose folds have scores, each fold worse than the one before."""
    rng, made_folds = np.random.default_rng(5), []
    for repeat in range(repeats):
        for fold in range(folds):
            y = rng.integers(0, len(of.classes), 400)
            wrong = rng.random(400) < 0.05 * (fold + 1)
            y_pred = np.where(wrong, (y + 1) % len(of.classes), y)
            p = np.full((400, of.layout.score_columns), 0.1)
            p[np.arange(400), np.minimum(y_pred, of.layout.score_columns - 1)] = 0.8
            one, group = np.ones(400, np.int64), np.zeros(400, np.int64)
            counts = tally_labelled(of.layout, y, y_pred, p, one, group, 1, by_class=True)[0]
            made_folds.append(Fold(str(fold), repeat, 1_600, counts))
    hashed, written = "5be1" + "a" * 60, 1_767_225_600_250
    return Baseline(
        of.name, version, of.classes, of.layout, "stratified", tuple(made_folds), hashed,
        repeats=repeats, written_at=written,
    )  # fmt: skip


def distribution(metric, values):
    """Return a histogram's values."""
    found = Distribution.over(metric.buckets)
    for value in values:
        found = found.and_(value)
    return found


def filled_snapshot():
    """Return it."""
    of = made.churn()
    plain = made.churn_snapshot(days=9, baselines={("churn", "3"): scored_baseline(of)})
    export = Export((*plain.settings.export.metrics, "log_loss", "support", "ece"), segments=True)
    source = SourceSettings(predictions=Input(topic="scored"), labels=Input(topic="truth"))
    gates = tuple(Gate(name, GateState.OK, 1.0, None, None, "") for name in NAMES)
    vitals = Vitals(gates, 0.5, (1.0, 2.0, 3.0), 0.25, 0.1, 0.01, (0.01, 0.02))
    operation = Operation(
        source_up=True,
        evaluations=distribution(catalog.EVALUATION_SECONDS, (0.02, 0.3, 400.0)),
        steps=distribution(catalog.STEP_SECONDS, (0.001, 0.004, 0.004)),
        last_commit_at=made.START + 500,
        state_bytes=123_456,
        refused={"unauthorized": 3, "handshake": 0},
        footprint=footprint(),
    )
    return replace(
        plain,
        settings=Settings(plain.settings.models, source=source, export=export),
        report=replace(plain.report, inspection=Inspection({"churn": vitals}, 0.03)),
        reading=Reading(lag={"truth/0": 3, "scored/1": 0}, resets={"truth": 2}),
        objectives=(
            Standing("churn", "leave-recall", "timeslices", Decimal("0.95"), "page", BudgetState.OK, Tally(), 0.5),
        ),
        tallies={("churn", "leave-recall"): Tally(7, 2, 3)},
        tls_expiry=1_800_000_000_000,
        operation=operation,
        revalidation={
            "churn": Revalidating(
                "churn",
                asked_at=made.START,
                open_since=made.START,
                time_limit=3_600_000,
                failures=1,
                promoted_at=made.START,
                ended={"promoted": 2, "failed": 1},
                gate_passed=True,
                max_fold_sd=0.05,
                fold_sd={"3": {"stay": 0.01, "leave": 0.02}},
            )
        },
    )
